//! Pixels: a [`Plan`](transform::Plan) and the bytes of a source become the bytes of a rendition.
//!
//! A synchronous function of bytes: no network, no files, no clock, no environment. Everything that a source may cost
//! is bounded by a [`Budget`] before it is spent, and no input makes it panic.
//!
//! [`probe`] finds what the planner needs to know, [`render`] does the plan, [`estimate`] says beforehand what that
//! will cost, [`metadata`] reads what stands beside the pixels, [`sniff`] names any kind of file by its content.

mod animation;
mod budget;
mod codecs;
mod color;
mod error;
mod estimate;
mod execute;
mod exif;
mod ffprobe;
mod metadata;
mod models;
mod ops;
mod palette;
mod picture;
mod planes;
mod probe;
mod sniff;
mod svg_clean;
mod text;

pub use budget::{Budget, Effort, Light};
pub use error::{ProbeError, RenderError};
pub use estimate::{Cost, estimate};
pub use execute::{
    Bounds, DecodedSource, Inputs, Rendition, decode_source, render, render_measured, render_with, shrink_for,
};
pub use ffprobe::{ClipFacts, FfprobeError, MAX_FFPROBE_ANSWER, clip_facts, ffprobe_arguments};
pub use metadata::{
    Exif, Location, Metadata, PerceptualHash, PerceptualHashError, metadata, metadata_bytes, perceptual_hash,
};
pub use models::{Model, ModelError, ModelKind, Models};
pub use probe::{Probe, probe, probe_bytes, probe_part};
pub use sniff::sniff;
pub use svg_clean::{SVG_CLEANING, clean_svg};
pub use text::Fonts;
