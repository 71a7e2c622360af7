//! Sources in pixels, kept while there is room: a page asks for one photograph in many sizes and formats, and decoding it
//! is most of the work of each.

use std::sync::Arc;

use engine::{Budget, DecodedSource, RenderError};
use library::BlobId;
use moka::sync::Cache;
use transform::{Part, Plan, SourceInfo};

/// Decoded sources within a budget of bytes.
#[derive(Debug)]
pub(crate) struct DecodedSources {
    /// None where the budget is 0.
    kept: Option<Cache<Key, Arc<DecodedSource>>>,
    budget: u64,
}

/// What is decoded, and how.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    blob: BlobId,
    part: Part,
    keep_profile: bool,
    shrink: u32,
}

/// How many times smaller a source can be decoded, each way, finest first.
const SHRINKS: [u32; 4] = [1, 2, 4, 8];

impl DecodedSources {
    pub(crate) fn new(budget: u64) -> Self {
        let kept = (budget > 0).then(|| {
            Cache::builder()
                // Weights are 32 bits: kibibytes reach to 4 TiB.
                .weigher(|_: &Key, source: &Arc<DecodedSource>| {
                    u32::try_from(source.memory().div_ceil(1024)).unwrap_or(u32::MAX).max(1)
                })
                .max_capacity(budget / 1024)
                .build()
        });
        Self { kept, budget }
    }

    /// The source in pixels for this plan, from memory or decoded, once however many ask for it. None where keeping it does
    /// not pay: vectors have no pixels of their own, animations are decoded frame by frame, and what takes a quarter of the
    /// budget would drive everything else out.
    pub(crate) fn get(
        &self,
        blob: BlobId,
        bytes: &[u8],
        plan: &Plan,
        info: &SourceInfo,
        budget: &Budget,
    ) -> Option<Result<Arc<DecodedSource>, Arc<RenderError>>> {
        let kept = self.kept.as_ref()?;
        if info.format.is_vector() || plan.animated {
            return None;
        }
        let wanted = engine::shrink_for(plan, info);
        let pixels = u64::from(info.width.div_ceil(wanted)) * u64::from(info.height.div_ceil(wanted));
        if pixels.saturating_mul(4) > self.budget / 4 {
            return None;
        }
        let key = |shrink| Key {
            blob,
            part: plan.part.clone(),
            keep_profile: matches!(plan.output, transform::Output::Encoded(encoding) if encoding.keep_profile),
            shrink,
        };
        let finer = SHRINKS
            .into_iter()
            .filter(|shrink| *shrink < wanted)
            // Scaling what is far too large costs more than decoding it anew.
            .filter(|shrink| shrink * 4 >= wanted)
            .rev()
            .find_map(|shrink| kept.get(&key(shrink)));
        match finer {
            Some(source) => Some(Ok(source)),
            None => Some(kept.try_get_with(key(wanted), || engine::decode_source(bytes, plan, budget).map(Arc::new))),
        }
    }

    /// Bytes of pixels in memory.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.weighted_size() * 1024)
    }
}
