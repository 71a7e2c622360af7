//! What was decided for a URL a moment ago. A page's pictures are asked for again and again, and where the bytes are in memory, finding out which ones they
//! are would be most of the work.
//!
//! A decision holds until anything changes in the library or the account, and for less than a second in any case. It is kept for what anybody may have
//! only, and what a client says of itself is in its name, so it depends on nothing else about who asks: whatever shall judge that, such as lists of
//! addresses, has to do so before a decision is looked for.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use library::{Account, BlobId, Version};
use moka::sync::Cache;

use crate::cache::Key;
use crate::conditional::Validators;
use crate::purge::Purgeable;
use crate::work::Work;
use crate::{Answer, Body, CachePolicy, Kind, Request, ServedFrom, negotiate};

/// As the account is believed.
const HOLDS: Duration = Duration::from_millis(900);
/// Bytes of decisions that are kept, about.
const MOST_BYTES: u64 = 16 << 20;
/// What a decision takes besides its texts, about, with what callers make of it.
const BOOKKEEPING: usize = 3000;

/// The decisions.
#[derive(Debug)]
pub(crate) struct Decisions {
    kept: Cache<String, Arc<Decision>>,
}

/// How things were when somebody began to decide.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    /// Of the library; none where decisions can't be remembered.
    state: Option<u64>,
    account: Arc<Account>,
    at: Instant,
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
    /// Now, with the state that the library had before it is read.
    pub(crate) fn new(state: Option<u64>, account: &Arc<Account>) -> Self {
        Self {
            state,
            account: account.clone(),
            at: Instant::now(),
        }
    }

    /// True if what was decided then would be decided again.
    fn is_as(&self, then: &Self) -> bool {
        self.state.is_some()
            && self.state == then.state
            && Arc::ptr_eq(&self.account, &then.account)
            && self.at.saturating_duration_since(then.at) < HOLDS
    }
}

impl Default for Decisions {
    fn default() -> Self {
        // The path stands in the target, and mostly once more in what is kept.
        let weight = |name: &String, _: &Arc<Decision>| u32::try_from(BOOKKEEPING + 2 * name.len()).unwrap_or(u32::MAX);
        Self {
            kept: Cache::builder().weigher(weight).max_capacity(MOST_BYTES).build(),
        }
    }
}

impl Decisions {
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
        now.state?;
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
        if let Some(name) = name.filter(|_| moment.state.is_some()) {
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
        let then = Moment::new(Some(7), &account);
        let later = |ms| Moment {
            at: then.at + Duration::from_millis(ms),
            ..then.clone()
        };
        assert!(then.is_as(&then) && later(899).is_as(&then));
        assert!(!later(900).is_as(&then), "too long ago");
        assert!(!Moment::new(Some(8), &account).is_as(&then), "a file has changed");
        let other = Arc::new(Account::default());
        assert!(!Moment::new(Some(7), &other).is_as(&then), "the account was read anew");
        let unknown = Moment::new(None, &account);
        assert!(!unknown.is_as(&unknown), "others may have changed something");
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
