//! Links by which a person or a program without a key uploads one file: bytes that must not go through a model. The agent
//! side keeps them; the upload itself is a call of `upload_file` in the name of whoever made the link.

use std::collections::BTreeMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use super::asset::{FieldValue, Id};
use super::list_assets::comma_joined;
use super::operation::{Desk, Step, body, plain};
use super::upload_file::Uploaded;
use super::{About, Inverse, Operation, path};
use crate::error::CallError;
use crate::request::ApiRequest;
use crate::survey::{Survey, Target};
use crate::upload_link::{LARGEST, NewLink, USUAL_LIFE, USUAL_SIZE, is_media_range};

/// A link for one upload.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateUploadLink {
    /// Folder that the file goes into, such as `/travel/2026`; made if absent. Default: the root.
    #[schemars(length(min = 1, max = 2000))]
    folder: Option<String>,
    /// Name to store the file under, with its extension. Default: the name that it comes with.
    #[schemars(length(min = 1, max = 1000))]
    file_name: Option<String>,
    /// Largest file in bytes; default 26214400 (25 MiB), at most 268435456 (256 MiB).
    #[schemars(range(min = 1, max = 268_435_456))]
    max_bytes: Option<u64>,
    /// What the file may be, by its content: `image/*`, `video/*`, `application/pdf`. Default: anything.
    #[schemars(length(min = 1, max = 20), inner(length(min = 3, max = 100)))]
    media_types: Option<Vec<String>>,
    /// Seconds until it can no longer be used; default 900, at most 86400.
    #[schemars(range(min = 10, max = 86_400))]
    expires_in: Option<u32>,
    #[schemars(length(max = 50), inner(length(min = 1, max = 500)))]
    tags: Option<Vec<String>>,
    #[schemars(length(max = 10_000))]
    description: Option<String>,
    /// Values by field name; fields are those of list_custom_metadata_fields.
    custom_metadata: Option<BTreeMap<String, FieldValue>>,
    /// True (the default) adds a random suffix to the name, so that nothing is overwritten.
    use_unique_file_name: Option<bool>,
    /// With useUniqueFileName false: true (the default) makes a new version of a file of that name, false refuses.
    overwrite_file: Option<bool>,
    /// Deliver it to signed requests only.
    is_private_file: Option<bool>,
    /// False keeps it as a draft.
    is_published: Option<bool>,
}

/// The link. Whoever has it uploads one file, once.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct MadeLink {
    /// For get_upload_link and revoke_upload_link.
    link_id: Id,
    /// Where the bytes go: PUT them as the body, or open it in a browser.
    url: String,
    expires_at: String,
    max_bytes: u64,
    media_types: Option<Vec<String>>,
    folder: String,
    file_name: Option<String>,
    /// How a program uploads, as a command line.
    command: String,
}

impl CreateUploadLink {
    fn folder(&self) -> Result<String, CallError> {
        path::destination("folder", self.folder.as_deref().unwrap_or("/"))
    }

    fn name(&self) -> Result<Option<String>, CallError> {
        self.file_name
            .as_deref()
            .map(|name| path::file_name("fileName", name))
            .transpose()
    }

    /// The input of the upload, but for its bytes and, if the link leaves it open, the name.
    fn upload(&self) -> Result<Value, CallError> {
        if let Some(tags) = &self.tags {
            comma_joined("tags", tags)?;
        }
        let wrong = self.media_types.iter().flatten().find(|range| !is_media_range(range));
        if let Some(wrong) = wrong {
            return Err(CallError::invalid(format!(
                "mediaTypes: `{wrong}` is none; write it like image/png or image/*"
            )));
        }
        Ok(body([
            ("folder", Some(json!(self.folder()?))),
            ("fileName", self.name()?.map(plain)),
            ("tags", self.tags.as_ref().map(plain)),
            ("description", self.description.as_ref().map(plain)),
            ("customMetadata", self.custom_metadata.as_ref().map(plain)),
            ("useUniqueFileName", self.use_unique_file_name.map(plain)),
            ("overwriteFile", self.overwrite_file.map(plain)),
            ("isPrivateFile", self.is_private_file.map(plain)),
            ("isPublished", self.is_published.map(plain)),
        ]))
    }

    async fn make(&self, desk: Desk<'_>) -> Result<Value, CallError> {
        let Some(door) = desk.door else {
            return Err(CallError::NotReady(
                "this process has no door that takes uploads; ask the server".to_owned(),
            ));
        };
        let new = NewLink {
            upload: self.upload()?,
            max_bytes: self.max_bytes.unwrap_or(USUAL_SIZE).min(LARGEST),
            media_types: self.media_types.clone(),
            connection: desk.connection.to_owned(),
            life: self.expires_in.map_or(USUAL_LIFE, |s| Duration::seconds(s.into())),
        };
        let (link, secret) = desk.store.make_upload_link(&new, desk.principal, desk.now).await?;
        let url = secret.address(door);
        let name = if self.file_name.is_some() { "" } else { "&fileName=NAME" };
        Ok(json!({
            "linkId": link.id,
            "command": format!("curl -T FILE '{url}{name}'"),
            "url": url,
            "expiresAt": link.expires_at.format(&Rfc3339).unwrap_or_default(),
            "maxBytes": link.max_bytes,
            "mediaTypes": link.media_types,
            "folder": self.folder()?,
            "fileName": self.name()?,
        }))
    }
}

