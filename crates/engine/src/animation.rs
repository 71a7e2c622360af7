//! Animations, frame by frame.

use transform::Plan;

use crate::picture::Picture;
use crate::{Budget, RenderError};

/// Does a plan on every frame of an animation. `apply` does the plan's operations on one.
pub(crate) fn render(
    _source: &[u8],
    _plan: &Plan,
    _budget: &Budget,
    _apply: &mut dyn FnMut(Picture) -> Result<Picture, RenderError>,
) -> Result<Vec<u8>, RenderError> {
    Err(RenderError::Plan("animations are not made yet"))
}
