//! Settings: one table, read once at the start from a TOML file, the environment and flags, and refused at the start
//! with the field's name when wrong.
//!
//! Each setting has one name in three spellings: `cache_memory` in the file, `TINTYPE_CACHE_MEMORY` in the
//! environment, `--cache-memory` as a flag. A flag beats the environment, which beats the file, which beats the default.

mod edge;
mod providers;
mod table;
mod values;
mod visitors;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use delivery::origin::FetchPolicy;
use delivery::{AiSettings, CacheBudget, ImagesSettings, OriginSettings, RenderSettings, Restrictions, Secrets};
use ipnet::IpNet;
use library::{BlobUrl, DatabaseUrl};
use secrecy::SecretString;
use transform::parameters::Quality;
use transform::{Limits, Mode, OutputSettings};

use crate::app::domains::Domains;
use crate::app::place;
use crate::auth::oauth::OauthSettings;
use crate::keys::KeyPair;

pub use edge::{CacheTags, CloudFrontSettings, CloudflareSettings, EdgeSettings, FastlySettings};
pub use providers::{AwsSettings, ProviderSettings, VisionSettings};
pub use table::{SETTINGS, Setting};
pub use values::{AccountId, Age, ByteSize, LogFormat, PublicUrl, RateLimit, ResizeLight, Seconds};
pub use visitors::VisitorSettings;

/// Everything that the server can be told, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder that holds the embedded database, the blobs, the key pair and the cache.
    pub data_dir: PathBuf,
    /// Given keys.
    pub keys: GivenKeys,
    /// First path segment of delivery URLs.
    pub account_id: AccountId,
    /// What answers put before paths, without a trailing slash; `None` means derived from the listen address.
    pub public_url: Option<PublicUrl>,
    /// Private networks that remote fetches may reach all the same.
    pub fetch_allow: Vec<IpNet>,
    /// Where facts are kept; `None` means SQLite in the data directory.
    pub database_url: Option<DatabaseUrl>,
    /// Where blobs are kept; `None` means a folder in the data directory.
    pub blob_url: Option<BlobUrl>,
    /// How long what was deleted can be restored; zero deletes at once.
    pub trash: Duration,
    /// A receiver of all events, and what its messages are signed with.
    pub webhook: Option<GivenWebhook>,
    /// Signs the callbacks of extensions.
    pub webhook_secret: Option<SecretString>,
    /// Purges of one month.
    pub purge_limit: Option<u32>,
    /// Jobs done at the same time, at least one.
    pub job_workers: usize,
    /// Largest file that an upload may bring.
    pub upload_max: ByteSize,
    /// Uploads at a time of those who have not shown yet that they may.
    pub anonymous_uploads: usize,
    /// Bytes of these uploads together.
    pub anonymous_upload_bytes: ByteSize,
    /// Largest stored file that is decoded for a transformation.
    pub source_max: ByteSize,
    /// Largest picture that is decoded or made, in megapixels.
    pub max_megapixels: u32,
    /// Renditions kept in memory.
    pub cache_memory: ByteSize,
    /// Renditions kept on disk.
    pub cache_disk: ByteSize,
    /// Renditions made at the same time; 0 means one for each core.
    pub workers: usize,
    /// Memory that renditions in the making may take together.
    pub render_memory: ByteSize,
    /// A rendition that takes longer is given up.
    pub render_timeout: Duration,
    /// Decoded sources kept in memory.
    pub source_memory: ByteSize,
    /// Quality where a URL names none, 1 to 100.
    pub quality: Quality,
    /// Choose the format by what the client accepts, also where a URL does not say `f-auto`.
    pub auto_format: bool,
    /// Offer AVIF when the client accepts it.
    pub avif: bool,
    /// How long a request waits for an AVIF that it did not ask for by name.
    pub avif_wait: Duration,
    /// Turn pictures upright by their orientation tag.
    pub auto_orient: bool,
    /// Keep embedded colour profiles.
    pub keep_profile: bool,
    /// Keep EXIF, XMP and IPTC.
    pub keep_metadata: bool,
    /// Lower the quality for clients that save data.
    pub save_data: bool,
    /// In which light pictures are scaled.
    pub resize_light: ResizeLight,
    /// A folder of fonts; `None` means the system's.
    pub fonts: Option<PathBuf>,
    /// A folder of models; `None` means `models` in the data directory.
    pub models: Option<PathBuf>,
    /// For remove.bg.
    pub removebg_key: Option<SecretString>,
    /// Where remove.bg is asked.
    pub removebg_url: PublicUrl,
    /// Who carries out extensions.
    pub providers: ProviderSettings,
    /// Keys that seal stored secrets; `None` means one kept in the data directory.
    pub master_key: Option<SecretString>,
    /// A server that edits pictures by words.
    pub images: Option<ImagesSettings>,
    /// How long a request waits for an AI operation.
    pub ai_wait: Duration,
    /// Results of AI operations kept on disk.
    pub ai_disk: ByteSize,
    /// Files of origins kept on disk.
    pub origin_disk: ByteSize,
    /// How long a file of an origin is kept before its origin is asked again.
    pub origin_ttl: Duration,
    /// Requests of the management API that only look; `None` is no limit.
    pub rate_limit_read: Option<RateLimit>,
    /// Requests of the management API that change something; `None` is no limit.
    pub rate_limit_write: Option<RateLimit>,
    /// Answer 400 to unknown parameters instead of ignoring them with a notice.
    pub strict: bool,
    /// How logs are written.
    pub log_format: LogFormat,
    /// What is logged, as a `tracing` filter.
    pub log: String,
    /// Hosts that stand for the account's path or a URL endpoint's.
    pub domains: Domains,
    /// How the address and the country of a client are known.
    pub visitors: VisitorSettings,
    /// Who may have what.
    pub restrictions: Restrictions,
    /// Deliver SVG without what a browser would run or fetch.
    pub clean_svg: bool,
    /// Caches in front of the server.
    pub edge: EdgeSettings,
    /// Where servers keep renditions for each other.
    pub shared_renditions: Option<BlobUrl>,
    /// How long they are kept there.
    pub shared_kept: Duration,
    /// Whose access tokens let agents in.
    pub oauth: Option<OauthSettings>,
    /// How long a stopping server waits for requests under way.
    pub shutdown_timeout: Duration,
    /// Connections served at the same time.
    pub max_connections: usize,
}

