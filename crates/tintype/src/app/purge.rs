//! Purging: what may be purged, and the rules that delivery then keeps to.

use std::collections::HashSet;
use std::time::Duration;

use delivery::{Code, DeliveryError, OLDEST_RENDITION, PurgePattern};
use library::{FileId, Lease, Progress, Purge, Step, Timestamp};
use url::Url;

use super::background::StepError;
use super::domains::Domains;
use super::{App, edge};

/// Nodes ask for the purges of others this often; mostly they are told at once.
const LEARN_EVERY: Duration = Duration::from_secs(1);
/// By then every node that runs has asked.
const LEARNT_AFTER: Duration = Duration::from_secs(3);
/// Clocks of nodes may differ by this much, or a transaction may take as long.
const LATE_BY: Duration = Duration::from_secs(6);

/// What a purge is for. ImageKit's API has URLs; the others are ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A URL, with a `*` at its end or without.
    Url(String),
    /// All files that have a tag.
    Tag(String),
    /// All paths that begin so, with a slash in front.
    Prefix(String),
    /// A folder and all below it; `/` for everything.
    Folder(String),
    /// A file, and where it was when its purge was asked for.
    File {
        /// Which.
        id: FileId,
        /// Its path, with a slash in front.
        path: String,
    },
}

impl Subject {
    /// As the database keeps it. A URL has a scheme that none of the others has.
    pub fn to_text(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::Tag(tag) => format!("tag:{tag}"),
            Self::Prefix(start) => format!("prefix:{start}"),
            Self::Folder(path) => format!("folder:{path}"),
            Self::File { id, path } => format!("file:{id}{path}"),
        }
    }

    /// What [`Self::to_text`] wrote.
    pub fn of_text(text: &str) -> Self {
        let known = match text.split_once(':') {
            Some(("tag", tag)) => Some(Self::Tag(tag.to_owned())),
            Some(("prefix", start)) => Some(Self::Prefix(start.to_owned())),
            Some(("folder", path)) => Some(Self::Folder(path.to_owned())),
            Some(("file", rest)) => rest.find('/').and_then(|at| {
                let (id, path) = rest.split_at_checked(at)?;
                let (id, path) = (id.parse().ok()?, path.to_owned());
                Some(Self::File { id, path })
            }),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Url(text.to_owned()))
    }
}

/// Why a URL is not purged.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It is no URL that can be.
    #[error("The URL is not valid for cache purging.")]
    NotPurgeable,
    /// What it stands for could not be looked up.
    #[error(transparent)]
    Delivery(DeliveryError),
}

/// Of a URL, a path or a tag: bytes.
pub const LONGEST: usize = 4096;

/// Checks a URL: absolute, below one of the endpoints that `is_ours` knows (scheme and host, such as `https://media.example.com`), with
/// no `*` but at the end, and then not too wide.
pub async fn check(app: &App, text: &str, is_ours: impl Fn(&Url) -> bool) -> Result<PurgePattern, CheckError> {
    let target = target(text, &app.domains, is_ours).ok_or(CheckError::NotPurgeable)?;
    let pattern = pattern(app, &target).await?;
    match is_narrow(&pattern) {
        true => Ok(pattern),
        false => Err(CheckError::NotPurgeable),
    }
}

/// Path and query of a URL that may be ours, with its `*`. On a host of its own the path of what that stands for comes first.
fn target(text: &str, domains: &Domains, is_ours: impl Fn(&Url) -> bool) -> Option<String> {
    if text.len() > LONGEST || text.contains('\0') {
        return None;
    }
    let (rest, star) = match text.strip_suffix('*') {
        Some(rest) => (rest, "*"),
        None => (text, ""),
    };
    let url = Url::parse(rest).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if rest.contains('*') || !matches!(url.scheme(), "http" | "https") || !plain || !is_ours(&url) {
        return None;
    }
    let place = url.host_str().and_then(|host| domains.path(host)).unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{place}{}{query}{star}", url.path()))
}

async fn pattern(app: &App, target: &str) -> Result<PurgePattern, CheckError> {
    app.delivery
        .purge_pattern(target)
        .await
        .map_err(|error| match error.code() {
            Code::Internal => CheckError::Delivery(error),
            _ => CheckError::NotPurgeable,
        })
}

