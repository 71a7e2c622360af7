//! Counts what delivery serves: in memory, in lists that have an end, written to the database every few seconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use delivery::ServedFrom;
use library::{Library, StoreError, Timestamp, UsageRow};

/// How often counters are written.
pub const WRITTEN_EVERY: Duration = Duration::from_secs(5);

/// Names of one list and day that are counted by themselves on one node; what comes later counts as others. They bound what a day costs.
const MOST_NAMES: usize = 500;
/// The name of all others.
pub const OTHERS: &str = "(other)";
/// Answers, equal ones counted together, that are not yet in their lists: to find those takes longer than to give most answers. So few that nobody waits
/// for long when they are put there.
const MOST_RECENT: usize = 256;
/// Longer names are cut.
const LONGEST_NAME: usize = 300;

const DAY_MS: i64 = 86_400_000;
/// Days of counters that are kept.
const KEPT_DAYS: i64 = 400;

/// A list of counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is named as in the answer of the API")]
pub enum List {
    Total,
    Cache,
    StatusCodes,
    ErrorReasons,
    NotFound,
    Browsers,
    Devices,
    Countries,
    Formats,
    Images,
    ImageTransforms,
    Videos,
    VideoTransforms,
    OtherAssets,
    Referrers,
    UserAgents,
    UrlEndpoints,
    Extensions,
}

impl List {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Total => "",
            Self::Cache => "cache",
            Self::StatusCodes => "status",
            Self::ErrorReasons => "error",
            Self::NotFound => "404",
            Self::Browsers => "browser",
            Self::Devices => "device",
            Self::Countries => "country",
            Self::Formats => "format",
            Self::Images => "image",
            Self::ImageTransforms => "image-transform",
            Self::Videos => "video",
            Self::VideoTransforms => "video-transform",
            Self::OtherAssets => "other-asset",
            Self::Referrers => "referrer",
            Self::UserAgents => "user-agent",
            Self::UrlEndpoints => "endpoint",
            Self::Extensions => "extension",
        }
    }
}

/// An answer of delivery.
#[derive(Debug, Clone, Copy)]
pub struct Served<'a> {
    /// Path and query as they came.
    pub target: &'a str,
    /// The path of the account.
    pub account_path: &'a str,
    /// The prefix of the URL endpoint; empty for the default one.
    pub endpoint: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// Bytes of the body.
    pub bytes: u64,
    /// Where a file came from; `None` for an error.
    pub from: Option<ServedFrom>,
    /// The media type of what was sent.
    pub content_type: &'a str,
    /// What an error says of itself in `ik-error`.
    pub error: Option<&'a str>,
    /// `Referer`
    pub referrer: Option<&'a str>,
    /// `User-Agent`
    pub user_agent: Option<&'a str>,
    /// The country that a CDN before us found, as two letters.
    pub country: Option<&'a str>,
}

/// The counters that are not yet written.
#[derive(Debug, Default)]
pub struct Usage {
    counters: Mutex<Counters>,
    /// One writer at a time, so that a reader that writes first finds everything.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Counters {
    day: i64,
    recent: HashMap<String, (Recent, Count)>,
    /// For the names of those, to be used again.
    name: String,
    lists: HashMap<List, HashMap<String, Count>>,
    /// Of days that ended before they were written.
    earlier: Vec<UsageRow>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Count {
    requests: u64,
    bytes: u64,
}

/// A [`Served`] that is kept for a while.
#[derive(Debug)]
struct Recent {
    target: String,
    account_path: String,
    endpoint: String,
    status: u16,
    from: Option<ServedFrom>,
    content_type: String,
    error: Option<String>,
    referrer: Option<String>,
    user_agent: Option<String>,
    country: Option<String>,
}

impl Recent {
    fn of(served: &Served<'_>) -> Self {
        Self {
            target: served.target.to_owned(),
            account_path: served.account_path.to_owned(),
            endpoint: served.endpoint.to_owned(),
            status: served.status,
            from: served.from,
            content_type: served.content_type.to_owned(),
            error: served.error.map(str::to_owned),
            referrer: served.referrer.map(str::to_owned),
            user_agent: served.user_agent.map(str::to_owned),
            country: served.country.map(str::to_owned),
        }
    }

