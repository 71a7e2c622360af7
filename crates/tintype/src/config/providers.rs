use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{ConfigError, PublicUrl, Texts, service_key};

/// Who carries out extensions.
#[derive(Debug, Clone)]
pub struct ProviderSettings {
    /// For Google Cloud Vision.
    pub google_vision_key: Option<SecretString>,
    /// Where it is asked.
    pub google_vision_url: PublicUrl,
    /// For Amazon Rekognition.
    pub aws: Option<AwsSettings>,
    /// A model that looks at pictures.
    pub vision: Option<VisionSettings>,
}

/// An account of AWS.
#[derive(Debug, Clone)]
pub struct AwsSettings {
    /// Names the key.
    pub access_key: String,
    /// The key.
    pub secret_key: SecretString,
    /// Such as `eu-central-1`.
    pub region: String,
    /// Where Rekognition is asked.
    pub rekognition_url: Url,
}

/// A server that speaks the chat completions API of OpenAI.
#[derive(Debug, Clone)]
pub struct VisionSettings {
    /// Such as `https://api.openai.com`.
    pub url: PublicUrl,
    /// Sent as a bearer token.
    pub key: Option<SecretString>,
    /// As the server names it.
    pub model: String,
}

impl ProviderSettings {
    pub(super) fn from_texts(texts: &Texts) -> Result<Self, ConfigError> {
        Ok(Self {
            google_vision_key: service_key(texts, "google_vision_key")?,
            google_vision_url: texts.parse("google_vision_url")?,
            aws: aws(texts)?,
            vision: vision(texts)?,
        })
    }
}

fn aws(texts: &Texts) -> Result<Option<AwsSettings>, ConfigError> {
    let Some(access_key) = service_key(texts, "aws_access_key")? else {
        return Ok(None);
    };
    let secret_key = service_key(texts, "aws_secret_key")?
        .ok_or_else(|| texts.refuse("aws_secret_key", "must be given with aws_access_key"))?;
    let region = texts.get("aws_region").0.trim().to_owned();
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || region.len() > 50 || !region.bytes().all(plain) {
        return Err(texts.refuse("aws_region", "must name a region such as eu-central-1"));
    }
    let url = match texts.parse_optional::<PublicUrl>("aws_rekognition_url")? {
        Some(url) => url.to_string(),
        None => format!("https://rekognition.{region}.amazonaws.com"),
    };
    Ok(Some(AwsSettings {
        access_key: access_key.expose_secret().to_owned(),
        secret_key,
        rekognition_url: Url::parse(&url).map_err(|error| texts.refuse("aws_rekognition_url", error.to_string()))?,
        region,
    }))
}

fn vision(texts: &Texts) -> Result<Option<VisionSettings>, ConfigError> {
    let Some(url) = texts.parse_optional("vision_url")? else {
        return Ok(None);
    };
    let model = texts.get("vision_model").0.trim().to_owned();
    if model.is_empty() {
        return Err(texts.refuse(
            "vision_model",
            "must name a model of the server that `vision_url` names",
        ));
    }
    Ok(Some(VisionSettings {
        url,
        key: service_key(texts, "vision_key")?,
        model,
    }))
}
