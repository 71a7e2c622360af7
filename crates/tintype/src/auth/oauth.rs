//! OAuth 2.1 from a resource server's side: access tokens (JWT, RFC 9068) of one issuer, checked by its published keys,
//! for this server alone. Who the tokens are given to, and how people sign in, is the issuer's business.

mod keys;

use agent::{Effect, Grant, Kind, Principal, Transport};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use keys::{IssuerKeys, KeyError};

/// What a token may cover, by the name of its scope; each covers those before it.
pub const SCOPES: [(&str, Effect); 3] = [
    ("tintype:read", Effect::Read),
    ("tintype:write", Effect::Write),
    ("tintype:destroy", Effect::Destructive),
];

/// Where the description of this resource is (RFC 9728).
pub const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// Signatures that are taken: those of key pairs, never of shared secrets.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Seconds by which the issuer's clock may differ from ours.
const LEEWAY_S: u64 = 30;
/// Longest token.
const LONGEST: usize = 16 << 10;

/// Whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthSettings {
    /// The issuer, exactly as its tokens name it.
    pub issuer: String,
    /// What tokens for this server name as their audience; `None` for its own addresses.
    pub audience: Option<String>,
    /// Where the issuer's keys are; `None` to ask its metadata.
    pub jwks_url: Option<String>,
}

/// Why a token lets nobody in.
#[derive(Debug, thiserror::Error)]
pub enum OauthError {
    /// It is not one of the issuer's for this server, or its time is over.
    #[error("the access token is not valid: {0}")]
    Invalid(&'static str),
    /// It covers nothing here.
    #[error("the access token has none of the scopes {}", scope_names().join(", "))]
    NoScope,
    /// The issuer's keys can't be had.
    #[error("the keys of the token's issuer can't be had")]
    Keys(#[from] KeyError),
}

/// Checks tokens.
#[derive(Debug)]
pub struct Oauth {
    issuer: String,
    audiences: Vec<String>,
    /// `https://host/mcp`: what clients ask tokens for.
    resource: String,
    base: String,
    keys: IssuerKeys,
}

/// What of a token counts here.
#[derive(Debug, Deserialize)]
struct Claims {
    sub: Option<String>,
    client_id: Option<String>,
    azp: Option<String>,
    #[serde(default)]
    scope: Scopes,
    #[serde(default)]
    scp: Scopes,
    /// Folders that the token is narrowed to.
    #[serde(default)]
    tintype_folders: Vec<String>,
    /// Tags of the files that it is narrowed to.
    #[serde(default)]
    tintype_tags: Vec<String>,
    /// Values of custom metadata, `field=value`, of the files that it is narrowed to.
    #[serde(default)]
    tintype_metadata: Vec<String>,
}

/// Issuers write them as one text or as a list.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Scopes {
    Text(String),
    List(Vec<String>),
}

impl Default for Scopes {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Scopes {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Text(text) => text.split(' ').any(|scope| scope == name),
            Self::List(list) => list.iter().any(|scope| scope == name),
        }
    }
}

/// Every scope by its name.
pub fn scope_names() -> Vec<&'static str> {
    SCOPES.iter().map(|(name, _)| *name).collect()
}

impl Oauth {
    /// `base` is the server's own address, without a trailing slash.
    pub fn new(settings: &OauthSettings, base: &str, network: Transport) -> Self {
        let resource = format!("{base}/mcp");
        Self {
            issuer: settings.issuer.clone(),
            audiences: match &settings.audience {
                Some(audience) => vec![audience.clone()],
                None => vec![resource.clone(), base.to_owned(), format!("{base}/")],
            },
            resource,
            base: base.to_owned(),
            keys: IssuerKeys::new(settings, network),
        }
    }

    /// The description of this resource.
    pub fn metadata(&self) -> Value {
        json!({
            "resource": self.resource,
            "resource_name": "Tintype",
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
            "scopes_supported": scope_names(),
        })
    }

    /// Where a client finds it.
    pub fn metadata_url(&self) -> String {
        format!("{}{METADATA_PATH}/mcp", self.base)
    }

    /// The challenge of an answer that lets nobody in: `error` as RFC 6750 names it, if a token came.
    pub fn challenge(&self, error: Option<&str>, scopes: &[&str]) -> String {
        let mut text = format!(
            "Bearer realm=\"tintype\", resource_metadata=\"{}\"",
            self.metadata_url()
        );
        if let Some(error) = error {
            text.push_str(&format!(", error=\"{error}\""));
        }
        if !scopes.is_empty() {
            text.push_str(&format!(", scope=\"{}\"", scopes.join(" ")));
        }
        text
    }

