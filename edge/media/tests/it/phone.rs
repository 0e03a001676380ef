//! Both ends of the tests: a phone made of `Media`, and a bare socket that can also misbehave.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use audio::rtp::{Header, Stamp};
use media::{Codec, Config, Direction, Event, EventKind, EventSink, LegNo, Media, Remote, Repeat, Session, Source};
use tokio::sync::mpsc;

pub(crate) const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Nothing in these tests takes this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn config() -> Config {
    Config { bind: HERE, ports: 20_000..=29_999, threads: 1, ..Config::default() }
}

/// Awaits something that must happen.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it happens in time")
}

/// Waits until the media thread has done all that it was told: commands of all its sessions are done in order.
pub(crate) async fn settled(media: &Media) {
    soon(Call::new(media).session.finish()).await.expect("the thread lives");
}

/// A session with its events.
pub(crate) struct Call {
    pub(crate) session: Session,
    pub(crate) events: mpsc::Receiver<Event>,
}

impl Call {
    pub(crate) fn new(media: &Media) -> Self {
        let (sender, events) = mpsc::channel(64);
        Self { session: media.session(EventSink::new(sender)), events }
    }

    pub(crate) async fn event(&mut self) -> EventKind {
        soon(self.events.recv()).await.expect("the session lives").kind
    }

    /// Opens a leg and returns it with the address it listens at.
    pub(crate) fn leg(&self) -> (LegNo, SocketAddr) {
        let leg = self.session.open_leg().unwrap();
        (leg.id, SocketAddr::new(HERE, leg.port))
    }
}

/// A far end at `address` that speaks `codec` and sends telephone-events as `dtmf`.
pub(crate) fn remote(address: SocketAddr, codec: Codec, dtmf: u8) -> Remote {
    Remote {
        address,
        rtcp: SocketAddr::new(address.ip(), address.port() + 1),
        codec,
        send_payload: codec.payload_type(),
        receive_payload: codec.payload_type(),
        dtmf_send: Some(dtmf),
        dtmf_receive: Some(dtmf),
        may_latch: false,
        signalled_from: address.ip(),
        direction: Direction::SendReceive,
        srtp: None,
        webrtc: None,
    }
}

/// A phone with media of its own.
pub(crate) struct Phone {
    pub(crate) call: Call,
    pub(crate) leg: LegNo,
    pub(crate) address: SocketAddr,
}

impl Phone {
    pub(crate) fn new(media: &Media) -> Self {
        let call = Call::new(media);
        let (leg, address) = call.leg();
        Self { call, leg, address }
    }

    /// Talks to a leg of the server.
    pub(crate) fn reach(&self, server: SocketAddr, codec: Codec, dtmf: u8) {
        self.call.session.set_remote(self.leg, remote(server, codec, dtmf));
    }

    pub(crate) fn speak(&self, samples: &[i16]) {
        self.call.session.play(self.leg, Source::Pcm { samples: Arc::from(samples), repeat: Repeat::Once });
    }
}

/// A socket that sends and receives single packets.
pub(crate) struct Bare {
    pub(crate) socket: UdpSocket,
    pub(crate) address: SocketAddr,
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

impl Bare {
    pub(crate) fn at(ip: [u8; 4]) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::from(ip), 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let address = socket.local_addr().unwrap();
        Self { socket, address, ssrc: u32::from(address.port()) << 8, sequence: 65_500, timestamp: u32::MAX - 999 }
    }

    /// Sends the next packet of its stream.
    pub(crate) fn say(&mut self, to: SocketAddr, payload_type: u8, payload: &[u8]) {
        let Self { ssrc, sequence, timestamp, .. } = *self;
        let stamp = Stamp { marker: false, payload_type, sequence, timestamp, ssrc };
        self.socket.send_to(&[&stamp.bytes()[..], payload].concat(), to).unwrap();
        self.sequence = sequence.wrapping_add(1);
        self.timestamp = timestamp.wrapping_add(160);
    }

    /// Waits for the next packet.
    pub(crate) fn hear(&self) -> (Header, Vec<u8>) {
        let mut buffer = [0; 2_048];
        let length = self.socket.recv(&mut buffer).expect("a packet comes in time");
        let header = Header::parse(&buffer[..length]).expect("what we send is RTP");
        let payload = buffer[header.payload.clone()].to_vec();
        (header, payload)
    }

    /// Counts what has arrived and was not heard.
    pub(crate) fn left_over(&self) -> usize {
        self.socket.set_nonblocking(true).unwrap();
        std::iter::from_fn(|| self.socket.recv(&mut [0; 2_048]).ok()).count()
    }
}
