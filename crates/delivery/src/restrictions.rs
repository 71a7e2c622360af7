//! Who may have files at all: by address, country, referring page and program; and what may be asked for without a signature or
//! without a name.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use url::{Host, Url};

use crate::DeliveryError;
use crate::access::Right;
use crate::asked::Asked;

/// What an operator refuses. By default nothing.
#[derive(Debug, Clone, Default)]
pub struct Restrictions {
    /// What needs a signature, of pictures and of all files that are no videos.
    pub unsigned: Unsigned,
    /// The same for videos.
    pub unsigned_videos: Unsigned,
    /// Transformations may be asked for by their names alone.
    pub only_named: bool,
    /// Networks of clients.
    pub addresses: Lists<IpNet>,
    /// Countries of clients.
    pub countries: Lists<Country>,
    /// Hosts of the pages that files are shown on.
    pub referrers: Lists<Referrer>,
    /// Parts of `User-Agent`, in lower case.
    pub agents: Lists<String>,
    /// Caches in front may keep and share files although lists say who may have them.
    pub shared: bool,
}

/// What needs a signature.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unsigned {
    /// Only private files.
    #[default]
    Off,
    /// AI operations, also those behind a name.
    Ai,
    /// Everything but stored files and named transformations.
    Transformations,
    /// Everything.
    All,
}

/// Who may, and who may not. Who is on both may not; where some are allowed, all others may not.
#[derive(Debug, Clone)]
pub struct Lists<T> {
    /// Empty: all.
    pub allowed: Vec<T>,
    /// Empty: none.
    pub blocked: Vec<T>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self {
            allowed: Vec::new(),
            blocked: Vec::new(),
        }
    }
}

impl<T> Lists<T> {
    /// True if everybody may.
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.blocked.is_empty()
    }

    fn admit(&self, matches: impl Fn(&T) -> bool) -> bool {
        !self.blocked.iter().any(&matches) && (self.allowed.is_empty() || self.allowed.iter().any(&matches))
    }
}

/// A country by two letters (ISO 3166-1), or what edges send besides, such as `T1` for Tor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country([u8; 2]);

impl Country {
    /// Nobody knows where the client is.
    pub const UNKNOWN: Self = Self(*b"XX");

    /// Its two letters.
    pub fn as_str(&self) -> &str {
        // Only ASCII is taken.
        std::str::from_utf8(&self.0).unwrap_or("XX")
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Country {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match *text.as_bytes() {
            [first, second] if first.is_ascii_alphanumeric() && second.is_ascii_alphanumeric() => {
                Ok(Self([first.to_ascii_uppercase(), second.to_ascii_uppercase()]))
            }
            _ => Err("is not a country by two letters such as DE"),
        }
    }
}

/// Pages that show files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referrer {
    /// None is named: the address was typed, or the browser keeps it to itself.
    Nobody,
    /// Pages of a host.
    Host(String),
    /// Pages of all hosts below one, such as `*.example.com`.
    Below(String),
}

impl FromStr for Referrer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "is not a host such as shop.example, *.shop.example or none";
        if text == "none" {
            return Ok(Self::Nobody);
        }
        let (below, name) = match text.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let host = match Host::parse(name).map_err(|_| WRONG)? {
            Host::Domain(name) => name,
            address if !below => address.to_string(),
            _ => return Err(WRONG),
        };
        Ok(if below { Self::Below(host) } else { Self::Host(host) })
    }
}

