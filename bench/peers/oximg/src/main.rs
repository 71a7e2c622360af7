//! oximg's library as a contender. Its `OXIMG_*` variables hold here as they do for its server.

use std::process::ExitCode;

use contender::{OutputFormat, Task};
use oximg::pipeline::{self, ImageFormat, Params};

/// The version that `Cargo.toml` pins.
const ABOUT: &str = if cfg!(feature = "avif") {
    "oximg 0.18.1, its library, with AVIF"
} else {
    "oximg 0.18.1, its library, without AVIF"
};

fn main() -> ExitCode {
    let served =
        oximg::config_validate().and_then(|()| contender::serve(ABOUT, render).map_err(|error| error.to_string()));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("contender-oximg: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn render(source: &[u8], task: &Task) -> Result<Vec<u8>, String> {
    let params = Params {
        max_width: task.width.unwrap_or(u32::MAX),
        max_height: task.height.unwrap_or(u32::MAX),
        quality: f32::from(task.quality),
        webp_quality: Some(f32::from(task.quality)),
        #[cfg(feature = "avif")]
        avif_quality: Some(task.quality),
        output: Some(output_format(task.format)?),
        ..Params::default()
    };
    pipeline::process(source, &params)
        .map(|(bytes, _)| bytes)
        .map_err(|error| error.to_string())
}

fn output_format(format: OutputFormat) -> Result<ImageFormat, String> {
    match format {
        OutputFormat::Jpeg => Ok(ImageFormat::Jpeg),
        OutputFormat::Png => Ok(ImageFormat::Png),
        OutputFormat::Webp => Ok(ImageFormat::Webp),
        #[cfg(feature = "avif")]
        OutputFormat::Avif => Ok(ImageFormat::Avif),
        #[cfg(not(feature = "avif"))]
        OutputFormat::Avif => Err("built without AVIF".to_owned()),
    }
}
