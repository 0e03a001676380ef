//! Writing session descriptions.

use std::{
    fmt::{self, Display},
    net::IpAddr,
};

use super::{Connection, Media, Session};

impl Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        let family = if origin.ip6 { "IP6" } else { "IP4" };
        write!(
            f,
            "v=0\r\no={} {} {} IN {family} {}\r\ns={}\r\n",
            Line(&origin.username),
            Line(&origin.session_id),
            Line(&origin.version),
            Line(&origin.host),
            Line(&self.name)
        )?;
        if let Some(connection) = &self.connection {
            write!(f, "{connection}")?;
        }
        f.write_str("t=0 0\r\n")?;
        if let Some(direction) = self.direction {
            write!(f, "a={}\r\n", direction.as_str())?;
        }
        for attribute in &self.attributes {
            write!(f, "a={}\r\n", Line(attribute))?;
        }
        self.media.iter().try_for_each(|media| media.fmt(f))
    }
}

impl Display for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m={} {}", Line(&self.kind), self.port)?;
        if let Some(ports) = self.ports {
            write!(f, "/{ports}")?;
        }
        write!(f, " {}", Line(&self.protocol))?;
        for format in &self.formats {
            write!(f, " {}", Line(format))?;
        }
        f.write_str("\r\n")?;
        if let Some(connection) = &self.connection {
            write!(f, "{connection}")?;
        }
        for map in &self.rtpmaps {
            write!(f, "a=rtpmap:{} {}/{}", map.payload, Line(&map.encoding), map.clock)?;
            if map.channels > 1 {
                write!(f, "/{}", map.channels)?;
            }
            f.write_str("\r\n")?;
        }
        for fmtp in &self.fmtp {
            write!(f, "a=fmtp:{} {}\r\n", fmtp.payload, Line(&fmtp.parameters))?;
        }
        if let Some(ptime) = self.ptime {
            write!(f, "a=ptime:{ptime}\r\n")?;
        }
        if let Some(maxptime) = self.maxptime {
            write!(f, "a=maxptime:{maxptime}\r\n")?;
        }
        if let Some(rtcp) = self.rtcp {
            write!(f, "a=rtcp:{}", rtcp.port)?;
            if let Some(address) = rtcp.address {
                write!(f, " IN {} {address}", family(address))?;
            }
            f.write_str("\r\n")?;
        }
        for crypto in &self.crypto {
            write!(f, "a=crypto:{} {} {}\r\n", crypto.tag, Line(&crypto.suite), Line(crypto.parameters.reveal()))?;
        }
        if let Some(direction) = self.direction {
            write!(f, "a={}\r\n", direction.as_str())?;
        }
        self.attributes.iter().try_for_each(|attribute| write!(f, "a={}\r\n", Line(attribute)))
    }
}

impl Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c=IN {} {}\r\n", family(self.address), self.address)
    }
}

fn family(address: IpAddr) -> &'static str {
    if address.is_ipv6() { "IP6" } else { "IP4" }
}

/// Leaves out what would end a line.
struct Line<'a>(&'a str);

impl Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.split(['\r', '\n', '\0']).try_for_each(|part| f.write_str(part))
    }
}
