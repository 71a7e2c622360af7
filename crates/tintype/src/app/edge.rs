//! Caches in front of this server: what they are told with each answer, and how they are told to forget.
//!
//! A file for each kind below. A purge is done only when every cache that the settings name has accepted it; one that does not answer is asked again,
//! with growing gaps or as it says itself, and given up after an hour. Being told twice does a cache no harm.

mod cloudflare;
mod cloudfront;
mod fastly;
mod nginx;
mod varnish;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use delivery::service::{Http, Refusal, Reply, ServiceError, said};
use delivery::{Answer, CachePolicy, EdgeAges, PurgePattern, tags};
use futures::future::join_all;
use library::{Entry, Event, EventKind, FileId, Lease, ListError, ListQuery, NewJob, Progress, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::App;
use super::background::StepError;
use super::purge::Subject;
use crate::config::{CacheTags, EdgeSettings};
use crate::observe::EDGE_PURGES;

/// The kind of the jobs that tell caches of changed and deleted files.
pub const JOB: &str = "purge-changes";

/// One request to a cache.
const TIMEOUT: Duration = Duration::from_secs(30);
const GIVE_UP_AFTER: Duration = Duration::from_secs(3600);
const FIRST_GAP: Duration = Duration::from_secs(2);
const LONGEST_GAP: Duration = Duration::from_secs(300);
/// Files that caches are told one by one, of a tag.
const LISTED: u32 = 1000;
/// No answer that says more than yes or no is longer.
const MAX_ANSWER: usize = 64 << 10;

/// The caches in front of this server.
#[derive(Debug)]
pub struct Edge {
    http: Http,
    caches: Vec<(String, Cache)>,
    ages: EdgeAges,
    tags: CacheTags,
    purges_changes: bool,
}

#[derive(Debug)]
enum Cache {
    Varnish(varnish::Varnish),
    Nginx(nginx::Nginx),
    Fastly(fastly::Fastly),
    Cloudflare(cloudflare::Cloudflare),
    CloudFront(cloudfront::CloudFront),
}

/// What a cache shall forget. Caches go by names or by URLs, and each takes from it what it understands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forget {
    /// Names the request: equal requests have equal names.
    pub id: String,
    /// All of it.
    pub items: Vec<Item>,
    /// Why the URLs in it are not all that belong to it.
    pub unlisted: Option<String>,
}

/// One of the things to forget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// For caches that go by URLs. None where other items say it.
    pub place: Option<Place>,
    /// The name of it in `Surrogate-Key` and `Cache-Tag`. None where that of another item covers it.
    pub tag: Option<String>,
}

/// A URL, or all that begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As it was asked for, without the `*`.
    pub url: Url,
    /// All that begins so.
    pub is_wild: bool,
}

impl Forget {
    /// All names, for caches that go by them.
    fn tags(&self) -> BTreeSet<&str> {
        self.items.iter().filter_map(|item| item.tag.as_deref()).collect()
    }

    /// All URLs, for caches that go by them; a refusal where they are not all.
    fn places(&self) -> Result<impl Iterator<Item = &Place>, Refusal> {
        match &self.unlisted {
            Some(reason) => Err(Refusal::lasting(reason.clone())),
            None => Ok(self.items.iter().filter_map(|item| item.place.as_ref())),
        }
    }
}

/// How far a cache is with a purge.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// Which cache.
    pub cache: String,
    /// `Pending`, `Completed` or `Failed`.
    pub status: State,
    /// How often it was asked.
    pub attempts: u32,
    /// What it said last, if that was no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// When it is asked again, in Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<i64>,
}

/// How far that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// It has not accepted it yet.
    #[default]
    Pending,
    /// It has.
    Completed,
    /// It never will, or did not for too long.
    Failed,
}

