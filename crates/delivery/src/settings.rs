use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::Fonts;
use library::{Account, BlobUrl, Origin};
use secrecy::{ExposeSecret, SecretString};
use transform::{Limits, Mode, OutputSettings};

use crate::origin::FetchPolicy;
use crate::{CacheBudget, DeliveryError, OpenError, Restrictions};

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
    /// Where servers keep renditions for each other.
    pub shared_renditions: Option<BlobUrl>,
    /// How many are made at once.
    pub render: RenderSettings,
    /// Fonts for texts.
    pub fonts: Fonts,
    /// Who does operations that need a model.
    pub ai: AiSettings,
    /// How origins are asked, and what is kept of what they give.
    pub origins: OriginSettings,
    /// Name answers for caches in front ([`crate::tags`]).
    pub tags: bool,
    /// Who may have what.
    pub restrictions: Restrictions,
    /// Deliver SVG without what a browser would run or fetch, where a URL does not say otherwise.
    pub clean_svg: bool,
}

/// Opens what is stored sealed. Whoever has the key does, and delivery never learns it.
pub trait Secrets: fmt::Debug + Send + Sync {
    /// The private keys that may sign URLs at a moment (Unix seconds), in the order in which they are tried.
    fn signing_keys(&self, account: &Arc<Account>, now_unix: u64) -> Vec<SecretString>;

    /// What only we may know of an origin: one JSON object by the API's names.
    fn of_origin(&self, origin: &Origin) -> Result<SecretString, DeliveryError>;
}

/// How origins are asked, and what is kept of what they give.
#[derive(Debug, Clone)]
pub struct OriginSettings {
    /// What may be reached, and how much of it is taken.
    pub policy: FetchPolicy,
    /// Where files of origins are kept. Nothing else may write there.
    pub dir: PathBuf,
    /// Bytes that are kept. Default 4 GiB.
    pub disk_bytes: u64,
    /// How long a file is kept before its origin is asked again. Default one day.
    pub ttl: Duration,
    /// The media type of a file by its first bytes and its name.
    pub detect: fn(&[u8], &str) -> String,
    /// Opens the secrets of origins and of keys beside [`Settings::private_key`]. Without it there are none.
    pub secrets: Option<Arc<dyn Secrets>>,
}

impl OriginSettings {
    /// Files of origins are kept in `dir`, and their types told by their content alone.
    pub fn new(dir: PathBuf) -> Self {
        Self {
            policy: FetchPolicy::default(),
            dir,
            disk_bytes: 4 << 30,
            ttl: Duration::from_secs(24 * 3600),
            detect: |head, _| engine::sniff(head).unwrap_or("application/octet-stream").to_owned(),
            secrets: None,
        }
    }
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
    /// Bytes of results that are kept, in `dir` and in `shared`. Default 16 GiB.
    pub disk_bytes: u64,
    /// Where servers keep results for each other. Nothing else may write there.
    pub shared: Option<BlobUrl>,
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
            shared: None,
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