/// The pattern of what was checked when its purge was asked for; `None` for a URL that is no endpoint's any more.
async fn pattern_of(app: &App, subject: &Subject) -> Result<Option<PurgePattern>, DeliveryError> {
    let url = match subject {
        Subject::Url(url) => url,
        Subject::Tag(tag) => return Ok(Some(PurgePattern::Tag(tag.clone()))),
        Subject::Prefix(start) => return Ok(Some(PurgePattern::Prefix(start.clone()))),
        Subject::Folder(path) => return Ok(Some(PurgePattern::below(path))),
        Subject::File { id, .. } => return Ok(Some(PurgePattern::File(*id))),
    };
    let Some(target) = target(url, &app.domains, |_| true) else {
        return Ok(None);
    };
    match pattern(app, &target).await {
        Ok(pattern) => Ok(Some(pattern)),
        Err(CheckError::NotPurgeable) => Ok(None),
        Err(CheckError::Delivery(error)) => Err(error),
    }
}

/// What stands before a `*`, below the endpoint, must have two levels, 15 characters, or be the whole path of a file.
fn is_narrow(pattern: &PurgePattern) -> bool {
    const NEVER: [&str; 2] = ["media/catalog/", "s/files/"];
    let path = match pattern {
        PurgePattern::Prefix(start) => start.trim_start_matches('/'),
        PurgePattern::Path(path) => return !path.trim_start_matches('/').is_empty(),
        // A URL stands for nothing else.
        PurgePattern::Tag(_) | PurgePattern::File(_) => return false,
    };
    if NEVER.contains(&path) {
        return false;
    }
    let last = path.rsplit('/').next().unwrap_or_default();
    let is_file = last
        .rsplit_once('.')
        .is_some_and(|(stem, ending)| !stem.is_empty() && !ending.is_empty());
    let levels = path.split('/').filter(|level| !level.is_empty()).count();
    levels >= 2 || path.chars().count() >= 15 || is_file
}

/// Tells delivery of a purge.
async fn apply(app: &App, purge: &Purge, at: Timestamp) -> Result<(), DeliveryError> {
    match pattern_of(app, &Subject::of_text(&purge.url)).await? {
        Some(pattern) => app
            .delivery
            .purge(&pattern, u64::try_from(at.as_millis()).unwrap_or_default()),
        // Asked for when the endpoint was another one.
        None => tracing::debug!(id = %purge.id, "a purge of another endpoint"),
    }
    Ok(())
}

/// Tells delivery of the purges that were asked for before this start: the disk cache is older.
pub async fn remember(app: &App) -> Result<(), Box<dyn std::error::Error>> {
    for purge in app
        .library
        .purges_since(Timestamp::now().saturating_sub(OLDEST_RENDITION))
        .await?
    {
        apply(app, &purge, purge.created_at).await?;
    }
    Ok(())
}

/// Learns of the purges that other nodes were asked for.
pub async fn learn(app: App) {
    let mut since = Timestamp::now();
    let mut heard = HashSet::new();
    loop {
        tokio::select! {
            () = app.library.purge_asked() => {}
            () = tokio::time::sleep(LEARN_EVERY) => {}
        }
        let now = Timestamp::now();
        // Clocks of nodes differ a little, and a transaction takes its time: a rule that is told twice does no harm.
        match app.library.purges_since(since.saturating_sub(LATE_BY)).await {
            Ok(purges) => {
                let mut learnt = HashSet::new();
                for purge in &purges {
                    // By our own clock when it is heard of: what was made here until then may be what was to go.
                    let at = match heard.contains(&purge.id) {
                        true => purge.created_at,
                        false => purge.created_at.max(now),
                    };
                    match apply(&app, purge, at).await {
                        Ok(()) => drop(learnt.insert(purge.id)),
                        Err(error) => tracing::warn!(%error, id = %purge.id, "a purge could not be applied"),
                    }
                }
                let all = learnt.len() == purges.len();
                heard = learnt;
                if !all {
                    continue;
                }
                since = now;
            }
            Err(error) => tracing::warn!(%error, "purges of other nodes could not be looked for"),
        }
    }
}

/// Does a purge. With other nodes it is complete only when those have had time to learn of it, and then the caches in front have accepted it: they ask
/// nodes for what they have forgotten.
pub async fn carry_out(app: &App, lease: &mut Lease) -> Result<Step, StepError> {
    let id = lease.job.input.get("purge").and_then(serde_json::Value::as_str);
    let id: library::PurgeId = id
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| StepError::GiveUp("the job names no purge".into()))?;
    let Some(purge) = app.library.purge(id).await? else {
        return Ok(Step::Done(serde_json::json!({})));
    };
    let now = Timestamp::now();
    // Once, and not again after each wait: what is made meanwhile is as new as can be.
    if lease.job.cursor.is_none() {
        let applied = apply(app, &purge, purge.created_at.max(now)).await;
        applied.map_err(|error| StepError::Retry(error.to_string()))?;
        let progress = Progress {
            cursor: Some(serde_json::json!([])),
            ..Progress::default()
        };
        app.library.note_progress(lease, progress, now).await?;
    }
    if app.library.is_shared() && now < purge.created_at.saturating_add(LEARNT_AFTER) {
        return Err(StepError::Wait(LEARN_EVERY));
    }
    tell_caches(app, lease, &purge).await?;
    app.library.complete_purge(id, now).await?;
    Ok(Step::Done(serde_json::json!({})))
}

