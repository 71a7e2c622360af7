use std::sync::Arc;
use std::time::Duration;

use transform::{ExpandError, ParseError, PlanError, UrlError};

use crate::CachePolicy;

/// What a client can do about an error. Few on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The transformation, or another part of the URL, has to be written differently. 400.
    BadTransformation,
    /// A valid signature is needed. 401.
    Unauthorised,
    /// Not for this client. 403.
    Forbidden,
    /// There is no such file. 404.
    NotFound,
    /// The file is there, and it can't be read as what it would have to be. 415.
    Unsupported,
    /// It costs more than is allowed. 400.
    Limit,
    /// None of the asked bytes exist. 416.
    RangeNotSatisfiable,
    /// Later. 503.
    Overloaded,
    /// Not in this version, or not set up. 501.
    Unavailable,
    /// A service that we asked could not do its part. 502.
    Upstream,
    /// Our fault. 500.
    Internal,
}

/// Why a request got no file. Shared by all who waited for the same rendition, so it can be cloned.
#[derive(Debug, Clone, thiserror::Error)]
pub enum DeliveryError {
    /// The URL or its transformation can't be understood or done.
    #[error("{message}")]
    BadTransformation {
        /// What is wrong, with the place where it is.
        message: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// No signature where one is needed, or one that is wrong or expired.
    #[error("{0}")]
    Unauthorised(&'static str),
    /// The client is on a list of those who get nothing, or on none of those who do.
    #[error("{0}")]
    Forbidden(&'static str),
    /// No file at the path, or none that may be seen.
    #[error("No file was found at the specified path")]
    NotFound,
    /// A file that a layer needs is not there, or may not be seen.
    #[error("No file was found for the layer's input `{0}`")]
    InputNotFound(String),
    /// The stored bytes are broken, or use a part of their format that is not read here.
    #[error("{0}")]
    Unsupported(String),
    /// More pixels, bytes or seconds than allowed.
    #[error("{message}")]
    Limit {
        /// What there is too much of.
        message: String,
        /// What to ask for instead.
        hint: Option<String>,
    },
    /// More time than a rendition may take.
    #[error("making this takes longer than the allowed {0:?}")]
    TooSlow(Duration),
    /// None of the asked bytes exist.
    #[error("the file has {total} bytes")]
    RangeNotSatisfiable {
        /// How many bytes there are.
        total: u64,
    },
    /// Too much to do, or the server is going down.
    #[error("too much to do right now")]
    Overloaded {
        /// When trying again makes sense.
        retry_after_s: u32,
    },
    /// An origin that could not be asked, or refused.
    #[error("{message}")]
    Origin {
        /// For the `ik-error` header: `EACCES`, `ECONNREFUSED`, `UNIDENTIFIED`.
        code: &'static str,
        /// What happened, without the origin's address.
        message: String,
    },
    /// A part of the URL language that this version does not have.
    #[error("{0} is not available in this version")]
    Unavailable(&'static str),
    /// Nothing is set up that could do an operation.
    #[error("`{operation}` is not set up: {instruction}")]
    NotSetUp {
        /// As written in a URL.
        operation: &'static str,
        /// What the operator has to install or set.
        instruction: String,
    },
    /// A service that does an operation failed. What it said, without secrets.
    #[error("`{operation}`: {message}")]
    Upstream {
        /// As written in a URL.
        operation: &'static str,
        /// What went wrong.
        message: String,
    },
    /// Our fault; the source says what, for the log.
    #[error("could not {doing}")]
    Internal {
        /// What was being done.
        doing: &'static str,
        /// Why it did not work.
        #[source]
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl DeliveryError {
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::BadTransformation {
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::Limit {
            message: message.into(),
            hint: None,
        }
    }

    /// Our fault: what could not be done, and why, for the log.
    pub fn internal(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal {
            doing,
            source: Arc::from(source.into()),
        }
    }

    /// What the client can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::BadTransformation { .. } => Code::BadTransformation,
            Self::Unauthorised(_) => Code::Unauthorised,
            Self::Forbidden(_) => Code::Forbidden,
            Self::NotFound | Self::InputNotFound(_) | Self::Origin { .. } => Code::NotFound,
            Self::Unsupported(_) => Code::Unsupported,
            Self::Limit { .. } | Self::TooSlow(_) => Code::Limit,
            Self::RangeNotSatisfiable { .. } => Code::RangeNotSatisfiable,
            Self::Overloaded { .. } => Code::Overloaded,
            Self::Unavailable(_) | Self::NotSetUp { .. } => Code::Unavailable,
            Self::Upstream { .. } => Code::Upstream,
            Self::Internal { .. } => Code::Internal,
        }
    }

    /// True if the bytes of the source are to blame: the same work would fail in the same way another time.
    pub(crate) fn is_lasting(&self) -> bool {
        matches!(self, Self::Unsupported(_) | Self::Limit { .. })
    }

    /// The text of the `ik-error` header: one line of printable ASCII. The inside of the server is not in it.
    pub fn ik_error(&self) -> String {
        let code = match (self, self.code()) {
            (Self::Origin { code, .. }, _) => code,
            (_, Code::NotFound) => "ENOENT",
            (_, Code::Limit) => "ELIMIT",
            _ => "UNIDENTIFIED",
        };
        let message = self.to_string();
        let line: String = message
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .map(|c| if matches!(c, ' '..='~') { c } else { '?' })
            .collect();
        match self.code() {
            Code::NotFound | Code::Limit | Code::Internal | Code::Overloaded => format!("{code} - {line}"),
            _ => line,
        }
    }

    /// What to do instead, where we know.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::BadTransformation { hint, .. } | Self::Limit { hint, .. } => hint.as_deref(),
            Self::Unsupported(_) => Some("ask for the stored file with `orig-true`"),
            _ => None,
        }
    }

    /// How long the error may be remembered: an absence briefly, everything else not at all.
    pub fn cache(&self) -> CachePolicy {
        match self {
            Self::NotFound | Self::InputNotFound(_) => CachePolicy::Brief,
            _ => CachePolicy::NoStore,
        }
    }

    /// Seconds for `Retry-After`.
    pub fn retry_after_s(&self) -> Option<u32> {
        match self {
            Self::Overloaded { retry_after_s } => Some(*retry_after_s),
            _ => None,
        }
    }
}

impl From<UrlError> for DeliveryError {
    fn from(error: UrlError) -> Self {
        match error {
            UrlError::OutsideEndpoint { .. } | UrlError::NoAsset => Self::NotFound,
            UrlError::UnsafePath { .. } | UrlError::MalformedSeo => Self::bad(error.to_string()),
        }
    }
}

impl From<ParseError> for DeliveryError {
    fn from(error: ParseError) -> Self {
        let hint = error.hint.clone();
        Self::BadTransformation {
            message: ParseError { hint: None, ..error }.render(),
            hint,
        }
    }
}

impl From<ExpandError> for DeliveryError {
    fn from(error: ExpandError) -> Self {
        Self::bad(error.to_string())
    }
}

impl From<PlanError> for DeliveryError {
    fn from(error: PlanError) -> Self {
        let (message, hint) = (error.to_string(), error.hint());
        if error.is_limit() {
            Self::Limit { message, hint }
        } else {
            Self::BadTransformation { message, hint }
        }
    }
}

/// Why the crate could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A setting that makes no sense.
    #[error("`{field}` {problem}")]
    Setting {
        /// Which of [`Settings`](crate::Settings).
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Not even a cache in memory could be made.
    #[error("could not make the cache of renditions")]
    Cache(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No client for services could be made.
    #[error("could not set up the client for services")]
    Http(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_one_harmless_line() {
        let bad = |message: &str| {
            DeliveryError::BadTransformation {
                message: message.to_owned(),
                hint: None,
            }
            .ik_error()
        };
        assert_eq!(
            DeliveryError::NotFound.ik_error(),
            "ENOENT - No file was found at the specified path"
        );
        assert_eq!(
            DeliveryError::limit("too many pixels").ik_error(),
            "ELIMIT - too many pixels"
        );
        assert_eq!(bad("unknown `w\u{e9}`\n  w-1\n  ^"), "unknown `w?`");
        assert_eq!(bad("a\rSet-Cookie: b"), "a?Set-Cookie: b");
        let secret = DeliveryError::internal("read the file", "/secret/path is gone");
        assert_eq!(secret.ik_error(), "UNIDENTIFIED - could not read the file");
    }
}
