//! A network that takes one picture.

use rten::{Dimension, NodeId, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, Tensor};
use transform::{Rect, Size};

use crate::RenderError;
use crate::budget::Light;
use crate::ops::resize::{Region, resize};
use crate::picture::Picture;

/// A loaded file whose input is `[1, 3, height, width]`.
pub(super) struct Network {
    name: &'static str,
    model: rten::Model,
    input: NodeId,
    outputs: Vec<NodeId>,
    /// Height and width, where the file fixes them.
    sides: Option<(usize, usize)>,
}

/// Numbers in rows.
pub(super) struct Output {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network")
            .field("name", &self.name)
            .field("sides", &self.sides)
            .finish_non_exhaustive()
    }
}

/// Networks work on pictures of at most so many pixels at once.
const MOST_PIXELS: usize = 4096 * 4096;

impl Network {
    pub fn load(name: &'static str, file: Vec<u8>) -> Result<Self, String> {
        let model = rten::Model::load(file).map_err(|error| format!("it is no ONNX file that can be run: {error}"))?;
        let &[input] = model.input_ids() else {
            return Err(format!(
                "it takes {} inputs instead of one picture",
                model.input_ids().len()
            ));
        };
        let shape = model.input_shape(0).unwrap_or_default();
        let fixed = |at: usize| match shape.get(at) {
            Some(Dimension::Fixed(length)) => Some(*length),
            _ => None,
        };
        if shape.len() != 4 || fixed(0).is_some_and(|batch| batch != 1) || fixed(1).is_some_and(|colors| colors != 3) {
            return Err("its input is not [1, 3, height, width]".to_owned());
        }
        let sides = fixed(2).zip(fixed(3));
        if sides.is_some_and(|(height, width)| height == 0 || width == 0 || height.saturating_mul(width) > MOST_PIXELS)
        {
            return Err("its input has a size that cannot be used".to_owned());
        }
        let outputs = model.output_ids().to_vec();
        if outputs.is_empty() {
            return Err("it has no output".to_owned());
        }
        Ok(Self {
            name,
            model,
            input,
            outputs,
            sides,
        })
    }

    /// Height and width that its pictures have, or else these.
    pub fn sides_or(&self, height: usize, width: usize) -> (usize, usize) {
        self.sides.unwrap_or((height, width))
    }

    /// Runs it on planes of red, green and blue (or as it wants them).
    pub fn run(&self, planes: Vec<f32>, (height, width): (usize, usize)) -> Result<Vec<Output>, RenderError> {
        let input = NdTensor::try_from_data([1, 3, height, width], planes)
            .map_err(|_| self.wrong("was given a picture of another size"))?;
        let outputs = self
            .model
            .run(vec![(self.input, ValueOrView::from(input.view()))], &self.outputs, None)
            .map_err(|error| self.wrong(format!("does not run: {error}")))?;
        let outputs = outputs.into_iter().map(|output| {
            let tensor: Tensor<f32> = output
                .try_into()
                .map_err(|_| self.wrong("answers with numbers that are not floats"))?;
            Ok(Output {
                shape: tensor.shape().to_vec(),
                data: tensor.to_vec(),
            })
        });
        outputs.collect()
    }

    /// It is not what its name says.
    pub fn wrong(&self, what: impl Into<String>) -> RenderError {
        RenderError::Model {
            file: self.name,
            what: what.into(),
        }
    }
}

/// A picture scaled to these sides, each on its own, without its alpha.
pub(super) fn stretched(picture: &Picture, (height, width): (usize, usize)) -> Result<Picture, RenderError> {
    let whole = Rect {
        x: 0,
        y: 0,
        width: picture.width,
        height: picture.height,
    };
    let side = |length: usize| u32::try_from(length).map_err(|_| RenderError::Plan("a side that is too long"));
    let size = Size {
        width: side(width)?,
        height: side(height)?,
    };
    Ok(resize(picture, Region::shrunk(whole, 1), size, Light::Gamma)?.without_alpha())
}

/// Planes, each number by a function of its channel and value.
pub(super) fn planes(picture: &Picture, number: impl Fn(usize, u8) -> f32) -> Vec<f32> {
    let channels = picture.channels();
    (0..3)
        .flat_map(|channel| {
            picture
                .pixels
                .chunks_exact(channels)
                .map(move |pixel| (channel, pixel[channel]))
        })
        .map(|(channel, value)| number(channel, value))
        .collect()
}
