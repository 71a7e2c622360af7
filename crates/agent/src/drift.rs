//! Drift: an upstream that answers with something else than its contract says. It is noted and told, so that a changed
//! API is seen before it hurts.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::schema::{Difference, DifferenceKind};

/// More places than these are not told.
const MOST: usize = 50;

/// One place where an answer is not what the contract says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Drift {
    /// JSON Pointer into the output; `*` stands for every element of a list.
    pub pointer: String,
    /// What is different.
    pub kind: DriftKind,
    /// In words.
    pub detail: String,
}

/// What is different about a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// A field that the contract does not have. It is left out of the output.
    Added,
    /// A promised field is not there.
    Missing,
    /// A value of another type.
    TypeChanged,
    /// A value that is none of the known ones, or outside its range.
    ValueChanged,
}

/// The differences as drift, each place once.
pub(crate) fn of(differences: &[Difference]) -> Vec<Drift> {
    let all: BTreeSet<Drift> = differences.iter().map(told).collect();
    all.into_iter().take(MOST).collect()
}

fn told(difference: &Difference) -> Drift {
    let (kind, detail) = match &difference.kind {
        DifferenceKind::Unknown { .. } => (DriftKind::Added, "not in the contract".to_owned()),
        DifferenceKind::Missing => (DriftKind::Missing, "promised by the contract".to_owned()),
        DifferenceKind::Type { expected, found } => (DriftKind::TypeChanged, format!("{found} instead of {expected}")),
        DifferenceKind::Choice { found, .. } => (DriftKind::ValueChanged, format!("unknown value {found}")),
        DifferenceKind::Range { rule } => (DriftKind::ValueChanged, rule.clone()),
    };
    let is_index = |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let segments = difference.pointer.split('/').map(|s| if is_index(s) { "*" } else { s });
    Drift {
        pointer: segments.collect::<Vec<_>>().join("/"),
        kind,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_once_for_all_rows() {
        let missing = |pointer: &str| Difference {
            pointer: pointer.to_owned(),
            kind: DifferenceKind::Missing,
        };
        let drift = of(&[
            missing("/files/0/size"),
            missing("/files/17/size"),
            missing("/files/0/url"),
        ]);
        let pointers: Vec<&str> = drift.iter().map(|d| d.pointer.as_str()).collect();
        assert_eq!(pointers, ["/files/*/size", "/files/*/url"]);
    }
}
