//! Akeneo's product information, by its REST API: <https://api.akeneo.com/api-reference-index.html>, read in 2026. A user's token is asked for with the connection's
//! id and secret, and kept for as long as it is good.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use library::Origin;
use moka::sync::Cache;
use percent_encoding::utf8_percent_encode;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fetch::{FetchError, Fetched, Fetcher};
use super::storage::SEGMENT;

/// From asking for a token to having it.
const PATIENCE: Duration = Duration::from_secs(15);
/// A token's answer is longer nowhere.
const MAX_ANSWER: u64 = 64 << 10;
/// Tokens are not used in their last moments.
const SPARE: Duration = Duration::from_secs(60);
const TOKENS: u64 = 100;

/// Tokens, by the origin's id and the time of its last change.
#[derive(Debug)]
pub(super) struct Akeneo {
    tokens: Cache<(String, i64), Token>,
}

#[derive(Debug, Clone)]
struct Token {
    header: HeaderValue,
    good_until: Instant,
}

/// Why there is no file.
#[derive(Debug)]
pub(super) enum AkeneoError {
    /// It gave no token: the settings are wrong, or it is away.
    NoToken,
    /// The file could not be fetched.
    Fetch(FetchError),
}

impl From<FetchError> for AkeneoError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(error)
    }
}

impl Default for Akeneo {
    fn default() -> Self {
        Self {
            tokens: Cache::new(TOKENS),
        }
    }
}

impl Akeneo {
    /// The file at a path such as `media-files/1/6/b/d/16bd_photo.jpg`; `None` for one that no file of Akeneo's can have. `secrets` are
    /// `clientId`, `clientSecret`, `username`, `password`.
    pub(super) async fn get(
        &self,
        fetcher: &Fetcher,
        origin: &Origin,
        secrets: &Value,
        path: &str,
        max_bytes: u64,
    ) -> Result<Option<Fetched>, AkeneoError> {
        let base = origin
            .settings
            .get("baseUrl")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let base = base.trim_end_matches('/');
        let Some(url) = place(base, path) else {
            return Ok(None);
        };
        let key = (origin.id.clone(), origin.updated_at.as_millis());
        let known = self.tokens.get(&key).filter(|token| Instant::now() < token.good_until);
        let is_known = known.is_some();
        let token = match known {
            Some(token) => token,
            None => self.new_token(fetcher, base, secrets, &key).await?,
        };
        match fetch(fetcher, &url, &token, max_bytes).await {
            // It may have been withdrawn before its time.
            Err(FetchError::Status { status: 401, .. }) if is_known => {
                let token = self.new_token(fetcher, base, secrets, &key).await?;
                Ok(Some(fetch(fetcher, &url, &token, max_bytes).await?))
            }
            fetched => Ok(Some(fetched?)),
        }
    }

    async fn new_token(
        &self,
        fetcher: &Fetcher,
        base: &str,
        secrets: &Value,
        key: &(String, i64),
    ) -> Result<Token, AkeneoError> {
        #[derive(Deserialize)]
        struct Given {
            access_token: String,
            #[serde(default)]
            expires_in: u64,
        }
        let hidden = |name: &str| secrets.get(name).and_then(Value::as_str).unwrap_or_default();
        let credential = STANDARD.encode(format!("{}:{}", hidden("clientId"), hidden("clientSecret")));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, sensitive(&format!("Basic {credential}"))?);
        let body = json!({
            "grant_type": "password", "username": hidden("username"), "password": hidden("password"),
        });
        let url = format!("{base}/api/oauth/v1/token");
        let asked = Instant::now();
        let (status, answer) = fetcher
            .exchange(&url, headers, body.to_string().into(), PATIENCE, MAX_ANSWER)
            .await?;
        let given = (status == 200)
            .then(|| serde_json::from_slice::<Given>(&answer).ok())
            .flatten();
        let Some(given) = given else {
            tracing::warn!(status, origin = key.0, "an Akeneo PIM gave no token");
            return Err(AkeneoError::NoToken);
        };
        let token = Token {
            header: sensitive(&format!("Bearer {}", given.access_token))?,
            good_until: asked + Duration::from_secs(given.expires_in.min(24 * 3600)).saturating_sub(SPARE),
        };
        self.tokens.insert(key.clone(), token.clone());
        Ok(token)
    }
}

async fn fetch(fetcher: &Fetcher, url: &str, token: &Token, max_bytes: u64) -> Result<Fetched, FetchError> {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, token.header.clone())]);
    fetcher.get_with(url, max_bytes, headers).await
}

fn sensitive(text: &str) -> Result<HeaderValue, AkeneoError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| AkeneoError::NoToken)?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where the bytes of a file are. Codes have slashes in them.
fn place(base: &str, path: &str) -> Option<String> {
    let (kind, code) = path.split_once('/')?;
    let code = code.trim_matches('/');
    if code.is_empty()
        || code
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == "..")
    {
        return None;
    }
    let code: Vec<String> = code
        .split('/')
        .map(|part| utf8_percent_encode(part, SEGMENT).to_string())
        .collect();
    let code = code.join("/");
    match kind {
        // What is at the address itself are facts about it.
        "media-files" => Some(format!(
            "{base}/api/rest/v1/media-files/{}/download",
            code.strip_suffix("/download").unwrap_or(&code)
        )),
        "asset-media-files" | "reference-entities-media-files" => Some(format!("{base}/api/rest/v1/{kind}/{code}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for (path, expected) in [
            (
                "media-files/1/6/b/d/16bd_a b.jpg",
                Some("https://p/api/rest/v1/media-files/1/6/b/d/16bd_a%20b.jpg/download"),
            ),
            (
                "media-files/1/6.jpg/download",
                Some("https://p/api/rest/v1/media-files/1/6.jpg/download"),
            ),
            (
                "asset-media-files/1/6.jpg",
                Some("https://p/api/rest/v1/asset-media-files/1/6.jpg"),
            ),
            (
                "reference-entities-media-files/6.jpg",
                Some("https://p/api/rest/v1/reference-entities-media-files/6.jpg"),
            ),
            ("products/a", None),
            ("media-files", None),
            ("media-files/", None),
            ("media-files/../products", None),
            ("media-files/a//b", None),
            ("a.jpg", None),
        ] {
            assert_eq!(place("https://p", path).as_deref(), expected, "{path}");
        }
    }
}
