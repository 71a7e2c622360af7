//! remove.bg: <https://www.remove.bg/api>, read in 2026.

use bytes::Bytes;
use secrecy::SecretString;
use serde_json::Value;
use transform::Format;

use crate::service::{Form, Http, Refusal, said};

/// What remove.bg takes at most.
pub(crate) const MAX_UPLOAD: usize = 22_000_000;

/// The service that cuts subjects out.
#[derive(Debug, Clone)]
pub(crate) struct RemoveBg {
    pub(crate) url: String,
    pub(crate) key: SecretString,
}

impl RemoveBg {
    /// The picture with its background transparent, or what `options` want there, as the service sends it.
    pub(crate) async fn cut_out(
        &self,
        http: &Http,
        (format, picture): (Format, Bytes),
        options: &[(&'static str, String)],
        max: usize,
    ) -> Result<Bytes, Refusal> {
        let mut form = Form::new().text("size", "auto").text("format", "png");
        for (name, value) in options {
            form = form.text(name, value.as_str());
        }
        let form = form.picture("image_file", format, picture);
        let secret = [("x-api-key", self.key.clone())];
        let reply = http.post(&self.url, &secret, form.finish(), max).await?;
        match reply.status {
            200 => Ok(reply.body),
            401 | 403 => Err(Refusal::lasting(
                "remove.bg refuses the key of the setting `removebg_key`",
            )),
            402 => Err(Refusal::lasting("the account at remove.bg has no credits left")),
            429 => Err(Refusal::passing(
                "remove.bg takes no more requests at the moment",
                reply.retry_after,
            )),
            status => {
                let reason = reason(&reply.body).map(|text| format!(": {}", said(&text, Some(&self.key))));
                let message = format!("remove.bg answered {status}{}", reason.unwrap_or_default());
                Err(Refusal {
                    message,
                    retry: status >= 500,
                    retry_after: reply.retry_after,
                })
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
