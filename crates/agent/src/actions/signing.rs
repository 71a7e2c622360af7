//! Parameters with which a browser or an app may upload one file. Made here, without a request: the private key never
//! leaves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::operation::Signer;
use super::{About, Operation, Reach};
use crate::error::CallError;
use crate::request::ApiRequest;

const LONGEST: i64 = 3600;

/// For `POST /api/v1/files/upload` without the private key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GetAuthenticationParameters {
    /// Seconds until they can no longer be used; default 3600, which is also the most.
    #[schemars(range(min = 1, max = 3600))]
    expire_in: Option<i64>,
    /// A text that is used once; default: a fresh UUID.
    #[schemars(length(min = 1, max = 200))]
    token: Option<String>,
}

/// Goes into the upload form as it is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("additionalProperties" = false))]
pub(crate) struct Parameters {
    token: String,
    /// Unix time in seconds.
    expire: i64,
    /// 40 hex digits.
    signature: String,
    /// Null if the connection has none.
    public_key: Option<String>,
}

impl Operation for GetAuthenticationParameters {
    const ABOUT: About = About {
        reach: Reach::Secret,
        ..About::read(
            "get_authentication_parameters",
            "Sign a client-side upload",
            "Makes token, expire and signature with which a browser or an app may upload one file, once, without the \
             private key. What comes out works as a credential: hand it to the program that uploads and to nobody else. \
             To upload a file yourself use upload_file.",
        )
        .examples(&["{}", r#"{"expireIn":600}"#])
    };
    type Output = Parameters;

    fn request(&self) -> Result<ApiRequest, CallError> {
        Err(CallError::invalid("get_authentication_parameters asks nobody"))
    }

    fn local(&self, signer: &Signer<'_>) -> Option<Result<Value, CallError>> {
        let token = self.token.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        // The server takes what is less than an hour ahead.
        let ahead = self.expire_in.unwrap_or(LONGEST).min(LONGEST - 1);
        let expire = signer.now.unix_timestamp() + ahead;
        Some(Ok(json!({
            "signature": signer.credential.signature(&format!("{token}{expire}")),
            "token": token,
            "expire": expire,
            "publicKey": signer.public_key,
        })))
    }
}
