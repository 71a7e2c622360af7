//! Operations that need a model split a transformation into stages.

use std::fmt;

use crate::parameters::{AiOperation, AskedFormat, Fill, Focus, Param, Strategy, Turn};
use crate::transformation::parameters;
use crate::{Color, Format, Params, Step, Transformation};

/// What is done to a picture before a model works on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Gives the picture that is handed to the model, as a PNG without loss.
    pub before: Transformation,
    /// What the model does. Its result is the source of the next stage.
    pub operation: AiOperation,
}

/// A transformation in the parts between which models work.
#[derive(Debug, Clone, PartialEq)]
pub struct Stages {
    /// In order. Usually there is none.
    pub stages: Vec<Stage>,
    /// What is done to the last stage's result, or to the source: the answer comes out of it.
    pub last: Transformation,
}

/// A stage's text: the transformation before it and its operation. Stages of one text give one picture of one source.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.before.canonical(), self.operation)
    }
}

impl Transformation {
    /// Splits the steps at operations that need a model. Inside a step the language's order decides: page and trim come
    /// before such operations, those run in the order written, everything else comes after. A generated background runs
    /// once the picture is padded with nothing; sizes and places belong to that pad. What concerns encoding is the last
    /// part's.
    ///
    /// Each part sees the result of the stage before it as its source: `iw`, `ih` and `idn` are those of that result, and
    /// conditions compare with it. (Models answer in sizes of their own; nothing else could be meant.)
    ///
    /// Names have to be [expanded](Self::expand) and conditions [settled](Self::settle) before: an operation that is left
    /// inside a condition is not found.
    pub fn stages(&self) -> Stages {
        if self.is_original() {
            return Stages {
                stages: Vec::new(),
                last: self.clone(),
            };
        }
        let (stages, steps) = split(self.steps.clone());
        Stages {
            stages,
            last: Self {
                steps,
                ignored: self.ignored.clone(),
            },
        }
    }

    /// Replaces conditions up to the last operation that needs a model by the branch that applies: nothing runs a model
    /// before it is known whether it has to.
    ///
    /// `size_after` is asked for the size that some steps lead to, as often as there are conditions; `initial` is the
    /// upright size of the source. Operations that need a model are left out of these steps: what they change of the size
    /// is not known before they have run. So are layers, which change nothing of it.
    pub fn settle<E>(
        &self,
        initial: (u32, u32),
        mut size_after: impl FnMut(&Self) -> Result<(u32, u32), E>,
    ) -> Result<Self, E> {
        let mut todo: Vec<Step> = self.steps.clone();
        todo.reverse();
        let mut done: Vec<Step> = Vec::new();
        while todo.iter().any(needs_model) {
            match todo.pop() {
                Some(Step::If(condition)) => {
                    let so_far = Self {
                        steps: done.iter().map(without_models).collect(),
                        ignored: Vec::new(),
                    };
                    let holds = condition.predicate.holds(size_after(&so_far)?, initial);
                    let branch = if holds { condition.then } else { condition.otherwise };
                    todo.extend(branch.into_iter().rev());
                }
                Some(step) => done.push(step),
                None => break,
            }
        }
        done.extend(todo.into_iter().rev());
        Ok(Self {
            steps: done,
            ignored: self.ignored.clone(),
        })
    }

    /// True when some operation needs a model, in the chain itself; layers have their own (see [`Self::inputs`]).
    pub fn needs_model(&self) -> bool {
        !self.is_original() && self.steps.iter().any(needs_model)
    }

    /// The operations that need a model, those in conditions too; layers have their own (see [`Self::inputs`]).
    pub fn operations(&self) -> Vec<AiOperation> {
        if self.is_original() {
            return Vec::new();
        }
        let operations = self.all_params().filter_map(|(param, _)| match param {
            Param::Ai(operation) => Some(operation.clone()),
            Param::Background(Fill::Generated(prompt)) => Some(AiOperation::Fill(prompt.clone())),
            _ => None,
        });
        operations.collect()
    }

    /// True when some operation needs a model, in conditions and layers too.
    pub fn uses_models(&self) -> bool {
        !self.is_original() && uses_models(&self.steps)
    }

    /// What is looked for in pictures: faces, and objects. In conditions and layers too.
    pub fn looks_for(&self) -> LooksFor {
        let mut found = LooksFor::default();
        if !self.is_original() {
            look(&self.steps, &mut found);
        }
        found
    }
}

/// What a transformation looks for in pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LooksFor {
    /// `fo-face`
    pub faces: bool,
    /// `fo-dog` and the like.
    pub objects: bool,
}

fn look(steps: &[Step], found: &mut LooksFor) {
    for (param, _) in parameters(steps) {
        match param {
            Param::Focus(Focus::Face) => found.faces = true,
            Param::Focus(Focus::Objects(_)) => found.objects = true,
            Param::Layer(layer) => look(&layer.steps, found),
            _ => {}
        }
    }
}

fn uses_models(steps: &[Step]) -> bool {
    parameters(steps).any(|(param, _)| match param {
        Param::Ai(_) | Param::Background(Fill::Generated(_)) => true,
        Param::Layer(layer) => uses_models(&layer.steps),
        _ => false,
    })
}

fn needs_model(step: &Step) -> bool {
    match step {
        Step::Apply(params) => params
            .iter()
            .any(|param| matches!(param, Param::Ai(_) | Param::Background(Fill::Generated(_)))),
        Step::If(condition) => condition.then.iter().chain(&condition.otherwise).any(needs_model),
    }
}

