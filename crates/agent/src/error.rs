//! What went wrong with a call, what it means, and what to do next. The same for every door.

use std::error::Error;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::actions::Effect;
use crate::approval::{Approval, State};
use crate::connection::OWN;
use crate::drift::Drift;
use crate::policy::Trace;
use crate::read_back::Check;
use crate::store::StoreError;
use crate::token::{Exhausted, Refusal};
use crate::upstream::TransportError;

/// What a caller can do about an error. Few on purpose: doors map them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// No such action.
    UnknownAction,
    /// The input is not what the action takes.
    InvalidInput,
    /// The contract is not the one that the caller pinned.
    ContractChanged,
    /// The policy does not allow it.
    PolicyDenied,
    /// Another person has to agree first.
    ApprovalRequired,
    /// The token is not one that is valid.
    AuthInvalid,
    /// The token has ended.
    AuthExpired,
    /// The token, or the key of the upstream, does not cover it.
    ScopeMissing,
    /// No server is connected.
    ConnectionRequired,
    /// Several are, and none is named.
    ConnectionAmbiguous,
    /// No connection of that name.
    AppNotFound,
    /// The connection can't be used as it is.
    AppNotReady,
    /// The upstream refuses every key of the connection.
    CredentialExpired,
    /// No such thing.
    NotFound,
    /// The present state forbids it.
    Conflict,
    /// What it touches is no longer as it was when it was approved.
    PreconditionFailed,
    /// Too many requests; later is better.
    RateLimited,
    /// A budget or a quota is at its end.
    QuotaExhausted,
    /// The account has to be paid for.
    InsufficientCredit,
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
    /// Something was done in part, and put back as far as that is possible: the report says what was left.
    RolledBack,
    /// Whoever asked wants it no more; nothing was changed.
    Cancelled,
    /// Something of ours is broken.
    Internal,
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
    /// The contract is another one than the caller knows.
    #[error("the contract of {action} is not the one that was asked for")]
    ContractChanged {
        /// Its name.
        action: &'static str,
        /// Its present fingerprint.
        fingerprint: String,
    },
    /// The policy does not allow it.
    #[error("{action} is not allowed here: {reason}")]
    Denied {
        /// Its name.
        action: String,
        /// Which layer says so, and why.
        reason: String,
        /// All that was asked.
        trace: Trace,
    },
    /// The token does not cover it.
    #[error("{action}: {reason}")]
    OutOfScope {
        /// Its name.
        action: String,
        /// What is missing.
        reason: String,
    },
    /// Another person has to agree first.
    #[error("{} waits for somebody's approval", .0.request.action)]
    ApprovalRequired(Box<Approval>),
    /// Too many approvals wait already.
    #[error("{0} requests of yours wait for approval already")]
    TooManyWaiting(i64),
    /// Too many links for uploads are open already.
    #[error("{0} upload links of yours are open already")]
    TooManyLinks(i64),
    /// Whoever asked wants it no more, and it was not sent yet.
    #[error("it was cancelled before it was sent")]
    Cancelled,
    /// The link was used, is being used, or has ended.
    #[error("the upload link was used already, or has ended")]
    LinkUsed,
    /// The file is none that the link takes.
    #[error("the link takes {wanted}; this is {found}")]
    NotTaken {
        /// What the link is for.
        wanted: String,
        /// What came.
        found: String,
    },
    /// Taking it back would put it where something else is now, or would take something else.
    #[error("{0}")]
    InTheWay(String),
    /// Some of what a call deleted was brought back, and some was not.
    #[error("{failed} of {of} could not be brought back: {first}")]
    PartlyBack {
        /// How many were not.
        failed: usize,
        /// Of how many.
        of: usize,
        /// Why the first of them was not.
        first: String,
    },
    /// It can no longer be taken back.
    #[error("`{execution}` could be taken back until {until}")]
    TooLate {
        /// The call.
        execution: String,
        /// RFC 3339.
        until: String,
    },
    /// No approval of that id, or not one of theirs.
    #[error("there is no approval `{0}`")]
    NoSuchApproval(String),
    /// Who asks may not decide.
    #[error("{0}")]
    MayNotDecide(String),
    /// It was decided before, or too late.
    #[error("it can no longer be decided: it is {}", format!("{:?}", .0).to_lowercase())]
    Decided(State),
    /// What it touches changed since it was asked for.
    #[error("{0} is not as it was when this was asked for")]
    Moved(String),
    /// The token lets nobody in.
    #[error("the token is {}", match .0 { Refusal::Unknown => "not valid", Refusal::Expired => "expired", Refusal::Revoked => "revoked" })]
    #[allow(private_interfaces)]
    Token(Refusal),
    /// A budget is at its end.
    #[error("the budget of {} {} is at its end", .0.limit, .0.budget.as_str())]
    #[allow(private_interfaces)]
    Budget(Exhausted),
    /// The credential's own rate is at its limit for longer than the call may take.
    #[error("this credential is used too fast")]
    TooFast(Duration),
    /// The upstream failed often in a row and is left alone.
    #[error("the upstream failed several times in a row and is left alone for a while")]
    CircuitOpen(Duration),
    /// No server is connected.
    #[error("no server is connected")]
    NotConnected,
    /// Several are, and none is named.
    #[error("several servers are connected: {}", .0.join(", "))]
    Ambiguous(Vec<String>),
    /// No connection of that name.
    #[error("there is no connection `{0}`")]
    NoSuchConnection(String),
    /// The connection can't be used.
    #[error("the connection can't be used: {0}")]
    NotReady(String),
    /// Every key of the connection is refused.
    #[error("the server refuses every key of the connection `{0}`")]
    CredentialExpired(String),
    /// The idempotency key stands for another call.
    #[error("the idempotency key was used with other arguments")]
    KeyReused,
    /// The call under this key is still being made.
    #[error("the call with this idempotency key is still being made")]
    KeyInProgress,
    /// The call under this key never ended.
    #[error("the call with this idempotency key was broken off, and may have been carried out")]
    KeyAbandoned,
    /// A call under the same key ended so before.
    #[error("{}", .report["message"].as_str().unwrap_or("it ended with an error before"))]
    Before {
        /// Its code.
        code: Code,
        /// All of it.
        report: Value,
    },
    /// Something that is named is not there.
    #[error("there is no {0}")]
    Missing(String),
    /// Nothing to take that call back with.
    #[error("there is no way back of `{0}`")]
    NoWayBack(String),
    /// It was taken back before.
    #[error("`{0}` was taken back already")]
    AlreadyUndone(String),
    /// The upstream does not have this part of the API.
    #[error("{0}")]
    Unsupported(&'static str),
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
        /// The upstream's name of its answer.
        request_id: Option<String>,
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
    /// The output is larger than the caller takes.
    #[error("the output has {size} bytes, more than the {limit} that are taken")]
    OutputTooLarge {
        /// In bytes.
        size: usize,
        /// In bytes.
        limit: usize,
        /// It was a write.
        done: bool,
    },
    /// The effect is not there.
    #[error("the upstream said that it was done, but {}", told(.0))]
    NotThere(Vec<Check>),
    /// One call of several failed.
    #[error("call {} of {of} ({action}) failed: {error}", index + 1)]
    Step {
        /// Which one, from 0.
        index: usize,
        /// Of how many.
        of: usize,
        /// Its action.
        action: String,
        /// Why.
        error: Box<CallError>,
        /// What was done before it and put back, and what was not: `{undone: [], left: []}` with names of calls.
        rollback: Value,
    },
    /// The record could not be written.
    #[error("the call could not be recorded")]
    Unrecorded {
        /// True if the call itself was carried out.
        done: bool,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// What we keep can't be kept or had.
    #[error("what is kept can't be used")]
    Store(#[from] StoreError),
}

impl CallError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::InvalidInput(reason.into())
    }

    pub(crate) fn missing(what: &str) -> Self {
        Self::Missing(what.chars().take(200).collect())
    }

    /// What a caller can do about it.
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownAction { .. } => Code::UnknownAction,
            Self::InvalidInput(_) => Code::InvalidInput,
            Self::ContractChanged { .. } => Code::ContractChanged,
            Self::Denied { .. } | Self::MayNotDecide(_) => Code::PolicyDenied,
            Self::OutOfScope { .. } => Code::ScopeMissing,
            Self::ApprovalRequired(_) => Code::ApprovalRequired,
            Self::NoSuchApproval(_) | Self::Missing(_) | Self::NoWayBack(_) => Code::NotFound,
            Self::Decided(_)
            | Self::AlreadyUndone(_)
            | Self::KeyReused
            | Self::KeyInProgress
            | Self::LinkUsed
            | Self::PartlyBack { .. } => Code::Conflict,
            Self::TooLate { .. } => Code::NotFound,
            Self::Unsupported(_) => Code::Unsupported,
            Self::NotTaken { .. } => Code::InvalidInput,
            Self::Moved(_) | Self::InTheWay(_) => Code::PreconditionFailed,
            Self::Token(Refusal::Expired) => Code::AuthExpired,
            Self::Token(_) => Code::AuthInvalid,
            Self::Budget(exhausted) if exhausted.budget.window() <= 60 => Code::RateLimited,
            Self::Budget(_) | Self::TooManyWaiting(_) | Self::TooManyLinks(_) => Code::QuotaExhausted,
            Self::TooFast(_) => Code::RateLimited,
            Self::CircuitOpen(_) => Code::UpstreamUnavailable,
            Self::NotConnected => Code::ConnectionRequired,
            Self::Ambiguous(_) => Code::ConnectionAmbiguous,
            Self::NoSuchConnection(_) => Code::AppNotFound,
            Self::NotReady(_) => Code::AppNotReady,
            Self::CredentialExpired(_) => Code::CredentialExpired,
            Self::KeyAbandoned => Code::OutcomeUnknown,
            Self::Before { code, .. } => *code,
            Self::Refused { unsettled: true, .. } | Self::Unanswered { unsettled: true, .. } => Code::OutcomeUnknown,
            Self::Refused { status, message, .. } => match status.as_u16() {
                401 => Code::CredentialExpired,
                402 => Code::InsufficientCredit,
                403 if says_key_is_refused(message) => Code::CredentialExpired,
                403 => Code::ScopeMissing,
                404 => Code::NotFound,
                409 | 423 => Code::Conflict,
                412 => Code::PreconditionFailed,
                429 => Code::RateLimited,
                501 => Code::Unsupported,
                507 => Code::QuotaExhausted,
                500.. => Code::UpstreamUnavailable,
                _ => Code::Refused,
            },
            Self::Unanswered { error, .. } => match error {
                TransportError::Timeout => Code::Timeout,
                TransportError::TooLarge { .. } => Code::AnswerTooLarge,
                TransportError::Connect(_) | TransportError::Lost(_) => Code::UpstreamUnavailable,
            },
            Self::Misunderstood { .. } => Code::SchemaDrift,
            Self::Cancelled => Code::Cancelled,
            Self::OutputTooLarge { .. } => Code::AnswerTooLarge,
            Self::NotThere(_) => Code::VerificationFailed,
            Self::Step { error, rollback, .. } => {
                let some = |name: &str| rollback[name].as_array().is_some_and(|calls| !calls.is_empty());
                match error.changed_nothing() {
                    // What may have been done is what a caller has to know first.
                    false => error.code(),
                    true if some("undone") || some("left") => Code::RolledBack,
                    true => error.code(),
                }
            }
            Self::Unrecorded { .. } | Self::Store(_) => Code::Internal,
        }
    }

    /// The next move in words, where there is one.
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::UnknownAction {
                nearest: Some(name), ..
            } => return Some(format!("did you mean `{name}`?")),
            Self::ApprovalRequired(approval) => {
                let until = approval.expires_at.replace_nanosecond(0).unwrap_or(approval.expires_at);
                let until = until.format(&time::format_description::well_known::Rfc3339);
                return Some(format!(
                    "a person who is not {} decides about {} until {}; afterwards the approval holds the answer, and so does \
                     the same call under the same idempotency key",
                    approval.request.principal,
                    approval.id,
                    until.unwrap_or_default()
                ));
            }
            Self::Denied { .. } => "a person who answers for the library decides what is allowed",
            Self::OutOfScope { .. } => "a person who answers for the library gives tokens with more scope",
            Self::MayNotDecide(_) => "another person decides",
            Self::Moved(_) => "look at it again; if it should still be done, ask anew",
            Self::Token(_) => "a person who answers for the library gives new tokens",
            Self::NotConnected => "a person connects a server with `tintype connect`",
            Self::Ambiguous(_) => "name one of them as the connection",
            Self::NoSuchConnection(_) => "list the connections to see their names",
            Self::CredentialExpired(_) => "a person adds a key that is valid with `tintype connect`",
            Self::KeyReused => "use a new idempotency key for another call",
            Self::TooManyLinks(_) => "end some with revoke_upload_link, or wait until they end by themselves",
            Self::LinkUsed => "ask for another link",
            Self::NotTaken { .. } => "nothing was stored; the link is still open for a file that it takes",
            Self::InTheWay(_) => "look with list_assets, then move or rename by hand if it is still wanted",
            Self::PartlyBack { .. } => "list_trash shows what is still there",
            Self::TooLate { .. } => "the trash has let go of it: nothing brings it back",
            Self::KeyInProgress => "wait for it; the same key then gives its answer",
            Self::ContractChanged { .. } => "read the action's schema again",
            Self::Step { .. } if self.code() == Code::RolledBack => {
                "what was done before is in rollback: undone is put back, left is as the call made it"
            }
            Self::OutputTooLarge { done: false, .. } => "ask for less: a smaller limit, or the fields that you need",
            Self::OutputTooLarge { done: true, .. } => "it was carried out: do not repeat it",
            Self::Misunderstood { done: true, .. } | Self::Unrecorded { done: true, .. } => {
                "it was carried out: do not repeat it, look with list_assets or get_file_details"
            }
            Self::Refused { status, .. } if status.is_redirection() => {
                "the upstream sends callers elsewhere; connect to its new address"
            }
            Self::Unanswered {
                error: TransportError::Connect(_),
                ..
            } => "nothing was sent: check the upstream's address, and that it is running",
            _ if self.is_retryable() => {
                return Some(match self.retry_after() {
                    Some(wait) => format!("nothing was changed; try again after {} ms", wait.as_millis()),
                    None => "nothing was changed; try again later".to_owned(),
                });
            }
            _ => match self.code() {
                Code::UnknownAction => "search the actions to see their names",
                Code::InvalidInput => "the action's input schema says what it takes",
                Code::CredentialExpired => {
                    "the upstream does not take this key: a person adds one that is valid with `tintype connect`"
                }
                Code::ScopeMissing => "the upstream's key does not cover this: a person connects one with more rights",
                Code::InsufficientCredit => "the account has to be paid for: do not repeat it",
                Code::NotFound => "list_assets finds the fileId of what is there",
                Code::AnswerTooLarge => "ask for less, with a smaller limit",
                Code::OutcomeUnknown => {
                    "it may have been done all the same: look with list_assets or get_file_details before repeating it"
                }
                Code::VerificationFailed => "look with get_file_details before anything else is done to this file",
                _ => return None,
            },
        };
        Some(text.to_owned())
    }

    /// The next moves as calls and commands that a program can take up: `{action, input}` for the caller, `{command, who}`
    /// for a person.
    pub fn remedy(&self) -> Vec<Value> {
        let person = |command: String| json!({ "command": command, "who": "person" });
        match self {
            Self::ApprovalRequired(approval) => vec![person(format!("tintype approvals show {}", approval.id))],
            Self::NotConnected => vec![person("tintype connect <url>".to_owned())],
            Self::CredentialExpired(name) if name == OWN => vec![person("set TINTYPE_PRIVATE_KEY".to_owned())],
            Self::CredentialExpired(name) => vec![person(format!("tintype connect <url> --name {name}"))],
            Self::NoSuchConnection(_) | Self::Ambiguous(_) => vec![person("tintype connector apps".to_owned())],
            Self::Denied { action, .. } => vec![person(format!("tintype policy explain {action}"))],
            Self::UnknownAction {
                nearest: Some(name), ..
            } => vec![json!({ "describe": name })],
            _ => match self.code() {
                Code::OutcomeUnknown | Code::VerificationFailed | Code::NotFound => {
                    vec![json!({ "action": "list_assets", "input": {} })]
                }
                Code::CredentialExpired | Code::ScopeMissing => vec![person("tintype connect <url>".to_owned())],
                _ => Vec::new(),
            },
        }
    }

    /// True if the same call may succeed later and can't do double work.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::KeyInProgress => true,
            _ => matches!(
                self.code(),
                Code::RateLimited | Code::UpstreamUnavailable | Code::Timeout
            ),
        }
    }

    /// True if it is certain that nothing was changed.
    pub(crate) fn changed_nothing(&self) -> bool {
        match self {
            Self::Misunderstood { done, .. } | Self::OutputTooLarge { done, .. } | Self::Unrecorded { done, .. } => {
                !done
            }
            Self::NotThere(_) | Self::PartlyBack { .. } => false,
            Self::Step { error, rollback, .. } => {
                let left = rollback["left"].as_array().is_some_and(|left| !left.is_empty());
                !left && error.changed_nothing()
            }
            _ => self.code() != Code::OutcomeUnknown,
        }
    }

    /// How long to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::TooFast(wait) | Self::CircuitOpen(wait) => Some(*wait),
            Self::Budget(exhausted) => Some(exhausted.wait),
            Self::KeyInProgress => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// All of it as JSON, for doors that speak it.
    pub fn report(&self) -> Value {
        if let Self::Before { report, .. } = self {
            let mut report = report.clone();
            report["replayed"] = json!(true);
            return report;
        }
        let mut message = self.to_string();
        let mut cause = self.source();
        // Causes of ours are for the log of whoever runs this.
        while let Some(error) = cause.filter(|_| self.code() != Code::Internal) {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        let mut report = json!({
            "code": self.code(),
            "message": message,
            "hint": self.hint(),
            "retryable": self.is_retryable(),
            "remedy": self.remedy(),
        });
        if let Some(wait) = self.retry_after() {
            report["retryAfterMs"] = json!(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        }
        match self {
            Self::Misunderstood { drift, .. } => report["drift"] = json!(drift),
            Self::NotThere(checks) => report["checks"] = json!(checks),
            Self::Denied { trace, .. } => report["policy"] = json!(trace),
            Self::ContractChanged { fingerprint, .. } => report["fingerprint"] = json!(fingerprint),
            Self::Refused {
                request_id: Some(id), ..
            } => report["requestId"] = json!(id),
            Self::Step { rollback, error, .. } => {
                report["rollback"] = rollback.clone();
                report["cause"] = error.report();
            }
            Self::ApprovalRequired(approval) => {
                report["approval"] = json!({
                    "id": approval.id,
                    "expiresAt": approval.expires_at.format(&time::format_description::well_known::Rfc3339).ok(),
                    "blast": approval.request.blast,
                });
            }
            _ => {}
        }
        report
    }
}

/// True if a 403 is about the key itself, not about what it may do: the API has one status for both, and tells them
/// apart in words.
pub(crate) fn says_key_is_refused(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("cannot be authenticated") || message.contains("expired")
}

impl Effect {
    /// True for writes and what destroys.
    pub fn changes(self) -> bool {
        self != Self::Read
    }
}

fn told(checks: &[Check]) -> String {
    let wrong = checks.iter().filter(|c| !c.ok);
    let said = wrong.map(|c| format!("{} is {} instead of {}", c.name, c.actual, c.expected));
    said.collect::<Vec<_>>().join(", ")
}
