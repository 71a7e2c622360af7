//! What went wrong with a call, what it means, and what to do next. The same for every door.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::actions::Effect;
use crate::audit::AuditError;
use crate::drift::Drift;
use crate::read_back::Check;
use crate::upstream::TransportError;

/// What a caller can do about an error. Few on purpose: doors map them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No such action.
    UnknownAction,
    /// The input is not what the action takes.
    InvalidInput,
    /// The policy does not allow it.
    PolicyDenied,
    /// The upstream does not take the credential.
    AuthInvalid,
    /// No such thing upstream.
    NotFound,
    /// The present state forbids it.
    Conflict,
    /// Too many requests; later is better.
    RateLimited,
    /// The upstream does not have this part of the API.
    Unsupported,
    /// The upstream refuses, for the reason it gives.
    Refused,
    /// The upstream does not answer, or answers that it can't; nothing was changed.
    UpstreamUnavailable,
    /// No answer in time; nothing was changed.
    Timeout,
    /// More bytes than an answer may have.
    AnswerTooLarge,
    /// The answer is not what the contract says, so much that it can't be used.
    SchemaDrift,
    /// The upstream said that it was done, and it is not.
    VerificationFailed,
    /// It may have been done or not.
    OutcomeUnknown,
    /// The record of the call could not be written.
    AuditFailed,
}

/// A call that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No action of that name.
    #[error("there is no action `{name}`")]
    UnknownAction {
        /// As given.
        name: String,
        /// One that is spelled like it.
        nearest: Option<&'static str>,
    },
    /// The input is not what the action takes.
    #[error("{0}")]
    InvalidInput(String),
    /// The policy does not allow it.
    #[error("{action} is a {} action, which is not allowed here", effect.as_str())]
    Denied {
        /// Its name.
        action: &'static str,
        /// Its declared effect.
        effect: Effect,
        /// How a person allows it.
        remedy: String,
    },
    /// The upstream answered with an error.
    #[error("the upstream answered {}: {message}", status.as_u16())]
    Refused {
        /// The answer's status.
        status: StatusCode,
        /// The upstream's own words, without secrets.
        message: String,
        /// The wait that the answer names.
        retry_after: Option<Duration>,
        /// The request may have been carried out all the same.
        unsettled: bool,
    },
    /// There is no answer.
    #[error("the upstream gave no answer")]
    Unanswered {
        /// Why.
        #[source]
        error: TransportError,
        /// The request may have been carried out all the same.
        unsettled: bool,
    },
    /// The answer can't be used.
    #[error("the upstream's answer is not what its contract says: {reason}")]
    Misunderstood {
        /// What stopped us.
        reason: String,
        /// All that is different.
        drift: Vec<Drift>,
        /// It was a write, and the upstream said that it succeeded.
        done: bool,
    },
    /// The effect is not there.
    #[error("the upstream said that it was done, but {}", told(.0))]
    NotThere(Vec<Check>),
    /// The record could not be written.
    #[error("the call could not be recorded")]
    Unrecorded {
        /// True if the call itself was carried out.
        done: bool,
        /// Why.
        #[source]
        source: AuditError,
    },
}

impl CallError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidInput(reason.into())
    }

    /// What a caller can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownAction { .. } => Code::UnknownAction,
            Self::InvalidInput(_) => Code::InvalidInput,
            Self::Denied { .. } => Code::PolicyDenied,
            Self::Refused { unsettled: true, .. } | Self::Unanswered { unsettled: true, .. } => Code::OutcomeUnknown,
            Self::Refused { status, .. } => match status.as_u16() {
                401 | 403 => Code::AuthInvalid,
                404 => Code::NotFound,
                409 | 423 => Code::Conflict,
                429 => Code::RateLimited,
                501 => Code::Unsupported,
                507 => Code::Refused,
                500.. => Code::UpstreamUnavailable,
                _ => Code::Refused,
            },
            Self::Unanswered { error, .. } => match error {
                TransportError::Timeout => Code::Timeout,
                TransportError::TooLarge { .. } => Code::AnswerTooLarge,
                TransportError::Connect(_) | TransportError::Lost(_) => Code::UpstreamUnavailable,
            },
            Self::Misunderstood { .. } => Code::SchemaDrift,
            Self::NotThere(_) => Code::VerificationFailed,
            Self::Unrecorded { .. } => Code::AuditFailed,
        }
    }

    /// The next move, where there is one.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::UnknownAction {
                nearest: Some(name), ..
            } => return Some(format!("did you mean `{name}`?")),
            Self::Denied { remedy, .. } => return Some(remedy.clone()),
            Self::Misunderstood { done: true, .. } | Self::Unrecorded { done: true, .. } => {
                "it was carried out: do not repeat it, look with list_files or get_file_details"
            }
            Self::Refused { status, .. } if status.is_redirection() => {
                "the upstream sends callers elsewhere; give its new address as the upstream"
            }
            Self::Refused { .. } if self.code() == Code::AuthInvalid => {
                "the upstream does not take this private key: check that it is the key of this upstream"
            }
            Self::Unanswered {
                error: TransportError::Connect(_),
                ..
            } => "nothing was sent: check the upstream's address, and that it is running",
            Self::Refused {
                retry_after: Some(wait),
                ..
            } if self.is_retryable() => {
                return Some(format!("nothing was changed; try again after {} ms", wait.as_millis()));
            }
            _ => match self.code() {
                Code::UnknownAction => "list the actions to see their names",
                Code::InvalidInput => "the action's input schema says what it takes",
                Code::NotFound => "list_files finds the fileId of what is there",
                Code::RateLimited | Code::UpstreamUnavailable | Code::Timeout => "nothing was changed; try again later",
                Code::AnswerTooLarge => "ask for less, with a smaller limit",
                Code::OutcomeUnknown => {
                    "it may have been done all the same: look with list_files or get_file_details before repeating it"
                }
                Code::VerificationFailed => "look with get_file_details before anything else is done to this file",
                _ => return None,
            },
        };
        Some(text.to_owned())
    }

    /// True if the same call may succeed later and can't do double work.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self.code(),
            Code::RateLimited | Code::UpstreamUnavailable | Code::Timeout
        )
    }

    /// The wait that the upstream asked for.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// All of it as JSON, for doors that speak it.
    pub fn report(&self) -> Value {
        let mut message = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        let mut report = json!({
            "code": self.code(),
            "message": message,
            "hint": self.hint(),
            "retryable": self.is_retryable(),
        });
        if let Some(wait) = self.retry_after() {
            report["retryAfterMs"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        match self {
            Self::Misunderstood { drift, .. } => report["drift"] = json!(drift),
            Self::NotThere(checks) => report["checks"] = json!(checks),
            _ => {}
        }
        report
    }
}

fn told(checks: &[Check]) -> String {
    let wrong = checks.iter().filter(|c| !c.ok);
    let said = wrong.map(|c| format!("{} is {} instead of {}", c.name, c.actual, c.expected));
    said.collect::<Vec<_>>().join(", ")
}
