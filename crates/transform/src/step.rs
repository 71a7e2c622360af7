use std::mem::discriminant;

use crate::{Condition, Param};

/// One link of a chain: it works on the result of the one before.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Parameters that act together, in the language's own order.
    Apply(Params),
    /// A choice between two chains.
    If(Condition),
}

/// The parameters of one step in canonical order: each at most once, but names, layers and effects, which accumulate in
/// the order written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Params(Vec<Param>);

impl Params {
    /// Adds a parameter. One of the same kind is replaced: the last one wins.
    pub fn insert(&mut self, param: Param) {
        if !param.accumulates() {
            self.0.retain(|present| discriminant(present) != discriminant(&param));
        }
        let at = self.0.partition_point(|present| present.rank() <= param.rank());
        self.0.insert(at, param);
    }

    /// Keeps those for which `keep` says so.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Param) -> bool) {
        self.0.retain(keep);
    }

    /// To change values; kinds have to stay.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Param> {
        self.0.iter_mut()
    }

    /// In canonical order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Param> {
        self.0.iter()
    }

    /// True when the step asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Param> for Params {
    fn from_iter<I: IntoIterator<Item = Param>>(params: I) -> Self {
        let mut all = Self::default();
        params.into_iter().for_each(|param| all.insert(param));
        all
    }
}
