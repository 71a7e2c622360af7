//! `orig`: stored bytes, untouched.

use super::{Param, Reading, Refusal, boolean};

pub(super) fn original(value: &str, _: Reading) -> Result<Param, Refusal> {
    // The server's own redirects write it bare.
    let on = if value.is_empty() { Ok(true) } else { boolean(value) };
    on.map(Param::Original)
}
