use std::fmt;

use crate::negotiate::OutputSettings;
use crate::parameters::{AskedFormat, Density, Dpr, Extent, LayerKind, Param};
use crate::{Format, Ignored, Input, Mode, ParseError, Part, Step, parse};

/// A parsed transformation: steps that run from left to right.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transformation {
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Tokens that had no effect. Not part of the meaning.
    pub ignored: Vec<Ignored>,
}

impl Transformation {
    /// Reads a transformation as it was sent: without `tr=` or `tr:`, not yet percent-decoded.
    pub fn parse(text: &str, mode: Mode) -> Result<Self, ParseError> {
        parse::parse(text, mode)
    }

    /// The steps of `other` behind these.
    #[must_use]
    pub fn then(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self.ignored.extend(other.ignored);
        self
    }

    /// One spelling for all transformations that mean the same. Parses to itself.
    pub fn canonical(&self) -> String {
        let text = if self.is_original() {
            // Nothing else counts, but the default image is found by it.
            let default = self
                .default_image()
                .map(|path| format!("di-{},", crate::decode::escape(path)));
            format!("{}orig-true", default.unwrap_or_default())
        } else {
            chain(&self.steps)
        };
        // Without a separator an encoded one in a value would be taken for one; an empty token is skipped.
        let hides_separator = !text.contains([',', ':']) && (text.contains("%2C") || text.contains("%3A"));
        if hides_separator { text + "," } else { text }
    }

    /// True when the stored bytes are asked for, untouched: nothing else counts then.
    pub fn is_original(&self) -> bool {
        self.params().any(|param| *param == Param::Original(true))
    }

    /// True when nothing is asked for.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The format that the last `f` outside of conditions asks for.
    pub fn asked_format(&self) -> Option<AskedFormat> {
        self.params()
            .filter_map(|param| {
                if let Param::Format(format) = param {
                    Some(*format)
                } else {
                    None
                }
            })
            .last()
    }

    /// True when what the client accepts may change the result: then the answer varies on `Accept`.
    pub fn depends_on_accept(&self, settings: &OutputSettings) -> bool {
        if self.is_original() {
            return false;
        }
        // An `f` in a branch may or may not count, so the answer is yes if any possible one leaves a choice.
        let conditional = self
            .all_params()
            .any(|(param, inside)| inside && matches!(param, Param::Format(format) if leaves_a_choice(*format)));
        conditional
            || match self.asked_format() {
                None => settings.auto_format,
                Some(format) => leaves_a_choice(format),
            }
    }

    /// True when the client's width or pixel ratio may change the result.
    pub fn depends_on_hints(&self) -> bool {
        !self.is_original() && depend_on_hints(&self.steps)
    }

    /// Path of the asset to deliver when the one asked for is missing.
    pub fn default_image(&self) -> Option<&str> {
        self.params()
            .filter_map(|param| {
                if let Param::DefaultImage(path) = param {
                    Some(path.as_str())
                } else {
                    None
                }
            })
            .last()
    }

    /// The part of the source that `pg` asks for; the last one counts.
    pub fn part(&self) -> Part {
        part(&self.steps)
    }

