//! What a caller may do, decided by the declared effect of an action.

use std::collections::BTreeSet;

use crate::actions::{Action, Effect};
use crate::error::CallError;

/// The effects that are allowed. Reading and writing by default; deleting only when somebody allows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Actions with these effects are carried out, all others refused.
    pub allow: BTreeSet<Effect>,
    /// Said in refusals: how a person allows more.
    pub remedy: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allow: BTreeSet::from([Effect::Read, Effect::Write]),
            remedy: "a person who answers for the library has to allow it".to_owned(),
        }
    }
}

impl Policy {
    pub(crate) fn check(&self, action: &Action) -> Result<(), CallError> {
        if self.allow.contains(&action.effect) {
            return Ok(());
        }
        Err(CallError::Denied {
            action: action.name,
            effect: action.effect,
            remedy: self.remedy.clone(),
        })
    }
}
