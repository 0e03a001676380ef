use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::command::Mailbox;
use crate::ports::Ports;
use crate::webrtc::{Desk, Identity, WebRtcPort};
use crate::{EventSink, Session, record, worker};

/// How media is opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// The address the sockets are bound to; may be unspecified.
    pub bind: IpAddr,
    /// The address that SDP shows, where it differs from `bind` (a host behind NAT).
    pub external: Option<IpAddr>,
    /// An address of the other family, for legs that speak that; may be unspecified.
    pub other: Option<IpAddr>,
    /// What SDP shows for it, where that differs.
    pub other_external: Option<IpAddr>,
    /// UDP ports; a leg takes an even one and its successor.
    pub ports: RangeInclusive<u16>,
    /// UDP port that the WebRTC legs of the first thread share; every further thread has the next one. 0 takes ports of
    /// the system's choice, nothing is no WebRTC.
    pub webrtc_port: Option<u16>,
    /// Media threads, at least 1.
    pub threads: usize,
    /// Silence of a connected leg that is reported.
    pub inactivity: Duration,
    /// How long a freed port rests before another call may have it.
    pub reuse_rest: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            bind: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            external: None,
            other: None,
            other_external: None,
            ports: 16_384..=32_767,
            webrtc_port: None,
            threads: cores.saturating_sub(1).max(1),
            inactivity: Duration::from_secs(60),
            reuse_rest: Duration::from_secs(2),
        }
    }
}

/// The media of all calls: ports, threads and the recording writer. A cheap clone.
///
/// The threads end when the last clone and the last [`Session`] are gone.
#[derive(Clone)]
pub struct Media {
    shared: Arc<Shared>,
}

/// What sessions share with their `Media`.
pub(crate) struct Shared {
    address: IpAddr,
    pub(crate) bind: IpAddr,
    /// Where legs of the other family are bound, and what SDP shows for them.
    pub(crate) other: Option<(IpAddr, IpAddr)>,
    pub(crate) ports: Arc<Ports>,
    pub(crate) threads: Vec<Mailbox>,
    /// The WebRTC port of each thread, if there are any.
    pub(crate) webrtc: Vec<WebRtcPort>,
    next_session: AtomicU64,
}

impl Media {
    /// Starts the media threads and the recording writer.
    ///
    /// # Errors
    /// When a thread or an epoll set cannot be had, or the range holds no pair of ports.
    pub fn open(config: Config) -> io::Result<Self> {
        let ports = Ports::new(&config.ports, config.reuse_rest);
        if ports.pairs() == 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the range holds no even port and its successor"));
        }
        let address = match config.external {
            Some(address) => address,
            None => shown_address(config.bind),
        };
        let other = config.other.filter(|other| other.is_ipv6() != address.is_ipv6());
        let other = other.map(|bind| (bind, config.other_external.unwrap_or_else(|| shown_address(bind))));
        let recorder = record::Recorder::start()?;
        let bound: Vec<_> = [Some((config.bind, address)), other].into_iter().flatten().collect();
        let identity = config.webrtc_port.map(|_| Identity::new()).transpose()?.map(Arc::new);
        let (mut threads, mut webrtc) = (Vec::new(), Vec::new());
        for number in 0..config.threads.max(1) {
            let (mailbox, inbox) = Mailbox::open()?;
            let mut desk = None;
            if let (Some(first), Some(identity)) = (config.webrtc_port, &identity) {
                let (port, inlet) = WebRtcPort::bind(&bound, nth_port(first, number)?, identity)?;
                desk = Some(Desk::new(&port, inlet));
                webrtc.push(port);
            }
            worker::start(number, inbox, recorder.clone(), config.inactivity, desk)?;
            threads.push(mailbox);
        }
        Ok(Self {
            shared: Arc::new(Shared {
                address,
                bind: config.bind,
                other,
                ports: Arc::new(ports),
                threads,
                webrtc,
                next_session: AtomicU64::new(1),
            }),
        })
    }

    /// Returns the address to show in SDP.
    pub fn address(&self) -> IpAddr {
        self.shared.address
    }

    /// Returns the address to show in SDP to a far end with IPv6, or with IPv4; nothing if we have none of that family.
    pub fn address_of(&self, is_v6: bool) -> Option<IpAddr> {
        let other = self.shared.other.map(|(_, shown)| shown);
        [Some(self.shared.address), other].into_iter().flatten().find(|address| address.is_ipv6() == is_v6)
    }

    /// Tells whether legs can be reached by WebRTC.
    pub fn has_webrtc(&self) -> bool {
        !self.shared.webrtc.is_empty()
    }

    /// Opens the media of one call on the least busy thread.
    pub fn session(&self, events: EventSink) -> Session {
        let key = self.shared.next_session.fetch_add(1, Ordering::Relaxed);
        Session::start(key, events, Arc::clone(&self.shared))
    }

    /// Returns how many pairs of ports a leg could get now.
    pub fn free_ports(&self) -> usize {
        self.shared.ports.free(crate::now())
    }
}

/// Returns the WebRTC port of a thread.
fn nth_port(first: u16, number: usize) -> io::Result<u16> {
    if first == 0 {
        return Ok(0);
    }
    let port = u16::try_from(number).ok().and_then(|number| first.checked_add(number));
    port.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the WebRTC ports of all threads do not fit in"))
}

/// Finds the address that the host itself would send from when it is bound to all of them.
fn shown_address(bind: IpAddr) -> IpAddr {
    if !bind.is_unspecified() {
        return bind;
    }
    // Connecting a UDP socket sends nothing; the kernel only chooses the route. The peers are documentation addresses.
    let (any, probe): (SocketAddr, SocketAddr) = match bind {
        IpAddr::V4(_) => ((Ipv4Addr::UNSPECIFIED, 0).into(), (Ipv4Addr::new(192, 0, 2, 1), 9).into()),
        IpAddr::V6(_) => {
            ((Ipv6Addr::UNSPECIFIED, 0).into(), (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9).into())
        }
    };
    let routed = UdpSocket::bind(any).and_then(|socket| {
        socket.connect(probe)?;
        socket.local_addr()
    });
    match (routed, bind) {
        (Ok(address), _) => address.ip(),
        (Err(_), IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
        (Err(_), IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
    }
}