/// The halves of the key pair that came with the configuration; the data directory keeps the rest.
#[derive(Debug, Clone, Default)]
pub struct GivenKeys {
    /// Starts with `private_`; never printed.
    pub private_key: Option<SecretString>,
    /// Starts with `public_`.
    pub public_key: Option<String>,
}

/// A receiver of events that came with the configuration.
#[derive(Debug, Clone)]
pub struct GivenWebhook {
    /// Absolute, http or https.
    pub url: String,
    /// Signs what is sent there.
    pub secret: SecretString,
}

impl GivenKeys {
    /// True when nothing has to be looked up.
    pub fn are_complete(&self) -> bool {
        self.private_key.is_some() && self.public_key.is_some()
    }
}

/// A setting that can't be used, and where it came from.
#[derive(Debug, thiserror::Error)]
#[error("{field} ({origin}): {reason}")]
pub struct ConfigError {
    /// The setting's name as in the file.
    pub field: String,
    /// Where the value was found.
    pub origin: Origin,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// Where a value was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The table's default.
    Default,
    /// A configuration file.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "from {}", path.display()),
            Self::Environment(name) => write!(f, "from {name}"),
            Self::Flag(name) => write!(f, "from {name}"),
        }
    }
}

/// Texts by setting, with the place each came from, before they are checked.
#[derive(Debug, Default)]
pub struct Texts(BTreeMap<&'static str, (String, Origin)>);

impl Texts {
    /// Reads `file` (if any), then `environment`, then `flags`; later ones win.
    pub fn gather(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<Self, ConfigError> {
        let mut texts = Self::default();
        if let Some(path) = file {
            texts.add_file(path)?;
        }
        for (name, value) in environment {
            // An empty variable is how shells and compose files say "not set".
            if let Some(setting) = SETTINGS.iter().find(|s| s.environment() == name)
                && !value.is_empty()
            {
                texts.0.insert(setting.name, (value, Origin::Environment(name)));
            }
        }
        for (name, value) in flags {
            let setting = SETTINGS.iter().find(|s| s.name == name);
            if let Some(setting) = setting {
                texts.0.insert(setting.name, (value, Origin::Flag(setting.flag())));
            }
        }
        Ok(texts)
    }

    fn add_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let refuse = |field: &str, reason: String| ConfigError {
            field: field.to_owned(),
            origin: Origin::File(path.to_owned()),
            reason,
        };
        let text = std::fs::read_to_string(path).map_err(|e| refuse("config", format!("can't be read: {e}")))?;
        let table: toml::Table = text
            .parse()
            .map_err(|e: toml::de::Error| refuse("config", e.to_string()))?;
        for (name, value) in table {
            let Some(setting) = SETTINGS.iter().find(|s| s.name == name) else {
                let nearest = nearest(&name)
                    .map(|n| format!("; did you mean `{n}`?"))
                    .unwrap_or_default();
                return Err(refuse(&name, format!("there is no such setting{nearest}")));
            };
            let text = match value {
                toml::Value::String(s) => s,
                toml::Value::Integer(n) => n.to_string(),
                toml::Value::Boolean(b) => b.to_string(),
                toml::Value::Array(items) => items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned))
                    .collect::<Option<Vec<_>>>()
                    .ok_or_else(|| refuse(&name, "a list must hold texts".into()))?
                    .join(","),
                other => return Err(refuse(&name, format!("a {} is not a value for it", other.type_str()))),
            };
            self.0.insert(setting.name, (text, Origin::File(path.to_owned())));
        }
        Ok(())
    }

    /// The text of a setting and where it came from: the default's where nobody said anything.
    pub fn get(&self, name: &str) -> (String, Origin) {
        match self.0.get(name) {
            Some((text, origin)) => (text.clone(), origin.clone()),
            None => {
                let default = SETTINGS.iter().find(|s| s.name == name).and_then(|s| s.default);
                (default.unwrap_or_default().to_owned(), Origin::Default)
            }
        }
    }

    fn parse<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<T, ConfigError> {
        let (text, origin) = self.get(name);
        text.trim().parse().map_err(|e: T::Err| ConfigError {
            field: name.to_owned(),
            origin,
            reason: if is_secret(name) {
                e.to_string()
            } else {
                format!("`{text}` {e}")
            },
        })
    }

    /// `None` where the setting is empty.
    fn parse_optional<T: FromStr<Err: fmt::Display>>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        if self.get(name).0.trim().is_empty() {
            Ok(None)
        } else {
            self.parse(name).map(Some)
        }
    }

    fn refuse(&self, name: &str, reason: impl Into<String>) -> ConfigError {
        ConfigError {
            field: name.to_owned(),
            origin: self.get(name).1,
            reason: reason.into(),
        }
    }

    fn keys(&self) -> Result<GivenKeys, ConfigError> {
        let half = |name: &str, prefix: &str| {
            let value = self.get(name).0;
            let rest = value.strip_prefix(prefix).unwrap_or_default();
            let plain = rest
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-+/=.".contains(&b));
            match value.as_str() {
                "" => Ok(None),
                // The value itself stays out of the message: it may be a secret with a typing error.
                _ if rest.is_empty() || !plain || value.len() > 200 => Err(self.refuse(
                    name,
                    format!("must be `{prefix}` followed by letters, digits or _-+/=."),
                )),
                _ => Ok(Some(value)),
            }
        };
        Ok(GivenKeys {
            private_key: half("private_key", "private_")?.map(SecretString::from),
            public_key: half("public_key", "public_")?,
        })
    }
}

