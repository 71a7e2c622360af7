use std::fmt;
use std::io::IsTerminal;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// The first path segment of delivery URLs: letters, digits, `_` and `-`, and no name that the API uses itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountId(String);

impl AccountId {
    /// The text, without slashes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AccountId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const TAKEN: [&str; 7] = ["v1", "api", "health", "metrics", "openapi.json", "mcp", "access"];
        if TAKEN.contains(&text.to_lowercase().as_str()) {
            return Err("is a path of the API itself: choose another".into());
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) {
            return Err("must be 1 to 64 letters, digits, `_` or `-`".into());
        }
        Ok(Self(text.to_owned()))
    }
}

/// An absolute http or https URL without query, fragment or trailing slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl(String);

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PublicUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|e| format!("is not a URL such as https://media.example.com: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err("must begin with http:// or https:// and name a host".into());
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a query, a fragment or a user name".into());
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// A count of bytes: `1048576`, `64MiB`, `10 GB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, size) in [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)] {
            if self.0 >= size && self.0.is_multiple_of(size) {
                return write!(f, "{}{unit}", self.0 / size);
            }
        }
        write!(f, "{}", self.0)
    }
}

impl FromStr for ByteSize {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "is not a size such as 500000, 64MiB or 10GB";
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, unit) = text.split_at(end);
        let count: u64 = digits.parse().map_err(|_| WRONG)?;
        let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kib" => 1 << 10,
            "kb" => 1_000,
            "m" | "mib" => 1 << 20,
            "mb" => 1_000_000,
            "g" | "gib" => 1 << 30,
            "gb" => 1_000_000_000,
            "t" | "tib" => 1 << 40,
            "tb" => 1_000_000_000_000,
            _ => return Err(WRONG),
        };
        count.checked_mul(factor).map(Self).ok_or(WRONG)
    }
}

/// A span of time in whole seconds, from one second to a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds(u64);

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0)
    }
}

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('s').unwrap_or(text).parse() {
            Ok(seconds @ 1..=86_400) => Ok(Self(seconds)),
            _ => Err("is not a number of seconds from 1 to 86400"),
        }
    }
}

/// How long an answer may be kept, in whole seconds: none to a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age(pub u64);

impl FromStr for Age {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_suffix('s').unwrap_or(text).parse() {
            Ok(seconds @ 0..=31_536_000) => Ok(Self(seconds)),
            _ => Err("is not a number of seconds from 0 to 31536000"),
        }
    }
}

/// So many requests in an interval: `40/1s`, `5000/15m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub requests: NonZeroU32,
    /// In which time.
    pub interval: Duration,
}

impl FromStr for RateLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "is not a number of requests in an interval, such as 40/1s, 5000/15m or 100000/1h";
        let (requests, interval) = text.split_once('/').ok_or(wrong)?;
        let (number, unit) = interval
            .trim()
            .split_at_checked(interval.trim().len().saturating_sub(1))
            .ok_or(wrong)?;
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(wrong),
        };
        let number: u64 = number.parse().map_err(|_| wrong)?;
        let seconds = number
            .checked_mul(seconds)
            .filter(|s| (1..=86_400).contains(s))
            .ok_or(wrong)?;
        let requests: NonZeroU32 = requests.trim().parse().map_err(|_| wrong)?;
        if requests.get() > 1_000_000 {
            return Err(wrong);
        }
        Ok(Self {
            requests,
            interval: Duration::from_secs(seconds),
        })
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Pretty when a person reads along, JSON otherwise.
    Auto,
    /// One coloured line an event.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// True when events are written as JSON.
    pub fn is_json(self) -> bool {
        match self {
            Self::Auto => !std::io::stderr().is_terminal(),
            Self::Pretty => false,
            Self::Json => true,
        }
    }
}

impl FromStr for LogFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("must be auto, pretty or json"),
        }
    }
}

/// In which light pixels are mixed when a picture is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResizeLight {
    /// In the stored (gamma encoded) values.
    Gamma,
    /// In linear light.
    Linear,
}

impl FromStr for ResizeLight {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "gamma" => Ok(Self::Gamma),
            "linear" => Ok(Self::Linear),
            _ => Err("must be gamma or linear"),
        }
    }
}
