//! Which addresses a fetch on somebody's behalf may reach.
//!
//! A URL is chosen by a stranger, the connection is made by us from inside somebody's network. So only addresses of the
//! public internet are reachable, unless the operator opens a network by name.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Tells reachable addresses from the others.
#[derive(Debug, Clone, Default)]
pub struct AddressRules {
    allow: Vec<IpNet>,
}

impl AddressRules {
    /// Rules that reach the public internet and, besides it, the networks in `allow`.
    pub fn new(allow: Vec<IpNet>) -> Self {
        Self { allow }
    }

    /// Whether `address` may be connected to; the refusal says what it is instead of public.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        if self.allows(address) {
            return Ok(());
        }
        let refuse = |class: Class| {
            Err(Refusal {
                address,
                kind: class.kind,
                network: class.network,
            })
        };
        match address {
            IpAddr::V4(v4) => class_v4(v4).map_or(Ok(()), refuse),
            IpAddr::V6(v6) => {
                // An ISATAP address lies in an ordinary prefix: the prefix is judged first, then what is embedded in it.
                if let Some(class) = class_v6(v6) {
                    return refuse(class);
                }
                match embedded(v6) {
                    Some(v4) if !self.allows(IpAddr::V4(v4)) => class_v4(v4).map_or(Ok(()), refuse),
                    _ => Ok(()),
                }
            }
        }
    }

    fn allows(&self, address: IpAddr) -> bool {
        self.allow.iter().any(|network| network.contains(&address))
    }
}

/// An address that is not on the public internet, and the network that would have to be allowed to reach it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The address as it was resolved or written.
    pub address: IpAddr,
    /// What it is: `loopback`, `private`, `link-local` …
    pub kind: &'static str,
    /// The special-purpose network it belongs to.
    pub network: IpNet,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is a {} address ({})", self.address, self.kind, self.network)
    }
}

impl std::error::Error for Refusal {}

struct Class {
    kind: &'static str,
    network: IpNet,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 8], prefix: u8) -> Ipv6Net {
    let [a, b, c, d, e, f, g, h] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix)
}