impl Edge {
    /// Those that the settings name.
    pub fn new(settings: &EdgeSettings) -> Result<Self, delivery::origin::FetcherError> {
        let mut caches = Vec::new();
        for url in &settings.varnish_urls {
            let key = settings.varnish_key.clone();
            let varnish = varnish::Varnish {
                url: url.clone(),
                key,
                by_key: settings.tags.surrogate_key,
            };
            caches.push((format!("varnish {url}"), Cache::Varnish(varnish)));
        }
        for url in &settings.nginx_urls {
            caches.push((format!("nginx {url}"), Cache::Nginx(nginx::Nginx { url: url.clone() })));
        }
        if let Some(given) = &settings.fastly {
            let fastly = fastly::Fastly {
                url: given.url.to_string(),
                service: given.service.clone(),
                key: given.key.clone(),
                by_key: settings.tags.surrogate_key,
            };
            caches.push(("fastly".to_owned(), Cache::Fastly(fastly)));
        }
        if let Some(given) = &settings.cloudflare {
            let cloudflare = cloudflare::Cloudflare {
                url: given.url.to_string(),
                zone: given.zone.clone(),
                token: given.token.clone(),
                by_tag: settings.tags.cache_tag,
            };
            caches.push(("cloudflare".to_owned(), Cache::Cloudflare(cloudflare)));
        }
        if let Some(given) = &settings.cloudfront {
            caches.push((
                "cloudfront".to_owned(),
                Cache::CloudFront(cloudfront::CloudFront::new(given)),
            ));
        }
        Ok(Self {
            http: Http::new()?,
            caches,
            ages: settings.ages,
            tags: settings.tags,
            purges_changes: settings.purges_changes,
        })
    }

    /// True if there is a cache to tell of purges.
    pub fn has_caches(&self) -> bool {
        !self.caches.is_empty()
    }

    /// True if some of them have to be told every URL.
    fn go_by_urls(&self) -> bool {
        self.caches.iter().any(|(_, cache)| match cache {
            Cache::Varnish(cache) => !cache.by_key,
            Cache::Fastly(cache) => !cache.by_key,
            Cache::Cloudflare(cache) => !cache.by_tag,
            Cache::Nginx(_) | Cache::CloudFront(_) => true,
        })
    }

    /// True if caches are told of changed and deleted files.
    pub fn purges_changes(&self) -> bool {
        self.purges_changes && self.has_caches()
    }

    /// Header fields of an answer that are for caches, names in lower case; they take the place of those that delivery gives.
    pub fn headers(&self, answer: &Answer) -> Vec<(&'static str, Cow<'static, str>)> {
        let mut fields = vec![("cache-control", answer.cache.header_with(&self.ages))];
        fields.extend(
            answer
                .cache
                .edge_header(&self.ages)
                .map(|text| ("cdn-cache-control", text.into())),
        );
        if !answer.tags.is_empty() {
            if self.tags.surrogate_key {
                fields.push(("surrogate-key", answer.tags.join(" ").into()));
            }
            if self.tags.cache_tag {
                fields.push(("cache-tag", answer.tags.join(",").into()));
            }
        }
        fields
    }

    /// `Cache-Control` of an error.
    pub fn error_headers(&self, policy: CachePolicy) -> Vec<(&'static str, Cow<'static, str>)> {
        let mut fields = vec![("cache-control", policy.header_with(&self.ages))];
        let edge = policy.edge_header(&self.ages);
        fields.extend(edge.map(|text| ("cdn-cache-control", text.into())));
        fields
    }

    /// The job that events cause, if caches are told of changes.
    pub fn follow_up(&self, events: &[Event], now: Timestamp) -> Option<NewJob<'static>> {
        if !self.purges_changes() {
            return None;
        }
        let files: BTreeMap<String, &str> = events
            .iter()
            .filter(|event| {
                matches!(
                    event.kind,
                    EventKind::FileVersionCreated
                        | EventKind::FileUpdated
                        | EventKind::FileDeleted
                        | EventKind::FileVersionDeleted
                )
            })
            .filter_map(|event| Some((event.file()?.to_string(), event.body.get("filePath")?.as_str()?)))
            .collect();
        (!files.is_empty()).then(|| NewJob {
            kind: JOB,
            input: json!({ "files": files }),
            total: None,
            run_at: now,
        })
    }
}

impl Cache {
    async fn forget(&self, http: &Http, what: &Forget) -> Result<(), Refusal> {
        match self {
            Self::Varnish(cache) => cache.forget(http, what).await,
            Self::Nginx(cache) => cache.forget(http, what).await,
            Self::Fastly(cache) => cache.forget(http, what).await,
            Self::Cloudflare(cache) => cache.forget(http, what).await,
            Self::CloudFront(cache) => cache.forget(http, what).await,
        }
    }
}

