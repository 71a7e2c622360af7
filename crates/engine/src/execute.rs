pub(crate) mod head;

use transform::{Format, Plan, Size};

use crate::{Budget, RenderError};

/// A produced file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What it is.
    pub format: Format,
    /// Columns and rows, as stored in it.
    pub size: Size,
    /// True when the stored bytes of the source are the answer, untouched.
    pub kept_original: bool,
}

/// Does a plan.
pub fn render(source: &[u8], plan: &Plan, budget: &Budget) -> Result<Rendition, RenderError> {
    let _ = (source, plan);
    budget.check_cancelled()?;
    Err(RenderError::Internal(String::from("not yet")))
}
