//! `di`: delivered when the asset is missing.

use super::{Param, Reading, Refusal};

/// The path of an asset: segments joined by `/`, none of them empty, `.` or `..`, no slash at either end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AssetPath(String);

impl AssetPath {
    /// `None` when nothing is left, or the path leads outside.
    pub fn new(path: &str) -> Option<Self> {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let outside = segments
            .iter()
            .any(|segment| matches!(*segment, "." | "..") || segment.contains('\0'));
        (!segments.is_empty() && !outside).then(|| Self(segments.join("/")))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(super) fn path(value: &str, _: Reading) -> Result<Param, Refusal> {
    AssetPath::new(&value.replace("@@", "/"))
        .map(Param::DefaultImage)
        .ok_or_else(|| Refusal::invalid("the path of an asset, with @@ for /"))
}
