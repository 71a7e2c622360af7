//! Who a request comes from: the client's address and country, as far as they can be believed.

mod geoip;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::http::header::{REFERER, USER_AGENT};
use axum::http::{Extensions, HeaderMap, HeaderName};
use delivery::{Country, Visitor};

use crate::config::VisitorSettings;

pub use geoip::{Countries, GeoIpError};

/// How often it is looked whether the file of countries is a new one.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The other end of a connection. Requests that come over none are this server's own.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Knows clients by their requests.
#[derive(Debug)]
pub struct Visitors {
    settings: VisitorSettings,
    countries: Option<Countries>,
}

impl Visitors {
    /// Opens the file of countries, if there is one.
    pub fn open(settings: &VisitorSettings) -> Result<Self, GeoIpError> {
        Ok(Self {
            settings: settings.clone(),
            countries: settings.geoip_file.as_deref().map(Countries::open).transpose()?,
        })
    }

    /// Who has sent a request; `None` for those of this server itself.
    pub fn visitor<'a>(&self, extensions: &Extensions, headers: &'a HeaderMap) -> Option<Visitor<'a>> {
        Some(self.visitor_by(*extensions.get::<Peer>()?, headers))
    }

    /// Who has sent a request over the connection from there.
    pub fn visitor_by<'a>(&self, peer: Peer, headers: &'a HeaderMap) -> Visitor<'a> {
        let peer = peer.0.ip().to_canonical();
        let address = self.address(peer, headers);
        let bytes = |name: HeaderName| headers.get(name).map(|value| value.as_bytes());
        Visitor {
            address,
            country: self.country(peer, address, headers),
            referrer: bytes(REFERER),
            agent: bytes(USER_AGENT),
        }
    }

    /// Looks from time to time whether somebody has put a new file of countries in place of the old one.
    pub async fn keep_countries_new(&self) {
        let Some(countries) = &self.countries else { return };
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            match countries.renew() {
                Ok(true) => tracing::info!("took the new file of countries"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "the file of countries can't be read; the old one is kept"),
            }
        }
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.settings
            .trusted_proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Each proxy adds the address that it was asked from at the end. So the last one that is no proxy of ours is the client's: what
    /// stands before it is the client's own word.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        // Of most: the list need not be read.
        if !self.trusts(peer) {
            return peer;
        }
        let mut address = peer;
        for written in listed(headers, &self.settings.address_header).iter().rev() {
            if !self.trusts(address) {
                break;
            }
            // What is no address is nobody's, and so on no list of those who may.
            address = read(written).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        }
        address
    }

    fn country(&self, peer: IpAddr, address: IpAddr, headers: &HeaderMap) -> Country {
        if let Some(name) = &self.settings.country_header
            && self.trusts(peer)
        {
            let mut said = headers.get_all(name).iter();
            match (said.next(), said.next()) {
                (Some(country), None) => {
                    let text = country.to_str().unwrap_or_default().trim();
                    return text.parse().unwrap_or(Country::UNKNOWN);
                }
                // Two at once: one of them is not the edge's.
                (Some(_), Some(_)) => return Country::UNKNOWN,
                (None, _) => {}
            }
        }
        let found = self.countries.as_ref().and_then(|countries| countries.of(address));
        found.unwrap_or(Country::UNKNOWN)
    }
}

/// The entries of a list that may be split over several lines. Each is read for itself: what a client wrote before those of the proxies must not make them
/// unreadable.
fn listed<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(|entry| std::str::from_utf8(entry).unwrap_or_default().trim())
        .collect()
}

/// An address, maybe with a port.
fn read(text: &str) -> Option<IpAddr> {
    let address = text
        .parse()
        .ok()
        .or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitors() -> Visitors {
        Visitors {
            settings: VisitorSettings {
                trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
                address_header: HeaderName::from_static("x-forwarded-for"),
                country_header: Some(HeaderName::from_static("cf-ipcountry")),
                geoip_file: None,
            },
            countries: None,
        }
    }

    #[test]
    fn what_a_client_adds_hides_no_address() {
        let mut extensions = Extensions::new();
        extensions.insert(Peer(SocketAddr::new("10.0.0.1".parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        let value = axum::http::HeaderValue::from_bytes(b"\xff, 192.0.2.1").unwrap();
        headers.append("x-forwarded-for", value);
        let visitor = visitors().visitor(&extensions, &headers).unwrap();
        assert_eq!(visitor.address.to_string(), "192.0.2.1");
    }

    fn seen(peer: &str, fields: &[(&'static str, &'static str)]) -> (String, String) {
        let mut extensions = Extensions::new();
        extensions.insert(Peer(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        let visitors = visitors();
        let visitor = visitors.visitor(&extensions, &headers).unwrap();
        (visitor.address.to_string(), visitor.country.to_string())
    }

    #[test]
    fn addresses_are_believed_from_proxies_alone() {
        for (peer, forwarded, expected) in [
            ("192.0.2.1", &[][..], "192.0.2.1"),
            ("::ffff:192.0.2.1", &[], "192.0.2.1"),
            ("192.0.2.1", &["198.51.100.1"], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("::ffff:10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.1, 10.9.9.9"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1", "192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1, 192.0.2.1:4711"], "192.0.2.1"),
            ("10.0.0.1", &["[2001:db9::1]:4711"], "2001:db9::1"),
            ("10.0.0.1", &["[2001:db9::1]"], "2001:db9::1"),
            ("2001:db8::1", &["::ffff:192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "0.0.0.0"),
            ("10.0.0.1", &["198.51.100.1,"], "0.0.0.0"),
            ("10.0.0.1", &["10.0.0.2, 10.0.0.3"], "10.0.0.2"),
        ] {
            let fields: Vec<_> = forwarded.iter().map(|value| ("x-forwarded-for", *value)).collect();
            assert_eq!(seen(peer, &fields).0, expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn countries_are_believed_from_proxies_alone() {
        for (peer, said, expected) in [
            ("10.0.0.1", &["de"][..], "DE"),
            ("10.0.0.1", &["T1"], "T1"),
            ("10.0.0.1", &["Germany"], "XX"),
            ("10.0.0.1", &["DE", "US"], "XX"),
            ("10.0.0.1", &[], "XX"),
            ("192.0.2.1", &["DE"], "XX"),
        ] {
            let fields: Vec<_> = said.iter().map(|value| ("cf-ipcountry", *value)).collect();
            assert_eq!(seen(peer, &fields).1, expected, "{peer} {said:?}");
        }
    }

    #[test]
    fn requests_over_no_connection_are_our_own() {
        assert!(visitors().visitor(&Extensions::new(), &HeaderMap::new()).is_none());
    }
}
