//! Files that a transformation needs beside its source.

use crate::parameters::AssetPath;
use crate::{Part, Stage, Step};

/// A file that a layer or a text needs, so that it can be fetched before anything is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Under which the plan asks for it: the path, or the path with what is derived from it first. The same for all
    /// parts of a file.
    pub name: String,
    /// Of the file, under the endpoint of the request.
    pub path: AssetPath,
    /// What it is for.
    pub kind: InputKind,
}

/// What a file is for.
#[derive(Debug, Clone, PartialEq)]
pub enum InputKind {
    /// A layer.
    Picture {
        /// Which part of the file, or of what is derived from it: that has one only.
        part: Part,
        /// What is derived from the file first, in this order, because it takes a model: the last result takes the
        /// place of the file. Usually nothing.
        stages: Vec<Stage>,
    },
    /// The type of a text.
    Font,
}

impl Input {
    /// The file of a picture layer, and what is left of its steps.
    pub(crate) fn picture(path: &AssetPath, steps: Vec<Step>) -> (Self, Vec<Step>) {
        let part = crate::transformation::part(&steps);
        let (stages, steps) = crate::stage::split(steps);
        // The first stage has chosen the part of the file.
        let part = if stages.is_empty() { part } else { Part::Default };
        let mut name = path.as_str().to_owned();
        for stage in &stages {
            name.push('?');
            name.push_str(&stage.to_string());
        }
        let kind = InputKind::Picture { part, stages };
        (
            Self {
                name,
                path: path.clone(),
                kind,
            },
            steps,
        )
    }
}
