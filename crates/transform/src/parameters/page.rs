//! `pg`: page, layer or frame.

use super::{Param, Reading, Refusal};
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

pub(super) fn page(value: &str, _: Reading) -> Result<Param, Refusal> {
    let part = match value.strip_prefix("name-") {
        Some(names) => named(names),
        None => numbered(value),
    };
    part.map(Param::Page).ok_or_else(|| {
        Refusal::invalid("a page such as 2, layers such as 1_3-5 or 2-, or layers by name such as name-\"one\"_\"two\"")
    })
}

/// In double quotes, so that a name may hold the separator.
fn named(names: &str) -> Option<Part> {
    let inner = names.strip_prefix('"')?.strip_suffix('"')?;
    let names: Vec<String> = inner.split("\"_\"").map(str::to_owned).collect();
    names.iter().all(|name| !name.is_empty()).then_some(Part::Named(names))
}

fn numbered(value: &str) -> Option<Part> {
    let number = |word: &str| {
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        // The largest number is taken: it stands for an open end.
        word.parse::<u32>()
            .ok()
            .filter(|number| digits && (1..u32::MAX).contains(number))
    };
    let range = |word: &str| match word.split_once('-') {
        None => number(word).map(|page| (page, page)),
        Some((from, "")) => number(from).map(|from| (from, u32::MAX)),
        Some((from, to)) => number(from).zip(number(to)).filter(|(from, to)| from <= to),
    };
    let ranges: Vec<(u32, u32)> = value.split('_').map(range).collect::<Option<_>>()?;
    match ranges.as_slice() {
        [(from, to)] if from == to => Some(Part::Page(*from)),
        _ => Some(Part::Layers(ranges)),
    }
}
