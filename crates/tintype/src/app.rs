//! The verbs, with no transport: routes call them, and so will jobs.

mod clip;
pub mod media_type;
pub mod metadata;
pub mod upload;

use std::sync::Arc;

use delivery::Delivery;
use delivery::origin::Fetcher;
use library::Library;

use crate::config::ByteSize;
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
    /// The account's keys.
    pub keys: KeyPair,
    /// `http://host:port/demo`: what stands before a file's path in its URL, without a trailing slash.
    pub url_endpoint: String,
    /// `/demo`: the path of delivery requests.
    pub endpoint_path: String,
    /// Largest file that an upload may bring.
    pub upload_max: ByteSize,
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
