//! Routes below `/v1/accounts`, and what the routes of everything that an account is made of share.

pub mod keys;
pub mod origins;
pub mod url_endpoints;
pub mod usage;
pub mod webhooks;

use library::{AccountError, Code};
use serde_json::Value;

use crate::api::body::Fields;
use crate::error::ApiError;

/// The answer to a change that was not made; `missing` is the text of the 404.
pub(super) fn refusal(error: AccountError, missing: &str) -> ApiError {
    match error {
        AccountError::NotFound => ApiError::not_found(missing),
        other => match other.code() {
            Code::Internal => ApiError::internal(&other),
            Code::StorageFull => ApiError::storage_full(),
            Code::Conflict => ApiError::conflict(format!("The request could not be carried out: {other}.")),
            _ => ApiError::invalid(format!("The request could not be carried out: {other}.")),
        },
    }
}

/// A text that has to be there, within a length.
pub(super) fn required_text<'a>(fields: &'a Fields, name: &str, longest: usize) -> Result<&'a str, ApiError> {
    match fields.get(name) {
        Some(Value::String(text)) => checked_text(name, text, longest),
        _ => Err(ApiError::invalid(format!("{name} is required and must be a string"))),
    }
}

/// A text that may be absent; where it is there it is not empty.
pub(super) fn optional_text<'a>(fields: &'a Fields, name: &str, longest: usize) -> Result<Option<&'a str>, ApiError> {
    match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => checked_text(name, text, longest).map(Some),
        Some(_) => Err(ApiError::invalid(format!("{name} must be a string"))),
    }
}

fn checked_text<'a>(name: &str, text: &'a str, longest: usize) -> Result<&'a str, ApiError> {
    let length = text.chars().count();
    if text.trim().is_empty() || length > longest {
        return Err(ApiError::invalid(format!("{name} must have 1 to {longest} characters")));
    }
    // One of the databases does not take it, and nobody means it.
    if text.contains('\0') {
        return Err(ApiError::invalid(format!("{name} must not have NUL characters")));
    }
    Ok(text)
}
