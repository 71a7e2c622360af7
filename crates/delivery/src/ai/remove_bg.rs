//! remove.bg: <https://www.remove.bg/api>, read in 2026.

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::Value;
use transform::Format;

use super::http::{Form, Http, said};

/// What remove.bg takes at most.
pub(crate) const MAX_UPLOAD: usize = 22_000_000;

/// The service that cuts subjects out.
#[derive(Debug, Clone)]
pub(crate) struct RemoveBg {
    pub(crate) url: String,
    pub(crate) key: SecretString,
}

impl RemoveBg {
    /// The picture with its background transparent, as the service sends it.
    pub(crate) async fn cut_out(
        &self,
        http: &Http,
        (format, picture): (Format, Bytes),
        max: usize,
    ) -> Result<Bytes, String> {
        let form = Form::new()
            .text("size", "auto")
            .text("format", "png")
            .picture("image_file", format, picture);
        let secret = Some(("x-api-key", &self.key));
        let reply = http.post(&self.url, secret, form.finish(), max).await?;
        match reply.status {
            200 => Ok(reply.body),
            401 | 403 => Err("remove.bg refuses the key of the setting `removebg_key`".to_owned()),
            402 => Err("the account at remove.bg has no credits left".to_owned()),
            429 => Err("remove.bg takes no more requests at the moment".to_owned()),
            status => {
                let reason = reason(&reply.body).map(|text| format!(": {}", said(&text, Some(&self.key))));
                Err(format!("remove.bg answered {status}{}", reason.unwrap_or_default()))
            }
        }
    }
}

/// `{"errors":[{"title":…,"detail":…}]}`
fn reason(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let error = answer.get("errors")?.get(0)?;
    let text = error.get("detail").or_else(|| error.get("title"))?.as_str()?;
    Some(text.to_owned())
}