fn without_models(step: &Step) -> Step {
    match step {
        Step::Apply(params) => Step::Apply(
            params
                .iter()
                .filter_map(|param| match param {
                    // Layers do not change sizes, and what they need is not asked for twice.
                    Param::Ai(_) | Param::Layer(_) => None,
                    Param::Background(Fill::Generated(_)) => Some(TRANSPARENT),
                    other => Some(other.clone()),
                })
                .collect(),
        ),
        Step::If(condition) => Step::If(condition.clone()),
    }
}

const TRANSPARENT: Param = Param::Background(Fill::Color(Color::TRANSPARENT));

/// When a parameter acts, as far as models are concerned.
#[derive(PartialEq)]
enum Phase {
    /// Before the models of its step.
    Source,
    /// What makes room for a generated background.
    Frame,
    /// After all models.
    Encoding,
    /// Everything else.
    Rest,
}

fn phase(param: &Param) -> Phase {
    match param {
        Param::Page(_) | Param::Density(_) | Param::Trim(_) | Param::Rotate(Turn::Auto) => Phase::Source,
        Param::Width(_)
        | Param::Height(_)
        | Param::AspectRatio(_)
        | Param::Dpr(_)
        | Param::Crop(_)
        | Param::Focus(_)
        | Param::Zoom(_)
        | Param::X(_)
        | Param::Y(_)
        | Param::CenterX(_)
        | Param::CenterY(_) => Phase::Frame,
        Param::Quality(_)
        | Param::Format(_)
        | Param::Lossless(_)
        | Param::Progressive(_)
        | Param::KeepProfile(_)
        | Param::KeepMetadata(_)
        | Param::ContentCredentials(_)
        | Param::DefaultImage(_) => Phase::Encoding,
        _ => Phase::Rest,
    }
}

/// Stages, and the steps after the last one.
pub(crate) fn split(steps: Vec<Step>) -> (Vec<Stage>, Vec<Step>) {
    let mut stages: Vec<Stage> = Vec::new();
    let (mut pending, mut encoding) = (Vec::new(), Params::default());
    if !steps.iter().any(needs_model) {
        return (stages, steps);
    }
    // These choose and turn the source wherever they stand, and the later parts have another source.
    let mut source: Vec<Param> = Vec::new();
    for step in &steps {
        if let Step::Apply(params) = step {
            let chooses =
                |param: &&Param| matches!(param, Param::Page(_) | Param::Density(_) | Param::Rotate(Turn::Auto));
            source.extend(params.iter().filter(chooses).cloned());
        }
    }
    if !source.is_empty() {
        pending.push(Step::Apply(source.into_iter().collect()));
    }
    for step in steps {
        let mut params = match step {
            Step::Apply(params) => params,
            step @ Step::If(_) => {
                pending.push(step);
                continue;
            }
        };
        let operations: Vec<AiOperation> = params
            .iter()
            .filter_map(|param| match param {
                Param::Ai(operation) => Some(operation.clone()),
                _ => None,
            })
            .collect();
        params.retain(|param| !matches!(param, Param::Ai(_)));
        if !operations.is_empty() {
            take(&mut params, &mut pending, |param| phase(param) == Phase::Source);
        }
        for operation in operations {
            stages.push(stage(&mut pending, &mut encoding, operation));
        }
        let generated = params.iter().find_map(|param| match param {
            Param::Background(Fill::Generated(prompt)) => Some(prompt.clone()),
            _ => None,
        });
        if let Some(prompt) = generated {
            params.retain(|param| !matches!(param, Param::Background(_)));
            let pads = |param: &Param| {
                matches!(
                    param,
                    Param::Crop(
                        Strategy::PadResize
                            | Strategy::PadResizeNoEnlarge
                            | Strategy::PadExtract
                            | Strategy::PadExtractNoShrink
                    )
                )
            };
            if params.iter().any(pads) {
                params.insert(TRANSPARENT);
                take(&mut params, &mut pending, |param| {
                    matches!(phase(param), Phase::Source | Phase::Frame) || *param == TRANSPARENT
                });
                stages.push(stage(&mut pending, &mut encoding, AiOperation::Fill(prompt)));
            }
        }
        if !params.is_empty() {
            pending.push(Step::Apply(params));
        }
    }
    if !encoding.is_empty() {
        pending.insert(0, Step::Apply(encoding));
    }
    (stages, pending)
}

/// Moves those that `belong` from a step to a step of their own.
fn take(params: &mut Params, steps: &mut Vec<Step>, belong: impl Fn(&Param) -> bool) {
    let taken: Params = params.iter().filter(|param| belong(param)).cloned().collect();
    params.retain(|param| !belong(param));
    if !taken.is_empty() {
        steps.push(Step::Apply(taken));
    }
}

/// Ends a stage: what concerns encoding is kept for the last part.
fn stage(pending: &mut Vec<Step>, encoding: &mut Params, operation: AiOperation) -> Stage {
    let mut steps = std::mem::take(pending);
    for step in &mut steps {
        if let Step::Apply(params) = step {
            params
                .iter()
                .filter(|param| phase(param) == Phase::Encoding)
                .for_each(|param| encoding.insert(param.clone()));
            params.retain(|param| phase(param) != Phase::Encoding);
        }
    }
    steps.retain(|step| !matches!(step, Step::Apply(params) if params.is_empty()));
    let lossless = [Param::Lossless(true), Param::Format(AskedFormat::Exactly(Format::Png))];
    steps.push(Step::Apply(lossless.into_iter().collect()));
    let before = Transformation {
        steps,
        ignored: Vec::new(),
    };
    Stage { before, operation }
}
