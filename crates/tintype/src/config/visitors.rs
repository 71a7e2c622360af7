//! Who may have what, and how this server knows who asks.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use axum::http::HeaderName;
use delivery::{Country, Lists, Restrictions, Unsigned};
use ipnet::IpNet;

use super::{ConfigError, Texts};
use crate::app::domains::Domains;

/// Entries of one list. Each is held against each request.
const ENTRIES: usize = 1000;
/// Letters of a part of `User-Agent`.
const LONGEST_AGENT: usize = 200;

/// How the address and the country of a client are known.
#[derive(Debug, Clone)]
pub struct VisitorSettings {
    /// Proxies whose word is taken.
    pub trusted_proxies: Vec<IpNet>,
    /// Where they name the client's address.
    pub address_header: HeaderName,
    /// Where they name the client's country.
    pub country_header: Option<HeaderName>,
    /// A database in MaxMind's format that tells countries by address.
    pub geoip_file: Option<PathBuf>,
}

impl VisitorSettings {
    pub(super) fn from_texts(texts: &Texts) -> Result<Self, ConfigError> {
        let settings = Self {
            trusted_proxies: networks(texts, "trusted_proxies")?,
            address_header: header(texts, "address_header")?
                .ok_or_else(|| texts.refuse("address_header", "must name a header"))?,
            country_header: header(texts, "country_header")?,
            geoip_file: file(texts, "geoip_file")?,
        };
        if settings.country_header.is_some() && settings.trusted_proxies.is_empty() {
            return Err(texts.refuse(
                "country_header",
                "is believed from trusted proxies alone: name them in trusted_proxies",
            ));
        }
        Ok(settings)
    }

    fn knows_countries(&self) -> bool {
        self.country_header.is_some() || self.geoip_file.is_some()
    }
}

pub(super) fn restrictions(texts: &Texts, visitors: &VisitorSettings) -> Result<Restrictions, ConfigError> {
    let unsigned = level(texts, "restrict_unsigned")?.unwrap_or_default();
    let countries: Lists<Country> = Lists {
        allowed: list(texts, "allowed_countries")?,
        blocked: list(texts, "blocked_countries")?,
    };
    if !countries.is_empty() && !visitors.knows_countries() {
        let name = if countries.allowed.is_empty() {
            "blocked_countries"
        } else {
            "allowed_countries"
        };
        return Err(texts.refuse(
            name,
            "needs country_header or geoip_file: else nobody's country is known",
        ));
    }
    Ok(Restrictions {
        unsigned,
        unsigned_videos: level(texts, "restrict_unsigned_videos")?.unwrap_or(unsigned),
        only_named: texts.parse("restrict_unnamed")?,
        addresses: Lists {
            allowed: networks(texts, "allowed_addresses")?,
            blocked: networks(texts, "blocked_addresses")?,
        },
        countries,
        referrers: Lists {
            allowed: list(texts, "allowed_referrers")?,
            blocked: list(texts, "blocked_referrers")?,
        },
        agents: Lists {
            allowed: agents(texts, "allowed_agents")?,
            blocked: agents(texts, "blocked_agents")?,
        },
        shared: texts.parse("share_restricted")?,
    })
}

/// `host` or `host=prefix`, separated by commas.
pub(super) fn domains(texts: &Texts, account_path: &str) -> Result<Domains, ConfigError> {
    let mut domains = Domains::default();
    for entry in entries(texts, "domains")? {
        let (host, prefix) = entry.split_once('=').unwrap_or((entry.as_str(), ""));
        let (host, prefix) = (host.trim(), prefix.trim());
        let refuse = |reason: &str| texts.refuse("domains", format!("`{entry}` {reason}"));
        if !url::Host::parse(host).is_ok_and(|parsed| matches!(parsed, url::Host::Domain(_))) {
            return Err(refuse("must begin with a host name, without scheme, port or path"));
        }
        if !prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Err(refuse("must have the urlPrefix of a URL endpoint behind `=`"));
        }
        let path = if prefix.is_empty() {
            account_path.to_owned()
        } else {
            format!("{account_path}/{prefix}")
        };
        if !domains.add(host, path) {
            return Err(refuse("names a host a second time"));
        }
    }
    Ok(domains)
}

fn entries(texts: &Texts, name: &str) -> Result<Vec<String>, ConfigError> {
    let text = texts.get(name).0;
    let entries: Vec<String> = text
        .split(',')
        .map(|entry| entry.trim().to_owned())
        .filter(|entry| !entry.is_empty())
        .collect();
    if entries.len() > ENTRIES {
        return Err(texts.refuse(name, format!("must have at most {ENTRIES} entries")));
    }
    Ok(entries)
}

fn list<T: FromStr<Err: fmt::Display>>(texts: &Texts, name: &str) -> Result<Vec<T>, ConfigError> {
    let parse = |entry: String| {
        let parsed = entry.parse::<T>();
        parsed.map_err(|reason| texts.refuse(name, format!("`{entry}` {reason}")))
    };
    entries(texts, name)?.into_iter().map(parse).collect()
}

/// Networks, and single addresses as such of one.
fn networks(texts: &Texts, name: &str) -> Result<Vec<IpNet>, ConfigError> {
    let parse = |entry: String| {
        let network = entry
            .parse::<IpNet>()
            .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| {
            texts.refuse(
                name,
                format!("`{entry}` is no address and no network such as 192.0.2.0/24 or 2001:db8::/32"),
            )
        })
    };
    entries(texts, name)?.into_iter().map(parse).collect()
}

fn agents(texts: &Texts, name: &str) -> Result<Vec<String>, ConfigError> {
    let entries = entries(texts, name)?;
    if entries.iter().any(|entry| entry.chars().count() > LONGEST_AGENT) {
        return Err(texts.refuse(name, format!("must have entries of at most {LONGEST_AGENT} letters")));
    }
    Ok(entries.iter().map(|entry| entry.to_lowercase()).collect())
}

fn level(texts: &Texts, name: &str) -> Result<Option<Unsigned>, ConfigError> {
    Ok(Some(match texts.get(name).0.trim() {
        "" => return Ok(None),
        "off" => Unsigned::Off,
        "ai" => Unsigned::Ai,
        "transformations" => Unsigned::Transformations,
        "all" => Unsigned::All,
        other => return Err(texts.refuse(name, format!("`{other}` must be off, ai, transformations or all"))),
    }))
}

fn header(texts: &Texts, name: &str) -> Result<Option<HeaderName>, ConfigError> {
    let text = texts.get(name).0.trim().to_ascii_lowercase();
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = HeaderName::try_from(&text);
    parsed
        .map(Some)
        .map_err(|_| texts.refuse(name, format!("`{text}` is no name of a header")))
}

fn file(texts: &Texts, name: &str) -> Result<Option<PathBuf>, ConfigError> {
    let path = texts.get(name).0;
    if path.is_empty() {
        return Ok(None);
    }
    let path = PathBuf::from(path);
    if path.is_file() {
        Ok(Some(path))
    } else {
        Err(texts.refuse(name, format!("`{}` is not a file", path.display())))
    }
}