async fn tell_caches(app: &App, lease: &mut Lease, purge: &Purge) -> Result<(), StepError> {
    if !app.edge.has_caches() {
        return Ok(());
    }
    let subject = Subject::of_text(&purge.url);
    let pattern = pattern_of(app, &subject).await;
    let Some(pattern) = pattern.map_err(|error| StepError::Retry(error.to_string()))? else {
        return Ok(());
    };
    let forget = edge::of_purge(app, &purge.id.to_string(), &subject, &pattern).await;
    let Some(forget) = forget.map_err(|error| StepError::Retry(error.to_string()))? else {
        return Ok(());
    };
    let (told, wait) = edge::tell(app, lease, &forget).await?;
    let failures = edge::failures(&told).filter(|_| wait.is_none());
    let caches = edge::shown(&told);
    app.library
        .note_purged_caches(purge.id, &caches, failures.is_some())
        .await?;
    match (wait, failures) {
        (Some(gap), _) => Err(StepError::Wait(gap)),
        (None, Some(reason)) => Err(StepError::GiveUp(reason)),
        (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_that_may_be_purged() {
        let mut domains = Domains::default();
        domains.add("shop.example", "/acct".to_owned());
        domains.add("products.example", "/acct/products".to_owned());
        let ours = |url: &Url| {
            url.host_str()
                .is_some_and(|host| host == "h" || domains.path(host).is_some())
        };
        for (url, expected) in [
            ("http://h/acct/a.jpg", Some(("/a.jpg", false))),
            ("https://h/acct/a.jpg?tr=w-100", Some(("/a.jpg", false))),
            ("http://h/acct/sample.jpg*", Some(("/sample.jpg", true))),
            ("http://h/acct/images/upload*", Some(("/images/upload", true))),
            ("http://h/acct/averylongfolder*", Some(("/averylongfolder", true))),
            ("http://h/acct/a/b/*", Some(("/a/b/", true))),
            ("http://h/acct/images*", None),
            ("http://h/acct/images/*", None),
            ("http://h/acct/*", None),
            ("http://h/acct/", None),
            ("http://h/acct/a/*/b.jpg", None),
            ("http://h/acct/a/b**", None),
            ("http://h/acct/media/catalog/*", None),
            ("http://h/acct/s/files/*", None),
            ("http://h/acct/media/catalog/x*", Some(("/media/catalog/x", true))),
            ("http://other/acct/a.jpg", None),
            ("https://shop.example/a.jpg", Some(("/a.jpg", false))),
            ("https://products.example:8080/a/b/*", Some(("/products/a/b/", true))),
            ("http://h/other/a.jpg", None),
            ("http://u@h/acct/a.jpg", None),
            ("ftp://h/acct/a.jpg", None),
            ("/acct/a.jpg", None),
            ("a.jpg", None),
            ("", None),
        ] {
            let checked = target(url, &domains, ours)
                .and_then(|target| PurgePattern::parse(&target, "/acct").ok())
                .filter(is_narrow);
            let found = checked.as_ref().map(|pattern| match pattern {
                PurgePattern::Prefix(start) => (start.as_str(), true),
                PurgePattern::Path(path) => (path.as_str(), false),
                other => panic!("{other:?}"),
            });
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn subjects_are_written_down() {
        let file = Subject::File {
            id: "1".repeat(24).parse().unwrap(),
            path: "/a:b/c.jpg".into(),
        };
        for (subject, text) in [
            (Subject::Url("http://h/acct/a*".into()), "http://h/acct/a*"),
            (Subject::Url("https://h/tag:a".into()), "https://h/tag:a"),
            (Subject::Tag("a:b c".into()), "tag:a:b c"),
            (Subject::Prefix("/a/b".into()), "prefix:/a/b"),
            (Subject::Folder("/".into()), "folder:/"),
            (file, "file:111111111111111111111111/a:b/c.jpg"),
        ] {
            assert_eq!(subject.to_text(), text);
            assert_eq!(Subject::of_text(text), subject);
        }
    }
}
