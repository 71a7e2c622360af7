//! The verbs, with no transport: routes call them, and so will jobs.

pub mod background;
mod clip;
pub mod domains;
pub mod edge;
pub mod enrich;
pub mod extensions;
pub mod follow_up;
pub mod keyring;
pub mod media_type;
pub mod metadata;
pub mod place;
pub mod purge;
pub mod rate_limit;
pub mod seal;
pub mod spool;
pub mod transformation;
pub mod upload;
pub mod usage;
pub mod visitors;
pub mod webhooks;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use delivery::Delivery;
use delivery::origin::{FetchPolicy, Fetcher};
use library::Library;
use secrecy::SecretString;

use crate::auth::oauth::OauthSettings;
use crate::config::{ByteSize, Config};
use crate::keys::KeyPair;

/// What every verb may use. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of a running server.
pub struct Parts {
    /// Facts and blobs.
    pub library: Library,
    /// Renditions.
    pub delivery: Delivery,
    /// Remote sources, guarded.
    pub fetcher: Fetcher,
    /// Seals what must not stand in the database as it is.
    pub seal: Arc<seal::Seal>,
    /// Who carries out extensions.
    pub providers: enrich::Providers,
    /// Room for uploads of those who have not shown yet that they may.
    pub spool: spool::Spool,
    /// The account's first keys.
    pub keys: KeyPair,
    /// All keys of the account, and what each may do.
    pub keyring: Arc<keyring::Keyring>,
    /// How many requests the management API takes.
    pub rate_limits: rate_limit::RateLimits,
    /// What delivery serves, counted.
    pub usage: usage::Usage,
    /// Caches in front of this server.
    pub edge: edge::Edge,
    /// Hosts that stand for places below which files are delivered.
    pub domains: domains::Domains,
    /// Knows clients by their requests.
    pub visitors: visitors::Visitors,
    /// `http://host:port/demo`, and what stands before a file's path in answers.
    pub url_endpoint: place::UrlPlace,
    /// `/demo`: the path of delivery requests.
    pub endpoint_path: String,
    /// Largest file that an upload may bring.
    pub upload_max: ByteSize,
    /// Purges of one month, if there is a limit.
    pub purge_limit: Option<u32>,
    /// Signs the callbacks of extensions.
    pub webhook_secret: Option<SecretString>,
    /// Whose access tokens let agents in.
    pub oauth: Option<OauthSettings>,
    /// Where all that is kept lies.
    pub data_dir: PathBuf,
    /// Base URL of the APIs as clients know it, without a trailing slash.
    pub public_base: String,
}

impl App {
    /// Opens everything that the configuration names. `address` is where the server listens.
    pub async fn open(config: &Config, address: SocketAddr) -> Result<Self, Box<dyn std::error::Error>> {
        let library = Library::open(config.library()).await?;
        // After the library: it made the directory and holds its lock, so no other server makes a second pair.
        let keys = KeyPair::resolve(config.keys.clone(), &config.data_dir)?;
        let seal = Arc::new(seal::Seal::resolve(config.master_key.as_ref(), &config.data_dir)?);
        let keyring = Arc::new(keyring::Keyring::new(keys.clone(), seal.clone()));
        let endpoint_path = format!("/{}", config.account_id.as_str());
        let delivery = config.delivery(&endpoint_path, &keys, keyring.clone());
        let delivery = Delivery::open(library.clone(), delivery).await?;
        let fetcher = Fetcher::new(FetchPolicy {
            allow: config.fetch_allow.clone(),
            max_bytes: config.upload_max.0,
            ..FetchPolicy::default()
        })?;
        let url_endpoint = format!("{}{endpoint_path}", config.public_base(address));
        let url_endpoint = place::UrlPlace::new(&url_endpoint, config.domains.host_of(&endpoint_path), library.clone());
        let app = Self::new(Parts {
            library,
            delivery,
            fetcher,
            seal,
            providers: enrich::Providers::new(&config.providers)?,
            // One upload always fits, whatever the largest may be.
            spool: spool::Spool::new(
                config.anonymous_uploads,
                config.anonymous_upload_bytes.0.max(config.upload_max.0),
            ),
            keys,
            keyring,
            rate_limits: rate_limit::RateLimits::new(config.rate_limit_read, config.rate_limit_write),
            usage: usage::Usage::default(),
            edge: edge::Edge::new(&config.edge)?,
            domains: config.domains.clone(),
            visitors: visitors::Visitors::open(&config.visitors)?,
            url_endpoint,
            endpoint_path,
            upload_max: config.upload_max,
            purge_limit: config.purge_limit,
            webhook_secret: config.webhook_secret.clone(),
            oauth: config.oauth.clone(),
            data_dir: config.data_dir.clone(),
            public_base: config.public_base(address),
        });
        app.library.give_up_old_leases().await?;
        purge::remember(&app).await?;
        let (url, secret) = config
            .webhook
            .as_ref()
            .map(|given| (given.url.as_str(), &given.secret))
            .unzip();
        webhooks::register_settings(&app, url, secret).await?;
        Ok(app)
    }

    /// Puts the parts together.
    fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
