use transform::{Layer, Op, Output, Plan, SourceInfo};

use crate::execute::head::Head;

/// What doing a plan will take, for deciding what may run beside it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Megapixels that are decoded, worked on and encoded: a measure of time.
    pub megapixels: f64,
    /// Bytes of memory at the worst moment, the source's own bytes not counted.
    pub bytes: u64,
}

/// How much work and memory [`render`](crate::render) will need. Cheap, from the header alone, and so a rule of thumb:
/// progressive JPEG, sixteen-bit PNG and linear light take up to twice the memory.
pub fn estimate(plan: &Plan, info: &SourceInfo) -> Cost {
    if plan.output == Output::Original {
        return Cost {
            megapixels: 0.0,
            bytes: 0,
        };
    }
    let (head, rest) = Head::split(&plan.ops, info);
    let decoded = head.decoded_size(info);
    // Entropy decoding reads every pixel's worth of data even when the transform shrinks it.
    let mut work = pixels(info.width, info.height);
    let mut size = pixels(head.target.width, head.target.height);
    let mut peak = pixels(decoded.width, decoded.height) + size;
    work += size;
    for op in rest {
        let result = match op {
            Op::Crop(rect) => pixels(rect.width, rect.height),
            Op::Resize(size) => pixels(size.width, size.height),
            Op::Pad { canvas, .. } | Op::Rotate { canvas, .. } | Op::Arc { canvas, .. } => {
                pixels(canvas.width, canvas.height)
            }
            Op::Border { .. } => size.saturating_add(size / 4),
            Op::Layer(layer) => {
                let (layer_work, layer_peak) = layer_cost(layer);
                work = work.saturating_add(layer_work);
                peak = peak.max(size.saturating_add(layer_peak));
                size
            }
            _ => size,
        };
        peak = peak.max(size.saturating_add(result));
        work = work.saturating_add(result);
        size = result;
    }
    // Encoders keep planes of their own and the result beside the last picture.
    let encoded = pixels(plan.size.width, plan.size.height);
    work = work.saturating_add(encoded);
    peak = peak.max(encoded.saturating_mul(3));
    if plan.animated {
        // Every frame takes the same, one after the other; a few are in memory at a time.
        work = work.saturating_mul(u64::from(info.frames.max(1)));
        peak = peak.saturating_mul(2);
    }
    Cost {
        megapixels: work as f64 / 1e6,
        bytes: peak.saturating_mul(BYTES_PER_PIXEL),
    }
}

/// Work on a layer and its own layers, and memory, in pixels. What its file holds is counted by who reads it.
fn layer_cost(layer: &Layer) -> (u64, u64) {
    let size = pixels(layer.size.width, layer.size.height);
    let mut cost = (size.saturating_mul(layer.ops.len() as u64 + 1), size.saturating_mul(2));
    for op in &layer.ops {
        if let Op::Layer(inner) = op {
            let (work, peak) = layer_cost(inner);
            cost = (cost.0.saturating_add(work), cost.1.max(size.saturating_add(peak)));
        }
    }
    cost
}

const BYTES_PER_PIXEL: u64 = 4;

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}
