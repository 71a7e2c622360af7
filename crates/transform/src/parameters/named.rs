//! `n`: steps stored under a name.

use super::{Param, Reading, Refusal};

/// The name of stored steps. Any text: whether it exists is known only where names are stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn name(value: &str, _: Reading) -> Result<Param, Refusal> {
    Ok(Param::Named(Name(value.to_owned())))
}