impl Referrer {
    /// `host` is that of the page, in lower case and without a dot at its end; `None` where there is none.
    fn matches(&self, host: Option<&str>) -> bool {
        match (self, host) {
            (Self::Nobody, None) => true,
            (Self::Host(name), Some(host)) => name == host,
            (Self::Below(name), Some(host)) => host
                .strip_suffix(name.as_str())
                .is_some_and(|front| front.len() > 1 && front.ends_with('.')),
            _ => false,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Visitor<'a> {
    /// Of the client itself, as far as proxies are trusted.
    pub address: IpAddr,
    /// Where that is.
    pub country: Country,
    /// `Referer`, as it came: a byte that is no text must not make it as if there were none.
    pub referrer: Option<&'a [u8]>,
    /// `User-Agent`, likewise.
    pub agent: Option<&'a [u8]>,
}

impl Restrictions {
    /// True where lists say who may have a file: then an answer is for the client alone, because caches in front keep no such lists.
    pub(crate) fn are_personal(&self) -> bool {
        !self.shared && self.have_lists()
    }

    fn have_lists(&self) -> bool {
        !(self.addresses.is_empty() && self.countries.is_empty() && self.referrers.is_empty() && self.agents.is_empty())
    }

    /// Refuses who is on the wrong list.
    pub(crate) fn admit(&self, visitor: &Visitor<'_>) -> Result<(), DeliveryError> {
        if !self.have_lists() {
            return Ok(());
        }
        let refuse = |what| Err(DeliveryError::Forbidden(what));
        let address = visitor.address.to_canonical();
        if !self.addresses.admit(|network| network.contains(&address)) {
            return refuse("files are not delivered to this address");
        }
        if !self.countries.admit(|country| *country == visitor.country) {
            return refuse("files are not delivered to this country");
        }
        if !self.referrers.is_empty() {
            let host = visitor
                .referrer
                .and_then(|referrer| host(&String::from_utf8_lossy(referrer)));
            if !self.referrers.admit(|referrer| referrer.matches(host.as_deref())) {
                return refuse("files are not delivered for this page");
            }
        }
        if !self.agents.is_empty() {
            let agent = String::from_utf8_lossy(visitor.agent.unwrap_or_default()).to_lowercase();
            if !self.agents.admit(|part| agent.contains(part.as_str())) {
                return refuse("files are not delivered to this program");
            }
        }
        Ok(())
    }

    /// Refuses what may not be asked for so, before anything is looked up: whether a file is there is nobody's business who may
    /// not have it.
    pub(crate) fn check(&self, asked: &Asked, right: Right) -> Result<(), DeliveryError> {
        let transformation = &asked.transformation;
        if self.only_named && !asked.only_named && !transformation.is_empty() && !transformation.is_original() {
            return Err(DeliveryError::BadTransformation {
                message: "transformations are delivered by their names alone here".to_owned(),
                hint: Some("give the transformation a name, and ask for it with `n-<name>`".to_owned()),
            });
        }
        if self.unsigned.needs_signature(asked) && self.unsigned_videos.needs_signature(asked) {
            return signed(right);
        }
        Ok(())
    }

    /// The same where it depends on what kind of file it is.
    pub(crate) fn check_kind(&self, asked: &Asked, right: Right, mime: &str) -> Result<(), DeliveryError> {
        let level = if mime.starts_with("video/") {
            self.unsigned_videos
        } else {
            self.unsigned
        };
        if level.needs_signature(asked) {
            return signed(right);
        }
        Ok(())
    }
}

fn signed(right: Right) -> Result<(), DeliveryError> {
    match right {
        Right::Signed { .. } => Ok(()),
        Right::Anybody => Err(DeliveryError::Unauthorised("this URL needs a signature")),
    }
}

impl Unsigned {
    fn needs_signature(self, asked: &Asked) -> bool {
        let transformation = &asked.transformation;
        match self {
            Self::Off => false,
            Self::Ai => transformation.uses_models(),
            Self::Transformations => {
                let is_stored = transformation.is_original() || (transformation.is_empty() && !asked.still);
                !is_stored && !asked.only_named
            }
            Self::All => true,
        }
    }
}

/// The host of a page. What is no address of one is as good as none.
fn host(referrer: &str) -> Option<String> {
    let url = Url::parse(referrer).ok()?;
    let host = match url.host()? {
        Host::Domain(name) => name.trim_end_matches('.').to_owned(),
        address => address.to_string(),
    };
    (!host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list<T: FromStr<Err: fmt::Debug>>(texts: &[&str]) -> Vec<T> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn visitor<'a>() -> Visitor<'a> {
        Visitor {
            address: [192, 0, 2, 7].into(),
            country: Country(*b"DE"),
            referrer: None,
            agent: None,
        }
    }

    #[test]
    fn addresses() {
        for (allowed, blocked, address, expected) in [
            (&["192.0.2.0/24"][..], &[][..], "192.0.2.9", true),
            (&["192.0.2.0/24"], &[], "198.51.100.1", false),
            (&["192.0.2.0/24"], &["192.0.2.8/31"], "192.0.2.9", false),
            (&[], &["192.0.2.0/24"], "192.0.2.9", false),
            (&[], &["192.0.2.0/24"], "::ffff:192.0.2.9", false),
            (&[], &["192.0.2.0/24"], "2001:db8::1", true),
            (&["2001:db8::/32"], &[], "2001:db8::1", true),
            (&["2001:db8::/32"], &[], "192.0.2.9", false),
        ] {
            let restrictions = Restrictions {
                addresses: Lists {
                    allowed: list(allowed),
                    blocked: list(blocked),
                },
                ..Restrictions::default()
            };
            let visitor = Visitor {
                address: address.parse().unwrap(),
                ..visitor()
            };
            assert_eq!(
                restrictions.admit(&visitor).is_ok(),
                expected,
                "{allowed:?} {blocked:?} {address}"
            );
            assert!(restrictions.are_personal());
        }
    }

    #[test]
    fn countries() {
        for (allowed, blocked, country, expected) in [
            (&["de", "FR"][..], &[][..], "DE", true),
            (&["de", "FR"], &[], "US", false),
            (&["de"], &[], "XX", false),
            (&[], &["T1"], "T1", false),
            (&[], &["T1"], "XX", true),
            (&[], &["XX"], "XX", false),
        ] {
            let restrictions = Restrictions {
                countries: Lists {
                    allowed: list(allowed),
                    blocked: list(blocked),
                },
                ..Restrictions::default()
            };
            let visitor = Visitor {
                country: country.parse().unwrap(),
                ..visitor()
            };
            assert_eq!(
                restrictions.admit(&visitor).is_ok(),
                expected,
                "{allowed:?} {blocked:?} {country}"
            );
        }
        assert!(
            "DEU".parse::<Country>().is_err()
                && "D".parse::<Country>().is_err()
                && "\u{e9}".parse::<Country>().is_err()
        );
    }

    #[test]
    fn referrers() {
        let ours: Vec<Referrer> = list(&["shop.example", "*.shop.example", "b\u{fc}cher.example", "192.0.2.1"]);
        for (referrer, expected) in [
            (Some("https://shop.example/a?b"), true),
            (Some("https://SHOP.example"), true),
            (Some("https://shop.example./"), true),
            (Some("http://shop.example:8080/"), true),
            (Some("https://www.shop.example/"), true),
            (Some("https://a.www.shop.example/"), true),
            (Some("https://evilshop.example/"), false),
            (Some("https://.shop.example/"), false),
            (Some("https://shop.example.evil/"), false),
            (Some("https://shop.example@evil.example/"), false),
            (Some("https://evil.example/https://shop.example/"), false),
            (Some("https://evil.example/?shop.example"), false),
            (Some("https://b\u{fc}cher.example/"), true),
            (Some("https://xn--bcher-kva.example/"), true),
            (Some("http://192.0.2.1/"), true),
            (Some("shop.example"), false),
            (Some("about:blank"), false),
            (Some(""), false),
            (None, false),
        ] {
            let visitor = Visitor {
                referrer: referrer.map(str::as_bytes),
                ..visitor()
            };
            let allowed = |more: &[Referrer]| Restrictions {
                referrers: Lists {
                    allowed: [&ours, more].concat(),
                    blocked: Vec::new(),
                },
                ..Restrictions::default()
            };
            assert_eq!(allowed(&[]).admit(&visitor).is_ok(), expected, "{referrer:?}");
            let is_nobody = referrer.is_none_or(|text| host(text).is_none());
            let with_nobody = allowed(&[Referrer::Nobody]).admit(&visitor).is_ok();
            assert_eq!(with_nobody, expected || is_nobody, "{referrer:?}");
        }
        for wrong in ["", "*.", "*.192.0.2.1", "a b", "https://shop.example", "shop.example/a"] {
            assert!(wrong.parse::<Referrer>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn agents() {
        let restrictions = Restrictions {
            agents: Lists {
                allowed: Vec::new(),
                blocked: vec!["badbot".to_owned(), "\u{e9}vil".to_owned()],
            },
            ..Restrictions::default()
        };
        for (agent, expected) in [
            (Some(&b"Mozilla/5.0 (compatible; BadBot/1.0)"[..]), false),
            (Some(b"\xff BadBot \xfe"), false),
            (Some("\u{c9}VIL".as_bytes()), false),
            (Some(b"Mozilla/5.0"), true),
            (None, true),
        ] {
            assert_eq!(
                restrictions.admit(&Visitor { agent, ..visitor() }).is_ok(),
                expected,
                "{agent:?}"
            );
        }
    }
}
