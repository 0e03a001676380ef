//! Which URLs and addresses a webhook may reach (SSRF).
//!
//! Every address that a name resolves to is checked right before it is dialled, on every attempt, so that neither
//! a changed DNS answer nor an odd spelling leads inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use url::{Host, Url};
use web::Text;

/// The longest URL that is taken.
const URL_LIMIT: usize = 2048;

/// Ports above 1023 where services listen that were never meant for a webhook.
const FORBIDDEN_PORTS: &[u16] = &[
    1080, 1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 4444, 5060, 5061, 5432, 5672, 5900, 5984,
    6379, 6443, 8086, 9042, 9092, 9200, 9300, 10250, 10255, 11211, 15672, 27017,
];

/// Addresses that are no public receivers: RFC 6890 and its registry, multicast, reserved.
const FORBIDDEN_V4: &[(Ipv4Addr, u8)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 31, 196, 0), 24),
    (Ipv4Addr::new(192, 52, 193, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(192, 175, 48, 0), 24),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Parts of the global unicast range 2000::/3 that are no public receivers; everything outside it is forbidden anyway.
const FORBIDDEN_V6: &[(Ipv6Addr, u8)] = &[
    // Protocol assignments with Teredo, ORCHID, benchmarking.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    // 6to4 wraps any IPv4 address.
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

/// The NAT64 prefix of RFC 6052, which wraps any IPv4 address.
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// What the operator of the host allows and forbids beyond the table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) allow: Vec<IpNet>,
    pub(crate) deny: Vec<IpNet>,
    /// Plain HTTP will do.
    pub(crate) http: bool,
}

/// A webhook's URL that passed [`Policy::check_url`]. Only this can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SafeUrl(Url);

impl SafeUrl {
    pub(crate) fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Policy {
    /// Checks a URL as far as that is possible without resolving it. The error is for the operator.
    pub(crate) fn check_url(&self, text: &str) -> Result<SafeUrl, Text> {
        if text.len() > URL_LIMIT {
            return Err(Text::new("The URL may have at most 2048 characters.", "URL chỉ được có tối đa 2048 ký tự."));
        }
        // The parser would drop these silently.
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(Text::new(
                "The URL may not contain blanks or control characters.",
                "URL không được chứa khoảng trắng hoặc ký tự điều khiển.",
            ));
        }
        let mut url = Url::parse(text).map_err(|_| Text::new("This is not a valid URL.", "URL không hợp lệ."))?;
        let plain = match url.scheme() {
            "https" => false,
            "http" if self.http => true,
            _ => return Err(Text::new("The URL must start with https://.", "URL phải bắt đầu bằng https://.")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Text::new(
                "The URL may not contain a user name or password.",
                "URL không được chứa tên người dùng hoặc mật khẩu.",
            ));
        }
        url.set_fragment(None);
        match url.host() {
            Some(Host::Domain(name)) if self.is_local_name(name) => {
                return Err(Text::new("The URL must name a public host.", "URL phải trỏ đến một máy chủ công khai."));
            }
            Some(Host::Domain(_)) => {}
            Some(Host::Ipv4(address)) => self.check(address.into()).map_err(|Blocked| NOT_PUBLIC)?,
            Some(Host::Ipv6(address)) => self.check(address.into()).map_err(|Blocked| NOT_PUBLIC)?,
            None => return Err(Text::new("The URL must name a host.", "URL phải có tên máy chủ.")),
        }
        match url.port_or_known_default() {
            Some(443) => {}
            Some(80) if plain => {}
            Some(port) if port >= 1024 && !FORBIDDEN_PORTS.contains(&port) => {}
            _ => return Err(Text::new("The URL's port is not allowed.", "Cổng của URL không được phép.")),
        }
        Ok(SafeUrl(url))
    }

    /// Checks every address of a name: one that is forbidden refuses all.
    pub(crate) fn check_all(&self, addresses: &[IpAddr]) -> Result<(), Blocked> {
        addresses.iter().try_for_each(|address| self.check(*address))
    }

    /// Checks one address.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Blocked> {
        let address = address.to_canonical();
        if contains(&self.deny, address) {
            return Err(Blocked);
        }
        if let IpAddr::V6(wrapped) = address
            && in_v6(wrapped, NAT64)
        {
            // Allowed only knowingly, and then the address inside counts.
            let [.., a, b, c, d] = wrapped.octets();
            return match contains(&self.allow, address) {
                true => self.check(Ipv4Addr::new(a, b, c, d).into()),
                false => Err(Blocked),
            };
        }
        if contains(&self.allow, address) || is_public(address) { Ok(()) } else { Err(Blocked) }
    }

    /// Names that always mean this host. Allowed with the loopback address, for trying things out.
    fn is_local_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost") || name == "localhost.localdomain";
        local && self.check(Ipv4Addr::LOCALHOST.into()).is_err()
    }
}

/// The address is not one to send webhooks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address is not public")]
pub(crate) struct Blocked;

const NOT_PUBLIC: Text = Text::new("The URL must name a public address.", "URL phải trỏ đến một địa chỉ công khai.");

fn contains(networks: &[IpNet], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(&address))
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !FORBIDDEN_V4.iter().any(|network| in_v4(address, *network)),
        IpAddr::V6(address) => {
            let [first, .., fifth, sixth, _, _] = address.segments();
            let global = first & 0xe000 == 0x2000;
            // ISATAP (RFC 5214): the last 32 bits are any IPv4 address.
            let isatap = matches!((fifth & 0xfcff, sixth), (0, 0x5efe));
            global && !isatap && !FORBIDDEN_V6.iter().any(|network| in_v6(address, *network))
        }
    }
}

fn in_v4(address: Ipv4Addr, (network, length): (Ipv4Addr, u8)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (32 - u32::from(length)) == 0
}

fn in_v6(address: Ipv6Addr, (network, length): (Ipv6Addr, u8)) -> bool {
    (address.to_bits() ^ network.to_bits()) >> (128 - u32::from(length)) == 0
}

#[cfg(test)]
mod tests;