impl Config {
    /// Checks every text and makes it a value.
    pub fn from_texts(texts: &Texts) -> Result<Self, ConfigError> {
        let quality =
            Quality::new(texts.parse("quality")?).ok_or_else(|| texts.refuse("quality", "must be from 1 to 100"))?;
        let max_megapixels: u32 = texts.parse("max_megapixels")?;
        if !(1..=1000).contains(&max_megapixels) {
            return Err(texts.refuse("max_megapixels", "must be from 1 to 1000"));
        }
        let trash_days: u16 = texts.parse("trash_days")?;
        let shared_days: u16 = texts.parse("shared_days")?;
        if shared_days == 0 {
            return Err(texts.refuse("shared_days", "must be at least 1"));
        }
        let max_connections: usize = texts.parse("max_connections")?;
        if max_connections == 0 {
            return Err(texts.refuse("max_connections", "must be at least 1"));
        }
        let cache_memory: ByteSize = texts.parse("cache_memory")?;
        if cache_memory.0 < 1 << 20 {
            return Err(texts.refuse("cache_memory", "must be at least 1MiB"));
        }
        let cache_disk: ByteSize = texts.parse("cache_disk")?;
        if (1..8 << 20).contains(&cache_disk.0) {
            return Err(texts.refuse("cache_disk", "must be at least 8MiB, or 0 for none"));
        }
        let source_max: ByteSize = texts.parse("source_max")?;
        let render_memory: ByteSize = texts.parse("render_memory")?;
        if render_memory.0 < source_max.0 {
            return Err(texts.refuse(
                "render_memory",
                format!("must hold a source: source_max is {source_max}"),
            ));
        }
        let data_dir = texts.get("data_dir").0;
        if data_dir.is_empty() {
            return Err(texts.refuse("data_dir", "must name a folder"));
        }
        let mut fetch_allow = Vec::new();
        for network in texts
            .get("fetch_allow")
            .0
            .split(',')
            .map(str::trim)
            .filter(|n| !n.is_empty())
        {
            fetch_allow.push(network.parse().map_err(|_| {
                texts.refuse(
                    "fetch_allow",
                    format!("`{network}` is not a network such as 10.0.0.0/8 or fd00::/8"),
                )
            })?);
        }
        let account_id: AccountId = texts.parse("account_id")?;
        let visitors = VisitorSettings::from_texts(texts)?;
        let domains = visitors::domains(texts, &format!("/{}", account_id.as_str()))?;
        let public_url: Option<PublicUrl> = texts.parse_optional("public_url")?;
        let own_host = public_url
            .as_ref()
            .and_then(|url| url::Url::parse(&url.to_string()).ok());
        if own_host.is_some_and(|url| url.host_str().is_some_and(|host| domains.path(host).is_some())) {
            return Err(texts.refuse("domains", "must not name the host of public_url: the API is there"));
        }
        let log = texts.get("log").0;
        tracing_subscriber::EnvFilter::try_new(&log)
            .map_err(|e| texts.refuse("log", format!("`{log}` is not a log filter: {e}")))?;
        Ok(Self {
            listen: texts.parse("listen")?,
            data_dir: data_dir.into(),
            keys: texts.keys()?,
            domains,
            restrictions: visitors::restrictions(texts, &visitors)?,
            visitors,
            clean_svg: match texts.get("svg").0.trim() {
                "clean" => true,
                "as-is" => false,
                other => return Err(texts.refuse("svg", format!("`{other}` must be clean or as-is"))),
            },
            account_id,
            public_url,
            fetch_allow,
            database_url: texts.parse_optional("database_url")?,
            blob_url: texts.parse_optional("blob_url")?,
            trash: Duration::from_secs(u64::from(trash_days) * 24 * 3600),
            webhook: webhook(texts)?,
            webhook_secret: service_key(texts, "webhook_secret")?,
            purge_limit: texts.parse_optional("purge_limit")?,
            job_workers: job_workers(texts)?,
            upload_max: texts.parse("upload_max")?,
            anonymous_uploads: texts.parse("anonymous_uploads")?,
            anonymous_upload_bytes: texts.parse("anonymous_upload_bytes")?,
            source_max,
            max_megapixels,
            cache_memory,
            cache_disk,
            workers: texts.parse("workers")?,
            render_memory,
            render_timeout: texts.parse::<Seconds>("render_timeout")?.into(),
            source_memory: texts.parse("source_memory")?,
            quality,
            auto_format: texts.parse("auto_format")?,
            avif: texts.parse("avif")?,
            avif_wait: texts.parse::<Seconds>("avif_wait")?.into(),
            auto_orient: texts.parse("auto_orient")?,
            keep_profile: texts.parse("keep_profile")?,
            keep_metadata: texts.parse("keep_metadata")?,
            save_data: texts.parse("save_data")?,
            resize_light: texts.parse("resize_light")?,
            fonts: folder(texts, "fonts")?,
            models: folder(texts, "models")?,
            removebg_key: service_key(texts, "removebg_key")?,
            removebg_url: texts.parse("removebg_url")?,
            providers: ProviderSettings::from_texts(texts)?,
            master_key: service_key(texts, "master_key")?,
            images: images(texts)?,
            ai_wait: texts.parse::<Seconds>("ai_wait")?.into(),
            ai_disk: texts.parse("ai_disk")?,
            origin_disk: texts.parse("origin_disk")?,
            origin_ttl: texts.parse::<Seconds>("origin_ttl")?.into(),
            rate_limit_read: texts.parse_optional("rate_limit_read")?,
            rate_limit_write: texts.parse_optional("rate_limit_write")?,
            strict: texts.parse("strict")?,
            log_format: texts.parse("log_format")?,
            log,
            edge: EdgeSettings::from_texts(texts)?,
            shared_renditions: shared_renditions(texts)?,
            shared_kept: Duration::from_secs(u64::from(shared_days) * 24 * 3600),
            oauth: oauth(texts)?,
            shutdown_timeout: texts.parse::<Seconds>("shutdown_timeout")?.into(),
            max_connections,
        })
    }

