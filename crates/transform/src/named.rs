//! `n-card`: steps stored under a name take the place of the token.

use crate::parameters::{LayerKind, Param};
use crate::parse::{self, Place, useless};
use crate::{Condition, Ignored, Limits, Params, ParseError, Step, Transformation, transformation};

/// Names that exist without being stored: what media libraries ask for in their grids.
pub const BUILT_IN_NAMES: &[(&str, &str)] = &[
    ("ik_ml_thumbnail", "w-400,h-300,c-at_max"),
    ("media_library_thumbnail", "w-400,h-300,c-at_max"),
];

/// Why a name could not be replaced by its steps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// Nothing is stored under this name.
    #[error("there is no named transformation `{name}`")]
    Unknown {
        /// As it was asked for.
        name: String,
    },
    /// What is stored is not a transformation.
    #[error("the named transformation `{name}` is broken")]
    Broken {
        /// As it was asked for.
        name: String,
        /// What is wrong with it.
        source: ParseError,
    },
    /// A stored transformation may not refer to others.
    #[error("the named transformation `{name}` refers to another one")]
    Nested {
        /// As it was asked for.
        name: String,
    },
    /// Together they are too many.
    #[error("there are more than {} steps once names are replaced", Limits::STEPS)]
    TooManySteps,
    /// Together they have too many layers.
    #[error("there are more than {} layers once names are replaced", Limits::LAYERS)]
    TooManyLayers,
    /// A name stands in a block, and has blocks of its own.
    #[error("blocks are nested deeper than {} once names are replaced", Limits::NESTING)]
    TooDeep,
}

impl Transformation {
    /// Replaces names by the steps that `lookup` has under them. Other tokens of the same step are merged into the
    /// last of those steps and win over it.
    pub fn expand(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ExpandError> {
        let mut ignored = self.ignored.clone();
        let steps = expand(&self.steps, Place::Base, &lookup, &mut ignored)?;
        let mut layers = 0;
        check(&steps, 0, &mut layers)?;
        Ok(Self { steps, ignored })
    }
}

fn expand(
    steps: &[Step],
    place: Place,
    lookup: &impl Fn(&str) -> Option<String>,
    ignored: &mut Vec<Ignored>,
) -> Result<Vec<Step>, ExpandError> {
    let mut expanded = Vec::new();
    for step in steps {
        let params = match step {
            Step::Apply(params) => params,
            Step::If(condition) => {
                expanded.push(Step::If(Condition {
                    predicate: condition.predicate.clone(),
                    then: expand(&condition.then, place, lookup, ignored)?,
                    otherwise: expand(&condition.otherwise, place, lookup, ignored)?,
                }));
                continue;
            }
        };
        let mut stored_steps = Vec::new();
        let mut others = Params::default();
        for param in params.iter() {
            let name = match param {
                Param::Named(name) => name,
                Param::Layer(layer) => {
                    let place = match layer.kind {
                        LayerKind::Picture(_) => Place::Picture,
                        LayerKind::Canvas => Place::Canvas,
                        LayerKind::Text(_) => Place::Text,
                    };
                    let mut layer = layer.clone();
                    layer.steps = expand(&layer.steps, place, lookup, ignored)?;
                    others.insert(Param::Layer(layer));
                    continue;
                }
                param => {
                    others.insert(param.clone());
                    continue;
                }
            };
            let stored = stored(name.as_str(), place, lookup)?;
            ignored.extend(stored.ignored.into_iter().map(|token| Ignored {
                // It stands in the stored text, not in the one that was sent.
                span: 0..0,
                reason: format!("{} (in the named transformation `{}`)", token.reason, name.as_str()),
                ..token
            }));
            stored_steps.extend(stored.steps);
        }
        let names = params.iter().any(|param| matches!(param, Param::Named(_)));
        match stored_steps.last_mut() {
            Some(Step::Apply(last)) => others.iter().for_each(|param| last.insert(param.clone())),
            _ if others.is_empty() => {}
            _ => stored_steps.push(Step::Apply(others)),
        }
        for step in stored_steps {
            let step = match step {
                Step::Apply(params) if names => {
                    let makes_block = place == Place::Canvas && expanded.is_empty();
                    useful(&params, makes_block, ignored)
                }
                step => step,
            };
            if !matches!(&step, Step::Apply(params) if params.is_empty()) {
                expanded.push(step);
            }
        }
    }
    Ok(expanded)
}

/// Leaves out what could have had an effect beside what is stored, and has none.
fn useful(params: &Params, makes_block: bool, ignored: &mut Vec<Ignored>) -> Step {
    let mut all: Vec<Param> = params.iter().cloned().collect();
    for (param, reason) in useless::leave_out(&mut all, |param| param, makes_block) {
        ignored.push(Ignored {
            // It may stand in the stored text.
            span: 0..0,
            text: param.to_string(),
            reason: format!("{reason} (beside a named transformation)"),
        });
    }
    Step::Apply(all.into_iter().collect())
}

fn stored(name: &str, place: Place, lookup: &impl Fn(&str) -> Option<String>) -> Result<Transformation, ExpandError> {
    let built_in = || {
        BUILT_IN_NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| (*text).to_owned())
    };
    let text = lookup(name)
        .or_else(built_in)
        .ok_or_else(|| ExpandError::Unknown { name: name.to_owned() })?;
    let text = text.strip_prefix("tr:").unwrap_or(&text);
    let stored = parse::stored(text, place).map_err(|source| ExpandError::Broken {
        name: name.to_owned(),
        source,
    })?;
    if has_names(&stored.steps) {
        return Err(ExpandError::Nested { name: name.to_owned() });
    }
    Ok(stored)
}