    /// Whoever the token is for: an agent, whatever it acts for, because a program speaks.
    pub async fn principal(&self, token: &str) -> Result<Principal, OauthError> {
        if token.len() > LONGEST {
            return Err(OauthError::Invalid("it is too long"));
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| OauthError::Invalid("it is no JWT"))?;
        if !ALGORITHMS.contains(&header.alg) {
            return Err(OauthError::Invalid("it is signed in a way that is not taken"));
        }
        let mut validation = Validation::new(header.alg);
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&self.audiences);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY_S;
        let key = self
            .keys
            .find(header.kid.as_deref(), header.alg)
            .await?
            .ok_or(OauthError::Invalid("its issuer has no such key"))?;
        let read = jsonwebtoken::decode::<Claims>(token, &key, &validation).map_err(|error| {
            OauthError::Invalid(match error.kind() {
                ErrorKind::ExpiredSignature => "its time is over",
                ErrorKind::ImmatureSignature => "its time has not come",
                ErrorKind::InvalidIssuer => "it is of another issuer",
                ErrorKind::InvalidAudience => "it is for another server",
                ErrorKind::MissingRequiredClaim(_) => "exp, iss or aud is missing",
                ErrorKind::InvalidSignature => "its signature is wrong",
                _ => "it can't be read",
            })
        })?;
        grant(read.claims)
    }
}

