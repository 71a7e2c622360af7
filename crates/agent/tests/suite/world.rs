//! A small media library that speaks the API's shapes over real HTTP, and stumbles where a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const KEY: &str = "private_pl4nted";
pub const NEXT_KEY: &str = "private_pl4nted_next";

/// What goes wrong with a request.
#[derive(Clone)]
pub enum Fault {
    /// Answered so, and not carried out.
    Answer(u16, &'static [(&'static str, &'static str)]),
    /// The connection breaks before the request is carried out.
    LostBefore,
    /// It is carried out, and the connection breaks before the answer.
    LostAfter,
    /// It is carried out, and half of the answer comes.
    HalfBody,
    /// It is carried out, and nothing comes.
    Silence,
    /// It is carried out, and the answer comes late.
    Slow,
    /// The answer is changed.
    Drift(fn(&mut Value)),
    /// It is carried out in words only.
    Lie,
}

/// Whether a fault is for a request of that method and path.
pub type On = fn(&str, &str) -> bool;

/// The library.
#[derive(Default)]
pub struct World {
    pub files: BTreeMap<String, File>,
    pub folders: BTreeSet<String>,
    pub settings: BTreeMap<String, BTreeMap<String, Value>>,
    /// Every request: method, path with query, body.
    pub asked: Vec<(String, String, String)>,
    /// Faults in order; each is for the first request that it fits.
    pub faults: Vec<(On, Fault)>,
    pub keys: BTreeMap<String, bool>,
    /// How often a job is still pending when it is asked about.
    pub pending: u32,
    /// What else is said of jobs, such as another state at their end.
    pub job: Value,
    /// Days that the trash keeps things; 0 for a server without one.
    pub trash_days: u32,
    /// Id, when it was deleted, the file's id, the file as it was; of a version alone, with that version alone.
    pub trash: Vec<(String, u64, String, File)>,
    clock: u64,
    ids: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub path: String,
    /// Ids and sizes, the oldest first.
    pub versions: Vec<(String, u64)>,
    pub current: String,
    pub facts: Value,
    updated: u64,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    /// A library with something of everything.
    pub fn seeded() -> Self {
        let mut world = Self::default();
        world.keys.insert(KEY.to_owned(), true);
        for folder in ["/in", "/out", "/pics", "/pics/summer"] {
            world.folders.insert(folder.to_owned());
        }
        for (id, path, tags) in [
            ("f1", "/in/a.jpg", json!(["sea", "old"])),
            ("f2", "/in/b.jpg", Value::Null),
            ("f3", "/pics/summer/c.jpg", json!(["sun"])),
        ] {
            let facts = json!({
                "tags": tags, "AITags": [{ "name": "boat", "confidence": 90.5, "source": "aws-auto-tagging" }],
                "customMetadata": { "brand": "Acme" }, "customCoordinates": null, "isPrivateFile": false,
                "isPublished": true,
            });
            let versions = vec![(id.to_owned(), 100), (format!("{id}v2"), 200)];
            world.files.insert(
                id.to_owned(),
                File {
                    path: path.to_owned(),
                    versions,
                    current: format!("{id}v2"),
                    facts,
                    updated: 0,
                },
            );
        }
        world.trash_days = 30;
        let old = File {
            path: "/in/old.jpg".to_owned(),
            ..world.files["f2"].clone()
        };
        world.trash.push(("x1".to_owned(), 0, "f9".to_owned(), old));
        let mut put = |list: &str, id: &str, value: Value| {
            let mut value = value;
            value["id"] = json!(id);
            world
                .settings
                .entry(list.to_owned())
                .or_default()
                .insert(id.to_owned(), value);
        };
        put(
            "customMetadataFields",
            "c1",
            json!({ "name": "brand", "label": "Brand", "schema": { "type": "Text" } }),
        );
        put(
            "saved-extensions",
            "e1",
            json!({
                "name": "Cut", "description": "Cuts out", "config": { "name": "remove-bg" },
                "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": "2026-01-02T03:04:05.678Z"
            }),
        );
        put(
            "named-transformations",
            "t1",
            json!({
                "name": "card", "transformation": "w-150", "enabled": true, "createdAt": "2026-01-02T03:04:05.678Z"
            }),
        );
        put(
            "accounts/origins",
            "o1",
            json!({
                "type": "WEB_FOLDER", "name": "Old", "baseUrl": "https://old", "forwardHostHeaderToOrigin": false,
                "includeCanonicalHeader": false
            }),
        );
        put(
            "accounts/url-endpoints",
            "u1",
            json!({ "description": "Old", "urlPrefix": "old", "origins": ["o1"] }),
        );
        world
    }

