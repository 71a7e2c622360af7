//! What was decided for a URL a moment ago. A page's pictures are asked for again and again, and where the bytes are in memory, finding out which ones they
//! are would be most of the work.
//!
//! A decision holds until this process changes anything in the library or the account is read anew, and for less than a second in any case; for half of one
//! where other processes change things as well, so that what they do is seen here within a second. It is kept for what anybody may have
//! only, and what a client says of itself is in its name, so it depends on nothing else about who asks: whatever shall judge that, such as lists of
//! addresses, has to do so before a decision is looked for.

use std::any::Any;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use library::{Account, BlobId, Version};
use moka::sync::Cache;

use crate::cache::Key;
use crate::conditional::Validators;
use crate::purge::Purgeable;
use crate::source::Sources;
use crate::work::Work;
use crate::{Answer, Body, CachePolicy, Kind, Request, ServedFrom, negotiate};

/// As the account is believed.
const HOLDS: Duration = Duration::from_millis(900);
/// Where others may have changed what it was made by.
const HOLDS_SHARED: Duration = Duration::from_millis(500);
/// Bytes of decisions that are kept, about.
const MOST_BYTES: u64 = 16 << 20;
/// What a decision takes besides its texts, about, with what callers make of it.
const BOOKKEEPING: usize = 3000;

/// The decisions.
#[derive(Debug)]
pub(crate) struct Decisions {
    kept: Cache<String, Arc<Decision>>,
    /// How often all that was decided was to be decided anew.
    ended: AtomicU64,
}

/// How things were when somebody began to decide.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// Of the library.
    state: u64,
    /// Of [`Decisions::ended`].
    ended: u64,
    account: Arc<Account>,
    at: Instant,
    /// How long what is decided now may be believed.
    holds: Duration,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Decision {
    moment: Moment,
    pub(crate) description: Description,
    pub(crate) what: What,
    pub(crate) original: Original,
    prepared: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Decision {
    /// What a caller makes of it once, for as long as it is kept. There is one place: all callers have to want the same type.
    pub(crate) fn prepared<T: Any + Send + Sync>(&self, prepare: impl FnOnce() -> T) -> Option<&T> {
        self.prepared.get_or_init(|| Box::new(prepare())).downcast_ref()
    }
}

/// All of an [`Answer`] but its bytes and what depends on the rest of the request.
#[derive(Debug)]
pub(crate) struct Description {
    content_type: Cow<'static, str>,
    etag: String,
    last_modified: u64,
    cache: CachePolicy,
    tags: Vec<String>,
    vary: Vec<&'static str>,
    disposition: Option<String>,
    content_dpr: Option<String>,
    content_security_policy: Option<&'static str>,
    canonical: Option<String>,
    notices: Vec<String>,
}

impl Description {
    pub(crate) fn of(answer: &Answer) -> Self {
        Self {
            content_type: answer.content_type.clone(),
            etag: answer.etag.clone(),
            last_modified: answer.last_modified,
            cache: answer.cache,
            tags: answer.tags.clone(),
            vary: answer.vary.clone(),
            disposition: answer.disposition.clone(),
            content_dpr: answer.content_dpr.clone(),
            content_security_policy: answer.content_security_policy,
            canonical: answer.canonical.clone(),
            notices: answer.notices.clone(),
        }
    }

    /// What names the present state of the answer.
    pub(crate) fn validators(&self) -> Validators<'_> {
        Validators {
            etag: &self.etag,
            last_modified: self.last_modified,
        }
    }

    /// An answer that waits for its bytes.
    pub(crate) fn answer(&self) -> Answer {
        Answer {
            kind: Kind::Full,
            content_type: self.content_type.clone(),
            content_length: 0,
            etag: self.etag.clone(),
            last_modified: self.last_modified,
            cache: self.cache,
            tags: self.tags.clone(),
            vary: self.vary.clone(),
            disposition: self.disposition.clone(),
            content_dpr: self.content_dpr.clone(),
            content_security_policy: self.content_security_policy,
            canonical: self.canonical.clone(),
            notices: self.notices.clone(),
            origin: ServedFrom::Original,
            body: Body::Empty,
        }
    }
}

/// The stored file that an answer is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Original {
    pub(crate) blob: BlobId,
    pub(crate) size: u64,
}

impl Original {
    pub(crate) fn of(version: &Version) -> Self {
        Self {
            blob: version.blob,
            size: version.size,
        }
    }
}

/// Where the bytes of an answer are.
#[derive(Debug)]
pub(crate) enum What {
    /// In the stored file.
    Stored,
    /// In the cache, if they are still there.
    Rendition {
        key: Key,
        /// By what purges know the file.
        of: Arc<Purgeable>,
    },
}

