//! The issuer's keys: found by its metadata, kept for a while, asked for anew when a token names one that is not known.

use std::sync::Arc;
use std::time::Duration;

use agent::{Transport, TransportError};
use axum::http::{Request, header};
use bytes::Bytes;
use jsonwebtoken::crypto::{CryptoProvider, JwkUtils, JwtVerifier};
use jsonwebtoken::errors::{ErrorKind, Result as JwtResult};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::signature::{Error as SignatureError, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512,
    RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use url::Url;

use super::OauthSettings;

/// How long keys are taken without asking again.
const KEPT: Duration = Duration::from_secs(600);
/// How often the issuer is asked at most, whatever tokens come.
const ASKED_EVERY: Duration = Duration::from_secs(30);
/// How long the issuer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Most keys of an issuer.
const MOST: usize = 100;

/// Why keys can't be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No answer.
    #[error("the issuer does not answer")]
    Unanswered(#[source] TransportError),
    /// Not in time.
    #[error("the issuer does not answer in time")]
    Late,
    /// Another answer than keys or metadata.
    #[error("{0}")]
    Answer(String),
}

/// The keys of one issuer.
#[derive(Debug)]
pub struct IssuerKeys {
    issuer: String,
    given: Option<String>,
    network: Transport,
    /// Held while the issuer is asked, so that many tokens at once ask once.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    address: Option<String>,
    keys: Arc<Vec<Jwk>>,
    asked: Option<Instant>,
    /// The last question was answered.
    good: bool,
}

impl IssuerKeys {
    /// Nothing is asked before the first token comes.
    pub fn new(settings: &OauthSettings, network: Transport) -> Self {
        // Whoever was first installed the same.
        let _ = PROVIDER.install_default();
        Self {
            issuer: settings.issuer.clone(),
            given: settings.jwks_url.clone(),
            network,
            known: Mutex::default(),
        }
    }

    /// The key that a token names, or the only one that fits; `None` if the issuer has none.
    pub async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<Option<DecodingKey>, KeyError> {
        let mut known = self.known.lock().await;
        let age = known.asked.map(|asked| asked.elapsed());
        let found = chosen(&known.keys, id, algorithm);
        let is_fresh = age.is_some_and(|age| age < KEPT);
        if found.is_some() && is_fresh {
            return Ok(found);
        }
        if age.is_some_and(|age| age < ASKED_EVERY) {
            return match found {
                None if !known.good => Err(KeyError::Answer(
                    "the issuer could not be asked a moment ago".to_owned(),
                )),
                found => Ok(found),
            };
        }
        known.asked = Some(Instant::now());
        known.good = false;
        match self.ask(&mut known).await {
            Ok(keys) => {
                known.keys = Arc::new(keys);
                known.good = true;
                Ok(chosen(&known.keys, id, algorithm))
            }
            // Keys that were good a while ago are, while their issuer rests.
            Err(error) if found.is_some() => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an issuer's keys can't be had anew"
                );
                Ok(found)
            }
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, known: &mut Known) -> Result<Vec<Jwk>, KeyError> {
        let address = match self.given.as_ref().or(known.address.as_ref()) {
            Some(address) => address.clone(),
            None => self.discover().await?,
        };
        let set = self.get(&address).await?;
        let keys = set["keys"]
            .as_array()
            .ok_or_else(|| KeyError::Answer(format!("{address} holds no keys")))?;
        known.address = Some(address);
        // Keys of kinds that are not known here stand beside others.
        let keys = keys
            .iter()
            .take(MOST)
            .filter_map(|key| serde_json::from_value(key.clone()).ok());
        Ok(keys.collect())
    }

    /// Where the keys are, by the issuer's metadata: RFC 8414's place, then OpenID Connect's.
    async fn discover(&self) -> Result<String, KeyError> {
        let wrong = |_| KeyError::Answer(format!("the issuer {} is no URL", self.issuer));
        let url = Url::parse(&self.issuer).map_err(wrong)?;
        let path = url.path().trim_end_matches('/');
        let origin = url.origin().ascii_serialization();
        let places = [
            format!("{origin}/.well-known/oauth-authorization-server{path}"),
            format!("{origin}{path}/.well-known/openid-configuration"),
        ];
        let mut last = KeyError::Answer("the issuer has no metadata".to_owned());
        for place in places {
            match self.get(&place).await {
                Ok(metadata) if metadata["issuer"] == self.issuer.as_str() => {
                    if let Some(address) = metadata["jwks_uri"].as_str() {
                        return Ok(address.to_owned());
                    }
                    last = KeyError::Answer(format!("{place} names no jwks_uri"));
                }
                Ok(_) => last = KeyError::Answer(format!("{place} is of another issuer than {}", self.issuer)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    async fn get(&self, address: &str) -> Result<Value, KeyError> {
        let request = Request::get(address)
            .header(header::ACCEPT, "application/json")
            .body(Bytes::new())
            .map_err(|_| KeyError::Answer(format!("{address} is no address")))?;
        let answer = timeout(PATIENCE, self.network.clone().oneshot(request))
            .await
            .map_err(|_| KeyError::Late)?
            .map_err(KeyError::Unanswered)?;
        if !answer.status().is_success() {
            return Err(KeyError::Answer(format!(
                "{address} answers {}",
                answer.status().as_u16()
            )));
        }
        serde_json::from_slice(answer.body()).map_err(|_| KeyError::Answer(format!("{address} holds no JSON")))
    }
}

/// The key for a signature of that kind.
fn chosen(keys: &[Jwk], id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
    let fits = |key: &&Jwk| {
        let named = id.is_none_or(|id| key.common.key_id.as_deref() == Some(id));
        let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
        let for_it = key
            .common
            .key_algorithm
            .is_none_or(|declared| declared.to_string() == format!("{algorithm:?}"));
        named && signs && for_it
    };
    let mut found = keys
        .iter()
        .filter(fits)
        .filter_map(|key| DecodingKey::from_jwk(key).ok())
        .filter(|key| key.family() == algorithm.family());
    let first = found.next()?;
    // Without a name there has to be one only.
    (id.is_some() || found.next().is_none()).then_some(first)
}

/// Signatures are checked by `ring`, the one library for that here.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: verifier,
    jwk_utils: JwkUtils::new_unimplemented(),
};

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> JwtResult<Box<dyn JwtVerifier>> {
    let way = Way::of(*algorithm).ok_or(ErrorKind::InvalidAlgorithm)?;
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(Check {
        algorithm: *algorithm,
        way,
        key: key.clone(),
    }))
}

struct Check {
    algorithm: Algorithm,
    way: Way,
    key: DecodingKey,
}

enum Way {
    Rsa(&'static RsaParameters),
    Point(&'static dyn VerificationAlgorithm),
}

impl Way {
    fn of(algorithm: Algorithm) -> Option<Self> {
        Some(match algorithm {
            Algorithm::RS256 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            Algorithm::RS384 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            Algorithm::RS512 => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            Algorithm::PS256 => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            Algorithm::PS384 => Self::Rsa(&RSA_PSS_2048_8192_SHA384),
            Algorithm::PS512 => Self::Rsa(&RSA_PSS_2048_8192_SHA512),
            Algorithm::ES256 => Self::Point(&ECDSA_P256_SHA256_FIXED),
            Algorithm::ES384 => Self::Point(&ECDSA_P384_SHA384_FIXED),
            Algorithm::EdDSA => Self::Point(&ED25519),
            _ => return None,
        })
    }
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), SignatureError> {
        let checked = match (&self.way, self.key.kind()) {
            (Way::Rsa(way), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                let leading = n.iter().take_while(|byte| **byte == 0).count();
                RsaPublicKeyComponents { n: &n[leading..], e }.verify(way, message, signature)
            }
            (Way::Point(way), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(*way, point).verify(message, signature)
            }
            _ => return Err(SignatureError::new()),
        };
        checked.map_err(|_| SignatureError::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