impl Operation for CreateUploadLink {
    const ABOUT: About = About::write(
        "create_upload_link",
        "Make a link for one upload",
        "Makes a link by which a person in a browser, or a program, uploads one file from where it is: once, for a short time, \
         into one folder, of a bounded size and kind. Use it when the file lies on somebody's machine, instead of putting \
         bytes into a message. Give the link to whoever has the file, and to nobody else: whoever has it can use it. Then \
         ask get_upload_link for the file. For a file on the web use upload_file.",
    )
    .reversible()
    .polled_by("get_upload_link")
    .examples(&[
        r#"{"folder":"/travel/2026","mediaTypes":["image/*"],"expiresIn":600}"#,
        r#"{"fileName":"contract.pdf","folder":"/legal","maxBytes":5000000,"mediaTypes":["application/pdf"],"useUniqueFileName":false}"#,
    ]);
    type Output = MadeLink;

    fn targets(&self) -> Result<Vec<Target>, CallError> {
        let folder = self.folder()?;
        Ok(match self.name()? {
            Some(name) if self.use_unique_file_name == Some(false) => vec![Target::Slot(path::join(&folder, &name))],
            _ => vec![Target::Place(folder)],
        })
    }

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("create_upload_link asks nobody"))
    }

    fn steps(&self, _: &Survey) -> Result<Vec<Step>, CallError> {
        self.upload()?;
        Ok(Vec::new())
    }

    fn kept<'a>(&'a self, desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>> {
        Some(self.make(desk).boxed())
    }

    fn inverse(&self, output: &MadeLink, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::call("revoke_upload_link", json!({ "linkId": output.link_id }))
    }
}

/// What became of a link.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetUploadLink {
    /// From create_upload_link.
    link_id: Id,
}

/// How a link stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct LinkState {
    link_id: Id,
    /// `open` waits for the file, `uploading` takes it in, `used` has it; the others never will.
    #[schemars(extend("enum" = ["open", "uploading", "used", "failed", "expired", "revoked"]))]
    state: String,
    expires_at: String,
    /// The file as it was stored, once it was.
    asset: Option<Uploaded>,
    /// The call that stored it, which can be taken back.
    execution_id: Option<String>,
    /// What went wrong with the last upload that was tried.
    error: Option<String>,
}

impl Operation for GetUploadLink {
    const ABOUT: About = About::read(
        "get_upload_link",
        "See what came by an upload link",
        "Whether the file came by a link of yours, and what it is in the library then. Wait a while between two looks: \
         somebody has to find the file first.",
    )
    .examples(&[r#"{"linkId":"upl_0123456789abcdef"}"#]);
    type Output = LinkState;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("get_upload_link asks nobody"))
    }

    fn steps(&self, _: &Survey) -> Result<Vec<Step>, CallError> {
        Ok(Vec::new())
    }

    fn kept<'a>(&'a self, desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>> {
        let look = async move {
            let id = self.link_id.as_str();
            let link = desk.store.upload_link(id, desk.principal, desk.now).await?;
            let ended = desk.store.upload_link_ended(id).await?;
            let (asset, error) = match &ended {
                Some(ended) if link.execution.is_some() => (ended["data"].clone(), Value::Null),
                Some(ended) => (Value::Null, ended["message"].clone()),
                None => (Value::Null, Value::Null),
            };
            Ok(json!({
                "linkId": link.id,
                "state": link.state,
                "expiresAt": link.expires_at.format(&Rfc3339).unwrap_or_default(),
                "asset": asset,
                "executionId": link.execution,
                "error": error,
            }))
        };
        Some(look.boxed())
    }
}

/// Ends a link before its time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RevokeUploadLink {
    /// From create_upload_link.
    link_id: Id,
}

/// It can't be used any more.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Revoked {
    revoked: bool,
}

impl Operation for RevokeUploadLink {
    const ABOUT: About = About::write(
        "revoke_upload_link",
        "End an upload link",
        "Ends a link of yours that nobody has used yet. A file that came by it stays; delete_file deletes it.",
    )
    .idempotent()
    .examples(&[r#"{"linkId":"upl_0123456789abcdef"}"#]);
    type Output = Revoked;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("revoke_upload_link asks nobody"))
    }

    fn steps(&self, _: &Survey) -> Result<Vec<Step>, CallError> {
        Ok(Vec::new())
    }

    fn kept<'a>(&'a self, desk: Desk<'a>) -> Option<BoxFuture<'a, Result<Value, CallError>>> {
        let end = async move {
            let id = self.link_id.as_str();
            desk.store.revoke_upload_link(id, desk.principal, desk.now).await?;
            Ok(json!({ "revoked": true }))
        };
        Some(end.boxed())
    }

    fn inverse(&self, _: &Revoked, _: &Survey, _: &[Value]) -> Inverse {
        Inverse::None("a link that was ended is not opened again: make another one")
    }
}