fn grant(claims: Claims) -> Result<Principal, OauthError> {
    let has = |name: &str| claims.scope.has(name) || claims.scp.has(name);
    let most = SCOPES
        .iter()
        .rposition(|(name, _)| has(name))
        .ok_or(OauthError::NoScope)?;
    // What narrows and can't be read must not be read over.
    let metadata = Grant::metadata_of(&claims.tintype_metadata)
        .map_err(|_| OauthError::Invalid("tintype_metadata is no list of field=value"))?;
    let who = claims.sub.as_deref().unwrap_or("unknown");
    let client = claims.client_id.or(claims.azp);
    let client = client.map(|client| format!(" by {client}")).unwrap_or_default();
    let id: String = format!("agent:oauth:{who}{client}").chars().take(150).collect();
    Ok(Principal {
        id,
        kind: Kind::Agent,
        grant: Some(Grant {
            effects: SCOPES[..=most].iter().map(|(_, effect)| *effect).collect(),
            folders: claims.tintype_folders,
            tags: claims.tintype_tags,
            metadata,
            ..Grant::default()
        }),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use agent::TransportError;
    use axum::http::{Request, Response};
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use bytes::Bytes;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};

    use super::*;

    struct Issuer {
        ec: EcdsaKeyPair,
        ed: Ed25519KeyPair,
        random: SystemRandom,
        asked: Arc<AtomicUsize>,
    }

    impl Issuer {
        fn new() -> Self {
            let random = SystemRandom::new();
            let ec = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            let ed = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            Self {
                ec: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, ec.as_ref(), &random).unwrap(),
                ed: Ed25519KeyPair::from_pkcs8(ed.as_ref()).unwrap(),
                random,
                asked: Arc::default(),
            }
        }

        fn jwks(&self) -> Value {
            let point = self.ec.public_key().as_ref();
            let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            json!({ "keys": [
                { "kty": "strange", "kid": "0" },
                { "kty": "EC", "crv": "P-256", "kid": "ec", "use": "sig", "x": text(&point[1..33]), "y": text(&point[33..]) },
                { "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": text(self.ed.public_key().as_ref()) },
                { "kty": "oct", "kid": "shared", "k": text(b"secret") },
            ]})
        }

        /// Serves metadata and keys.
        fn network(&self) -> Transport {
            let (jwks, asked) = (self.jwks(), Arc::clone(&self.asked));
            Transport::new(tower::service_fn(move |request: Request<Bytes>| {
                asked.fetch_add(1, Ordering::SeqCst);
                let answer = match request.uri().path() {
                    "/.well-known/oauth-authorization-server/realm" => {
                        json!({ "issuer": "https://issuer/realm", "jwks_uri": "https://issuer/keys" })
                    }
                    "/keys" => jwks.clone(),
                    _ => Value::Null,
                };
                async move {
                    let status = if answer.is_null() { 404 } else { 200 };
                    let body = Bytes::from(answer.to_string());
                    Ok::<_, TransportError>(Response::builder().status(status).body(body).unwrap())
                }
            }))
        }

        fn token(&self, header: Value, claims: &Value) -> String {
            let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            let signed = format!("{}.{}", text(&header), text(claims));
            let signature = match header["alg"].as_str() {
                Some("EdDSA") => self.ed.sign(signed.as_bytes()).as_ref().to_vec(),
                _ => self.ec.sign(&self.random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            };
            format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
        }
    }

    fn claims() -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        json!({
            "iss": "https://issuer/realm", "aud": "https://media/mcp", "exp": now + 600, "sub": "ann", "client_id": "editor",
            "scope": "openid tintype:write",
        })
    }

    #[tokio::test]
    async fn tokens_of_the_issuer_for_this_server_let_in() {
        let issuer = Issuer::new();
        let settings = OauthSettings {
            issuer: "https://issuer/realm".into(),
            audience: None,
            jwks_url: None,
        };
        let oauth = Oauth::new(&settings, "https://media", issuer.network());
        let es = || json!({ "alg": "ES256", "kid": "ec", "typ": "at+jwt" });
        let let_in = async |header: Value, claims: Value| oauth.principal(&issuer.token(header, &claims)).await;
        let who = let_in(es(), claims()).await.unwrap();
        assert_eq!(who.id, "agent:oauth:ann by editor");
        let grant = who.grant.unwrap();
        assert_eq!(grant.effects, [Effect::Read, Effect::Write]);
        assert!(!grant.is_narrow());
        let mut narrow = claims();
        narrow["scope"] = Value::Null;
        narrow["scp"] = json!(["tintype:destroy"]);
        narrow["aud"] = json!(["other", "https://media"]);
        narrow["tintype_folders"] = json!(["/travel"]);
        narrow.as_object_mut().unwrap().remove("scope");
        let grant = let_in(json!({ "alg": "EdDSA", "kid": "ed" }), narrow)
            .await
            .unwrap()
            .grant
            .unwrap();
        assert_eq!(
            (grant.effects.len(), grant.folders.as_slice()),
            (3, ["/travel".to_owned()].as_slice())
        );
        let mut narrow = claims();
        narrow["tintype_metadata"] = json!(["department=press"]);
        let grant = let_in(es(), narrow.clone()).await.unwrap().grant.unwrap();
        assert_eq!(grant.metadata["department"], ["press"]);
        narrow["tintype_metadata"] = json!(["press"]);
        assert!(matches!(let_in(es(), narrow).await, Err(OauthError::Invalid(_))));
        // The metadata once, the keys once.
        assert_eq!(issuer.asked.load(Ordering::SeqCst), 2);

        let changed = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            claims
        };
        let without = |name: &str| {
            let mut claims = claims();
            claims.as_object_mut().unwrap().remove(name);
            claims
        };
        for (header, claims, reason) in [
            (es(), changed("aud", json!("https://other/mcp")), "for another server"),
            (es(), without("aud"), "missing"),
            (es(), changed("iss", json!("https://other")), "another issuer"),
            (es(), changed("exp", json!(1)), "time is over"),
            (es(), without("exp"), "missing"),
            (es(), changed("nbf", json!(99_999_999_999_u64)), "time has not come"),
            (es(), changed("scope", json!("openid")), "none of the scopes"),
            (json!({ "alg": "ES256", "kid": "unknown" }), claims(), "no such key"),
            // A key of one kind does not check signatures of another, and shared secrets check none.
            (json!({ "alg": "RS256", "kid": "ec" }), claims(), "no such key"),
            (
                json!({ "alg": "HS256", "kid": "shared" }),
                claims(),
                "in a way that is not taken",
            ),
            (json!({ "alg": "none" }), claims(), "no JWT"),
        ] {
            let refused = let_in(header.clone(), claims.clone()).await.unwrap_err().to_string();
            assert!(refused.contains(reason), "{header} {claims}: {refused}");
        }
        let other = Issuer::new().token(es(), &claims());
        assert!(
            oauth
                .principal(&other)
                .await
                .unwrap_err()
                .to_string()
                .contains("signature is wrong")
        );
        assert!(oauth.principal("tta_x").await.is_err());
        assert_eq!(
            oauth.challenge(Some("invalid_token"), &["tintype:read"]),
            "Bearer realm=\"tintype\", resource_metadata=\"https://media/.well-known/oauth-protected-resource/mcp\", \
             error=\"invalid_token\", scope=\"tintype:read\""
        );
        assert_eq!(oauth.metadata()["resource"], "https://media/mcp");
    }
}
