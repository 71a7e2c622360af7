use std::sync::atomic::{AtomicBool, Ordering};

use crate::RenderError;

/// What one rendering may cost, and how hard it should try.
#[derive(Debug, Clone, Copy)]
pub struct Budget<'a> {
    /// Columns times rows that the source, or the result of any operation, may have.
    pub max_pixels: u64,
    /// Frames times columns times rows that an animation, or the result made of it, may have.
    pub max_frames_pixels: u64,
    /// Bytes that the source may have.
    pub max_source_bytes: u64,
    /// Bytes that the result may have.
    pub max_output_bytes: u64,
    /// Set it from elsewhere to give up: looked at before every operation.
    pub cancelled: Option<&'a AtomicBool>,
    /// How much time encoders may take for smaller results.
    pub effort: Effort,
    /// In which light pixels are mixed when a picture is scaled.
    pub light: Light,
    /// Threads that may work beside the caller's own. They are gone when the rendering ends, and change nothing but its time.
    pub helpers: usize,
}

/// How much time encoders may take for smaller results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Effort {
    /// The usual balance of time and bytes.
    #[default]
    Leisure,
    /// Others are waiting: up to several times faster, some percent more bytes at the same quality.
    Load,
}

/// In which light pixels are mixed when a picture is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Light {
    /// In the stored (gamma encoded) values: fast, and what nearly every other tool does.
    #[default]
    Gamma,
    /// In linear light: physically right for fine bright detail, a little slower.
    Linear,
}

impl Default for Budget<'_> {
    /// 100 megapixels, and as many in all frames of an animation, 64 MiB in, 64 MiB out, at leisure, on one thread, and nobody cancels.
    fn default() -> Self {
        Self {
            max_pixels: 100_000_000,
            max_frames_pixels: 100_000_000,
            max_source_bytes: 64 << 20,
            max_output_bytes: 64 << 20,
            cancelled: None,
            effort: Effort::default(),
            light: Light::default(),
            helpers: 0,
        }
    }
}

impl Budget<'_> {
    pub(crate) fn check_cancelled(&self) -> Result<(), RenderError> {
        match self.cancelled {
            Some(flag) if flag.load(Ordering::Relaxed) => Err(RenderError::Cancelled),
            _ => Ok(()),
        }
    }

    pub(crate) fn check_pixels(&self, width: u32, height: u32) -> Result<(), RenderError> {
        within("pixels", u64::from(width) * u64::from(height), self.max_pixels)
    }

    /// A frame counts as 64 x 64 pixels at least, for each is work whatever its size.
    pub(crate) fn check_frames(&self, frames: u32, width: u32, height: u32) -> Result<(), RenderError> {
        const LEAST: u64 = 64 * 64;
        let pixels = (u64::from(width) * u64::from(height)).max(LEAST);
        within(
            "pixels in all frames",
            pixels.saturating_mul(frames.into()),
            self.max_frames_pixels,
        )
    }

    pub(crate) fn check_source(&self, bytes: usize) -> Result<(), RenderError> {
        within("bytes of the source", bytes as u64, self.max_source_bytes)
    }

    pub(crate) fn check_output(&self, bytes: usize) -> Result<(), RenderError> {
        within("bytes of the result", bytes as u64, self.max_output_bytes)
    }
}

fn within(what: &'static str, found: u64, limit: u64) -> Result<(), RenderError> {
    if found > limit {
        Err(RenderError::OverBudget { what, found, limit })
    } else {
        Ok(())
    }
}
