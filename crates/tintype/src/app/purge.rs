//! Purging: which URLs may be purged, and the rules that delivery then keeps to.

use std::time::Duration;

use delivery::{OLDEST_RENDITION, PurgePattern};
use library::{Lease, Progress, Purge, PurgeError, PurgeId, PurgeOrder, Step, StoreError, Timestamp};
use url::Url;

use super::background::StepError;
use super::{App, edge};

/// Nodes ask for the purges of others this often; mostly they are told at once.
const LEARN_EVERY: Duration = Duration::from_secs(1);
/// By then every node that runs has asked.
const LEARNT_AFTER: Duration = Duration::from_secs(3);
/// Clocks of nodes may differ by this much, or a transaction may take as long.
const LATE_BY: Duration = Duration::from_secs(6);

/// A URL that cannot be purged.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("The URL is not valid for cache purging.")]
pub struct NotPurgeable;

const LONGEST_URL: usize = 4096;

/// Checks a URL: absolute, below one of the endpoints that `is_ours` knows (scheme and host, such as `https://media.example.com`), with
/// no `*` but at the end, and then not too wide.
pub fn check(text: &str, endpoint_path: &str, is_ours: impl Fn(&Url) -> bool) -> Result<PurgePattern, NotPurgeable> {
    if text.len() > LONGEST_URL || text.contains('\0') {
        return Err(NotPurgeable);
    }
    let (rest, is_wild) = match text.strip_suffix('*') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let url = Url::parse(rest).map_err(|_| NotPurgeable)?;
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if rest.contains('*') || !matches!(url.scheme(), "http" | "https") || !plain || !is_ours(&url) {
        return Err(NotPurgeable);
    }
    let pattern = of_url(text, endpoint_path)?;
    if is_wild && !is_narrow(pattern.path()) {
        return Err(NotPurgeable);
    }
    if !is_wild && pattern.path() == "/" {
        return Err(NotPurgeable);
    }
    Ok(pattern)
}

/// The pattern of a URL that was checked.
fn of_url(text: &str, endpoint_path: &str) -> Result<PurgePattern, NotPurgeable> {
    let (rest, star) = match text.strip_suffix('*') {
        Some(rest) => (rest, "*"),
        None => (text, ""),
    };
    let url = Url::parse(rest).map_err(|_| NotPurgeable)?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{query}{star}", url.path());
    PurgePattern::parse(&target, endpoint_path).map_err(|_| NotPurgeable)
}

/// What stands before a `*` must have two levels, 15 characters, or be the whole path of a file.
fn is_narrow(path: &str) -> bool {
    const NEVER: [&str; 2] = ["media/catalog/", "s/files/"];
    let path = path.trim_start_matches('/');
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

/// Asks for the purge of a file's old URL and of all that begin with it: the id of the request; `None` if as many were
/// asked for as may be.
pub async fn start(app: &App, url: &str, now: Timestamp) -> Result<Option<PurgeId>, StoreError> {
    let order = PurgeOrder {
        url: url.to_owned(),
        limit: app.purge_limit,
    };
    match app.library.create_purge(&order, now).await {
        Ok(id) => Ok(Some(id)),
        Err(PurgeError::OverQuota(_)) => Ok(None),
        Err(PurgeError::Store(error)) => Err(error),
    }
}

/// Tells delivery of a purge.
fn apply(app: &App, purge: &Purge, at: Timestamp) {
    match of_url(&purge.url, &app.endpoint_path) {
        Ok(pattern) => app
            .delivery
            .purge(&pattern, u64::try_from(at.as_millis()).unwrap_or_default()),
        // Asked for when the endpoint was another one.
        Err(NotPurgeable) => tracing::debug!(id = %purge.id, "a purge of another endpoint"),
    }
}

/// Tells delivery of the purges that were asked for before this start: the disk cache is older.
pub async fn remember(app: &App) -> Result<(), library::StoreError> {
    for purge in app
        .library
        .purges_since(Timestamp::now().saturating_sub(OLDEST_RENDITION))
        .await?
    {
        apply(app, &purge, purge.created_at);
    }
    Ok(())
}

/// Learns of the purges that other nodes were asked for.
pub async fn learn(app: App) {
    let mut since = Timestamp::now();
    loop {
        tokio::select! {
            () = app.library.purge_asked() => {}
            () = tokio::time::sleep(LEARN_EVERY) => {}
        }
        let now = Timestamp::now();
        // Clocks of nodes differ a little, and a transaction takes its time: a rule that is told twice does no harm.
        match app.library.purges_since(since.saturating_sub(LATE_BY)).await {
            Ok(purges) => {
                if !purges.is_empty() {
                    app.delivery.forget_originals();
                }
                for purge in purges {
                    apply(&app, &purge, purge.created_at);
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
        apply(app, &purge, purge.created_at.max(now));
        // What origins gave is kept by what was asked of them and not by URL, so all of it is asked for anew.
        app.delivery.forget_originals();
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
    let pattern = of_url(&purge.url, &app.endpoint_path).ok();
    let forget = pattern.and_then(|pattern| edge::of_purge(app, &purge.id.to_string(), &purge.url, &pattern));
    let Some(forget) = forget.filter(|_| app.edge.has_caches()) else {
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
        let ours = |url: &Url| url.host_str() == Some("h");
        for (url, expected) in [
            ("http://h/acct/a.jpg", Ok(("/a.jpg", false))),
            ("https://h/acct/a.jpg?tr=w-100", Ok(("/a.jpg", false))),
            ("http://h/acct/sample.jpg*", Ok(("/sample.jpg", true))),
            ("http://h/acct/images/upload*", Ok(("/images/upload", true))),
            ("http://h/acct/averylongfolder*", Ok(("/averylongfolder", true))),
            ("http://h/acct/a/b/*", Ok(("/a/b/", true))),
            ("http://h/acct/images*", Err(())),
            ("http://h/acct/images/*", Err(())),
            ("http://h/acct/*", Err(())),
            ("http://h/acct/", Err(())),
            ("http://h/acct/a/*/b.jpg", Err(())),
            ("http://h/acct/a/b**", Err(())),
            ("http://h/acct/media/catalog/*", Err(())),
            ("http://h/acct/s/files/*", Err(())),
            ("http://h/acct/media/catalog/x*", Ok(("/media/catalog/x", true))),
            ("http://other/acct/a.jpg", Err(())),
            ("http://h/other/a.jpg", Err(())),
            ("http://u@h/acct/a.jpg", Err(())),
            ("ftp://h/acct/a.jpg", Err(())),
            ("/acct/a.jpg", Err(())),
            ("a.jpg", Err(())),
            ("", Err(())),
        ] {
            let checked = check(url, "/acct", ours);
            let found = checked.as_ref().map(|p| (p.path(), p.is_prefix())).map_err(|_| ());
            assert_eq!(found, expected, "{url}");
        }
    }
}
