//! How long an answer may be kept, and by whom: a value, with its header text in one place.

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

impl CachePolicy {
    /// For a private file asked for with a signature that ends at `expires`, if it ends.
    pub(crate) fn private(expires: Option<u64>, now_unix: u64) -> Self {
        Self::Private {
            max_age_s: expires.map_or(YEAR_S, |expires| expires.saturating_sub(now_unix).min(YEAR_S)),
        }
    }

    /// The text of `Cache-Control`.
    pub fn header(self) -> String {
        match self {
            Self::Public => format!("public, s-maxage={YEAR_S}, max-age={YEAR_S}, must-revalidate"),
            Self::Private { max_age_s } => format!("private, max-age={max_age_s}, must-revalidate"),
            Self::Brief => format!("public, s-maxage={ABSENT_S}, max-age={ABSENT_S}"),
            Self::NoStore => "no-store".to_owned(),
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
        }
    }
}