/// A purge as caches understand it; `None` for a URL that is none.
pub async fn of_purge(
    app: &App,
    id: &str,
    subject: &Subject,
    pattern: &PurgePattern,
) -> Result<Option<Forget>, ListError> {
    let tag = Some(tags::of_purge(&app.endpoint_path, pattern));
    let (mut places, mut unlisted) = (Vec::new(), None);
    match subject {
        Subject::Url(url) => {
            let (rest, is_wild) = match url.strip_suffix('*') {
                Some(rest) => (rest, true),
                None => (url.as_str(), false),
            };
            let Ok(url) = Url::parse(rest) else {
                return Ok(None);
            };
            places.push(Place { url, is_wild });
        }
        Subject::Prefix(start) => places = everywhere(app, start).await?,
        Subject::Folder(path) if path == "/" => places = everywhere(app, path).await?,
        Subject::Folder(path) => places = everywhere(app, &format!("{path}/")).await?,
        Subject::File { path, .. } => places = everywhere(app, path).await?,
        Subject::Tag(tag) if app.edge.go_by_urls() => match tagged(app, tag).await? {
            Some(paths) => {
                for path in paths {
                    places.extend(everywhere(app, &path).await?);
                }
            }
            None => {
                unlisted = Some(format!(
                    "{LISTED} files or more have this tag, too many to name the URL of each: the setting cache_tags adds to answers what this cache may \
                     be told instead, if it knows names"
                ));
            }
        },
        Subject::Tag(_) => {}
    }
    let mut places = places.into_iter().map(Some);
    // The name covers all of it, so the first item has it and the others have none.
    let first = Item {
        place: places.next().flatten(),
        tag,
    };
    let others = places.map(|place| Item { place, tag: None });
    Ok(Some(Forget {
        id: id.to_owned(),
        items: std::iter::once(first).chain(others).collect(),
        unlisted,
    }))
}

/// All URLs that begin with a path, of each of the account's endpoints, under its own host and that of answers.
async fn everywhere(app: &App, path: &str) -> Result<Vec<Place>, ListError> {
    let account = app.library.account().await?;
    let prefixes = account
        .url_endpoints
        .iter()
        .map(|endpoint| endpoint.url_prefix.as_str());
    let prefixes: BTreeSet<&str> = prefixes.chain([""]).collect();
    let places = app.url_endpoint.all().flat_map(|place| {
        prefixes.iter().filter_map(move |prefix| {
            let mut url = Url::parse(place).ok()?;
            let prefix = prefix.split('/').filter(|segment| !segment.is_empty());
            let path = path.trim_start_matches('/').split('/');
            url.path_segments_mut().ok()?.pop_if_empty().extend(prefix.chain(path));
            Some(Place { url, is_wild: true })
        })
    });
    Ok(places.collect())
}

/// The paths of all files that have a tag; `None` if they are too many.
async fn tagged(app: &App, tag: &str) -> Result<Option<Vec<String>>, ListError> {
    let query = ListQuery {
        tags: vec![tag.to_owned()],
        limit: LISTED,
        ..ListQuery::default()
    };
    let entries = app.library.list(&query).await?;
    let paths = entries.iter().filter_map(|entry| match entry {
        Entry::File(asset) => Some(asset.path()),
        Entry::Folder(_) => None,
    });
    Ok((entries.len() < LISTED as usize).then(|| paths.collect()))
}

/// Tells every cache that has not accepted it yet, and keeps in the job how far that is, so that a restart loses nothing. When no time to wait comes
/// with the answer, each cache has either accepted or failed.
pub async fn tell(app: &App, lease: &mut Lease, what: &Forget) -> Result<(Vec<Told>, Option<Duration>), StepError> {
    let now = Timestamp::now();
    let mut told = states(app, lease);
    let asked = told.iter().enumerate().filter_map(|(at, told)| {
        let is_due = told.status == State::Pending && told.next_at.is_none_or(|at| at <= now.as_millis());
        let (_, cache) = app.edge.caches.iter().find(|(name, _)| is_due && *name == told.cache)?;
        Some(async move { (at, ask(cache, &app.edge.http, what).await) })
    });
    let answers = join_all(asked.collect::<Vec<_>>()).await;
    let deadline = lease.job.created_at.saturating_add(GIVE_UP_AFTER);
    for (at, answer) in answers {
        if let Some(told) = told.get_mut(at) {
            note(told, answer, &what.id, Timestamp::now(), deadline);
        }
    }
    let progress = Progress {
        cursor: Some(json!(told)),
        ..Progress::default()
    };
    app.library.note_progress(lease, progress, Timestamp::now()).await?;
    let next = told.iter().filter(|told| told.status == State::Pending);
    let wait = next.map(|told| told.next_at.unwrap_or_default()).min().map(|at| {
        let gap = u64::try_from(at.saturating_sub(Timestamp::now().as_millis())).unwrap_or_default();
        Duration::from_millis(gap.max(100))
    });
    Ok((told, wait))
}