fn has_names(steps: &[Step]) -> bool {
    transformation::parameters(steps).any(|(param, _)| match param {
        Param::Named(_) => true,
        Param::Layer(layer) => has_names(&layer.steps),
        _ => false,
    })
}

/// The limits of a text hold for what its names stand for, too. `layers` counts on.
fn check(steps: &[Step], depth: usize, layers: &mut usize) -> Result<(), ExpandError> {
    if depth > Limits::NESTING {
        return Err(ExpandError::TooDeep);
    }
    if count(steps) > Limits::STEPS {
        return Err(ExpandError::TooManySteps);
    }
    for step in steps {
        match step {
            Step::If(condition) => {
                check(&condition.then, depth + 1, layers)?;
                check(&condition.otherwise, depth + 1, layers)?;
            }
            Step::Apply(params) => {
                for param in params.iter() {
                    if let Param::Layer(layer) = param {
                        *layers += 1;
                        if *layers > Limits::LAYERS {
                            return Err(ExpandError::TooManyLayers);
                        }
                        check(&layer.steps, depth + 1, layers)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Steps of a chain, those of its conditions included, those of its layers not.
fn count(steps: &[Step]) -> usize {
    steps
        .iter()
        .map(|step| match step {
            Step::Apply(_) => 1,
            Step::If(condition) => 1 + count(&condition.then) + count(&condition.otherwise),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;

    fn expanded(text: &str) -> String {
        let lookup = |name: &str| match name {
            "card" => Some("tr:w-200,h-100:rt-90,q-50".to_owned()),
            "choice" => Some("if-w_gt_5,w-5,if-end".to_owned()),
            "broken" => Some("l-text,i-x".to_owned()),
            "nested" => Some("n-card".to_owned()),
            "long" => Some(["rt-1"; 15].join(":")),
            _ => None,
        };
        match Transformation::parse(text, Mode::Strict).unwrap().expand(lookup) {
            Ok(transformation) => transformation.canonical(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_are_replaced_in_place() {
        for (text, canonical) in [
            ("n-card", "w-200,h-100:rt-90,q-50"),
            ("q-90,n-card,bl-5", "w-200,h-100:bl-5,rt-90,q-90"),
            ("n-card,fo-top", "w-200,h-100:rt-90,q-50"),
            ("w-9:n-card:w-8", "w-9:w-200,h-100:rt-90,q-50:w-8"),
            ("n-choice,q-7", "if-w_gt_5,w-5,if-end:q-7"),
            ("if-w_gt_5,n-card,if-end", "if-w_gt_5,w-200,h-100:rt-90,q-50,if-end"),
            ("n-ik_ml_thumbnail", "w-400,h-300,c-at_max"),
            ("n-none", "there is no named transformation `none`"),
            ("n-broken", "the named transformation `broken` is broken"),
            ("n-nested", "the named transformation `nested` refers to another one"),
            ("n-long,n-long", "there are more than 20 steps once names are replaced"),
        ] {
            assert_eq!(expanded(text), canonical, "{text}");
        }
    }
}
