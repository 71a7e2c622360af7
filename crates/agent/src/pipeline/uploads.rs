//! Uploads by links: bytes from whoever has the link, stored in the name of whoever made it.

use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{Answer, Call, Options, Pipeline};
use crate::error::CallError;
use crate::upload_link::UploadLink;

/// A file that came by a link.
#[derive(Debug)]
pub struct Arrived {
    /// All of it.
    pub bytes: Bytes,
    /// How whoever has it calls it.
    pub file_name: Option<String>,
    /// What it is, by its content.
    pub media_type: String,
    /// The program that brings it, as it calls itself.
    pub client: Option<String>,
}

impl Pipeline {
    /// Stores a file that came by a link: a call of `upload_file` by whoever made it, under their token, the rules and
    /// their budgets as they are now. Used up unless nothing was stored.
    pub async fn upload_by_link(
        &self,
        link: &UploadLink,
        arrived: Arrived,
        at: OffsetDateTime,
    ) -> Result<Answer, CallError> {
        fits(link, &arrived)?;
        self.store.still_valid(link.principal(), at).await?;
        let mut input = link.upload.clone();
        if link.file_name().is_none() {
            let name = arrived.file_name.filter(|name| !name.trim().is_empty());
            let name = name.ok_or_else(|| CallError::invalid("fileName: the link leaves it to you"))?;
            input["fileName"] = json!(name);
        }
        self.store.take_upload_link(&link.id, at).await?;
        let call = Call {
            action: "upload_file".to_owned(),
            input,
            file: Some(arrived.bytes),
            principal: link.principal().clone(),
            at,
            options: Options {
                connection: Some(link.connection.clone()),
                intent: Some(format!("by the upload link {}", link.id)),
                client: arrived.client,
                ..Options::default()
            },
        };
        let result = self.call(call).await;
        let (state, execution, ended): (_, _, Value) = match &result {
            Ok(answer) => (
                "used",
                Some(answer.meta.execution_id.as_str()),
                json!({ "data": answer.data }),
            ),
            Err(error) if error.changed_nothing() => ("open", None, error.report()),
            Err(error) => ("failed", None, error.report()),
        };
        self.store.upload_link_is(&link.id, state, execution, &ended).await?;
        result
    }
}

/// What the link is for.
fn fits(link: &UploadLink, arrived: &Arrived) -> Result<(), CallError> {
    let size = arrived.bytes.len() as u64;
    if size == 0 || size > link.max_bytes {
        return Err(CallError::NotTaken {
            wanted: format!("1 to {} bytes", link.max_bytes),
            found: format!("{size} bytes"),
        });
    }
    if !link.takes(&arrived.media_type) {
        return Err(CallError::NotTaken {
            wanted: link.media_types.clone().unwrap_or_default().join(", "),
            found: arrived.media_type.clone(),
        });
    }
    Ok(())
}
