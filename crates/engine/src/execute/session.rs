//! One rendering: the base picture, its layers, and theirs.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use transform::{Background, Layer, LayerSource, Op, Part, Plan, Rect, Size, Subject};

use super::decoded::{self, DecodedSource};
use super::head::{Head, inside};
use super::planar::{self, FULL, Turn, fit_and_turn};
use super::{Inputs, TRACE, check_size};
use crate::budget::Light;
use crate::codecs::{self, Chroma};
use crate::color::{self, Space, ToSrgb};
use crate::ops::{self, resize::Region};
use crate::picture::Picture;
use crate::planes::Planes;
use crate::probe::{Header, Metadata, Want};
use crate::{Budget, RenderError, text};

pub(crate) struct Session<'a> {
    pub inputs: &'a Inputs<'a>,
    pub budget: &'a Budget<'a>,
    /// Finished layers of an animation, by the address that they have in its plan: they are the same on every frame.
    layers: RefCell<HashMap<usize, Rc<Picture>>>,
    /// What has been measured: a planner may ask twice.
    pub answers: RefCell<Vec<(Question, Option<Rect>)>>,
}

/// What a planner asked about pixels.
#[derive(Debug, PartialEq)]
pub(crate) struct Question {
    /// A layer's input; the base picture has none.
    pub input: Option<String>,
    pub part: Part,
    pub ops: Vec<Op>,
    pub kind: QuestionKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum QuestionKind {
    Trim(u8),
    Salient(Size),
    Find(Subject),
}

/// A picture in one form or the other.
#[derive(Debug)]
pub(crate) enum Pixels {
    Rgb(Picture),
    Planes(Planes),
}

impl Pixels {
    pub fn size(&self) -> Size {
        match self {
            Self::Rgb(picture) => size_of(picture),
            Self::Planes(planes) => Size {
                width: planes.luma.width,
                height: planes.luma.height,
            },
        }
    }

    pub fn into_rgb(self) -> Result<Picture, RenderError> {
        match self {
            Self::Rgb(picture) => Ok(picture),
            Self::Planes(planes) => codecs::to_picture(&planes),
        }
    }
}

fn size_of(picture: &Picture) -> Size {
    Size {
        width: picture.width,
        height: picture.height,
    }
}

/// How planes are scaled and turned, and what they become then.
struct Way {
    sampling: (u32, u32),
    turn: Turn,
    /// Whether they stay planes, and all that is left is mirroring, which is part of the turn.
    stays: bool,
}

impl Way {
    /// In planes of the accepted sampling if nothing asks for RGB.
    fn of(head: &Head, rest: &[Op], accepted: Option<(u32, u32)>, to_srgb: Option<&ToSrgb>) -> Self {
        let turn = Turn::of(head.orientation);
        match (accepted, turn.then_all(rest)) {
            (Some(sampling), Some(turn)) if to_srgb.is_none() => Self {
                sampling,
                turn,
                stays: true,
            },
            _ => Self {
                sampling: FULL,
                turn,
                stays: false,
            },
        }
    }

    /// The finished head, and the operations that are left.
    fn finish<'o>(
        &self,
        planes: Planes,
        rest: &'o [Op],
        to_srgb: Option<&ToSrgb>,
    ) -> Result<(Pixels, &'o [Op]), RenderError> {
        if self.stays {
            return Ok((Pixels::Planes(planes), &[]));
        }
        Ok((Pixels::Rgb(in_srgb(codecs::to_picture(&planes)?, to_srgb)), rest))
    }
}

fn in_srgb(picture: Picture, to_srgb: Option<&ToSrgb>) -> Picture {
    match to_srgb {
        Some(to_srgb) => to_srgb.apply(picture),
        None => picture,
    }
}

/// The base picture after all operations, and what its file held beside it.
pub(crate) struct Base {
    pub pixels: Pixels,
    pub space: Space,
    pub metadata: Metadata,
}

impl<'a> Session<'a> {
    pub fn new(inputs: &'a Inputs<'a>, budget: &'a Budget<'a>) -> Self {
        Self {
            inputs,
            budget,
            layers: RefCell::default(),
            answers: RefCell::default(),
        }
    }