    /// Dots per inch that `dn` asks for, where that is a plain number; the last one counts.
    pub fn density(&self) -> Option<u16> {
        let densities = self.params().filter_map(|param| match param {
            Param::Density(density) => Some(density),
            _ => None,
        });
        match densities.last() {
            Some(Density::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// Every file that layers and texts need, each part once: those that an input is derived from first are not among
    /// them, they are the [stages](crate::Stage)' own. Names have to be [expanded](Self::expand) before.
    pub fn inputs(&self) -> Vec<Input> {
        let mut found = Vec::new();
        if !self.is_original() {
            collect_inputs(&self.steps, &mut found);
        }
        found
    }

    /// Parameters outside of conditions, in order.
    fn params(&self) -> impl Iterator<Item = &Param> {
        self.steps
            .iter()
            .filter_map(|step| {
                if let Step::Apply(params) = step {
                    Some(params)
                } else {
                    None
                }
            })
            .flat_map(|params| params.iter())
    }

    /// All parameters but those of layers, and whether a condition decides about them.
    pub(crate) fn all_params(&self) -> impl Iterator<Item = (&Param, bool)> {
        parameters(&self.steps)
    }
}

/// The part that the last `pg` outside of conditions asks for.
pub(crate) fn part(steps: &[Step]) -> Part {
    let parts = parameters(steps).filter_map(|(param, inside)| match param {
        Param::Page(part) if !inside => Some(part),
        _ => None,
    });
    parts.last().cloned().unwrap_or_default()
}

/// True when a source may have to be negotiated all the same.
fn leaves_a_choice(asked: AskedFormat) -> bool {
    match asked {
        // A source whose format cannot be written falls back to the automatic choice.
        AskedFormat::Auto | AskedFormat::Source => true,
        // Only for sources of that format.
        AskedFormat::Exactly(Format::Gif | Format::Svg) => true,
        AskedFormat::Exactly(format) => !format.can_be_written(),
    }
}

fn depend_on_hints(steps: &[Step]) -> bool {
    parameters(steps).any(|(param, _)| match param {
        Param::Width(Extent::Auto) | Param::Height(Extent::Auto) | Param::Dpr(Dpr::Auto) => true,
        Param::Layer(layer) => depend_on_hints(&layer.steps),
        _ => false,
    })
}

fn collect_inputs(steps: &[Step], found: &mut Vec<Input>) {
    for layer in parameters(steps).filter_map(|(param, _)| match param {
        Param::Layer(layer) => Some(layer),
        _ => None,
    }) {
        let mut input = None;
        let mut steps = None;
        if let Some(picture) = layer.picture() {
            (input, steps) = (Some(picture.input), Some(picture.steps));
        } else if let LayerKind::Text(text) = &layer.kind {
            input = text.font_file();
        }
        found.extend(input.filter(|input| !found.contains(input)));
        collect_inputs(steps.as_deref().unwrap_or(&layer.steps), found);
    }
}

/// All parameters of a chain but those of its layers, and whether a condition decides about them.
pub(crate) fn parameters(steps: &[Step]) -> impl Iterator<Item = (&Param, bool)> {
    let mut found = Vec::new();
    collect(steps, false, &mut found);
    found.into_iter()
}

fn collect<'a>(steps: &'a [Step], inside: bool, found: &mut Vec<(&'a Param, bool)>) {
    for step in steps {
        match step {
            Step::Apply(params) => found.extend(params.iter().map(|param| (param, inside))),
            Step::If(condition) => {
                collect(&condition.then, true, found);
                collect(&condition.otherwise, true, found);
            }
        }
    }
}

pub(crate) fn chain(steps: &[Step]) -> String {
    steps.iter().map(canonical_step).collect::<Vec<_>>().join(":")
}

fn canonical_step(step: &Step) -> String {
    match step {
        Step::Apply(params) => params.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
        Step::If(condition) => {
            let mut tokens = vec![format!("if-{}", condition.predicate), chain(&condition.then)];
            if !condition.otherwise.is_empty() {
                tokens.extend(["if-else".to_owned(), chain(&condition.otherwise)]);
            }
            tokens.push("if-end".to_owned());
            tokens.retain(|token| !token.is_empty());
            tokens.join(",")
        }
    }
}

/// For people: a line a step.
impl fmt::Display for Transformation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("No steps");
        }
        write_steps(f, &self.steps, "")
    }
}

fn write_steps(f: &mut fmt::Formatter<'_>, steps: &[Step], indent: &str) -> fmt::Result {
    for (index, step) in steps.iter().enumerate() {
        if index > 0 {
            f.write_str("\n")?;
        }
        write!(f, "{indent}Step {}: ", index + 1)?;
        match step {
            Step::Apply(params) => {
                f.write_str(&params.iter().map(Param::describe).collect::<Vec<_>>().join(", "))?;
            }
            Step::If(condition) => {
                let inner = format!("{indent}  ");
                write!(f, "if {}", condition.predicate.to_string().replace('_', " "))?;
                for (title, steps) in [("", &condition.then), ("otherwise", &condition.otherwise)] {
                    if !steps.is_empty() {
                        if !title.is_empty() {
                            write!(f, "\n{indent}{title}")?;
                        }
                        f.write_str("\n")?;
                        write_steps(f, steps, &inner)?;
                    }
                }
            }
        }
    }
    Ok(())
}
