use std::path::PathBuf;
use std::time::Duration;

use engine::Fonts;
use secrecy::{ExposeSecret, SecretString};
use transform::{Limits, Mode, OutputSettings};

use crate::{CacheBudget, OpenError};

/// What an operator may choose. Read once at the start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The path of the URL endpoint, such as `/demo`: with a slash before and none after.
    pub endpoint: String,
    /// The account's private key, with which URLs are signed.
    pub private_key: SecretString,
    /// Formats, quality and what is kept of a source, where a URL says nothing.
    pub output: OutputSettings,
    /// How large pictures may be.
    pub limits: Limits,
    /// What becomes of unknown parameters.
    pub mode: Mode,
    /// How many renditions are kept.
    pub cache: CacheBudget,
    /// How many are made at once.
    pub render: RenderSettings,
    /// Fonts for texts.
    pub fonts: Fonts,
    /// Who does operations that need a model.
    pub ai: AiSettings,
}

/// Who does operations that need a model, and what is kept of their work.
#[derive(Debug, Clone)]
pub struct AiSettings {
    /// A folder of models: ONNX files of certain names.
    pub models: PathBuf,
    /// A key of remove.bg.
    pub remove_bg_key: Option<SecretString>,
    /// Where remove.bg is asked.
    pub remove_bg_url: String,
    /// A server that makes and edits pictures by words.
    pub images: Option<ImagesSettings>,
    /// How long a request waits for a model; then it gets a page that says so, and the work goes on. Default 10 seconds.
    pub wait: Duration,
    /// Where results are kept. Nothing else may write there.
    pub dir: PathBuf,
    /// Bytes of results that are kept. Default 16 GiB.
    pub disk_bytes: u64,
}

/// A server that speaks the images API of OpenAI.
#[derive(Debug, Clone)]
pub struct ImagesSettings {
    /// Such as `https://api.openai.com`.
    pub url: String,
    /// Sent as a bearer token.
    pub key: Option<SecretString>,
    /// As the server names it.
    pub model: String,
}

impl AiSettings {
    /// The models of a folder do them, and nobody else; results of earlier times are in `dir`.
    pub fn new(models: PathBuf, dir: PathBuf) -> Self {
        Self {
            models,
            remove_bg_key: None,
            remove_bg_url: "https://api.remove.bg/v1.0/removebg".to_owned(),
            images: None,
            wait: Duration::from_secs(10),
            dir,
            disk_bytes: 16 << 30,
        }
    }
}

/// What making renditions may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RenderSettings {
    /// Renditions made at once; at least 1. Default: one for each core.
    pub workers: usize,
    /// Bytes of memory for all of them together, sources included. Default 1 GiB.
    pub memory_bytes: u64,
    /// Renditions that may wait for a worker; the next is refused. Default 256.
    pub queue: usize,
    /// How long they may wait. Default 20 seconds.
    pub wait: Duration,
    /// How long making one may take. Default 60 seconds.
    pub deadline: Duration,
    /// Bytes that a source may have. Default 40 MiB.
    pub max_source_bytes: u64,
    /// Bytes that a rendition may have. Default 64 MiB.
    pub max_output_bytes: u64,
    /// Bytes of decoded sources that are kept, to derive other renditions from; 0 keeps none. Default 256 MiB.
    pub source_cache_bytes: u64,
    /// How long a request waits for an AVIF that the server has chosen; then it gets the next best format, and the AVIF is
    /// finished in the background. Default 3 seconds.
    pub avif_wait: Duration,
}

impl Default for RenderSettings {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: 1 << 30,
            queue: 256,
            wait: Duration::from_secs(20),
            deadline: Duration::from_secs(60),
            max_source_bytes: 40 << 20,
            max_output_bytes: 64 << 20,
            source_cache_bytes: 256 << 20,
            avif_wait: Duration::from_secs(3),
        }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), OpenError> {
        let refuse = |field, problem: &str| {
            Err(OpenError::Setting {
                field,
                problem: problem.to_owned(),
            })
        };
        if !self.endpoint.starts_with('/') || self.endpoint.ends_with('/') {
            return refuse("endpoint", "needs a slash before and none after");
        }
        if self.private_key.expose_secret().is_empty() {
            return refuse("private_key", "is empty, and everybody could sign with that");
        }
        if self.render.workers == 0 {
            return refuse("render.workers", "needs to be at least 1");
        }
        if self.render.memory_bytes < self.render.max_source_bytes {
            return refuse(
                "render.memory_bytes",
                "needs to hold a source of `render.max_source_bytes` at least",
            );
        }
        Ok(())
    }
}
