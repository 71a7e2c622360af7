//! How long an answer may be kept, and by whom: a value, with its header text in one place.

use std::borrow::Cow;

/// A year, the longest that caches promise to keep anything.
const YEAR_S: u64 = 31_536_000;

/// How long the absence of a file may be remembered. Short: uploads are expected to appear.
const ABSENT_S: u64 = 60;

/// Who may keep an answer, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// Anybody, for a year. Replaced files get a new URL or are purged.
    Public,
    /// Only the client that asked, until its right to ask ends.
    ///
    /// A private file needs a signature, and a shared cache does not check signatures. A URL that expires would go on
    /// working from there.
    Private {
        /// Seconds until the signature expires, at most a year.
        max_age_s: u64,
    },
    /// Anybody, until the right to ask ends: a signed URL whose file is not private.
    Until {
        /// Seconds until then, less than a year.
        max_age_s: u64,
    },
    /// Anybody, for a minute: a stand-in, or news of an absence.
    Brief,
    /// Nobody. All errors but an absence.
    NoStore,
}

/// How long public answers may be kept, in seconds, where that is not a year.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EdgeAges {
    /// By browsers.
    pub browser_s: Option<u64>,
    /// By caches in front of this server.
    pub edge_s: Option<u64>,
}

/// What decides about an answer's policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    /// Whoever has the URL may have the file.
    pub(crate) is_for_all: bool,
    /// It stands in for something better.
    pub(crate) is_brief: bool,
    /// Seconds until the right to ask ends, if it does.
    pub(crate) ends_in_s: Option<u64>,
}

impl Lifetime {
    pub(crate) fn policy(self) -> CachePolicy {
        let longest = if self.is_brief { ABSENT_S } else { YEAR_S };
        let max_age_s = self.ends_in_s.map_or(longest, |ends| ends.min(longest));
        match self {
            Self { is_for_all: false, .. } => CachePolicy::Private { max_age_s },
            _ if max_age_s < longest => CachePolicy::Until { max_age_s },
            Self { is_brief: true, .. } => CachePolicy::Brief,
            _ => CachePolicy::Public,
        }
    }
}

impl CachePolicy {
    /// The text of `Cache-Control`, with the ages that the operator chose.
    pub fn header_with(self, ages: &EdgeAges) -> Cow<'static, str> {
        // Of most answers: no text has to be put together for it.
        if self == Self::Public && *ages == EdgeAges::default() {
            return "public, s-maxage=31536000, max-age=31536000, must-revalidate".into();
        }
        let browser = ages.browser_s.unwrap_or(YEAR_S);
        let edge = ages.edge_s.unwrap_or(YEAR_S);
        match self {
            Self::Public => format!("public, s-maxage={edge}, max-age={browser}, must-revalidate").into(),
            Self::Private { max_age_s } => {
                format!("private, max-age={}, must-revalidate", max_age_s.min(browser)).into()
            }
            Self::Until { max_age_s } => format!(
                "public, s-maxage={}, max-age={}, must-revalidate",
                max_age_s.min(edge),
                max_age_s.min(browser)
            )
            .into(),
            Self::Brief => format!("public, s-maxage={ABSENT_S}, max-age={ABSENT_S}").into(),
            Self::NoStore => "no-store".into(),
        }
    }

    /// The text of `CDN-Cache-Control` (RFC 9213), where one was chosen. What only the client may keep has none, so that `Cache-Control` counts.
    pub fn edge_header(self, ages: &EdgeAges) -> Option<String> {
        let edge = ages.edge_s?;
        match self {
            Self::Public => Some(format!("max-age={edge}")),
            Self::Until { max_age_s } => Some(format!("max-age={}", edge.min(max_age_s))),
            Self::Brief => Some(format!("max-age={}", edge.min(ABSENT_S))),
            Self::Private { .. } | Self::NoStore => None,
        }
    }

    /// The text of `Cache-Control`.
    pub fn header(self) -> Cow<'static, str> {
        self.header_with(&EdgeAges::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides() {
        let policy = |is_for_all, is_brief, ends_in_s| {
            let lifetime = Lifetime {
                is_for_all,
                is_brief,
                ends_in_s,
            };
            lifetime.policy()
        };
        let (private, until) = (
            |max_age_s| CachePolicy::Private { max_age_s },
            |max_age_s| CachePolicy::Until { max_age_s },
        );
        for (is_for_all, is_brief, ends_in_s, expected) in [
            (true, false, None, CachePolicy::Public),
            (true, false, Some(u64::MAX), CachePolicy::Public),
            (true, false, Some(YEAR_S), CachePolicy::Public),
            (true, false, Some(90), until(90)),
            (true, false, Some(0), until(0)),
            (true, true, None, CachePolicy::Brief),
            (true, true, Some(90), CachePolicy::Brief),
            (true, true, Some(30), until(30)),
            (false, false, None, private(YEAR_S)),
            (false, false, Some(u64::MAX), private(YEAR_S)),
            (false, false, Some(60), private(60)),
            (false, false, Some(0), private(0)),
            (false, true, None, private(60)),
        ] {
            assert_eq!(
                policy(is_for_all, is_brief, ends_in_s),
                expected,
                "{is_for_all} {is_brief} {ends_in_s:?}"
            );
        }
    }

    #[test]
    fn headers() {
        let chosen = EdgeAges {
            browser_s: Some(300),
            edge_s: Some(86_400),
        };
        for (policy, by_default, with_ages, for_edges) in [
            (
                CachePolicy::Public,
                "public, s-maxage=31536000, max-age=31536000, must-revalidate",
                "public, s-maxage=86400, max-age=300, must-revalidate",
                Some("max-age=86400"),
            ),
            (
                CachePolicy::Until { max_age_s: 4000 },
                "public, s-maxage=4000, max-age=4000, must-revalidate",
                "public, s-maxage=4000, max-age=300, must-revalidate",
                Some("max-age=4000"),
            ),
            (
                CachePolicy::Until { max_age_s: 90_000 },
                "public, s-maxage=90000, max-age=90000, must-revalidate",
                "public, s-maxage=86400, max-age=300, must-revalidate",
                Some("max-age=86400"),
            ),
            (
                CachePolicy::Private { max_age_s: YEAR_S },
                "private, max-age=31536000, must-revalidate",
                "private, max-age=300, must-revalidate",
                None,
            ),
            (
                CachePolicy::Private { max_age_s: 60 },
                "private, max-age=60, must-revalidate",
                "private, max-age=60, must-revalidate",
                None,
            ),
            (
                CachePolicy::Brief,
                "public, s-maxage=60, max-age=60",
                "public, s-maxage=60, max-age=60",
                Some("max-age=60"),
            ),
            (CachePolicy::NoStore, "no-store", "no-store", None),
        ] {
            assert_eq!(policy.header(), by_default);
            assert_eq!(policy.header_with(&chosen), with_ages);
            assert_eq!(policy.edge_header(&EdgeAges::default()), None);
            assert_eq!(policy.edge_header(&chosen).as_deref(), for_edges);
        }
    }
}
