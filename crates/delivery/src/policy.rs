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

impl CachePolicy {
    /// For a private file asked for with a signature that ends at `expires`, if it ends.
    pub(crate) fn private(expires: Option<u64>, now_unix: u64) -> Self {
        Self::Private {
            max_age_s: expires.map_or(YEAR_S, |expires| expires.saturating_sub(now_unix).min(YEAR_S)),
        }
    }

    /// The text of `Cache-Control`, with the ages that the operator chose.
    pub fn header_with(self, ages: &EdgeAges) -> Cow<'static, str> {
        if ages.browser_s.is_none() && ages.edge_s.is_none() {
            return self.header();
        }
        let browser = ages.browser_s.unwrap_or(YEAR_S);
        let edge = ages.edge_s.unwrap_or(YEAR_S);
        match self {
            Self::Public => format!("public, s-maxage={edge}, max-age={browser}, must-revalidate").into(),
            Self::Private { max_age_s } => {
                format!("private, max-age={}, must-revalidate", max_age_s.min(browser)).into()
            }
            Self::Brief | Self::NoStore => self.header(),
        }
    }

    /// The text of `CDN-Cache-Control` (RFC 9213), where one was chosen. What only the client may keep has none, so that `Cache-Control` counts.
    pub fn edge_header(self, ages: &EdgeAges) -> Option<String> {
        let edge = ages.edge_s?;
        match self {
            Self::Public => Some(format!("max-age={edge}")),
            Self::Brief => Some(format!("max-age={}", edge.min(ABSENT_S))),
            Self::Private { .. } | Self::NoStore => None,
        }
    }

    /// The text of `Cache-Control`.
    pub fn header(self) -> Cow<'static, str> {
        match self {
            // A year, and a minute.
            Self::Public => "public, s-maxage=31536000, max-age=31536000, must-revalidate".into(),
            Self::Brief => "public, s-maxage=60, max-age=60".into(),
            Self::Private { max_age_s } => format!("private, max-age={max_age_s}, must-revalidate").into(),
            Self::NoStore => "no-store".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let cases = [
            (
                CachePolicy::Public,
                "public, s-maxage=31536000, max-age=31536000, must-revalidate",
            ),
            (
                CachePolicy::private(None, 5),
                "private, max-age=31536000, must-revalidate",
            ),
            (
                CachePolicy::private(Some(65), 5),
                "private, max-age=60, must-revalidate",
            ),
            (
                CachePolicy::private(Some(u64::MAX), 5),
                "private, max-age=31536000, must-revalidate",
            ),
            (CachePolicy::private(Some(1), 5), "private, max-age=0, must-revalidate"),
            (CachePolicy::Brief, "public, s-maxage=60, max-age=60"),
            (CachePolicy::NoStore, "no-store"),
        ];
        for (policy, expected) in cases {
            assert_eq!(policy.header(), expected);
            let chosen = EdgeAges {
                browser_s: Some(YEAR_S),
                edge_s: Some(YEAR_S),
            };
            assert_eq!(policy.header_with(&chosen), expected, "the same ages, chosen");
            assert_eq!(policy.header_with(&EdgeAges::default()), expected);
            assert_eq!(policy.edge_header(&EdgeAges::default()), None);
        }
    }

    #[test]
    fn ages_that_were_chosen() {
        let ages = EdgeAges {
            browser_s: Some(300),
            edge_s: Some(86_400),
        };
        for (policy, header, edge) in [
            (
                CachePolicy::Public,
                "public, s-maxage=86400, max-age=300, must-revalidate",
                Some("max-age=86400"),
            ),
            (
                CachePolicy::private(None, 5),
                "private, max-age=300, must-revalidate",
                None,
            ),
            (
                CachePolicy::private(Some(65), 5),
                "private, max-age=60, must-revalidate",
                None,
            ),
            (
                CachePolicy::Brief,
                "public, s-maxage=60, max-age=60",
                Some("max-age=60"),
            ),
            (CachePolicy::NoStore, "no-store", None),
        ] {
            assert_eq!(policy.header_with(&ages), header);
            assert_eq!(policy.edge_header(&ages).as_deref(), edge);
        }
    }
}
