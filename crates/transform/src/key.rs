use std::fmt;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::parameters::{Extent, Param};
use crate::planner::hinted_width;
use crate::{Context, Transformation};

/// Names a rendition: equal for requests that must give equal bytes, on every node.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RenditionKey(String);

/// Part of every key. To be raised when the same plan input gives other bytes than before.
const VERSION: &str = "tintype-rendition-3";

impl RenditionKey {
    /// `source` names the content of the source, such as its SHA-256, and every fact about it that can change without it
    /// (the stored [focus](crate::SourceInfo::focus)). `files` are the [inputs](Transformation::inputs) of layers and texts:
    /// their names, and what names their contents in the same way.
    ///
    /// Names have to be [expanded](Transformation::expand) before, or an edit of a stored transformation would not change
    /// the key. Of the client's wishes only those count that can change the result.
    pub fn new(
        source: &str,
        transformation: &Transformation,
        context: &Context<'_>,
        files: &[(String, String)],
    ) -> Self {
        let mut inputs = format!("{VERSION}\n{}:{source}\n{}\n", source.len(), transformation.canonical());
        if !transformation.is_original() {
            // Writing to a string cannot fail.
            let _ = write_files(&mut inputs, files);
            let _ = write_inputs(&mut inputs, transformation, context);
        }
        Self(hex::encode(Sha256::digest(inputs)))
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// In one order, and each behind its length, so that no two lists are written alike.
fn write_files(inputs: &mut String, files: &[(String, String)]) -> fmt::Result {
    let mut files: Vec<_> = files.iter().collect();
    files.sort_unstable();
    files.dedup();
    files
        .iter()
        .try_for_each(|(name, content)| writeln!(inputs, "{}:{name} {}:{content}", name.len(), content.len()))
}

fn write_inputs(inputs: &mut String, transformation: &Transformation, context: &Context<'_>) -> fmt::Result {
    let settings = &context.settings;
    writeln!(inputs, "{settings:?}, still {}", context.still)?;
    if transformation.depends_on_accept(settings) {
        writeln!(
            inputs,
            "avif {}, webp {}",
            context.accept.avif && settings.avif,
            context.accept.webp
        )?;
    }
    if transformation.depends_on_hints() {
        let auto_width = transformation
            .all_params()
            .any(|(param, _)| *param == Param::Width(Extent::Auto));
        let width = hinted_width(context.hints.width).filter(|_| auto_width);
        writeln!(inputs, "width {width:?}, ratio {:?}", context.hints.dpr)?;
    }
    if settings.save_data {
        writeln!(inputs, "save data {}", context.hints.save_data)?;
    }
    Ok(())
}

impl fmt::Display for RenditionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
