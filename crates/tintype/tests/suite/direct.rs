//! A running server, asked directly: what a test puts there first, and what is there afterwards.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use agent::{ACTIONS, Action, Limits, Transport};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use tower::ServiceExt;

const PICTURE: &[u8] = include_bytes!("../../../../tests/files/photo.jpg");

/// They are about all that is in the library at once, so they are called when nobody else is at work.
const ALONE: &[&str] = &["empty_trash", "find_duplicate_files"];

/// The actions that can be called beside each other, and those that can't.
pub fn side_by_side_and_alone() -> (Vec<&'static Action>, Vec<&'static Action>) {
    ACTIONS.iter().partition(|action| !ALONE.contains(&action.name()))
}

/// Names in the library that nobody else uses.
pub fn marker() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("m{}m", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub struct Library {
    pub base: String,
    pub key: String,
    transport: Transport,
}

impl Library {
    /// The server at `base` with that data directory.
    pub fn of(base: &str, data: &Path) -> Self {
        let keys: toml::Table = std::fs::read_to_string(data.join("keys.toml"))
            .unwrap()
            .parse()
            .unwrap();
        Self {
            base: base.to_owned(),
            key: keys["private_key"].as_str().unwrap().to_owned(),
            transport: agent::network(&Limits::default()).unwrap(),
        }
    }

    /// An action through the connector's door, with an agent's token.
    pub async fn run(&self, token: &str, action: &str, body: Value) -> (u16, Value) {
        let path = format!("/v1/actions/imagekit.{action}");
        self.send_as(
            &format!("Bearer {token}"),
            "POST",
            &path,
            "application/json",
            body.to_string().into(),
        )
        .await
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
        let basic = STANDARD.encode(format!("{}:", self.key));
        self.send_as(&format!("Basic {basic}"), method, path, kind, body).await
    }

    /// Whatever is asked for with that authorization.
    pub async fn send_as(&self, who: &str, method: &str, path: &str, kind: &str, body: Vec<u8>) -> (u16, Value) {
        let request = axum::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", who)
            .header("accept", "application/json, text/event-stream")
            .header("content-type", kind)
            .body(Bytes::from(body))
            .unwrap();
        let answer = self.transport.clone().oneshot(request).await.unwrap();
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        (answer.status().as_u16(), body)
    }

    /// Asks for something that has to succeed.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let bytes = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let (status, answer) = self.send(method, path, "application/json", bytes).await;
        assert!(
            (200..300).contains(&status),
            "{method} {path} {body}: {status} {answer}"
        );
        answer
    }

    /// Uploads; returns the file's id.
    pub async fn upload(&self, path: &str, content: &[u8], tags: &str) -> String {
        let (folder, name) = path.rsplit_once('/').unwrap();
        let mut form = Vec::new();
        for (field, value) in [
            ("fileName", name),
            ("folder", folder),
            ("tags", tags),
            ("useUniqueFileName", "false"),
        ] {
            form.extend(format!("--b\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n").bytes());
        }
        form.extend(b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\n");
        form.extend(content);
        form.extend(b"\r\n--b--\r\n");
        let kind = "multipart/form-data; boundary=b";
        let (status, answer) = self.send("POST", "/api/v1/files/upload", kind, form).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["fileId"].as_str().unwrap().to_owned()
    }

    /// What an action needs, under names with the marker, and an input that works.
    pub async fn prepare(&self, action: &str, m: &str) -> Value {
        let (a, b) = (format!("/{m}/in/a.txt"), format!("/{m}/in/b.txt"));
        let id = |answer: &Value, name: &str| answer[name].as_str().unwrap().to_owned();
        match action {
            "list_assets" => {
                self.upload(&a, b"a", "sea").await;
                json!({ "path": format!("/{m}/in") })
            }
            "get_file_details" | "get_file_history" | "delete_file" => {
                json!({ "fileId": self.upload(&a, b"a", "sea,old").await })
            }
            "get_uploaded_file_metadata" => {
                json!({ "fileId": self.upload(&format!("/{m}/a.jpg"), PICTURE, "").await })
            }
            "get_remote_file_metadata" => {
                self.upload(&format!("/{m}/a.jpg"), PICTURE, "").await;
                json!({ "url": format!("{}/demo/{m}/a.jpg", self.base) })
            }
            "upload_file" => json!({
                "fileName": "n.txt", "contentBase64": "aGVsbG8=", "folder": format!("/{m}/in"),
                "useUniqueFileName": false, "overwriteFile": false,
            }),
            "update_file_details" => json!({
                "fileId": self.upload(&a, b"a", "sea").await, "tags": ["x", "y"], "description": "text",
            }),
            "rename_file" => {
                self.upload(&a, b"a", "").await;
                json!({ "filePath": a, "newFileName": "z.txt" })
            }
            "copy_file" | "move_file" => {
                self.upload(&a, b"a", "sea").await;
                json!({ "sourceFilePath": a, "destinationPath": format!("/{m}/out") })
            }
            "bulk_move_files" => {
                let ids = [self.upload(&a, b"a", "").await, self.upload(&b, b"b", "").await];
                json!({ "fileIds": ids, "destinationPath": format!("/{m}/out") })
            }
            "delete_multiple_files" => {
                json!({ "fileIds": [self.upload(&a, b"a", "").await, self.upload(&b, b"b", "").await] })
            }
            "bulk_add_tags" | "bulk_remove_tags" => json!({
                "fileIds": [self.upload(&a, b"a", "sea,old").await, self.upload(&b, b"b", "sea").await],
                "tags": if action == "bulk_add_tags" { ["new", "sea"] } else { ["sea", "none"] },
            }),
            "bulk_remove_ai_tags" => json!({ "fileIds": [self.upload(&a, b"a", "").await], "AITags": ["boat"] }),
            "list_file_versions" | "get_file_version_details" | "restore_file_version" | "delete_file_version" => {
                let file = self.upload(&a, b"one", "").await;
                self.upload(&a, b"second", "").await;
                let versions = self
                    .ask("GET", &format!("/v1/files/{file}/versions"), Value::Null)
                    .await;
                let old = versions.as_array().unwrap().last().unwrap();
                if action == "list_file_versions" {
                    return json!({ "fileId": file });
                }
                json!({ "fileId": file, "versionId": old["versionInfo"]["id"] })
            }
            "create_folder" => json!({ "folderName": "new", "parentFolderPath": format!("/{m}/deep") }),
            "copy_folder" | "move_folder" | "rename_folder" | "delete_folder" | "bulk_job_status" => {
                self.upload(&format!("/{m}/pics/summer/c.txt"), b"c", "sun").await;
                self.upload(&format!("/{m}/pics/summer/deep/d.txt"), b"d", "").await;
                let source = format!("/{m}/pics/summer");
                match action {
                    "rename_folder" => json!({ "folderPath": source, "newFolderName": "winter" }),
                    "delete_folder" => json!({ "folderPath": source }),
                    "bulk_job_status" => {
                        let wanted = json!({ "sourceFolderPath": source, "destinationPath": format!("/{m}/out") });
                        let job = id(&self.ask("POST", "/v1/bulkJobs/copyFolder", wanted).await, "jobId");
                        self.until_completed(&format!("/v1/bulkJobs/{job}")).await;
                        json!({ "jobId": job })
                    }
                    _ => json!({ "sourceFolderPath": source, "destinationPath": format!("/{m}/out") }),
                }
            }
            "purge_cache" => json!({ "url": format!("{}/demo/{m}/a.jpg", self.base) }),
            "get_purge_status" => {
                let wanted = json!({ "url": format!("{}/demo/{m}/a.jpg", self.base) });
                let purge = id(&self.ask("POST", "/v1/files/purge", wanted).await, "requestId");
                self.until_completed(&format!("/v1/files/purge/{purge}")).await;
                json!({ "requestId": purge })
            }
            "find_similar_files" => {
                let file = self.upload(&format!("/{m}/a.jpg"), PICTURE, "").await;
                self.upload(&format!("/{m}/b.jpg"), PICTURE, "").await;
                json!({ "fileId": file, "path": format!("/{m}") })
            }
            "find_duplicate_files" => {
                self.upload(&format!("/{m}/a.jpg"), PICTURE, "").await;
                self.upload(&format!("/{m}/b.jpg"), PICTURE, "").await;
                json!({ "limit": 20 })
            }
            "list_trash" | "restore_from_trash" | "delete_from_trash" | "empty_trash" => {
                if action == "empty_trash" {
                    self.ask("DELETE", "/v1/trash", Value::Null).await;
                }
                let file = self.upload(&a, b"a", "sea").await;
                self.ask("DELETE", &format!("/v1/files/{file}"), Value::Null).await;
                let rows = self.trash(m).await;
                match action {
                    "list_trash" => json!({ "path": format!("/{m}/in") }),
                    "restore_from_trash" => json!({ "trashIds": [id(&rows[0], "id")] }),
                    "delete_from_trash" => json!({ "trashId": id(&rows[0], "id") }),
                    _ => json!({}),
                }
            }
            "get_usage" | "get_usage_analytics" => json!({ "startDate": "2026-01-01", "endDate": "2026-01-31" }),
            _ => self.prepare_setting(action, m).await,
        }
    }

    async fn prepare_setting(&self, action: &str, m: &str) -> Value {
        let field = json!({ "name": m, "label": m, "schema": { "type": "Number", "minValue": 1 } });
        let extension = json!({ "name": m, "description": m, "config": { "name": "remove-bg" } });
        let named = json!({ "name": m, "transformation": "w-100" });
        let origin = json!({ "type": "WEB_FOLDER", "name": m, "baseUrl": "https://example.com/a" });
        let endpoint = json!({ "description": m, "urlPrefix": m });
        let (list, key, body) = match action {
            _ if action.contains("custom_metadata_field") => ("customMetadataFields", "fieldId", field),
            _ if action.contains("saved_extension") => ("saved-extensions", "extensionId", extension),
            _ if action.contains("named_transformation") => ("named-transformations", "transformationId", named),
            _ if action.contains("origin") => ("accounts/origins", "originId", origin),
            _ if action.contains("url_endpoint") => ("accounts/url-endpoints", "endpointId", endpoint),
            _ => return json!({}),
        };
        if action.starts_with("create") {
            return if key == "originId" {
                json!({ "origin": body })
            } else {
                body
            };
        }
        let made = self.ask("POST", &format!("/v1/{list}"), body).await;
        let mut input = json!({ key: made["id"] });
        let more = match action {
            "update_custom_metadata_field" => json!({ "label": format!("{m} other") }),
            "update_saved_extension" => json!({ "description": format!("{m} other") }),
            "update_named_transformation" => json!({ "transformation": "w-200" }),
            "update_origin" => json!({
                "origin": { "type": "WEB_FOLDER", "name": format!("{m} other"), "baseUrl": "https://example.com/b" }
            }),
            "update_url_endpoint" => json!({ "description": format!("{m} other"), "urlPrefix": m, "origins": [] }),
            _ => json!({}),
        };
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        if action.starts_with("list") { json!({}) } else { input }
    }

    /// What the trash has of the marker's files.
    async fn trash(&self, m: &str) -> Value {
        self.ask("GET", &format!("/v1/trash?path=%2F{m}"), Value::Null).await
    }

    async fn until_completed(&self, path: &str) {
        for _ in 0..500 {
            if self.ask("GET", path, Value::Null).await["status"] == "Completed" {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{path} did not come to its end");
    }

    /// All that carries the marker and that the action could change.
    pub async fn state(&self, action: &str, m: &str) -> Value {
        let list = match action {
            _ if action.contains("custom_metadata_field") => "customMetadataFields",
            _ if action.contains("saved_extension") => "saved-extensions",
            _ if action.contains("named_transformation") => "named-transformations",
            _ if action.contains("origin") => "accounts/origins",
            _ if action.contains("url_endpoint") => "accounts/url-endpoints",
            _ => {
                let below = format!("/v1/files?searchQuery=path%20%3A%20%22%2F{m}%22&limit=1000");
                let rows = self.ask("GET", &below, Value::Null).await;
                if action.contains("trash") {
                    return plain(&json!([rows, self.trash(m).await]), m);
                }
                if !action.contains("version") {
                    return plain(&rows, m);
                }
                let mut all = vec![rows.clone()];
                for row in rows.as_array().unwrap() {
                    if let Some(id) = row["fileId"].as_str() {
                        all.push(self.ask("GET", &format!("/v1/files/{id}/versions"), Value::Null).await);
                    }
                }
                return plain(&Value::Array(all), m);
            }
        };
        plain(&self.ask("GET", &format!("/v1/{list}"), Value::Null).await, m)
    }
}

/// Without ids, times, and what belongs to others; the marker by one name, and rows in one order.
pub fn plain(value: &Value, m: &str) -> Value {
    const OF_ITS_OWN: &[&str] = &[
        "fileId",
        "folderId",
        "id",
        "url",
        "thumbnail",
        "thumbnailUrl",
        "createdAt",
        "updatedAt",
        "jobId",
        "requestId",
        "purgeRequestId",
        "successfullyUpdatedFileIds",
        "successfullyDeletedFileIds",
        "successfullyMovedFileIds",
        "token",
        "expire",
        "signature",
        "generatedAt",
        "trashId",
        "versionId",
        "deletedAt",
        "purgeAt",
        "linkId",
        "command",
        "expiresAt",
    ];
    match value {
        Value::String(text) => json!(text.replace(m, "M")),
        Value::Array(items) => {
            let others = |row: &&Value| {
                let settings = row.get("id").is_some() && row.get("fileId").is_none();
                !settings || row.to_string().contains(m)
            };
            let mut items: Vec<Value> = items.iter().filter(others).map(|item| plain(item, m)).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !OF_ITS_OWN.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), plain(value, m)))
                .collect::<serde_json::Map<_, _>>()
                .into()
        }
        other => other.clone(),
    }
}
