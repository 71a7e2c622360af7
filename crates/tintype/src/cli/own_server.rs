//! The management API of a running server, for the commands that speak to it with its own key.

use std::error::Error;
use std::time::Duration;

use agent::Transport;
use axum::http::{Method, Request, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::ArgMatches;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tower::ServiceExt as _;

use super::own_key::private_key;
use super::read_config;

/// Longer than the server needs for anything here.
const PATIENCE: Duration = Duration::from_secs(60);

/// The server that the settings name.
pub struct OwnServer {
    base: String,
    key: SecretString,
    transport: Transport,
}

impl OwnServer {
    /// By the settings of a command: `data_dir`, `public_url`, `listen`.
    pub fn of(matches: &ArgMatches) -> Result<Self, Box<dyn Error>> {
        let config = read_config(matches)?;
        let base = config.public_base(config.listen);
        Ok(Self {
            key: private_key(&config, &base)?,
            transport: agent::network(&agent::Limits::default())?,
            base,
        })
    }

    /// One request, with a JSON body or none; what it answers, or the message of its error.
    pub async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Box<dyn Error>> {
        let credential = STANDARD.encode(format!("{}:", self.key.expose_secret()));
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, format!("Basic {credential}"));
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        let request = request.body(body)?;
        let answer = tokio::time::timeout(PATIENCE, self.transport.clone().oneshot(request))
            .await
            .map_err(|_| format!("{} did not answer in {} s", self.base, PATIENCE.as_secs()))??;
        let body: Value = if answer.body().is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(answer.body())?
        };
        if answer.status().is_success() {
            Ok(body)
        } else {
            Err(format!("{}: {}", answer.status().as_u16(), text(&body, "message")).into())
        }
    }
}

/// A field that is a text; empty where it is not there.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}