    /// Where the library lives and what it allows.
    pub fn library(&self) -> library::Settings {
        let mut settings = library::Settings::embedded(&self.data_dir);
        if let Some(database) = &self.database_url {
            settings.database = database.clone();
        }
        if let Some(blobs) = &self.blob_url {
            settings.blobs = blobs.clone();
        }
        settings.limits.trash = self.trash;
        settings
    }

    /// What delivery may do, and at what cost.
    pub fn delivery(&self, endpoint: &str, keys: &KeyPair, secrets: Arc<dyn Secrets>) -> delivery::Settings {
        let pixels = u64::from(self.max_megapixels) * 1_000_000;
        let defaults = RenderSettings::default();
        delivery::Settings {
            endpoint: endpoint.to_owned(),
            private_key: keys.private_key().clone(),
            output: OutputSettings {
                quality: self.quality,
                auto_format: self.auto_format,
                avif: self.avif,
                auto_orient: self.auto_orient,
                keep_profile: self.keep_profile,
                keep_metadata: self.keep_metadata,
                save_data: self.save_data,
                linear_light: self.resize_light == ResizeLight::Linear,
            },
            limits: Limits {
                source_pixels: pixels,
                result_pixels: pixels,
                ..Limits::default()
            },
            mode: if self.strict { Mode::Strict } else { Mode::Lenient },
            cache: CacheBudget {
                memory_bytes: self.cache_memory.0,
                disk_bytes: self.cache_disk.0,
                dir: self.data_dir.join("cache"),
            },
            render: RenderSettings {
                workers: if self.workers == 0 {
                    defaults.workers
                } else {
                    self.workers
                },
                memory_bytes: self.render_memory.0,
                deadline: self.render_timeout,
                max_source_bytes: self.source_max.0,
                source_cache_bytes: self.source_memory.0,
                avif_wait: self.avif_wait,
                ..defaults
            },
            fonts: crate::fonts::load(self.fonts.as_deref()),
            ai: AiSettings {
                remove_bg_key: self.removebg_key.clone(),
                remove_bg_url: self.removebg_url.to_string(),
                images: self.images.clone(),
                wait: self.ai_wait,
                disk_bytes: self.ai_disk.0,
                shared: self.shared_results(),
                ..AiSettings::new(
                    self.models.clone().unwrap_or_else(|| self.data_dir.join("models")),
                    self.data_dir.join("derived"),
                )
            },
            shared_renditions: self.shared_renditions.clone(),
            tags: self.edge.tags.any(),
            restrictions: self.restrictions.clone(),
            clean_svg: self.clean_svg,
            origins: OriginSettings {
                policy: FetchPolicy {
                    allow: self.fetch_allow.clone(),
                    max_bytes: self.upload_max.0,
                    ..FetchPolicy::default()
                },
                disk_bytes: self.origin_disk.0,
                ttl: self.origin_ttl,
                detect: crate::app::media_type::detect,
                secrets: Some(secrets),
                ..OriginSettings::new(self.data_dir.join("originals"))
            },
        }
    }