    fn served(&self) -> Served<'_> {
        Served {
            target: &self.target,
            account_path: &self.account_path,
            endpoint: &self.endpoint,
            status: self.status,
            bytes: 0,
            from: self.from,
            content_type: &self.content_type,
            error: self.error.as_deref(),
            referrer: self.referrer.as_deref(),
            user_agent: self.user_agent.as_deref(),
            country: self.country.as_deref(),
        }
    }
}

impl Usage {
    /// Counts an answer.
    pub fn served(&self, served: &Served<'_>, now: Timestamp) {
        self.lock(now).note(served);
    }

    /// Counts something that was done once.
    pub fn done(&self, list: List, name: &str, now: Timestamp) {
        self.lock(now).add(list, name, 1, 0);
    }

    /// Writes what was counted since the last time. After an error it is kept for the next.
    pub async fn write(&self, library: &Library, now: Timestamp) -> Result<(), StoreError> {
        let _turn = self.writing.lock().await;
        let rows = self.lock(now).take();
        let written = library.add_usage(&rows).await;
        if written.is_err() {
            let mut counters = self.lock(now);
            // A database that stays away costs counters in the end, not memory.
            if counters.earlier.len() < 20 * MOST_NAMES {
                counters.earlier.extend(rows);
            }
        }
        written
    }

    fn lock(&self, now: Timestamp) -> MutexGuard<'_, Counters> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let day = day_of(now);
        if counters.day != day {
            counters.settle();
            let rows = counters.rows();
            counters.earlier.extend(rows);
            counters.lists.clear();
            counters.day = day;
        }
        counters
    }
}

impl Counters {
    /// Counts an answer among the recent ones.
    fn note(&mut self, served: &Served<'_>) {
        let name = &mut self.name;
        name.clear();
        // All but the bytes; what the client has written holds no NUL.
        let texts = [
            Some(served.target),
            Some(served.endpoint),
            Some(served.content_type),
            served.user_agent,
            served.referrer,
            served.country,
            served.error,
        ];
        for text in texts {
            name.push(if text.is_some() { '\0' } else { '\u{1}' });
            name.push_str(text.unwrap_or_default());
        }
        name.push('\0');
        name.extend(char::from_u32(served.status.into()));
        name.push_str(served.from.map_or("", ServedFrom::name));
        if let Some((_, count)) = self.recent.get_mut(name.as_str()) {
            count.requests += 1;
            count.bytes = count.bytes.saturating_add(served.bytes);
            return;
        }
        if self.recent.len() >= MOST_RECENT {
            self.settle();
        }
        let first = Count {
            requests: 1,
            bytes: served.bytes,
        };
        self.recent.insert(self.name.clone(), (Recent::of(served), first));
    }

    /// Puts what is recent into the lists.
    fn settle(&mut self) {
        for (_, (recent, count)) in std::mem::take(&mut self.recent) {
            self.sort_in(&recent.served(), count);
        }
    }

