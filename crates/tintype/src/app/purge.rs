//! Purging what caches hold of an old URL: the one place from which renames ask for it.

use library::Timestamp;

use super::App;
use crate::error::ApiError;

/// Says that purges can be asked for. By now none can.
pub enum Purging {}

/// Refuses, before anything is changed, what [`start`] could not do.
pub fn check(_app: &App) -> Result<Purging, ApiError> {
    Err(ApiError::unavailable("The parameter purgeCache"))
}

/// Asks for a purge of a URL, or of all that begin with it if it ends with `*`: the id of the request; `None` if as many
/// were asked for as may be.
pub async fn start(purging: &Purging, _app: &App, _url: &str, _now: Timestamp) -> Result<Option<String>, ApiError> {
    match *purging {}
}