    /// Where servers keep results of AI operations for each other: beside the blobs, where they may have both in common.
    fn shared_results(&self) -> Option<BlobUrl> {
        let has_others = matches!(self.database_url, Some(DatabaseUrl::Postgres(_)));
        let blobs = self.blob_url.as_ref().filter(|_| has_others)?;
        Some(blobs.folder(library::DERIVED))
    }

    /// Under what the account's files are served by their own paths: below its own path at `base`, which comes first, and on the host that stands for it. Another
    /// server than this one has hosts of its own.
    pub fn endpoints(&self, base: &str, is_ours: bool) -> Vec<String> {
        let path = format!("/{}", self.account_id.as_str());
        let host = self.domains.host_of(&path).filter(|_| is_ours);
        place::endpoints(&format!("{}{path}", base.trim_end_matches('/')), host)
    }

    /// What answers put before `/<account id>/<path>`, without a trailing slash.
    pub fn public_base(&self, listening: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.to_string(),
            // Nobody can open http://0.0.0.0 in a browser elsewhere; on this machine localhost is what it means.
            None if listening.ip().is_unspecified() => format!("http://localhost:{}", listening.port()),
            None => format!("http://{listening}"),
        }
    }
}

/// Environment variables that look like settings but are none, with the setting they may have meant.
pub fn unknown_variables(environment: impl IntoIterator<Item = String>) -> Vec<(String, Option<&'static str>)> {
    // Read by other commands, or other programs of the project.
    const OTHERS: [&str; 4] = [
        "TINTYPE_CORPUS",
        "TINTYPE_CONFIG",
        "TINTYPE_TARGET_DATABASE_URL",
        "TINTYPE_TARGET_BLOB_URL",
    ];
    let others = || OTHERS.iter().chain(&crate::agents::setup::VARIABLES);
    environment
        .into_iter()
        .filter(|name| name.starts_with("TINTYPE_") && !others().any(|other| other == name))
        .filter(|name| !SETTINGS.iter().any(|s| s.environment() == *name))
        .map(|name| {
            let meant = nearest(&name.trim_start_matches("TINTYPE_").to_lowercase());
            (name, meant)
        })
        .collect()
}

