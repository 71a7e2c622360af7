//! How long searches take.

use std::time::Instant;

use library::search::{Fields, Search};
use library::{Library, ListQuery, Sort, SortKey, Timestamp};

use crate::BenchError;
use crate::assets;

/// Entries of a page.
const PAGE: u32 = 100;
/// Measured runs of each case, each with another value where there are several.
const RUNS: u64 = 60;
/// Before those, each of the values once: what is measured are searches in memory, not a disk that nobody has read yet.
const WARM_UP: u64 = RUNS;

/// A kind of condition.
pub struct Case {
    /// As the report names it.
    pub name: &'static str,
    /// The search of a run; empty for none.
    search: Box<dyn Fn(u64) -> String>,
    sort: Sort,
    /// An index can serve it, so it is held to the lower limit.
    pub is_indexed: bool,
}

/// What one case took.
#[derive(Clone, Debug)]
pub struct Measured {
    pub name: &'static str,
    pub is_indexed: bool,
    /// Of the last run.
    pub found: usize,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub worst_ms: f64,
    pub example: String,
    pub plan: String,
}

fn case(name: &'static str, search: impl Fn(u64) -> String + 'static) -> Case {
    Case {
        name,
        search: Box::new(search),
        sort: Sort::default(),
        is_indexed: true,
    }
}

impl Case {
    fn by(mut self, key: SortKey, descending: bool) -> Self {
        self.sort = Sort { key, descending };
        self
    }

    fn unindexed(mut self) -> Self {
        self.is_indexed = false;
        self
    }
}

