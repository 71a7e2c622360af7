//! The verbs, with no transport: routes call them, and so will jobs.

pub mod background;
pub mod media_type;
pub mod purge;
pub mod seal;
pub mod upload;
pub mod webhooks;

use std::net::SocketAddr;
use std::sync::Arc;

use delivery::Delivery;
use delivery::origin::{FetchPolicy, Fetcher};
use library::Library;
use secrecy::SecretString;

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
    pub seal: seal::Seal,
    /// The account's keys.
    pub keys: KeyPair,
    /// `http://host:port/demo`: what stands before a file's path in its URL, without a trailing slash.
    pub url_endpoint: String,
    /// `/demo`: the path of delivery requests.
    pub endpoint_path: String,
    /// Largest file that an upload may bring.
    pub upload_max: ByteSize,
    /// Purges of one month, if there is a limit.
    pub purge_limit: Option<u32>,
    /// Signs the callbacks of extensions.
    pub webhook_secret: Option<SecretString>,
}

impl App {
    /// Opens everything that the configuration names. `address` is where the server listens.
    pub async fn open(config: &Config, address: SocketAddr) -> Result<Self, Box<dyn std::error::Error>> {
        let library = Library::open(config.library()).await?;
        // After the library: it made the directory and holds its lock, so no other server makes a second pair.
        let keys = KeyPair::resolve(config.keys.clone(), &config.data_dir)?;
        let seal = seal::Seal::resolve(config.master_key.as_ref(), &config.data_dir)?;
        let endpoint_path = format!("/{}", config.account_id.as_str());
        let delivery = Delivery::open(library.clone(), config.delivery(&endpoint_path, &keys)).await?;
        let fetcher = Fetcher::new(FetchPolicy {
            allow: config.fetch_allow.clone(),
            max_bytes: config.upload_max.0,
            ..FetchPolicy::default()
        })?;
        let url_endpoint = format!("{}{endpoint_path}", config.public_base(address));
        let app = Self::new(Parts {
            library,
            delivery,
            fetcher,
            seal,
            keys,
            url_endpoint,
            endpoint_path,
            upload_max: config.upload_max,
            purge_limit: config.purge_limit,
            webhook_secret: config.webhook_secret.clone(),
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
