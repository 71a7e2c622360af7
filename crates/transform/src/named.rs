//! `n-card`: steps stored under a name take the place of the token.

use crate::parameters::Param;
use crate::{Condition, Ignored, Limits, Mode, Params, ParseError, Step, Transformation};

/// Names that exist without being stored. The media library's grid asks for the first one.
pub const BUILT_IN_NAMES: &[(&str, &str)] = &[("ik_ml_thumbnail", "w-400,h-300,c-at_max")];

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
}

impl Transformation {
    /// Replaces names by the steps that `lookup` has under them. Other tokens of the same step are merged into the
    /// last of those steps and win over it.
    pub fn expand(&self, lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ExpandError> {
        let mut ignored = self.ignored.clone();
        let steps = expand(&self.steps, &lookup, &mut ignored)?;
        if count(&steps) > Limits::STEPS {
            return Err(ExpandError::TooManySteps);
        }
        Ok(Self { steps, ignored })
    }
}

fn expand(
    steps: &[Step],
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
                    then: expand(&condition.then, lookup, ignored)?,
                    otherwise: expand(&condition.otherwise, lookup, ignored)?,
                }));
                continue;
            }
        };
        let mut stored_steps = Vec::new();
        let mut others = Params::default();
        for param in params.iter() {
            let Param::Named(name) = param else {
                others.insert(param.clone());
                continue;
            };
            let stored = stored(name.as_str(), lookup)?;
            ignored.extend(stored.ignored.into_iter().map(|token| Ignored {
                // It stands in the stored text, not in the one that was sent.
                span: 0..0,
                reason: format!("{} (in the named transformation `{}`)", token.reason, name.as_str()),
                ..token
            }));
            stored_steps.extend(stored.steps);
        }
        match stored_steps.last_mut() {
            Some(Step::Apply(last)) => others.iter().for_each(|param| last.insert(param.clone())),
            _ if others.is_empty() => {}
            _ => stored_steps.push(Step::Apply(others)),
        }
        expanded.extend(stored_steps);
    }
    Ok(expanded)
}

fn stored(name: &str, lookup: &impl Fn(&str) -> Option<String>) -> Result<Transformation, ExpandError> {
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
    let stored = Transformation::parse(text, Mode::Lenient).map_err(|source| ExpandError::Broken {
        name: name.to_owned(),
        source,
    })?;
    if stored.all_params().any(|(param, _)| matches!(param, Param::Named(_))) {
        return Err(ExpandError::Nested { name: name.to_owned() });
    }
    Ok(stored)
}

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
            ("q-90,n-card,fo-top", "w-200,h-100:fo-top,rt-90,q-90"),
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
