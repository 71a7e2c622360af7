//! What stands in a path, with our answer where it can't be read.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// The parameters of a path, decoded: axum's, but what is no text is refused as everything else is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unreadable = || ApiError::invalid("The path of your request holds a parameter that is not text in UTF-8.");
        let raw = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| unreadable())?;
        // Nothing has a NUL in its name, and not every database could look for it.
        if raw.iter().any(|(_, value)| value.contains('\0')) {
            return Err(unreadable());
        }
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|path| Self(path.0)).map_err(|_| unreadable())
    }
}