    /// Counts equal answers in all their lists.
    fn sort_in(&mut self, served: &Served<'_>, count: Count) {
        let status = served.status.to_string();
        let agent = served.user_agent.unwrap_or_default();
        let (path, transformation) = parts(served);
        let mut add = |list, name: &str| self.add(list, name, count.requests, count.bytes);
        add(List::Total, "");
        add(List::StatusCodes, &status);
        add(List::Browsers, browser(agent));
        add(List::Devices, device(agent));
        add(List::UserAgents, if agent.is_empty() { "(none)" } else { agent });
        add(
            List::UrlEndpoints,
            if served.endpoint.is_empty() {
                "Default"
            } else {
                served.endpoint
            },
        );
        if let Some(host) = served.referrer.and_then(host_of) {
            add(List::Referrers, &host);
        }
        if let Some(country) = served
            .country
            .filter(|code| code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic()))
        {
            add(List::Countries, &country.to_ascii_uppercase());
        }
        if let Some(error) = served.error {
            add(List::Cache, "error");
            add(List::ErrorReasons, error.split(" - ").next().unwrap_or_default());
            if served.status == 404 {
                add(List::NotFound, &path);
            }
            return;
        }
        let is_hit = !matches!(served.from, Some(ServedFrom::Render));
        add(List::Cache, if is_hit { "hit" } else { "miss" });
        // What the client has already says nothing of its type.
        if served.content_type.is_empty() {
            return;
        }
        let (kind, format) = served.content_type.split_once('/').unwrap_or((served.content_type, ""));
        let format = format.split(';').next().unwrap_or_default().trim();
        add(List::Formats, if format.is_empty() { kind } else { format });
        let (assets, transforms) = match kind {
            "image" => (List::Images, Some(List::ImageTransforms)),
            "video" => (List::Videos, Some(List::VideoTransforms)),
            _ => (List::OtherAssets, None),
        };
        add(assets, &path);
        if let (Some(list), Some(transformation)) = (transforms, transformation) {
            add(list, &transformation);
        }
    }

    fn add(&mut self, list: List, name: &str, requests: u64, bytes: u64) {
        let names = self.lists.entry(list).or_default();
        let end = name.floor_char_boundary(LONGEST_NAME);
        let name = name.get(..end).unwrap_or_default();
        let is_full = names.len() >= MOST_NAMES;
        let count = match names.get_mut(name) {
            Some(count) => count,
            None if is_full => names.entry(OTHERS.to_owned()).or_default(),
            // One of the databases does not take NUL.
            None => names.entry(name.replace('\0', "?")).or_default(),
        };
        count.requests = count.requests.saturating_add(requests);
        count.bytes = count.bytes.saturating_add(bytes);
    }

    fn rows(&self) -> Vec<UsageRow> {
        let row = |list: &List, name: &String, count: &Count| UsageRow {
            day: self.day,
            dimension: list.as_str().to_owned(),
            name: name.clone(),
            requests: count.requests,
            bytes: count.bytes,
        };
        self.lists
            .iter()
            .flat_map(|(list, names)| names.iter().map(move |(name, count)| row(list, name, count)))
            .filter(|row| row.requests > 0)
            .collect()
    }

    /// What there is to write. Names stay known until the day is over, so that the bound holds for all of it.
    fn take(&mut self) -> Vec<UsageRow> {
        self.settle();
        let mut rows = std::mem::take(&mut self.earlier);
        rows.extend(self.rows());
        for count in self.lists.values_mut().flat_map(HashMap::values_mut) {
            *count = Count::default();
        }
        rows
    }
}

/// Writes counters and the uses of keys every few seconds, for as long as it is not dropped.
pub async fn keep_writing(app: super::App) {
    let mut forgotten = 0;
    loop {
        tokio::time::sleep(WRITTEN_EVERY).await;
        // A task of its own: when this one is stopped, a write that is under way goes on, and the last one waits for it.
        let writer = app.clone();
        let writing = tokio::spawn(async move { write_all(&writer).await });
        if writing.await.is_err() {
            tracing::warn!("writing usage ended early");
        }
        let today = day_of(Timestamp::now());
        if forgotten != today {
            forgotten = today;
            if let Err(error) = app.library.forget_usage(today - KEPT_DAYS).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old usage could not be removed"
                );
            }
        }
    }
}

/// Writes what is not yet written.
pub async fn write_all(app: &super::App) {
    if let Err(error) = app.usage.write(&app.library, Timestamp::now()).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "usage could not be written");
    }
    if let Err(error) = app.keyring.write_down(&app.library).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "uses of keys could not be written"
        );
    }
}

/// Days since 1970, UTC.
pub fn day_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(DAY_MS)
}

/// The path of the asset, and the transformation as written.
fn parts(served: &Served<'_>) -> (String, Option<String>) {
    let prefix = match served.endpoint {
        "" => served.account_path.to_owned(),
        endpoint => format!("{}/{endpoint}", served.account_path),
    };
    let Ok(request) = transform::AssetRequest::parse(served.target, &prefix) else {
        let path = served.target.split('?').next().unwrap_or_default();
        return (path.to_owned(), None);
    };
    let written = request.path_transformations.iter().chain(&request.query_transformation);
    let written: Vec<&str> = written.map(String::as_str).collect();
    let transformation = (!written.is_empty()).then(|| written.join(":"));
    (format!("/{}", request.asset_path), transformation)
}

fn host_of(referrer: &str) -> Option<String> {
    let url = url::Url::parse(referrer).ok()?;
    url.host_str().map(str::to_owned)
}

/// What browser names itself so. The first that fits: they all name those before them.
fn browser(agent: &str) -> &'static str {
    const BROWSERS: [(&str, &str); 10] = [
        ("SamsungBrowser/", "Samsung Internet"),
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Opera", "Opera"),
        ("FxiOS/", "Firefox"),
        ("Firefox/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("Trident/", "Internet Explorer"),
    ];
    let found = BROWSERS.iter().find(|(sign, _)| agent.contains(sign));
    found.map_or("Other", |(_, name)| name)
}

