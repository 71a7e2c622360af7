//! Faces, by networks laid out like Ultra-Light-Fast-Generic-Face-Detector-1MB (Linzaer, 2019), `version-RFB-320`.

use super::detect::{Found, strongest};
use super::network::{Network, planes, stretched};
use crate::RenderError;
use crate::picture::Picture;

/// As in the network's own program.
const LEAST_SCORE: f32 = 0.7;
const OVERLAP: f32 = 0.3;

pub(super) fn find(network: &Network, picture: &Picture) -> Result<Vec<Found>, RenderError> {
    let sides = network.sides_or(240, 320);
    let small = stretched(picture, sides)?;
    let outputs = network.run(planes(&small, |_, value| (f32::from(value) - 127.0) / 128.0), sides)?;
    let of = |width: usize| {
        outputs
            .iter()
            .find(|output| output.shape.len() == 3 && output.shape[0] == 1 && output.shape[2] == width)
    };
    let (Some(scores), Some(boxes)) = (of(2), of(4)) else {
        return Err(network.wrong("does not give scores [1, n, 2] and boxes [1, n, 4]"));
    };
    if scores.shape[1] != boxes.shape[1] {
        return Err(network.wrong("gives other numbers of scores and of boxes"));
    }
    let candidates = scores.data.chunks_exact(2).zip(boxes.data.chunks_exact(4));
    let certain = candidates.filter(|(score, _)| score[1] > LEAST_SCORE);
    let boxes = certain.map(|(score, corner)| Found {
        left: corner[0],
        top: corner[1],
        right: corner[2],
        bottom: corner[3],
        score: score[1],
    });
    Ok(strongest(boxes.collect(), OVERLAP))
}