/// What the status of a purge says of its caches.
pub fn shown(told: &[Told]) -> Value {
    let shown = told.iter().map(|told| {
        json!({ "cache": told.cache, "status": told.status, "attempts": told.attempts, "message": told.message })
    });
    shown.collect()
}

/// How far every cache is: what the job wrote down, and those that it has not asked yet.
fn states(app: &App, lease: &Lease) -> Vec<Told> {
    let known: Vec<Told> = lease
        .job
        .cursor
        .clone()
        .and_then(|cursor| serde_json::from_value(cursor).ok())
        .unwrap_or_default();
    let state = |name: &String| {
        let known = known.iter().find(|told| told.cache == *name).cloned();
        known.unwrap_or_else(|| Told {
            cache: name.clone(),
            ..Told::default()
        })
    };
    app.edge.caches.iter().map(|(name, _)| state(name)).collect()
}

async fn ask(cache: &Cache, http: &Http, what: &Forget) -> Result<(), Refusal> {
    // Each of several requests may take its time.
    let patience = TIMEOUT * u32::try_from(what.items.len().clamp(1, 10)).unwrap_or(1);
    tokio::time::timeout(patience, cache.forget(http, what))
        .await
        .unwrap_or_else(|_elapsed| Err(Refusal::passing("did not answer in time", None)))
}

fn note(told: &mut Told, answer: Result<(), Refusal>, id: &str, now: Timestamp, deadline: Timestamp) {
    told.attempts = told.attempts.saturating_add(1);
    told.next_at = None;
    let outcome = if answer.is_ok() { "accepted" } else { "refused" };
    metrics::counter!(EDGE_PURGES, "cache" => kind_of(&told.cache), "outcome" => outcome).increment(1);
    let Err(refusal) = answer else {
        told.status = State::Completed;
        told.message = None;
        tracing::debug!(id, cache = told.cache, "a cache has accepted a purge");
        return;
    };
    let gap = FIRST_GAP * 2_u32.saturating_pow(told.attempts.saturating_sub(1).min(16));
    let gap = refusal.retry_after.unwrap_or(gap).clamp(FIRST_GAP, LONGEST_GAP);
    let next = now.saturating_add(gap);
    let (cache, attempts, message) = (&told.cache, told.attempts, &refusal.message);
    if refusal.retry && next <= deadline {
        tracing::warn!(
            id,
            cache,
            attempts,
            message,
            "a cache did not accept a purge; it is asked again"
        );
        told.next_at = Some(next.as_millis());
    } else {
        tracing::error!(
            id,
            cache,
            attempts,
            message,
            "a cache did not accept a purge, which was given up"
        );
        told.status = State::Failed;
    }
    told.message = Some(refusal.message);
}

/// The first word: URLs would be many labels.
fn kind_of(cache: &str) -> String {
    cache.split(' ').next().unwrap_or_default().to_owned()
}

/// Does a job of the kind [`JOB`].
pub async fn carry_out(app: &App, lease: &mut Lease) -> Result<library::Step, StepError> {
    let files = lease.job.input.get("files").and_then(Value::as_object);
    let files = files.ok_or_else(|| StepError::GiveUp("the job names no files".into()))?;
    let items = files.iter().flat_map(|(id, path)| {
        app.url_endpoint.all().enumerate().filter_map(move |(at, place)| {
            let mut url = Url::parse(place).ok()?;
            let path = path.as_str()?.trim_start_matches('/');
            url.path_segments_mut().ok()?.pop_if_empty().extend(path.split('/'));
            let tag = tags::of_file(id.parse::<FileId>().ok()?);
            Some(Item {
                place: Some(Place { url, is_wild: false }),
                // By name it is told once, for all hosts.
                tag: (at == 0).then_some(tag),
            })
        })
    });
    let forget = Forget {
        id: lease.job.id.to_string(),
        items: items.collect(),
        unlisted: None,
    };
    if forget.items.is_empty() || !app.edge.has_caches() {
        return Ok(library::Step::Done(json!({})));
    }
    let (told, wait) = tell(app, lease, &forget).await?;
    match (wait, failures(&told)) {
        (Some(gap), _) => Err(StepError::Wait(gap)),
        (None, None) => Ok(library::Step::Done(json!({ "caches": shown(&told) }))),
        (None, Some(reason)) => Err(StepError::GiveUp(reason)),
    }
}