/// IANA's special-purpose registry for IPv4, with multicast. The first match names the address.
const NOT_PUBLIC_V4: &[(Ipv4Net, &str)] = &[
    (v4(0, 0, 0, 0, 8), "unspecified"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignment"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 88, 99, 0, 24), "6to4 relay"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(255, 255, 255, 255, 32), "broadcast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// The same for IPv6. Prefixes that carry an IPv4 address are in [`embedded`], save for the local NAT64 prefix: where
/// the IPv4 address stands in it depends on a prefix length that only the network's operator knows.
const NOT_PUBLIC_V6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 63), "discard-only"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "benchmarking"),
    (v6([0x2001, 0x10, 0, 0, 0, 0, 0, 0], 28), "ORCHID"),
    (v6([0x2001, 0x20, 0, 0, 0, 0, 0, 0], 28), "ORCHID"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

fn class_v4(address: Ipv4Addr) -> Option<Class> {
    NOT_PUBLIC_V4
        .iter()
        .find(|(network, _)| network.contains(&address))
        .map(|&(network, kind)| Class {
            kind,
            network: IpNet::V4(network),
        })
}

fn class_v6(address: Ipv6Addr) -> Option<Class> {
    NOT_PUBLIC_V6
        .iter()
        .find(|(network, _)| network.contains(&address))
        .map(|&(network, kind)| Class {
            kind,
            network: IpNet::V6(network),
        })
}

/// The IPv4 address that a gateway or tunnel would make of `address`.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let join = |high: u16, low: u16| Ipv4Addr::from_bits((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // Mapped, compatible, translated (SIIT), NAT64.
        [0, 0, 0, 0, 0, 0xffff | 0, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        // 6to4.
        [0x2002, high, low, ..] => Some(join(high, low)),
        // Teredo: the client's address, every bit turned over.
        [0x2001, 0, .., high, low] => Some(join(!high, !low)),
        // ISATAP: the interface identifier says so, whatever the prefix is.
        [.., 0 | 0x200, 0x5efe, high, low] => Some(join(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC: &str = "public";

    #[test]
    fn addresses() {
        let rules = AddressRules::default();
        let cases = [
            // IPv4
            ("8.8.8.8", PUBLIC),
            ("1.1.1.1", PUBLIC),
            ("9.255.255.255", PUBLIC),
            ("11.0.0.0", PUBLIC),
            ("100.63.255.255", PUBLIC),
            ("100.128.0.0", PUBLIC),
            ("172.15.255.255", PUBLIC),
            ("172.32.0.0", PUBLIC),
            ("192.0.1.0", PUBLIC),
            ("192.167.255.255", PUBLIC),
            ("198.17.255.255", PUBLIC),
            ("198.20.0.0", PUBLIC),
            ("223.255.255.255", PUBLIC),
            ("0.0.0.0", "unspecified"),
            ("0.1.2.3", "unspecified"),
            ("10.0.0.1", "private"),
            ("10.255.255.255", "private"),
            ("100.64.0.1", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.0.0.192", "protocol assignment"),
            ("192.0.2.1", "documentation"),
            ("192.88.99.1", "6to4 relay"),
            ("192.168.1.1", "private"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.9", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.254", "reserved"),
            ("255.255.255.255", "broadcast"),
            // IPv6
            ("2606:4700:4700::1111", PUBLIC),
            ("2a00:1450:4001:80e::200e", PUBLIC),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("64:ff9b:1::808:808", "local NAT64"),
            ("64:ff9b:1:7f00:0:100::", "local NAT64"),
            ("100::1", "discard-only"),
            ("2001:2::1", "benchmarking"),
            ("2001:10::1", "ORCHID"),
            ("2001:2f::1", "ORCHID"),
            ("2001:db8::1", "documentation"),
            ("3fff:fff::1", "documentation"),
            ("5f00::1", "segment routing"),
            ("fc00::1", "unique local"),
            ("fd12:3456:789a::1", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            // IPv4 inside IPv6
            ("::ffff:8.8.8.8", PUBLIC),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:a9fe:a9fe", "link-local"),
            ("::8.8.8.8", PUBLIC),
            ("::10.0.0.1", "private"),
            ("::2", "unspecified"),
            ("::ffff:0:192.168.0.1", "private"),
            ("64:ff9b::8.8.8.8", PUBLIC),
            ("64:ff9b::169.254.169.254", "link-local"),
            ("2002:808:808::1", PUBLIC),
            ("2002:7f00:1::1", "loopback"),
            ("2002:c0a8:101::", "private"),
            ("2001:0:4136:e378:8000:63bf:f7f7:f7f7", PUBLIC),
            ("2001:0:4136:e378:8000:63bf:80ff:fffe", "loopback"),
            ("2001:0:4136:e378:8000:63bf:f5ff:fffe", "private"),
            ("2a00:1450:4001:80e:0:5efe:8.8.8.8", PUBLIC),
            ("2a00:1450:4001:80e:0:5efe:10.0.0.1", "private"),
            ("2a00:1450:4001:80e:200:5efe:127.0.0.1", "loopback"),
            ("fd00::5efe:8.8.8.8", "unique local"),
        ];
        for (text, expected) in cases {
            let address: IpAddr = text.parse().unwrap();
            let kind = rules.check(address).map_or_else(|refusal| refusal.kind, |()| PUBLIC);
            assert_eq!(kind, expected, "{text}");
        }
    }

    #[test]
    fn allowed_networks_win() {
        let nets = ["10.1.0.0/16", "127.0.0.0/8", "fd00:1::/32"];
        let rules = AddressRules::new(nets.iter().map(|net| net.parse().unwrap()).collect());
        let cases = [
            ("10.1.2.3", true),
            ("10.2.0.1", false),
            ("127.0.0.1", true),
            ("::ffff:127.0.0.1", true),
            ("::1", false),
            ("2002:a01:203::1", true),
            ("2002:a02:1::1", false),
            ("fd00:1::9", true),
            ("fd00:2::9", false),
            ("fd00:2::5efe:10.1.2.3", false),
            ("8.8.8.8", true),
        ];
        for (text, expected) in cases {
            assert_eq!(rules.check(text.parse().unwrap()).is_ok(), expected, "{text}");
        }
    }
}
