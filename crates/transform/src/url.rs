//! URLs: what a request asks for, how an address is built, and how it is signed.

mod delivery;
mod request;
mod signature;

pub use delivery::{DeliveryUrl, Position};
pub use request::{AssetRequest, Attachment, Marker};
pub use signature::{SignatureState, sign, verify};

/// Why a URL names no asset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// The path does not begin with that of the endpoint.
    #[error("the path is not under the URL endpoint `{prefix}`")]
    OutsideEndpoint {
        /// Path of the endpoint.
        prefix: String,
    },
    /// Nothing is left once the endpoint and the transformation are taken away.
    #[error("the URL names no asset")]
    NoAsset,
    /// A segment of the path that could lead to another place than it shows.
    #[error("the path holds {what}")]
    UnsafePath {
        /// What it holds.
        what: &'static str,
    },
    /// `ik-seo` without a path and a readable name behind it.
    #[error("`ik-seo` needs a path and a file name with an ending")]
    MalformedSeo,
}

/// What follows the endpoint in a raw request target, without the slash between them.
fn under_endpoint<'a>(target: &'a str, prefix: &str) -> Result<&'a str, UrlError> {
    let prefix = prefix.trim_end_matches('/');
    let outside = || UrlError::OutsideEndpoint {
        prefix: prefix.to_owned(),
    };
    let rest = target.strip_prefix(prefix).ok_or_else(outside)?;
    match rest.strip_prefix('/') {
        Some(rest) => Ok(rest),
        None if rest.is_empty() || rest.starts_with('?') => Ok(rest),
        None => Err(outside()),
    }
}