fn device(agent: &str) -> &'static str {
    let lower = agent.to_ascii_lowercase();
    let has = |signs: &[&str]| signs.iter().any(|sign| lower.contains(sign));
    if has(&["bot", "crawler", "spider"]) {
        "Bot"
    } else if has(&["ipad", "tablet"]) || (lower.contains("android") && !lower.contains("mobile")) {
        "Tablet"
    } else if has(&["mobile", "iphone", "ipod"]) {
        "Mobile"
    } else if has(&["windows", "macintosh", "x11", "linux", "cros"]) {
        "Desktop"
    } else {
        "Other"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(target: &str) -> Served<'_> {
        Served {
            target,
            account_path: "/demo",
            endpoint: "",
            status: 200,
            bytes: 10,
            from: Some(ServedFrom::Render),
            content_type: "image/webp",
            error: None,
            referrer: Some("https://shop.example.org/page?secret=1"),
            user_agent: None,
            country: Some("ch"),
        }
    }

    fn at(day: i64) -> Timestamp {
        Timestamp::from_millis(day * DAY_MS + 5).unwrap()
    }

    fn rows(usage: &Usage, day: i64) -> Vec<String> {
        let mut rows: Vec<String> = usage
            .lock(at(day))
            .take()
            .iter()
            .map(|row| {
                format!(
                    "{} {}={} {}/{}",
                    row.day, row.dimension, row.name, row.requests, row.bytes
                )
            })
            .collect();
        rows.sort();
        rows
    }

    #[test]
    fn an_answer_counts_in_all_lists() {
        let usage = Usage::default();
        usage.served(&served("/demo/tr:w-5/a%20b.jpg?v=1"), at(1));
        usage.served(&served("/demo/tr:w-5/a%20b.jpg"), at(1));
        assert_eq!(
            rows(&usage, 1),
            [
                "1 = 2/20",
                "1 browser=Other 2/20",
                "1 cache=miss 2/20",
                "1 country=CH 2/20",
                "1 device=Other 2/20",
                "1 endpoint=Default 2/20",
                "1 format=webp 2/20",
                "1 image-transform=w-5 2/20",
                "1 image=/a b.jpg 2/20",
                "1 referrer=shop.example.org 2/20",
                "1 status=200 2/20",
                "1 user-agent=(none) 2/20",
            ]
        );
        assert!(rows(&usage, 1).is_empty(), "written once");
        let missing = Served {
            status: 404,
            bytes: 0,
            from: None,
            content_type: "",
            error: Some("ENOENT - No file was found at the specified path"),
            referrer: None,
            country: None,
            ..served("/demo/gone.jpg")
        };
        usage.served(&missing, at(1));
        let counted = rows(&usage, 2);
        for row in [
            "1 404=/gone.jpg 1/0",
            "1 error=ENOENT 1/0",
            "1 cache=error 1/0",
            "1 status=404 1/0",
        ] {
            assert!(counted.iter().any(|counted| counted == row), "{row} of {counted:?}");
        }
    }

    #[test]
    fn lists_have_an_end_and_days_are_kept_apart() {
        let usage = Usage::default();
        let targets: Vec<String> = (0..MOST_NAMES + 50).map(|n| format!("/demo/{n}.jpg")).collect();
        for target in &targets {
            usage.served(&served(target), at(1));
        }
        usage.served(&served("/demo/0.jpg"), at(2));
        let counted = rows(&usage, 2);
        let images = counted.iter().filter(|row| row.starts_with("1 image=")).count();
        assert_eq!(images, MOST_NAMES + 1);
        assert!(counted.contains(&"1 image=(other) 50/500".to_owned()));
        assert!(counted.contains(&"2 image=/0.jpg 1/10".to_owned()));
    }

    #[test]
    fn clients_are_told_apart() {
        for (agent, expected) in [
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36",
                ("Chrome", "Desktop"),
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/120.0 Safari/537.36 Edg/120.0",
                ("Edge", "Desktop"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) Version/17.0 Mobile/15E148 Safari/604.1",
                ("Safari", "Mobile"),
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 17_0) Version/17.0 Mobile/15E148 Safari/604.1",
                ("Safari", "Tablet"),
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
                ("Firefox", "Desktop"),
            ),
            ("Mozilla/5.0 (compatible; Googlebot/2.1)", ("Other", "Bot")),
            ("curl/8", ("Other", "Other")),
        ] {
            assert_eq!((browser(agent), device(agent)), expected, "{agent}");
        }
    }
}