fn folder(texts: &Texts, name: &str) -> Result<Option<PathBuf>, ConfigError> {
    let folder = texts.get(name).0;
    if folder.is_empty() {
        return Ok(None);
    }
    let folder = PathBuf::from(folder);
    if folder.is_dir() {
        Ok(Some(folder))
    } else {
        Err(texts.refuse(name, format!("`{}` is not a folder", folder.display())))
    }
}

/// What can stand in a header. The value itself stays out of messages.
fn service_key(texts: &Texts, name: &str) -> Result<Option<SecretString>, ConfigError> {
    let key = texts.get(name).0.trim().to_owned();
    if key.is_empty() {
        return Ok(None);
    }
    if key.len() > 1000 || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(texts.refuse(name, "must be letters, digits and signs without spaces"));
    }
    Ok(Some(key.into()))
}

fn webhook(texts: &Texts) -> Result<Option<GivenWebhook>, ConfigError> {
    let url = texts.get("webhook_url").0.trim().to_owned();
    if url.is_empty() {
        return Ok(None);
    }
    crate::api::webhooks::check_url(&url).map_err(|reason| texts.refuse("webhook_url", reason))?;
    let secret = service_key(texts, "webhook_secret")?.ok_or_else(|| {
        texts.refuse(
            "webhook_secret",
            "must be given with `webhook_url`: messages are signed",
        )
    })?;
    Ok(Some(GivenWebhook { url, secret }))
}

