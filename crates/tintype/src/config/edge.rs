//! Caches in front of the server.

use std::str::FromStr;

use delivery::EdgeAges;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Age, ConfigError, PublicUrl, Texts, service_key};

/// Servers of one kind that may be named.
const SERVERS: usize = 50;

/// What caches in front are told, and how they are reached.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// How long answers may be kept.
    pub ages: EdgeAges,
    /// Which header fields name answers.
    pub tags: CacheTags,
    /// Tell caches of changed and deleted files.
    pub purges_changes: bool,
    /// Varnish servers.
    pub varnish_urls: Vec<PublicUrl>,
    /// What they ask for.
    pub varnish_key: Option<SecretString>,
    /// nginx servers.
    pub nginx_urls: Vec<PublicUrl>,
    /// A service of Fastly.
    pub fastly: Option<FastlySettings>,
    /// A zone of Cloudflare.
    pub cloudflare: Option<CloudflareSettings>,
    /// A distribution of CloudFront.
    pub cloudfront: Option<CloudFrontSettings>,
}

/// Header fields that name answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheTags {
    /// `Surrogate-Key`, names with spaces between: Fastly, Varnish.
    pub surrogate_key: bool,
    /// `Cache-Tag`, names with commas between: Cloudflare.
    pub cache_tag: bool,
}

/// A service of Fastly.
#[derive(Debug, Clone)]
pub struct FastlySettings {
    /// Its id.
    pub service: String,
    /// A token that may purge.
    pub key: SecretString,
    /// Where the API is.
    pub url: PublicUrl,
}

/// A zone of Cloudflare.
#[derive(Debug, Clone)]
pub struct CloudflareSettings {
    /// Its id.
    pub zone: String,
    /// A token that may purge.
    pub token: SecretString,
    /// Where the API is.
    pub url: PublicUrl,
}

/// A distribution of CloudFront.
#[derive(Debug, Clone)]
pub struct CloudFrontSettings {
    /// Where its invalidations are made.
    pub url: Url,
    /// Names the key.
    pub access_key: String,
    /// The key.
    pub secret_key: SecretString,
}

impl FromStr for CacheTags {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (surrogate_key, cache_tag) = match text {
            "off" => (false, false),
            "surrogate-key" => (true, false),
            "cache-tag" => (false, true),
            "both" => (true, true),
            _ => return Err("must be off, surrogate-key, cache-tag or both"),
        };
        Ok(Self {
            surrogate_key,
            cache_tag,
        })
    }
}

impl CacheTags {
    /// True if answers are named at all.
    pub fn any(self) -> bool {
        self.surrogate_key || self.cache_tag
    }
}

impl EdgeSettings {
    pub(super) fn from_texts(texts: &Texts) -> Result<Self, ConfigError> {
        let age = |name| texts.parse_optional::<Age>(name).map(|age| age.map(|age| age.0));
        let settings = Self {
            ages: EdgeAges {
                browser_s: age("browser_max_age")?,
                edge_s: age("cdn_max_age")?,
            },
            tags: texts.parse("cache_tags")?,
            purges_changes: texts.parse("cdn_purge_changes")?,
            varnish_urls: urls(texts, "varnish_urls")?,
            varnish_key: service_key(texts, "varnish_key")?,
            nginx_urls: urls(texts, "nginx_urls")?,
            fastly: fastly(texts)?,
            cloudflare: cloudflare(texts)?,
            cloudfront: cloudfront(texts)?,
        };
        let has_caches = !settings.varnish_urls.is_empty()
            || !settings.nginx_urls.is_empty()
            || settings.fastly.is_some()
            || settings.cloudflare.is_some()
            || settings.cloudfront.is_some();
        if settings.purges_changes && !has_caches {
            return Err(texts.refuse(
                "cdn_purge_changes",
                "needs a cache: varnish_urls, nginx_urls, fastly_service, cloudflare_zone or cloudfront_distribution",
            ));
        }
        Ok(settings)
    }
}

fn urls(texts: &Texts, name: &str) -> Result<Vec<PublicUrl>, ConfigError> {
    let text = texts.get(name).0;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let urls = parts
        .map(|part| {
            part.parse()
                .map_err(|reason: String| texts.refuse(name, format!("`{part}` {reason}")))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if urls.len() > SERVERS {
        return Err(texts.refuse(name, format!("must name at most {SERVERS} servers")));
    }
    Ok(urls)
}

/// An id that becomes part of a path.
fn id(texts: &Texts, name: &str) -> Result<Option<String>, ConfigError> {
    let text = texts.get(name).0.trim().to_owned();
    if text.is_empty() {
        return Ok(None);
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.len() > 100 || !text.bytes().all(plain) {
        return Err(texts.refuse(name, "must be an id of letters and digits"));
    }
    Ok(Some(text))
}

fn key_of(texts: &Texts, name: &str, owner: &str) -> Result<SecretString, ConfigError> {
    service_key(texts, name)?.ok_or_else(|| texts.refuse(name, format!("must be given with {owner}")))
}

fn fastly(texts: &Texts) -> Result<Option<FastlySettings>, ConfigError> {
    let Some(service) = id(texts, "fastly_service")? else {
        return Ok(None);
    };
    Ok(Some(FastlySettings {
        service,
        key: key_of(texts, "fastly_key", "fastly_service")?,
        url: texts.parse("fastly_url")?,
    }))
}

fn cloudflare(texts: &Texts) -> Result<Option<CloudflareSettings>, ConfigError> {
    let Some(zone) = id(texts, "cloudflare_zone")? else {
        return Ok(None);
    };
    Ok(Some(CloudflareSettings {
        zone,
        token: key_of(texts, "cloudflare_token", "cloudflare_zone")?,
        url: texts.parse("cloudflare_url")?,
    }))
}

fn cloudfront(texts: &Texts) -> Result<Option<CloudFrontSettings>, ConfigError> {
    let Some(distribution) = id(texts, "cloudfront_distribution")? else {
        return Ok(None);
    };
    let base: PublicUrl = texts.parse("cloudfront_url")?;
    let url = format!("{base}/2020-05-31/distribution/{distribution}/invalidation");
    Ok(Some(CloudFrontSettings {
        url: Url::parse(&url).map_err(|error| texts.refuse("cloudfront_url", error.to_string()))?,
        access_key: key_of(texts, "cloudfront_access_key", "cloudfront_distribution")?
            .expose_secret()
            .to_owned(),
        secret_key: key_of(texts, "cloudfront_secret_key", "cloudfront_distribution")?,
    }))
}