    /// What counts: everything but times and what was asked.
    pub fn snapshot(&self) -> String {
        let files: Vec<String> = self
            .files
            .iter()
            .map(|(id, f)| {
                // Tags are a set.
                let mut facts = f.facts.clone();
                if let Some(tags) = facts["tags"].as_array_mut() {
                    tags.sort_by_key(Value::to_string);
                }
                format!("{id} {} {:?} {} {facts}", f.path, f.versions, f.current)
            })
            .collect();
        format!("{files:#?}\n{:#?}\n{:#?}", self.folders, self.settings)
    }

    /// What is in the trash.
    pub fn trashed_paths(&self) -> Vec<String> {
        let rows = self.trash.iter().map(|(_, _, id, file)| format!("{id} {}", file.path));
        let mut rows: Vec<String> = rows.collect();
        rows.sort();
        rows
    }

    /// Takes files away, into the trash if there is one.
    fn delete(&mut self, ids: &[String]) {
        self.clock += 1;
        for id in ids {
            let Some(file) = self.files.remove(id) else { continue };
            if self.trash_days > 0 {
                let name = self.id();
                self.trash.push((name, self.clock, id.clone(), file));
            }
        }
    }

    fn trashed(&self, (id, at, file_id, file): &(String, u64, String, File)) -> Value {
        let is_version = self.files.contains_key(file_id);
        let time = |day: u64| format!("2026-01-{:02}T00:00:{:02}.000Z", day, at % 60);
        json!({
            "id": id, "type": if is_version { "file-version" } else { "file" }, "fileId": file_id,
            "versionInfo": { "id": file.current, "name": "Version 1" }, "versionCount": file.versions.len(),
            "name": file.path.rsplit('/').next(), "filePath": file.path, "size": 100, "deletedAt": time(2),
            "purgeAt": time(28).replace("2026", "2027"),
        })
    }

    fn trash(&mut self, method: &str, rest: &[&str], query: &BTreeMap<String, String>) -> (u16, Value) {
        let missing = (404, json!({ "message": "There is nothing in the trash with this id." }));
        let at = |id: &str| self.trash.iter().position(|(known, ..)| known == id);
        match (method, rest) {
            ("GET", []) => {
                let get = |name: &str| query.get(name).map(String::as_str);
                let fits = |item: &&(String, u64, String, File)| {
                    let file = get("fileIds").is_none_or(|ids| ids.split(',').any(|id| id == item.2));
                    file && get("path").is_none_or(|path| item.3.path.starts_with(&format!("{path}/")))
                };
                let limit = get("limit").and_then(|n| n.parse().ok()).unwrap_or(1000);
                let rows = self.trash.iter().rev().filter(fits).take(limit);
                (200, rows.map(|item| self.trashed(item)).collect())
            }
            ("DELETE", []) => (200, json!({ "deleted": std::mem::take(&mut self.trash).len() })),
            ("GET", [id]) => at(id).map_or(missing, |at| (200, self.trashed(&self.trash[at]))),
            ("DELETE", [id]) => at(id).map_or(missing, |at| {
                self.trash.remove(at);
                (204, Value::Null)
            }),
            ("POST", [id, "restore"]) => {
                let Some(at) = at(id) else { return missing };
                let (_, _, id, file) = self.trash.remove(at);
                let version = file.current.clone();
                match self.files.get_mut(&id) {
                    Some(there) => {
                        // The oldest first, as ids of versions sort here.
                        there.versions.extend(file.versions);
                        there.versions.sort();
                    }
                    None => {
                        self.make_folders(file.path.rsplit_once('/').unwrap().0);
                        self.files.insert(id.clone(), file);
                    }
                }
                (200, self.version(&id, &version))
            }
            _ => missing,
        }
    }