    /// The base picture after these operations; in planes of the accepted sampling where nothing asks for RGB.
    pub fn base(
        &self,
        part: &Part,
        ops: &[Op],
        keep_profile: bool,
        accepted: Option<(u32, u32)>,
    ) -> Result<Base, RenderError> {
        self.picture(
            self.inputs.source,
            self.inputs.decoded,
            part,
            ops,
            keep_profile,
            accepted,
        )
    }

    /// A source's picture after these operations.
    pub fn picture(
        &self,
        source: &[u8],
        at_hand: Option<&DecodedSource>,
        part: &Part,
        ops: &[Op],
        keep_profile: bool,
        accepted: Option<(u32, u32)>,
    ) -> Result<Base, RenderError> {
        self.budget.check_cancelled()?;
        // Cropping and scaling go with it: both happen while rows come.
        let decoding = tracing::debug_span!(target: TRACE, "decode", at_hand = at_hand.is_some()).entered();
        let (pixels, rest, space, metadata) = match at_hand {
            Some(decoded) if decoded::shrink(ops, &decoded.info).is_multiple_of(decoded.shrink()) => {
                let (head, rest) = Head::split(ops, &decoded.info);
                let (pixels, rest) = self.head(&head, rest, decoded, accepted)?;
                (pixels, rest, decoded.space.clone(), decoded.metadata.clone())
            }
            _ => {
                let header = Header::of(source, part, Want::Everything)?;
                self.budget.check_pixels(header.info.width, header.info.height)?;
                let (head, rest) = Head::split(ops, &header.info);
                if header.info.format.is_vector() {
                    (
                        Pixels::Rgb(self.drawn(source, &header, part, &head)?),
                        rest,
                        Space::Srgb,
                        header.metadata,
                    )
                } else {
                    let shrink = head.shrink();
                    let light = self.budget.light;
                    let chroma = planar::wanted(ops, &header.info, accepted, light);
                    let streamed = match chroma {
                        Some(chroma) if shrink > 1 && self.is_gamma() => {
                            self.streamed(source, &header, (shrink, chroma), &head, rest, keep_profile, accepted)?
                        }
                        _ => None,
                    };
                    if let Some((pixels, rest)) = streamed {
                        (pixels, rest, codecs::space(&header.metadata), header.metadata)
                    } else {
                        let decoded = decoded::decode(source, header, part, shrink, keep_profile, chroma, light)?;
                        let (pixels, rest) = self.head(&head, rest, &decoded, accepted)?;
                        (pixels, rest, decoded.space, decoded.metadata)
                    }
                }
            }
        };
        drop(decoding);
        let pixels = if rest.is_empty() {
            pixels
        } else {
            let _span = tracing::debug_span!(target: TRACE, "transform", operations = rest.len()).entered();
            Pixels::Rgb(self.apply_all(pixels.into_rgb()?, rest)?)
        };
        Ok(Base {
            pixels,
            space,
            metadata,
        })
    }