/// Blobs and renditions in one place would be taken for each other by who looks after blobs.
fn shared_renditions(texts: &Texts) -> Result<Option<BlobUrl>, ConfigError> {
    let place: Option<BlobUrl> = texts.parse_optional("shared_renditions")?;
    let blobs: Option<BlobUrl> = texts.parse_optional("blob_url")?;
    match place {
        Some(place)
            if blobs
                .as_ref()
                .is_some_and(|blobs| blobs.to_string() == place.to_string()) =>
        {
            Err(texts.refuse(
                "shared_renditions",
                "must be another place than blob_url, such as another prefix",
            ))
        }
        place => Ok(place),
    }
}

fn job_workers(texts: &Texts) -> Result<usize, ConfigError> {
    match texts.parse("job_workers")? {
        workers @ 1..=64 => Ok(workers),
        _ => Err(texts.refuse("job_workers", "must be from 1 to 64")),
    }
}

fn oauth(texts: &Texts) -> Result<Option<OauthSettings>, ConfigError> {
    let given = |name: &str| Some(texts.get(name).0.trim().to_owned()).filter(|text| !text.is_empty());
    let jwks_url = texts.parse_optional::<PublicUrl>("oauth_jwks_url")?;
    // Tokens name their issuer letter by letter, so that a slash at its end stays.
    if texts.parse_optional::<PublicUrl>("oauth_issuer")?.is_none() {
        return match given("oauth_audience").or(given("oauth_jwks_url")) {
            Some(_) => Err(texts.refuse(
                "oauth_issuer",
                "must be given with `oauth_audience` and `oauth_jwks_url`",
            )),
            None => Ok(None),
        };
    }
    Ok(Some(OauthSettings {
        issuer: given("oauth_issuer").unwrap_or_default(),
        audience: given("oauth_audience"),
        jwks_url: jwks_url.map(|url| url.to_string()),
    }))
}

fn images(texts: &Texts) -> Result<Option<ImagesSettings>, ConfigError> {
    let Some(url) = texts.parse_optional::<PublicUrl>("images_url")? else {
        return Ok(None);
    };
    let model = texts.get("images_model").0.trim().to_owned();
    if model.is_empty() {
        return Err(texts.refuse(
            "images_model",
            "must name a model of the server that `images_url` names",
        ));
    }
    Ok(Some(ImagesSettings {
        url: url.to_string(),
        key: service_key(texts, "images_key")?,
        model,
    }))
}

fn is_secret(name: &str) -> bool {
    SETTINGS.iter().any(|s| s.name == name && s.secret)
}

fn nearest(name: &str) -> Option<&'static str> {
    SETTINGS
        .iter()
        .map(|s| (strsim::damerau_levenshtein(name, s.name), s.name))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