    pub fn fault(&mut self, on: On, fault: Fault) {
        self.faults.push((on, fault));
    }

    /// Puts a file there.
    pub fn put(&mut self, id: &str, path: &str, tags: Value) {
        let file = File {
            path: path.to_owned(),
            facts: json!({ "tags": tags, "AITags": null, "isPrivateFile": false, "isPublished": true, "customMetadata": {} }),
            ..self.files["f2"].clone()
        };
        self.files.insert(id.to_owned(), file);
    }

    fn id(&mut self) -> String {
        self.ids += 1;
        format!("n{}", self.ids)
    }

    fn touched(&mut self, id: &str) {
        self.clock += 1;
        let clock = self.clock;
        if let Some(file) = self.files.get_mut(id) {
            file.updated = clock;
        }
    }

    fn row(&self, id: &str) -> Value {
        let file = &self.files[id];
        self.version(id, &file.current)
    }

    fn version(&self, id: &str, version: &str) -> Value {
        let file = &self.files[id];
        let number = file.versions.iter().position(|(v, _)| v == version).unwrap_or(0);
        let name = file.path.rsplit('/').next().unwrap_or_default();
        let mut row = json!({
            "type": if file.current == version { "file" } else { "file-version" },
            "fileId": id, "name": name, "filePath": file.path, "url": format!("http://h/demo{}", file.path),
            "thumbnail": format!("http://h/demo{}?tr=n-ik_ml_thumbnail", file.path), "fileType": "image",
            "mime": "image/jpeg", "size": file.versions[number].1, "width": 4, "height": 3, "hasAlpha": false,
            "versionInfo": { "id": version, "name": format!("Version {}", number + 1) }, "embeddedMetadata": null,
            "createdAt": "2026-01-02T03:04:05.678Z", "updatedAt": format!("2026-01-02T03:04:{:02}.678Z", file.updated % 60),
        });
        for (name, value) in file.facts.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    }

    fn folder(path: &str) -> Value {
        json!({
            "folderId": format!("d{}", path.replace('/', "-")), "type": "folder", "name": path.rsplit('/').next(),
            "folderPath": path, "customMetadata": {}, "createdAt": "2026-01-02T03:00:00.000Z",
            "updatedAt": "2026-01-02T03:00:00.000Z"
        })
    }

    fn find(&self, path: &str) -> Option<String> {
        self.files
            .iter()
            .find(|(_, f)| f.path == path)
            .map(|(id, _)| id.clone())
    }

    fn make_folders(&mut self, path: &str) {
        let mut at = String::new();
        for segment in path.split('/').filter(|s| !s.is_empty()) {
            at.push('/');
            at.push_str(segment);
            self.folders.insert(at.clone());
        }
    }

