//! The images API of OpenAI, which other servers (LocalAI, vLLM and more) speak too:
//! <https://platform.openai.com/docs/api-reference/images>, read in 2026.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::SecretString;
use serde_json::Value;
use transform::parameters::AiOperation;
use transform::{Format, Size};

use crate::service::{Form, Http, Reply, said};

/// A server that makes and edits pictures by words.
#[derive(Debug, Clone)]
pub(crate) struct Images {
    /// Without a trailing slash; with or without `/v1`.
    pub(crate) url: String,
    pub(crate) key: Option<SecretString>,
    /// `Bearer …`, as it is sent.
    pub(crate) bearer: Option<SecretString>,
    pub(crate) model: String,
}

/// The sizes in which pictures are made.
const SIZES: [Size; 3] = [
    Size {
        width: 1024,
        height: 1024,
    },
    Size {
        width: 1536,
        height: 1024,
    },
    Size {
        width: 1024,
        height: 1536,
    },
];

impl Images {
    /// The size whose sides are most like those of a picture.
    pub(crate) fn canvas(&self, picture: Size) -> Size {
        // The older models make squares only.
        let sizes = if self.model.starts_with("dall-e-2") {
            &SIZES[..1]
        } else {
            &SIZES[..]
        };
        let ratio = |size: Size| (f64::from(size.width) / f64::from(size.height.max(1))).ln();
        let far = |size: &Size| (ratio(*size) - ratio(picture)).abs();
        let nearest = sizes.iter().min_by(|one, other| far(one).total_cmp(&far(other)));
        nearest.copied().unwrap_or(SIZES[0])
    }

    /// A picture edited by words, within the transparent part of it if `masked`.
    pub(crate) async fn edit(
        &self,
        http: &Http,
        picture: Bytes,
        masked: bool,
        prompt: &str,
        size: Size,
        max: usize,
    ) -> Result<Bytes, String> {
        let mut form = Form::new()
            .text("model", self.model.as_str())
            .text("prompt", prompt)
            .text("n", "1")
            .text("size", format!("{}x{}", size.width, size.height));
        if self.asks_for_bytes() {
            form = form.text("response_format", "b64_json");
        }
        form = form.picture("image", Format::Png, picture.clone());
        if masked {
            form = form.picture("mask", Format::Png, picture);
        }
        self.picture(self.post(http, "images/edits", form.finish(), max).await?)
    }

    /// The newer models always send bytes and refuse to be asked; the others send an address unless they are.
    fn asks_for_bytes(&self) -> bool {
        !self.model.starts_with("gpt-image") && !self.model.starts_with("chatgpt-image")
    }

    async fn post(&self, http: &Http, path: &str, content: (String, Vec<u8>), max: usize) -> Result<Reply, String> {
        let base = self.url.trim_end_matches('/');
        let version = if base.ends_with("/v1") { "" } else { "/v1" };
        let bearer = self.bearer.clone().map(|bearer| ("authorization", bearer));
        // Base64 and what stands around it.
        let max = max / 3 * 4 + (64 << 10);
        http.post(&format!("{base}{version}/{path}"), bearer.as_slice(), content, max)
            .await
            .map_err(|error| error.to_string())
    }

    fn picture(&self, reply: Reply) -> Result<Bytes, String> {
        if matches!(reply.status, 401 | 403) {
            return Err("the images server refuses the key of the setting `images_key`".to_owned());
        }
        let answer: Option<Value> = serde_json::from_slice(&reply.body).ok();
        let field = |path: &[&str]| {
            let mut at = answer.as_ref()?;
            for name in path {
                at = match name.parse::<usize>() {
                    Ok(index) => at.get(index)?,
                    Err(_) => at.get(name)?,
                };
            }
            at.as_str()
        };
        if reply.status != 200 {
            let reason = field(&["error", "message"]).map(|text| format!(": {}", said(text, self.key.as_ref())));
            return Err(format!(
                "the images server answered {}{}",
                reply.status,
                reason.unwrap_or_default()
            ));
        }
        let encoded = field(&["data", "0", "b64_json"]).ok_or("the images server sent no `b64_json`")?;
        let picture = STANDARD
            .decode(encoded)
            .map_err(|_| "the images server sent broken base64")?;
        Ok(picture.into())
    }
}

/// What is said to a model.
pub(crate) fn words(operation: &AiOperation) -> String {
    match operation {
        AiOperation::ChangeBackground(prompt) => format!(
            "Replace the background of this picture with: {}. Keep the subject exactly as it is, in the same place.",
            prompt.as_str()
        ),
        AiOperation::Fill(Some(prompt)) => {
            format!("Extend this picture into its empty surroundings: {}.", prompt.as_str())
        }
        AiOperation::Fill(None) => {
            "Extend this picture into its empty surroundings, so that the result looks like one photograph.".to_owned()
        }
        AiOperation::Variation => {
            "Make a variation of this picture: the same subject and style, with other details.".to_owned()
        }
        other => other
            .prompt()
            .map(|prompt| prompt.as_str().to_owned())
            .unwrap_or_default(),
    }
}
