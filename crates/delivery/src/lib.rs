//! A request in, cached bytes out.
//!
//! [`Delivery::answer`] takes a request target as it stood on the wire and gives a file: an original, or a rendition of
//! one that is looked up, or made once however many ask for it. It knows no HTTP server and no environment; requests
//! and answers are values.
//!
//! The way of a request reads as a list in `answer.rs`. Where its bytes come from: `cache.rs` (kept), `coalesce.rs`
//! (being made for somebody else), `render.rs` (to be made, when `admission.rs` lets it).

mod access;
mod active;
mod admission;
mod ai;
mod answer;
mod asked;
mod beforehand;
mod cache;
mod coalesce;
mod conditional;
mod decisions;
mod decoded;
mod disposition;
mod error;
mod inputs;
mod message;
mod negotiate;
pub mod origin;
mod policy;
mod purge;
mod range;
mod render;
mod restrictions;
pub mod service;
mod settings;
mod shared;
mod source;
mod stages;
pub mod stats;
mod subject;
pub mod tags;
mod work;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use library::{Asset, Library};

pub use asked::own_target;
pub use beforehand::{Made, Trust};
pub use cache::CacheBudget;
pub use error::{Code, DeliveryError, OpenError};
pub use message::{Answer, Body, Kind, Recalled, Request, ServedFrom};
pub use policy::{CachePolicy, EdgeAges};
pub use purge::{OLDEST_RENDITION, PurgePattern};
pub use restrictions::{Country, Lists, Referrer, Restrictions, Unsigned, Visitor};
pub use settings::{AiSettings, ImagesSettings, OriginSettings, RenderSettings, Secrets, Settings};
pub use source::BlobReader;
pub use stats::Stats;
pub use subject::Subject;

use ai::Ai;
use cache::{Key, Rendition, RenditionCache, Tier};
use coalesce::Coalescer;
use decisions::Decisions;
use origin::Origins;
use purge::Purges;
use render::Renderer;
use shared::{SharedPlace, SharedTier};
use source::Sources;
use stats::Counters;

/// Delivery of one URL endpoint. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Delivery {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    sources: Sources,
    decisions: Decisions,
    cache: RenditionCache,
    tier: Option<SharedTier>,
    in_flight: Coalescer<Key, (Rendition, Option<Tier>)>,
    /// What can't be made of what is stored, and why: it is not tried again at each request.
    refused: moka::sync::Cache<Key, DeliveryError>,
    renderer: Renderer,
    ai: Ai,
    purges: Arc<Purges>,
    counters: Counters,
}

impl Delivery {
    /// Opens the cache that an earlier run left, and begins to answer.
    pub async fn open(library: Library, settings: Settings) -> Result<Self, OpenError> {
        settings.check()?;
        let tier = settings.shared_renditions.as_ref().map(SharedPlace::open).transpose()?;
        let tier = tier.map(SharedTier::new);
        let place = tier.as_ref().map(|tier| tier.place().clone());
        let origins = Origins::open(&settings.origins, place, &library)?;
        let shared = Shared {
            sources: Sources::new(library, origins),
            decisions: Decisions::default(),
            cache: RenditionCache::open(&settings.cache).await?,
            tier,
            in_flight: Coalescer::default(),
            refused: source::refusals(),
            renderer: Renderer::new(&settings),
            ai: Ai::open(&settings.ai, settings.render.max_output_bytes)?,
            purges: Arc::default(),
            counters: Counters::default(),
            settings,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// What [`answer`](Self::answer) would give, where that takes no waiting: it was decided a moment ago, and the client has the file already or the
    /// bytes are in memory. `None` says nothing about the request.
    pub fn recall(&self, request: &Request<'_>) -> Option<Recalled> {
        answer::recall(&self.shared, request)
    }

    /// The file that a request asks for.
    ///
    /// Dropping the future is fine at any time: a rendition that others wait for, or may want next, is finished.
    pub async fn answer(&self, request: Request<'_>) -> Result<Answer, DeliveryError> {
        let answered = answer::answer(&self.shared, &request).await;
        match &answered {
            Ok(answer) if !matches!(answer.body, Body::Empty) => self.shared.counters.bytes.add(answer.content_length),
            Err(DeliveryError::Overloaded { .. }) => self.shared.counters.overloads.count(),
            Ok(_) | Err(_) => {}
        }
        answered
    }

    /// What a request target stands for, for somebody who has the account's private key: the stored file, or, where a
    /// transformation is in it, what that makes of the file.
    pub async fn subject(&self, target: &str, now_unix: u64) -> Result<Subject, DeliveryError> {
        subject::subject(&self.shared, target, now_unix).await
    }

    /// False where each answer is for the client that asked alone, because lists say who may have files: caches in front may keep none,
    /// not even that a file is not there.
    pub fn answers_everybody_alike(&self) -> bool {
        !self.shared.settings.restrictions.are_personal()
    }

    /// Removes what servers keep for each other and put there so long ago, and results of AI operations beyond their budget; how many.
    pub async fn sweep_shared(&self, older_than: Duration) -> u64 {
        let unswept = |error: object_store::Error| {
            tracing::warn!(%error, "what servers keep for each other could not be swept");
            0
        };
        let mut removed = 0;
        if let Some(tier) = &self.shared.tier {
            removed += tier.sweep(older_than).await.unwrap_or_else(unswept);
        }
        if let Some(results) = &self.shared.ai.results {
            removed += results.sweep().await.unwrap_or_else(unswept);
        }
        removed
    }

    /// What happened since the start, and what is going on.
    pub fn stats(&self) -> Stats {
        let Shared {
            counters,
            cache,
            in_flight,
            renderer,
            ..
        } = &*self.shared;
        Stats {
            hits_memory: counters.hits_memory.get(),
            hits_disk: counters.hits_disk.get(),
            hits_shared: counters.hits_shared.get(),
            misses: counters.misses.get(),
            coalesced: counters.coalesced.get(),
            renders: counters.renders.get(),
            render_errors: counters.render_errors.get(),
            overloads: counters.overloads.get(),
            bytes: counters.bytes.get(),
            saved: counters.saved.get(),
            in_flight: in_flight.in_flight() as u64,
            waiting: renderer.waiting() as u64,
            cache_memory_bytes: cache.memory_bytes(),
            source_memory_bytes: renderer.decoded_bytes(),
        }
    }

    /// All bytes of the file that a [`Subject`] is.
    pub async fn original(&self, asset: &Asset) -> Result<Bytes, DeliveryError> {
        let max = self.shared.settings.render.max_source_bytes;
        self.shared.sources.read(asset.version.blob, max).await
    }

    /// Bytes of files of origins that are kept.
    pub fn original_bytes(&self) -> u64 {
        self.shared.sources.original_bytes()
    }

    /// Writes what is still on its way to the disk cache. Answers given later are not kept.
    pub async fn close(&self) {
        self.shared.cache.close().await;
    }
}