    /// Puts a tree at another place; the old one goes, or stays.
    fn relocate(&mut self, from: &str, to: &str, keep: bool) {
        let below = format!("{from}/");
        let ids: Vec<String> = self
            .files
            .iter()
            .filter(|(_, f)| f.path.starts_with(&below))
            .map(|(id, _)| id.clone())
            .collect();
        let folders: Vec<String> = self
            .folders
            .iter()
            .filter(|f| *f == from || f.starts_with(&below))
            .cloned()
            .collect();
        for folder in folders {
            self.folders.insert(format!("{to}{}", &folder[from.len()..]));
            if !keep {
                self.folders.remove(&folder);
            }
        }
        for id in ids {
            let path = format!("{to}{}", &self.files[&id].path[from.len()..]);
            if keep {
                let copy = File {
                    path,
                    ..self.files[&id].clone()
                };
                let new = self.id();
                self.files.insert(new, copy);
            } else {
                self.files.get_mut(&id).unwrap().path = path;
                self.touched(&id);
            }
        }
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Value {
        let get = |name: &str| query.get(name).map(String::as_str);
        let parent = |path: &str| match path.rsplit_once('/') {
            Some(("", _)) | None => "/".to_owned(),
            Some((parent, _)) => parent.to_owned(),
        };
        let skip = get("skip").and_then(|n| n.parse().ok()).unwrap_or(0);
        let limit = get("limit").and_then(|n| n.parse().ok()).unwrap_or(1000);
        if let Some(search) = get("searchQuery") {
            if let Some(tag) = search.strip_prefix("tags IN [\"") {
                let tag = json!(tag.trim_end_matches("\"]"));
                let rows = self.files.keys().map(|id| self.row(id));
                let tagged = rows.filter(|row| row["tags"].as_array().is_some_and(|tags| tags.contains(&tag)));
                return tagged.skip(skip).take(limit).collect();
            }
            let folder = search
                .trim_start_matches("path : ")
                .trim_matches('"')
                .trim_end_matches('/');
            let below = format!("{folder}/");
            let files = self
                .files
                .iter()
                .filter(|(_, f)| f.path.starts_with(&below))
                .map(|(id, _)| self.row(id));
            let folders = self
                .folders
                .iter()
                .filter(|f| f.starts_with(&below))
                .map(|f| Self::folder(f));
            return folders.chain(files).skip(skip).take(limit).collect();
        }
        if get("similarTo").is_some() || get("duplicates").is_some() {
            return self
                .files
                .keys()
                .map(|id| self.row(id))
                .skip(skip)
                .take(limit)
                .collect();
        }
        let here = |path: &str| get("path").is_none_or(|at| parent(path) == at);
        let kind = get("type").unwrap_or("file");
        let named = |path: &str| get("name").is_none_or(|name| path.rsplit('/').next() == Some(name));
        let mut rows = Vec::new();
        if matches!(kind, "folder" | "all") {
            let folders = self.folders.iter().filter(|f| here(f) && named(f));
            rows.extend(folders.map(|f| Self::folder(f)));
        }
        if matches!(kind, "file" | "all") {
            rows.extend(
                self.files
                    .iter()
                    .filter(|(_, f)| here(&f.path) && named(&f.path))
                    .map(|(id, _)| self.row(id)),
            );
        }
        rows.into_iter().skip(skip).take(limit).collect()
    }

    /// Carries a request out.
    fn answer(&mut self, method: &str, path: &str, query: &BTreeMap<String, String>, body: &str) -> (u16, Value) {
        let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
        let missing = (
            404,
            json!({ "message": "The requested file does not exist.", "help": "" }),
        );
        let segments: Vec<&str> = path.split('/').filter(|s| !s.is_empty()).collect();
        let text = |name: &str| json[name].as_str().unwrap_or_default().trim_end_matches('/').to_owned();
        let ids = |name: &str| -> Vec<String> {
            json[name]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        match (method, segments.as_slice()) {
            ("GET", ["v1", "files"]) => (200, self.list(query)),
            ("GET", ["v1", "files", "purge", _]) | ("GET", ["v1", "bulkJobs", _]) => {
                let status = if self.pending > 0 { "Pending" } else { "Completed" };
                self.pending = self.pending.saturating_sub(1);
                let mut answer = json!({ "status": status });
                if segments[1] == "bulkJobs" {
                    answer["jobId"] = json!(segments[2]);
                    answer["type"] = json!("COPY_FOLDER");
                    for (name, value) in self.job.as_object().into_iter().flatten() {
                        answer[name] = value.clone();
                    }
                }
                (200, answer)
            }
            ("GET", ["v1", "files", id, "details"]) if self.files.contains_key(*id) => (200, self.row(id)),
            ("GET", ["v1", "files", id, "versions"]) if self.files.contains_key(*id) => {
                let versions = self.files[*id].versions.iter().rev();
                (200, versions.map(|(v, _)| self.version(id, v)).collect())
            }
            ("GET", ["v1", "files", id, "versions", v]) if self.has_version(id, v) => (200, self.version(id, v)),
            ("GET", ["v1", "files", _, "metadata"]) | ("GET", ["v1", "metadata"]) => (
                200,
                json!({
                    "height": 3, "width": 4, "size": 200, "format": "jpg", "hasColorProfile": true, "quality": 0, "density": 72,
                    "hasTransparency": false, "pHash": "f06830ca9f1e3e90", "exif": {
                        "image": { "Make": "Acme" }, "thumbnail": {}, "exif": { "ISO": 100 },
                        "gps": { "GPSVersionID": [2, 2, 0, 0] }, "interoperability": {}, "makernote": {} }
                }),
            ),
            ("PUT", ["v1", "files", "rename"]) => self.rename(&text("filePath"), &text("newFileName"), &json),
            ("PUT", ["v1", "files", id, "versions", v, "restore"]) if self.has_version(id, v) => {
                self.files.get_mut(*id).unwrap().current = (*v).to_owned();
                self.touched(id);
                (200, self.row(id))
            }
            (_, ["v1", "trash", rest @ ..]) if self.trash_days > 0 => self.trash(method, rest, query),
            ("DELETE", ["v1", "files", id, "versions", v]) if self.has_version(id, v) => {
                if self.trash_days > 0 {
                    self.clock += 1;
                    let file = &self.files[*id];
                    let one = file.versions.iter().filter(|(version, _)| version == v).cloned();
                    let alone = File {
                        versions: one.collect(),
                        current: (*v).to_owned(),
                        ..file.clone()
                    };
                    let (name, clock) = (self.id(), self.clock);
                    self.trash.push((name, clock, (*id).to_owned(), alone));
                }
                self.files
                    .get_mut(*id)
                    .unwrap()
                    .versions
                    .retain(|(version, _)| version != v);
                (204, Value::Null)
            }
            ("DELETE", ["v1", "files", id]) if self.files.contains_key(*id) => {
                self.delete(&[(*id).to_owned()]);
                (204, Value::Null)
            }
            ("PATCH", ["v1", "files", id, "details"]) if self.files.contains_key(*id) => {
                self.patch(id, &json);
                (200, self.row(id))
            }
            ("POST", ["v1", "files", "batch", "deleteByFileIds"]) => {
                let ids = ids("fileIds");
                if ids.iter().any(|id| !self.files.contains_key(id)) {
                    return missing;
                }
                self.delete(&ids);
                (200, json!({ "successfullyDeletedFileIds": ids }))
            }
            ("POST", ["v1", "files", "purge"]) => (201, json!({ "requestId": self.id() })),
            ("POST", ["v1", "files", route @ ("addTags" | "removeTags" | "removeAITags")]) => {
                let (ids, route) = (ids("fileIds"), (*route).to_owned());
                let field = if route == "removeAITags" { "AITags" } else { "tags" };
                let tags: Vec<Value> = json[field].as_array().cloned().unwrap_or_default();
                for id in &ids {
                    self.tag(id, &route, &tags);
                }
                (200, json!({ "successfullyUpdatedFileIds": ids }))
            }
            ("POST", ["v1", "files", how @ ("copy" | "move")]) => {
                let (source, to) = (text("sourceFilePath"), text("destinationPath"));
                let Some(id) = self.find(&source) else { return missing };
                let new = format!("{to}/{}", source.rsplit('/').next().unwrap());
                self.make_folders(&to);
                if *how == "copy" {
                    let copy = File {
                        path: new,
                        ..self.files[&id].clone()
                    };
                    let id = self.id();
                    self.files.insert(id, copy);
                } else {
                    self.files.get_mut(&id).unwrap().path = new;
                    self.touched(&id);
                }
                (204, Value::Null)
            }
            ("POST", ["v1", "folder"]) => {
                self.make_folders(&format!("{}/{}", text("parentFolderPath"), text("folderName")));
                (201, json!({}))
            }
            ("DELETE", ["v1", "folder"]) => {
                let path = text("folderPath");
                if !self.folders.contains(&path) {
                    return missing;
                }
                let below = format!("{path}/");
                self.folders.retain(|f| *f != path && !f.starts_with(&below));
                let inside = self.files.iter().filter(|(_, f)| f.path.starts_with(&below));
                let inside: Vec<String> = inside.map(|(id, _)| id.clone()).collect();
                self.delete(&inside);
                (204, Value::Null)
            }
            ("POST", ["v1", "bulkJobs", "renameFolder"]) => {
                let from = text("folderPath");
                let parent = from.rsplit_once('/').unwrap().0.to_owned();
                self.relocate(&from, &format!("{parent}/{}", text("newFolderName")), false);
                (202, json!({ "jobId": self.id() }))
            }
            ("POST", ["v1", "bulkJobs", how]) => {
                let from = text("sourceFolderPath");
                let to = format!("{}/{}", text("destinationPath"), from.rsplit('/').next().unwrap());
                self.relocate(&from, &to, *how == "copyFolder");
                (200, json!({ "jobId": self.id() }))
            }
            ("POST", ["api", "v1", "files", "upload"]) => self.upload(body),
            ("GET", ["v1", "accounts", "usage"]) => (
                200,
                json!({
                    "bandwidthBytes": 1, "mediaLibraryStorageBytes": 2, "videoProcessingUnitsCount": 0,
                    "extensionUnitsCount": 0, "originalCacheStorageBytes": 0
                }),
            ),
            ("GET", ["v1", "accounts", "usage-analytics"]) => (200, analytics()),
            (_, ["v1", rest @ ..]) => self.setting(method, rest, &json),
            _ => missing,
        }
    }

    fn has_version(&self, id: &str, version: &str) -> bool {
        self.files
            .get(id)
            .is_some_and(|f| f.versions.iter().any(|(v, _)| v == version))
    }

    fn rename(&mut self, path: &str, name: &str, json: &Value) -> (u16, Value) {
        let Some(id) = self.find(path) else {
            return (
                404,
                json!({ "message": "No file found", "help": "", "reason": "FILE_MISSING" }),
            );
        };
        let new = format!("{}/{name}", path.rsplit_once('/').unwrap().0);
        if self.find(&new).is_some() {
            let message = format!("File with name {name} already exists at the same location.");
            return (
                409,
                json!({ "message": message, "help": "", "reason": "FILE_ALREADY_EXISTS" }),
            );
        }
        self.files.get_mut(&id).unwrap().path = new;
        self.touched(&id);
        let purges = json["purgeCache"] == true;
        (
            200,
            if purges {
                json!({ "purgeRequestId": self.id() })
            } else {
                json!({})
            },
        )
    }

    fn patch(&mut self, id: &str, json: &Value) {
        let facts = &mut self.files.get_mut(id).unwrap().facts;
        for (name, value) in json.as_object().unwrap() {
            match name.as_str() {
                "customMetadata" => {
                    for (field, value) in value.as_object().unwrap() {
                        let fields = facts["customMetadata"].as_object_mut().unwrap();
                        if value.is_null() {
                            fields.remove(field);
                        } else {
                            fields.insert(field.clone(), value.clone());
                        }
                    }
                }
                "publish" => facts["isPublished"] = value["isPublished"].clone(),
                "tags" if value.as_array().is_some_and(Vec::is_empty) => facts["tags"] = Value::Null,
                name => facts[name] = value.clone(),
            }
        }
        self.touched(id);
    }

    fn tag(&mut self, id: &str, route: &str, tags: &[Value]) {
        let Some(file) = self.files.get_mut(id) else { return };
        let field = if route == "removeAITags" { "AITags" } else { "tags" };
        let mut kept: Vec<Value> = file.facts[field].as_array().cloned().unwrap_or_default();
        match route {
            "addTags" => kept.extend(tags.iter().filter(|t| !kept.contains(t)).cloned().collect::<Vec<_>>()),
            "removeTags" => kept.retain(|t| !tags.contains(t)),
            _ => kept.retain(|t| !tags.contains(&t["name"])),
        }
        file.facts[field] = if kept.is_empty() { Value::Null } else { json!(kept) };
        self.touched(id);
    }

    fn upload(&mut self, body: &str) -> (u16, Value) {
        let part = |name: &str| {
            let start = body.find(&format!("name=\"{name}\""))?;
            let content = body[start..].split_once("\r\n\r\n")?.1;
            Some(content.split("\r\n--").next()?.to_owned())
        };
        let name = part("fileName").unwrap_or_default();
        let folder = part("folder").unwrap_or_default();
        let path = format!("{}/{name}", folder.trim_end_matches('/'));
        self.make_folders(&folder);
        let size = part("file").unwrap_or_default().len() as u64;
        let tags = part("tags").map(|t| t.split(',').map(str::to_owned).collect::<Vec<_>>());
        let unique = part("useUniqueFileName").as_deref() != Some("false");
        let id = match self.find(&path) {
            Some(id) if !unique => {
                let version = self.id();
                let file = self.files.get_mut(&id).unwrap();
                file.versions.push((version.clone(), size));
                file.current = version;
                self.touched(&id);
                id
            }
            _ => {
                let id = self.id();
                let path = if unique {
                    path.replacen('.', &format!("_{id}."), 1)
                } else {
                    path
                };
                let facts = json!({
                    "tags": tags, "AITags": null, "customMetadata": {}, "customCoordinates": null,
                    "isPrivateFile": part("isPrivateFile").as_deref() == Some("true"), "isPublished": true,
                });
                let versions = vec![(id.clone(), size)];
                self.files.insert(
                    id.clone(),
                    File {
                        path,
                        versions,
                        current: id.clone(),
                        facts,
                        updated: 0,
                    },
                );
                id
            }
        };
        let row = self.row(&id);
        let mut answer = json!({});
        for name in [
            "fileId",
            "name",
            "size",
            "versionInfo",
            "filePath",
            "url",
            "fileType",
            "width",
            "height",
            "AITags",
        ] {
            answer[name] = row[name].clone();
        }
        answer["thumbnailUrl"] = row["thumbnail"].clone();
        (200, answer)
    }

    fn setting(&mut self, method: &str, path: &[&str], json: &Value) -> (u16, Value) {
        let (list, id) = match path {
            ["accounts", list] => (format!("accounts/{list}"), None),
            ["accounts", list, id] => (format!("accounts/{list}"), Some(*id)),
            [list] => ((*list).to_owned(), None),
            [list, id] => ((*list).to_owned(), Some(*id)),
            _ => return (404, json!({ "message": "unknown route" })),
        };
        let shown = |mut value: Value| {
            if list == "accounts/origins" {
                for secret in ["accessKey", "secretKey", "privateKey", "sasToken", "password"] {
                    value.as_object_mut().unwrap().remove(secret);
                }
                value["includeCanonicalHeader"] = json!(false);
            }
            value
        };
        let missing = (404, json!({ "message": "Not found.", "help": "" }));
        let fresh = self.ids + 1;
        let Some(rows) = self.settings.get_mut(&list) else {
            return missing;
        };
        match (method, id) {
            ("GET", None) => (200, rows.values().cloned().map(shown).collect()),
            ("POST", None) => {
                self.ids = fresh;
                let id = format!("n{fresh}");
                let mut value = json.clone();
                value["id"] = json!(id);
                if list == "named-transformations" && value["enabled"].is_null() {
                    value["enabled"] = json!(true);
                }
                if list == "accounts/url-endpoints" && value["origins"].is_null() {
                    value["origins"] = json!([]);
                }
                if matches!(list.as_str(), "saved-extensions" | "named-transformations") {
                    value["createdAt"] = json!("2026-01-02T03:04:05.678Z");
                }
                if list == "saved-extensions" {
                    value["updatedAt"] = json!("2026-01-02T03:04:05.678Z");
                }
                rows.insert(id, value.clone());
                (201, shown(value))
            }
            (_, None) => missing,
            (_, Some(id)) if !rows.contains_key(id) => missing,
            ("GET", Some(id)) => (200, shown(rows[id].clone())),
            ("DELETE", Some(id)) => {
                rows.remove(id);
                (204, Value::Null)
            }
            ("PUT", Some(id)) => {
                let mut value = json.clone();
                if list == "accounts/url-endpoints" && value["origins"].is_null() {
                    value["origins"] = json!([]);
                }
                value["id"] = json!(id);
                rows.insert(id.to_owned(), value.clone());
                (200, shown(value))
            }
            (_, Some(id)) => {
                let row = rows.get_mut(id).unwrap();
                for (name, value) in json.as_object().unwrap() {
                    if name == "schema" {
                        let kind = row["schema"]["type"].clone();
                        row["schema"] = value.clone();
                        row["schema"]["type"] = kind;
                    } else {
                        row[name] = value.clone();
                    }
                }
                (200, shown(row.clone()))
            }
        }
    }

    fn key_of(&self, head: &str) -> Option<bool> {
        let line = head
            .lines()
            .find(|l| l.to_ascii_lowercase().starts_with("authorization: basic "))?;
        let key = base64_text(line.rsplit(' ').next()?)?;
        self.keys.get(key.trim_end_matches(':')).copied()
    }
}

fn analytics() -> Value {
    let ranking = json!({ "byBandwidth": [{ "name": "a", "bandwidthBytes": 1, "requestCount": 2 }], "byRequests": [] });
    let mut all = json!({
        "startDate": "2026-01-01", "endDate": "2026-01-31", "generatedAt": "2026-02-01T00:00:00.000Z", "bandwidthBytes": 1,
        "requestCount": 2, "cache": { "errorCount": 0, "hitCount": 1, "missCount": 1 },
        "statusCodes": [{ "name": "200", "requestCount": 2 }], "errorReasons": [], "top404Assets": [], "extensions": [],
        "videoProcessing": [],
    });
    for name in [
        "browser",
        "device",
        "format",
        "topImages",
        "topImageTransforms",
        "topOtherAssets",
        "topReferrers",
        "topUserAgents",
        "topVideos",
        "topVideoTransforms",
        "urlEndpoints",
        "country",
    ] {
        all[name] = ranking.clone();
    }
    all
}

fn base64_text(text: &str) -> Option<String> {
    use base64::Engine;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

/// Serves the library; returns its base URL.
pub async fn serve(world: Shared) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_one(stream, Arc::clone(&world)));
        }
    });
    base
}