/// Every kind of condition, rare and common, and orders other than the default.
pub fn cases(all: u64) -> Vec<Case> {
    let asset = move |run: u64| assets::asset((run * 7919 + 13) % all, all);
    let fixed = |name: &'static str, text: &'static str| case(name, move |_| text.to_owned());
    let days = |run: u64| 1 + run % 20;
    let mut cases = vec![
        fixed("no condition", ""),
        fixed("no condition, by name", "").by(SortKey::Name, false),
        fixed("no condition, largest first", "").by(SortKey::Size, true),
        case("name =", move |run| format!(r#"name = "{}""#, asset(run).name)),
        case("name :", move |run| {
            format!(r#"name : "{}""#, assets::word(run * 37 % 8000))
        }),
        case("name : (rare)", move |run| {
            let name = asset(run).name;
            format!(r#"name : "{}""#, &name[..name.len() - 5])
        }),
        case("name IN", move |run| {
            format!(r#"name IN ["{}", "{}"]"#, asset(run).name, asset(run + 1).name)
        }),
        case("name NOT =", move |run| format!(r#"name NOT = "{}""#, asset(run).name)),
        fixed("name HAS (1 in 10)", r#"name HAS "summer""#),
        fixed("name HAS (1 in 100)", r#"name HAS "harbour""#),
        fixed("name HAS (1 in 1000)", r#"name HAS "lighthouse""#),
        fixed("name HAS (1 in 20,000)", r#"name HAS "zanzibar""#),
        case("name HAS, many words", |run| {
            format!(r#"name HAS "{}""#, assets::word(run * 131 % 8000))
        }),
        fixed("name HAS two words", r#"name HAS "summer harbour""#),
        fixed("name HAS, best first (1 in 10)", r#"name HAS "summer""#).by(SortKey::Relevance, true),
        fixed("name HAS, best first (1 in 1000)", r#"name HAS "lighthouse""#).by(SortKey::Relevance, true),
        fixed("tags IN (1 in 5)", r#"tags IN ["campaign"]"#),
        fixed("tags IN (1 in 100)", r#"tags IN ["banner-ad"]"#),
        fixed("tags IN (1 in 1000)", r#"tags IN ["press kit"]"#),
        fixed("tags IN (1 in 20,000)", r#"tags IN ["unicorn"]"#),
        case("tags IN, many tags", |run| {
            format!(
                r#"tags IN ["{}", "{}"]"#,
                assets::word(run * 83 % 5000),
                assets::word(run * 89 % 5000)
            )
        }),
        fixed("tags IN (1 in 100), by name", r#"tags IN ["banner-ad"]"#).by(SortKey::Name, false),
        fixed("tags IN (1 in 100), largest first", r#"tags IN ["banner-ad"]"#).by(SortKey::Size, true),
        fixed(
            "tags NOT IN",
            r#"tags NOT IN ["campaign", "unicorn"] AND type = "file""#,
        ),
        fixed("tags HAS", r#"tags HAS "banner""#),
        fixed("tags EXISTS", "tags EXISTS"),
        fixed("tags NOT EXISTS", r#"tags NOT EXISTS AND type = "file""#),
        fixed(r#"type = "file""#, r#"type = "file""#),
        fixed(r#"type = "file-version""#, r#"type = "file-version""#),
        fixed(r#"type = "folder""#, r#"type = "folder""#),
        case("id =", move |run| format!(r#"id = "{}""#, asset(run).id)),
        case("id IN, of 100", move |run| {
            let ids: Vec<String> = (0..100).map(|at| format!("\"{}\"", asset(run * 100 + at).id)).collect();
            format!("id IN [{}]", ids.join(", "))
        }),
        case("createdAt <", move |run| {
            format!(
                r#"createdAt < "{}""#,
                assets::date(assets::FIRST_MS + 86_400_000 * run as i64 * 10)
            )
        }),
        case("createdAt >, newest first", move |run| {
            format!(
                r#"createdAt > "{}""#,
                assets::date(assets::FIRST_MS + 86_400_000 * run as i64 * 10)
            )
        })
        .by(SortKey::Created, true),
        case("createdAt of a day, by name", move |run| {
            let day = assets::FIRST_MS + 86_400_000 * (run as i64 * 17 % 1000);
            format!(
                r#"createdAt >= "{}" AND createdAt < "{}""#,
                assets::date(day),
                assets::date(day + 86_400_000)
            )
        })
        .by(SortKey::Name, false),
        case("updatedAt > (last days)", move |run| {
            format!(
                r#"updatedAt > "{}""#,
                assets::date(assets::FIRST_MS + assets::SPAN_MS - 86_400_000 * days(run) as i64)
            )
        }),
        case("height =", |run| format!("height = {}", 16 + run * 61 % 4000)),
        case("width >", |run| format!("width > {}", 4000 + run * 10)),
        case("width IN", |run| format!("width IN [{}, 1920]", 16 + run * 61 % 4000)),
        fixed(r#"size < "1mb""#, r#"size < "1mb""#),
        case("size > (rare)", |run| format!("size > {}", 17_000_000 + run * 10_000)),
        case("size >, largest first", |run| {
            format!("size > {}", 1_000_000 + run * 10_000)
        })
        .by(SortKey::Size, true),
        fixed("format = jpg", "format = jpg"),
        fixed("format = woff2", "format = woff2"),
        fixed("format IN", r#"format IN ["gif", "avif"]"#),
        fixed("format = avif, by name", "format = avif").by(SortKey::Name, false),
        fixed("private = true", "private = true"),
        fixed("private = false", "private = false"),
        fixed("published = false", "published = false"),
        fixed("transparency = true", "transparency = true"),
        case("createdBy =", |run| {
            format!(r#"createdBy = "{}@example.org""#, assets::word(run % 200))
        }),
        case("createdBy NOT =", |run| {
            format!(
                r#"createdBy NOT = "{}@example.org" AND type = file"#,
                assets::word(run % 200)
            )
        }),
        case("path =", move |run| {
            format!(r#"path = "{}""#, crate::rows::folder_path((run % 60) as usize))
        }),
        case("path =, by size", move |run| {
            format!(r#"path = "{}""#, crate::rows::folder_path((run % 60) as usize))
        })
        .by(SortKey::Size, true),
        case("path : (large)", move |run| {
            format!(r#"path : "{}""#, crate::rows::folder_path((run % 20) as usize))
        }),
        case("path : (small)", move |run| {
            format!(
                r#"path : "{}""#,
                crate::rows::folder_path(assets::folders(all) - 1 - (run % 50) as usize)
            )
        }),
        case("LocationTaken, 5 km", |run| {
            let (latitude, longitude) = assets::city(run % 200);
            format!(r#""embeddedMetadata.LocationTaken" = "{latitude:.4},{longitude:.4} 5km""#)
        }),
        case("LocationTaken, 300 km", |run| {
            let (latitude, longitude) = assets::city(run % 200);
            format!(r#""embeddedMetadata.LocationTaken" = "{latitude:.4},{longitude:.4} 300km""#)
        }),
        case("LocationTaken, box", |run| {
            let (latitude, longitude) = assets::city(run % 200);
            format!(
                r#""embeddedMetadata.LocationTaken" = "{:.4},{:.4}|{:.4},{:.4}""#,
                latitude - 2.0,
                longitude - 2.0,
                latitude + 2.0,
                longitude + 2.0
            )
        }),
        fixed("LocationTaken EXISTS", r#""embeddedMetadata.LocationTaken" EXISTS"#),
        fixed(
            "LocationTaken NOT EXISTS",
            r#""embeddedMetadata.LocationTaken" NOT EXISTS AND type = file"#,
        ),
        fixed("Keywords IN (1 in 20)", r#""embeddedMetadata.Keywords" IN ["travel"]"#),
        fixed(
            "Keywords IN (1 in 20,000)",
            r#""embeddedMetadata.Keywords" IN ["eclipse"]"#,
        ),
        fixed("Keywords EXISTS", r#""embeddedMetadata.Keywords" EXISTS"#),
        case("DateTimeOriginal of a day", move |run| {
            let day = assets::FIRST_MS + 86_400_000 * (run as i64 * 17 % 1000);
            format!(
                r#""embeddedMetadata.DateTimeOriginal" >= "{}" AND "embeddedMetadata.DateTimeOriginal" < "{}""#,
                assets::date(day),
                assets::date(day + 86_400_000)
            )
        }),
        fixed(
            "DateTimeOriginal EXISTS",
            r#""embeddedMetadata.DateTimeOriginal" EXISTS"#,
        ),
        case("Text =", |run| {
            format!(r#""customMetadata.brand" = "{}""#, assets::word(run * 7 % 500))
        }),
        case("Text :", |run| {
            format!(r#""customMetadata.brand" : "{}""#, &assets::word(run * 7 % 500)[..3])
        }),
        case("Text HAS", |run| {
            format!(r#""customMetadata.note" HAS "{}""#, assets::word(run * 131 % 8000))
        }),
        fixed("Text EXISTS", r#""customMetadata.note" EXISTS"#),
        case("Number >= (rare)", |run| {
            format!(r#""customMetadata.price" >= {}"#, 999.0 + run as f64 / 100.0)
        }),
        case("Number <", |run| format!(r#""customMetadata.price" < {}"#, 200 + run)),
        case("Number =", |run| format!(r#""customMetadata.price" = {}.25"#, run * 13)),
        case("Date >", |run| {
            format!(r#""customMetadata.shot" > "2025-{:02}-01""#, 1 + run % 12)
        }),
        fixed("Boolean =", r#""customMetadata.sale" = true"#),
        fixed("SingleSelect =", r#""customMetadata.shade" = "cold""#),
        fixed("MultiSelect IN", r#""customMetadata.sizes" IN ["XXL"]"#),
        fixed(
            "MultiSelect NOT IN",
            r#""customMetadata.sizes" NOT IN ["XXL"] AND type = file"#,
        ),
        fixed("two common conditions", r#"tags IN ["campaign"] AND name HAS "summer""#),
        fixed(
            "a common and a rare one",
            r#"tags IN ["campaign"] AND name HAS "zanzibar""#,
        ),
        fixed("two of 1 in 100", r#"tags IN ["banner-ad"] AND name HAS "harbour""#),
        case("four conditions", |run| {
            format!(
                r#"type = file AND format = jpg AND width > 500 AND size < "2mb" AND tags IN ["{}"]"#,
                assets::word(run * 83 % 5000)
            )
        }),
        fixed("OR of two rare ones", r#"tags IN ["unicorn"] OR name HAS "zanzibar""#),
        fixed("OR of two common ones", r#"tags IN ["campaign"] OR size < "100kb""#),
        fixed("NOT (…)", r#"NOT (format = jpg OR private = true) AND type = file"#),
        case("path : and a word", move |run| {
            format!(
                r#"path : "{}" AND name HAS "harbour""#,
                crate::rows::folder_path((run % 20) as usize)
            )
        }),
    ];
    // No index has all that lack something, nor some of all in an order of another kind: rows are looked at until enough
    // are found, or all of a list before it is sorted.
    for case in &mut cases {
        let sorted =
            case.sort.key != SortKey::Created && !case.name.contains("no condition") && case.name.contains(',');
        if (case.name.contains("NOT") && case.name != "tags NOT EXISTS") || (sorted && case.name.contains("1 in 100")) {
            case.is_indexed = false;
        }
    }
    cases.push(
        fixed(
            "a rare one that no index has",
            r#"NOT (published = true OR private = false) AND type = file"#,
        )
        .unindexed(),
    );
    cases
}

/// Measures one case.
pub async fn measure(library: &Library, case: &Case) -> Result<Measured, BenchError> {
    let fields: Fields = library.search_fields().await?;
    let now = Timestamp::from_millis(assets::FIRST_MS + assets::SPAN_MS)?;
    let query = |run: u64| -> Result<(String, ListQuery), BenchError> {
        let text = (case.search)(run);
        let search = if text.is_empty() {
            None
        } else {
            Some(Search::parse(&text, &fields, now).map_err(|error| error.drawn(&text))?)
        };
        let query = ListQuery {
            search,
            sort: case.sort,
            limit: PAGE,
            ..ListQuery::default()
        };
        Ok((text, query))
    };
    let (mut times, mut found) = (Vec::new(), 0);
    for run in 0..WARM_UP + RUNS {
        let began = Instant::now();
        let (_, query) = query(run % RUNS)?;
        found = library.list(&query).await?.len();
        if run >= WARM_UP {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    let (example, explained) = query(0)?;
    Ok(Measured {
        name: case.name,
        is_indexed: case.is_indexed,
        found,
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        worst_ms: at(1.0),
        example,
        plan: library.explain_search(&explained).await?,
    })
}
