//! What a text alone tells to have no effect.

use crate::parameters::{Fill, Focus, Param, Strategy};

/// What the parameters of a step say about each other.
struct Facts {
    width: bool,
    height: bool,
    /// How many of the two there are, those of a block included.
    sides: u8,
    ratio: bool,
    strategy: Strategy,
    /// A face or an object is looked for.
    subject: bool,
    x: bool,
    y: bool,
}

const EXTRACT: &str = "it has an effect only with `cm-extract` in the same step";
const SIDE: &str = "it has an effect only with `w` or `h` in the same step";
const BOX: &str = "it has an effect only with `w` and `h`, or one of them and `ar`, in the same step";
const CROP: &str = "it has an effect only where the same step crops or pads";
const PAD: &str = "it has an effect only with `cm-pad_resize`, `w` and `h` in the same step";

/// Takes out what has no effect beside the others, and says why. What is taken out may have been what another one needs.
pub fn leave_out<T>(step: &mut Vec<T>, param: impl Fn(&T) -> &Param, makes_block: bool) -> Vec<(T, &'static str)> {
    let mut left_out = Vec::new();
    loop {
        let facts = Facts::of(step.iter().map(&param), makes_block);
        let Some((at, reason)) = step
            .iter()
            .enumerate()
            .find_map(|(at, item)| facts.useless(param(item)).map(|reason| (at, reason)))
        else {
            return left_out;
        };
        left_out.push((step.remove(at), reason));
    }
}

impl Facts {
    /// `makes_block`: sides are those of a block, and nothing is brought into them.
    fn of<'p>(params: impl Iterator<Item = &'p Param> + Clone, makes_block: bool) -> Self {
        let has = |wanted: fn(&Param) -> bool| params.clone().any(wanted);
        let strategy = params.clone().find_map(|param| match param {
            Param::Crop(strategy) => Some(*strategy),
            _ => None,
        });
        let strategy = strategy.unwrap_or_default();
        let (width, height) = (
            has(|param| matches!(param, Param::Width(_))),
            has(|param| matches!(param, Param::Height(_))),
        );
        Self {
            width: !makes_block && width,
            height: !makes_block && height,
            sides: u8::from(width) + u8::from(height),
            ratio: has(|param| matches!(param, Param::AspectRatio(_))),
            strategy,
            subject: finds(strategy) && has(|param| matches!(param, Param::Focus(Focus::Face | Focus::Objects(_)))),
            x: has(|param| matches!(param, Param::X(_))),
            y: has(|param| matches!(param, Param::Y(_))),
        }
    }

    /// Why a parameter of the step has no effect, if that is so.
    fn useless(&self, param: &Param) -> Option<&'static str> {
        let side = self.width || self.height;
        let full = (self.width && self.height) || (side && self.ratio);
        match param {
            Param::X(_) | Param::Y(_) | Param::CenterX(_) | Param::CenterY(_) if self.strategy != Strategy::Extract => {
                Some(EXTRACT)
            }
            Param::CenterX(_) if self.x => Some("`x` of the same step counts"),
            Param::CenterY(_) if self.y => Some("`y` of the same step counts"),
            Param::Dpr(_) if self.sides == 0 => Some(SIDE),
            Param::AspectRatio(_) if self.sides == 2 => Some("`w` and `h` of the same step say it already"),
            Param::AspectRatio(_) if self.sides == 0 && !self.subject => Some(SIDE),
            Param::Crop(_) if !side && !self.subject => Some(SIDE),
            Param::Crop(strategy) if !full && !self.subject && !works_with_one_side(*strategy) => Some(BOX),
            Param::Focus(Focus::Face | Focus::Objects(_)) => (!self.subject).then_some(CROP),
            Param::Focus(focus) => {
                let anchored = matches!(focus, Focus::Anchor(_));
                let counts = match self.strategy {
                    Strategy::Extract => side,
                    Strategy::MaintainRatio | Strategy::MaintainRatioNoEnlarge => full,
                    strategy => full && anchored && pads(strategy),
                };
                (!counts).then_some(CROP)
            }
            Param::Zoom(_) if !self.subject => Some("it has an effect only with `fo-face`, or an object in `fo`"),
            Param::Background(Fill::Color(_)) => None,
            Param::Background(_) if !(full && pads(self.strategy)) => Some(PAD),
            _ => None,
        }
    }
}

fn pads(strategy: Strategy) -> bool {
    matches!(
        strategy,
        Strategy::PadResize | Strategy::PadResizeNoEnlarge | Strategy::PadExtract | Strategy::PadExtractNoShrink
    )
}

/// Faces and objects are looked for where something is cut.
fn finds(strategy: Strategy) -> bool {
    matches!(
        strategy,
        Strategy::MaintainRatio | Strategy::MaintainRatioNoEnlarge | Strategy::Extract
    )
}

/// All others scale in proportion then, as if they were not there; the default is often written all the same.
fn works_with_one_side(strategy: Strategy) -> bool {
    matches!(strategy, Strategy::MaintainRatio | Strategy::AtMax | Strategy::Extract)
}