async fn serve_one(mut stream: TcpStream, world: Shared) {
    let Some((head, body)) = read_request(&mut stream).await else {
        return;
    };
    let mut first = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (
        first.next().unwrap_or_default().to_owned(),
        first.next().unwrap_or_default().to_owned(),
    );
    let url = url::Url::parse(&format!("http://h{target}")).unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let (fault, reply) = {
        let mut world = world.lock().unwrap();
        world.asked.push((method.clone(), target.clone(), body.clone()));
        let at = world.faults.iter().position(|(on, _)| on(&method, url.path()));
        let fault = at.map(|at| world.faults.remove(at).1);
        let reply = match (&fault, world.key_of(&head)) {
            (Some(Fault::Answer(status, _)), _) => {
                (*status, json!({ "message": format!("played {status}"), "help": "" }))
            }
            (Some(Fault::LostBefore), _) => return,
            (Some(Fault::Lie), _) => {
                let mut other = World::seeded();
                other.answer(&method, url.path(), &query, &body)
            }
            (_, Some(true)) => world.answer(&method, url.path(), &query, &body),
            (_, Some(false)) => (
                403,
                json!({ "message": "Your request contains expired private API key.", "help": "" }),
            ),
            (_, None) => (
                403,
                json!({ "message": "Your account cannot be authenticated.", "help": "" }),
            ),
        };
        (fault, reply)
    };
    let (status, mut body) = reply;
    let mut headers = String::from("x-ik-requestid: req-1\r\nx-ratelimit-limit: 40\r\n");
    let days = world.lock().unwrap().trash_days;
    for (question, kind) in [("similarTo", "similar"), ("duplicates", "duplicates")] {
        if query.contains_key(question) {
            headers.push_str(&format!("x-listed: {kind}\r\n"));
            let files = world.lock().unwrap().files.len();
            let why: Vec<String> = (0..files).map(|n| n.to_string()).collect();
            headers.push_str(&format!("x-matched: {}\r\n", why.join(",")));
        }
    }
    if url.path() == "/v1/trash" && days > 0 {
        headers.push_str(&format!("x-trash-days: {days}\r\n"));
    }
    match &fault {
        Some(Fault::LostAfter) => return,
        Some(Fault::Silence) => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return;
        }
        Some(Fault::Slow) => tokio::time::sleep(Duration::from_millis(20)).await,
        Some(Fault::Drift(change)) => change(&mut body),
        Some(Fault::Answer(_, more)) => {
            headers = more
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
        }
        _ => {}
    }
    let text = if status == 204 { String::new() } else { body.to_string() };
    let length = if matches!(fault, Some(Fault::HalfBody)) {
        text.len() + 50
    } else {
        text.len()
    };
    let answer = format!(
        "HTTP/1.1 {status} Played\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{text}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Reads the head and as much body as it announces.
async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let announced = |line: &str| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length:")?
                    .trim()
                    .parse()
                    .ok()
            };
            let length: usize = head.lines().find_map(announced).unwrap_or(0);
            if body.len() >= length {
                return Some((head.to_owned(), body.to_owned()));
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}
