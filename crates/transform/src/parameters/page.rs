//! `pg`: page, layer or frame.

use crate::{Part, decode};

/// As written in a URL.
pub(super) fn written(part: &Part) -> String {
    match part {
        Part::Default => "1".to_owned(),
        Part::Page(page) => page.to_string(),
        Part::Layers(ranges) => ranges
            .iter()
            .map(|(from, to)| match *to {
                to if to == *from => from.to_string(),
                u32::MAX => format!("{from}-"),
                to => format!("{from}-{to}"),
            })
            .collect::<Vec<_>>()
            .join("_"),
        Part::Named(names) => {
            let quoted: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            decode::escape(&format!("name-{}", quoted.join("_")))
        }
    }
}