/// Which caches failed, in a line; `None` if all accepted.
pub fn failures(told: &[Told]) -> Option<String> {
    let failed = told.iter().filter(|told| told.status == State::Failed);
    let lines: Vec<String> = failed
        .map(|told| format!("{}: {}", told.cache, told.message.as_deref().unwrap_or("failed")))
        .collect();
    (!lines.is_empty()).then(|| lines.join("; "))
}

/// What a status means that is not the one hoped for: another time, or never.
fn refused(reply: &Reply, text: &str, secret: Option<&SecretString>) -> Refusal {
    let text = said(text, secret);
    let message = format!(
        "answered {}{}{text}",
        reply.status,
        if text.is_empty() { "" } else { ": " }
    );
    if reply.status == 408 || reply.status == 425 || reply.status == 429 || reply.status >= 500 {
        Refusal::passing(message, reply.retry_after)
    } else {
        Refusal::lasting(message)
    }
}

/// The way to a cache may be broken for a moment.
fn unreached(error: ServiceError) -> Refusal {
    error.into()
}

/// Path and query, as on the wire.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// The host with its port, where that is not the scheme's own.
fn authority(url: &Url) -> String {
    match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn item(url: &str, tag: &str) -> Item {
        let (rest, is_wild) = url.strip_suffix('*').map_or((url, false), |rest| (rest, true));
        Item {
            place: Some(Place {
                url: Url::parse(rest).unwrap(),
                is_wild,
            }),
            tag: Some(tag.to_owned()),
        }
    }

    /// Of items, such as [`item`] makes.
    pub(crate) fn forget(items: Vec<Item>) -> Forget {
        Forget {
            id: "1".into(),
            items,
            unlisted: None,
        }
    }

    #[test]
    fn what_is_not_all_is_refused() {
        let mut what = forget(vec![
            item("http://h/a", "t-1"),
            Item {
                place: None,
                tag: Some("t-2".into()),
            },
        ]);
        assert_eq!(what.places().map(Iterator::count).ok(), Some(1));
        what.unlisted = Some("too many".into());
        assert_eq!(
            what.places().map(Iterator::count).map_err(|refusal| refusal.retry),
            Err(false)
        );
        assert_eq!(what.tags().into_iter().collect::<Vec<_>>(), ["t-1", "t-2"]);
    }

    #[test]
    fn gaps_grow_and_end() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000).unwrap();
        let mut told = Told {
            cache: "varnish http://v".into(),
            ..Told::default()
        };
        let mut now = at(0);
        let mut gaps = Vec::new();
        while told.status == State::Pending {
            let answer = Err(Refusal::passing("answered 503", None));
            note(&mut told, answer, "id", now, at(1000));
            let Some(next) = told.next_at else { break };
            gaps.push((next - now.as_millis()) / 1000);
            now = Timestamp::from_millis(next).unwrap();
        }
        assert_eq!(gaps, [2, 4, 8, 16, 32, 64, 128, 256, 300]);
        assert_eq!((told.status, told.attempts), (State::Failed, 10));
        assert_eq!(failures(&[told]).as_deref(), Some("varnish http://v: answered 503"));
    }

    #[test]
    fn what_a_cache_says_decides() {
        let at = |seconds: i64| Timestamp::from_millis(seconds * 1000).unwrap();
        let told_after = |answer| {
            let mut told = Told::default();
            note(&mut told, answer, "id", at(0), at(1000));
            (told.status, told.next_at)
        };
        let later = Some(Duration::from_secs(40));
        assert_eq!(
            told_after(Err(Refusal::passing("busy", later))),
            (State::Pending, Some(40_000))
        );
        let much_later = Some(Duration::from_secs(9999));
        assert_eq!(
            told_after(Err(Refusal::passing("busy", much_later))),
            (State::Pending, Some(300_000)),
            "asked again before it is given up"
        );
        assert_eq!(told_after(Err(Refusal::lasting("no"))), (State::Failed, None));
        assert_eq!(told_after(Ok(())), (State::Completed, None));
    }

    #[test]
    fn statuses_that_pass_and_those_that_last() {
        for (status, retry) in [
            (400, false),
            (401, false),
            (403, false),
            (404, false),
            (429, true),
            (500, true),
            (503, true),
        ] {
            let reply = Reply {
                status,
                body: Default::default(),
                retry_after: None,
            };
            assert_eq!(refused(&reply, "", None).retry, retry, "{status}");
        }
    }
}