impl What {
    /// Of what lasts: a better one may be on its way to take the place of the rest.
    pub(crate) fn of(work: &Work) -> Option<Self> {
        match work {
            Work::Stored { .. } => Some(Self::Stored),
            Work::Rendition(job) if !job.stands_in => Some(Self::Rendition {
                key: job.key,
                of: job.of.clone(),
            }),
            Work::Rendition(_) | Work::Known { .. } | Work::Preparing => None,
        }
    }
}

impl Moment {
    /// True if what was decided then would be decided again.
    fn is_as(&self, then: &Self) -> bool {
        self.state == then.state
            && self.ended == then.ended
            && Arc::ptr_eq(&self.account, &then.account)
            && self.at.saturating_duration_since(then.at) < then.holds
    }
}

impl Default for Decisions {
    fn default() -> Self {
        // The path stands in the target, and mostly once more in what is kept.
        let weight = |name: &String, _: &Arc<Decision>| u32::try_from(BOOKKEEPING + 2 * name.len()).unwrap_or(u32::MAX);
        Self {
            kept: Cache::builder()
                .weigher(weight)
                .max_capacity(MOST_BYTES)
                .time_to_live(HOLDS)
                .build(),
            ended: AtomicU64::new(0),
        }
    }
}

impl Decisions {
    /// Now, before the library is read.
    pub(crate) fn now(&self, sources: &Sources, account: &Arc<Account>) -> Moment {
        Moment {
            state: sources.state(),
            ended: self.ended.load(Ordering::Acquire),
            account: account.clone(),
            at: Instant::now(),
            holds: if sources.are_shared() { HOLDS_SHARED } else { HOLDS },
        }
    }

    /// Nothing holds any more, what is being decided right now included: what others have changed is to be seen.
    pub(crate) fn end(&self) {
        self.ended.fetch_add(1, Ordering::AcqRel);
    }

    /// What a request is, as far as a decision depends on it. Hints are seldom the same for two clients, so what brings some is decided each time.
    pub(crate) fn name(request: &Request<'_>) -> Option<String> {
        if request.width_hint.is_some() || request.dpr_hint.is_some() || request.save_data.is_some() {
            return None;
        }
        let accept = negotiate::accepted(request.accept);
        let formats = match (accept.avif, accept.webp) {
            (false, false) => '0',
            (false, true) => '1',
            (true, false) => '2',
            (true, true) => '3',
        };
        let mut name = String::with_capacity(request.target.len() + 1);
        name.push(formats);
        name.push_str(request.target);
        Some(name)
    }

    /// What was decided, if it would be decided again.
    pub(crate) fn find(&self, name: Option<&str>, now: &Moment) -> Option<Arc<Decision>> {
        let decision = self.kept.get(name?)?;
        now.is_as(&decision.moment).then_some(decision)
    }

    /// Remembers what was decided.
    pub(crate) fn keep(
        &self,
        name: Option<String>,
        moment: Moment,
        (description, what): (Description, What),
        original: Original,
    ) {
        if let Some(name) = name {
            let decision = Decision {
                moment,
                description,
                what,
                original,
                prepared: OnceLock::new(),
            };
            self.kept.insert(name, Arc::new(decision));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_holds_while_nothing_changes() {
        let account = Arc::new(Account::default());
        let then = Moment {
            state: 7,
            ended: 0,
            account: account.clone(),
            at: Instant::now(),
            holds: HOLDS,
        };
        let later = |ms| Moment {
            at: then.at + Duration::from_millis(ms),
            ..then.clone()
        };
        assert!(later(0).is_as(&then) && later(899).is_as(&then));
        assert!(!later(900).is_as(&then), "too long ago");
        let changed = Moment {
            state: 8,
            ..then.clone()
        };
        assert!(!changed.is_as(&then), "a file has changed");
        let purged = Moment {
            ended: 1,
            ..then.clone()
        };
        assert!(!purged.is_as(&then), "a purge was heard of");
        let read_anew = Moment {
            account: Arc::new(Account::default()),
            ..then.clone()
        };
        assert!(!read_anew.is_as(&then), "the account was read anew");
    }

    #[test]
    fn names_tell_apart_what_is_negotiated() {
        let name = |accept, width_hint| {
            Decisions::name(&Request {
                target: "/demo/a.jpg",
                accept,
                width_hint,
                ..Request::default()
            })
        };
        assert_eq!(name(None, None), name(Some("*/*"), None));
        assert_ne!(name(None, None), name(Some("image/webp"), None));
        assert_ne!(name(Some("image/avif"), None), name(Some("image/webp"), None));
        assert_eq!(name(None, Some("300")), None);
    }
}