    /// The same as decoding and [`Self::head`], without ever having the decoded source whole. Nothing, when that cannot be.
    #[expect(clippy::too_many_arguments, reason = "all that decoding and the head need")]
    fn streamed<'o>(
        &self,
        source: &[u8],
        header: &Header,
        how: (u32, Chroma),
        head: &Head,
        rest: &'o [Op],
        keep_profile: bool,
        accepted: Option<(u32, u32)>,
    ) -> Result<Option<(Pixels, &'o [Op])>, RenderError> {
        let to_srgb = color::rgb_to_srgb(&codecs::space(&header.metadata), keep_profile);
        let way = Way::of(head, rest, accepted, to_srgb.as_ref());
        let planes = planar::decode_fit_and_turn(source, header, how, head, way.sampling, way.turn);
        self.budget.check_cancelled()?;
        planes
            .map(|planes| way.finish(planes, rest, to_srgb.as_ref()))
            .transpose()
    }

    /// Crop, scale and turn a decoded source upright; in planes of the accepted sampling if no more is to be done. Returns
    /// the operations that are left, too.
    fn head<'o>(
        &self,
        head: &Head,
        rest: &'o [Op],
        decoded: &DecodedSource,
        accepted: Option<(u32, u32)>,
    ) -> Result<(Pixels, &'o [Op]), RenderError> {
        self.budget.check_cancelled()?;
        let region = Region::shrunk(head.region, decoded.shrink());
        let to_srgb = decoded.to_srgb.as_ref();
        let picture = match &decoded.pixels {
            Pixels::Planes(planes) if self.is_gamma() => {
                let way = Way::of(head, rest, accepted, to_srgb);
                let planes = fit_and_turn(planes, head, decoded.shrink(), way.sampling, way.turn);
                return way.finish(planes, rest, to_srgb);
            }
            Pixels::Planes(planes) => Cow::Owned(codecs::to_picture(planes)?),
            Pixels::Rgb(picture) => Cow::Borrowed(picture),
        };
        let picture = ops::resize::resize(&picture, region, head.target, self.budget.light)?;
        let picture = in_srgb(ops::orient::orient(picture, head.orientation), to_srgb);
        Ok((Pixels::Rgb(picture), rest))
    }

    fn is_gamma(&self) -> bool {
        self.budget.light == Light::Gamma
    }

    /// A vector picture, drawn so that its region comes out at the target size at once.
    fn drawn(&self, source: &[u8], header: &Header, part: &Part, head: &Head) -> Result<Picture, RenderError> {
        let scale = |target: u32, region: u32| f64::from(target) / f64::from(region.max(1));
        let (across, down) = (
            scale(head.target.width, head.region.width),
            scale(head.target.height, head.region.height),
        );
        let side = |length: u32, scale: f64| (f64::from(length) * scale).round().clamp(1.0, f64::from(u32::MAX)) as u32;
        let size = Size {
            width: side(header.info.width, across).max(head.target.width),
            height: side(header.info.height, down).max(head.target.height),
        };
        self.budget.check_pixels(size.width, size.height)?;
        let picture = codecs::draw(source, header.info.format, part, size, self.inputs.fonts, self.budget)?;
        let corner = |at: u32, scale: f64, window: u32, whole: u32| {
            ((f64::from(at) * scale).round() as u32).min(whole.saturating_sub(window))
        };
        let rect = Rect {
            x: corner(head.region.x, across, head.target.width, size.width),
            y: corner(head.region.y, down, head.target.height, size.height),
            width: head.target.width,
            height: head.target.height,
        };
        Ok(ops::crop::crop(picture, rect))
    }

    /// One frame of an animation after all operations of its plan.
    pub fn frame(&self, picture: Picture, plan: &Plan) -> Result<Picture, RenderError> {
        let mut picture = picture;
        for op in &plan.ops {
            self.budget.check_cancelled()?;
            picture = match op {
                Op::Orient(orientation) => ops::orient::orient(picture, *orientation),
                Op::Layer(layer) => {
                    let address = std::ptr::from_ref::<Layer>(layer) as usize;
                    let known = self.layers.borrow().get(&address).cloned();
                    let finished = match known {
                        Some(finished) => finished,
                        None => {
                            let finished = Rc::new(self.layer(layer)?);
                            self.layers.borrow_mut().insert(address, finished.clone());
                            finished
                        }
                    };
                    ops::composite::composite(picture, &finished, layer.x, layer.y, layer.mode)
                }
                op => self.apply(picture, op)?,
            };
        }
        check_size(size_of(&picture), plan.size)?;
        Ok(picture)
    }

    fn apply_all(&self, mut picture: Picture, ops: &[Op]) -> Result<Picture, RenderError> {
        for op in ops {
            self.budget.check_cancelled()?;
            picture = self.apply(picture, op)?;
        }
        Ok(picture)
    }

    fn apply(&self, picture: Picture, op: &Op) -> Result<Picture, RenderError> {
        Ok(match *op {
            Op::Orient(_) => return Err(RenderError::Plan("a picture is turned upright once, and first")),
            Op::Crop(rect) if !inside(rect, picture.width, picture.height) => {
                return Err(RenderError::Plan("a crop that leaves the picture"));
            }
            Op::Crop(rect) => ops::crop::crop(picture, rect),
            Op::Resize(size) => {
                let whole = Rect {
                    x: 0,
                    y: 0,
                    width: picture.width,
                    height: picture.height,
                };
                ops::resize::resize(&picture, Region::shrunk(whole, 1), size, self.budget.light)?
            }
            Op::Pad {
                canvas,
                x,
                y,
                background,
            } => ops::pad::pad(picture, canvas, x, y, background)?,
            Op::Rotate { degrees, .. } if !(degrees > 0.0 && degrees < 360.0) => {
                return Err(RenderError::Plan("an angle that is not between 0 and 360"));
            }
            Op::Rotate {
                background: Background::Blurred { .. } | Background::Dominant | Background::DominantGradient { .. },
                ..
            } => return Err(RenderError::Plan("a background that only pads have")),
            Op::Rotate {
                degrees,
                canvas,
                background,
            } => ops::rotate::rotate(picture, degrees, canvas, background),
            Op::Flip { horizontal, vertical } => ops::flip::flip(picture, horizontal, vertical),
            Op::Flatten(color) => ops::flatten::flatten(picture, color),
            Op::Blur(sigma) => ops::blur::blur(picture, sigma),
            Op::Sharpen(strength) => ops::sharpen::sharpen(picture, strength),
            Op::UnsharpMask {
                radius,
                sigma,
                amount,
                threshold,
            } => ops::sharpen::unsharp_mask(picture, radius, sigma, amount, threshold),
            Op::StretchContrast => ops::tone::stretch_contrast(picture),
            Op::Grayscale => ops::tone::grayscale(picture),
            Op::Colorize { color, intensity } => ops::tone::colorize(picture, color, intensity),
            Op::ReplaceColor { from, to, tolerance } => ops::tone::replace_color(picture, from, to, tolerance),
            Op::Opacity(factor) => ops::tone::opacity(picture, factor),
            Op::Gradient {
                degrees,
                from,
                to,
                length,
            } => ops::gradient::gradient(picture, degrees, from, to, length),
            Op::Shadow { sigma, strength, x, y } => ops::shadow::shadow(picture, sigma, strength, x, y),
            Op::DropShadow {
                azimuth,
                elevation,
                strength,
            } => ops::shadow::drop_shadow(picture, azimuth, elevation, strength),
            Op::Perspective(corners) => ops::distort::perspective(picture, corners),
            Op::Arc { degrees, canvas } => ops::distort::arc(picture, degrees, canvas),
            Op::Round(corners) => ops::outline::round(picture, corners),
            Op::Border { width, color, corners } => ops::outline::border(picture, width, color, corners),
            Op::Layer(ref layer) => {
                let finished = self.layer(layer)?;
                ops::composite::composite(picture, &finished, layer.x, layer.y, layer.mode)
            }
        })
    }

    /// A layer as it is laid on.
    fn layer(&self, layer: &Layer) -> Result<Picture, RenderError> {
        let picture = match &layer.source {
            LayerSource::Picture { input, part } => {
                let source = self
                    .inputs
                    .files
                    .get(input)
                    .ok_or(RenderError::Plan("a layer whose file is not there"))?;
                self.budget.check_source(source.len())?;
                let layer = self.picture(source, None, part, &layer.ops, false, None)?;
                layer.pixels.into_rgb()?
            }
            LayerSource::Text(text) => {
                let files = |name: &str| self.inputs.files.get(name).copied();
                let size = text::measure(text, self.inputs.fonts, &files)?;
                self.budget.check_pixels(size.width, size.height)?;
                let drawn = text::draw(text, self.inputs.fonts, &files)?;
                self.apply_all(drawn, &layer.ops)?
            }
            LayerSource::Canvas { size, color } => {
                self.budget.check_pixels(size.width, size.height)?;
                self.apply_all(ops::pad::filled(*size, *color, !color.is_opaque()), &layer.ops)?
            }
        };
        check_size(size_of(&picture), layer.size)?;
        Ok(picture)
    }
}
