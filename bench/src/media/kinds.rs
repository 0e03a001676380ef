//! What a call costs whose legs are unlike: protected on one side, of another codec, or with a browser.
//!
//! Media runs in this process, without signalling. The far ends' packets are made beforehand by media itself and are
//! the same for every call; what the generator spends is counted on its own thread and taken off.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use media::{Codec, Config, Direction, EventSink, LegNo, Media, Remote, Repeat, Session, Source, SrtpKeys, SrtpSuite};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::sync::mpsc;

use super::browser::{self, Identity};
use crate::Effort;
use crate::figure::{Figure, Figures, Goal, median};
use crate::time::{now, pause};

/// Calls at once: enough that the ticks of a thread are shared, few enough that Opus fits a core.
const CALLS: usize = 60;
/// Packets of a call that are made beforehand; they last for as many times 20 ms.
const WARM: usize = 50;
/// Calls are spread over the 20 ms between two packets.
const TICKS: usize = 20;

/// How one leg of a call differs from the other, which is plain G.711.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Alike,
    Protected,
    Opus,
    G722,
    Browser,
    BrowserOpus,
}

pub(super) fn measure(effort: Effort, figures: &mut Figures) -> Result<()> {
    let kinds = [Kind::Alike, Kind::Protected, Kind::Opus, Kind::G722, Kind::Browser, Kind::BrowserOpus];
    let mut costs = kinds.map(|_| Vec::new());
    for _ in 0..effort.runs {
        for (kind, costs) in kinds.into_iter().zip(&mut costs) {
            costs.push(kind.cost(effort)?);
        }
    }
    let [alike, protected, opus, g722, browser, browser_opus] = costs.map(median);
    for (name, value, ratio) in [
        ("CPU per call-minute, SRTP with RTP", protected, 2.5),
        ("CPU per call-minute, Opus with G.711", opus, 15.0),
        ("CPU per call-minute, G.722 with G.711", g722, 15.0),
        ("CPU per call-minute, WebRTC with RTP, relayed", browser, 2.5),
        ("CPU per call-minute, WebRTC with RTP, Opus with G.711", browser_opus, 16.0),
    ] {
        let goal = Goal::Relative(0.02 * ratio, ratio);
        figures.add(Figure { name, value, unit: "CPU-s", reference: Some(alike), goal });
    }
    for (name, cost, goal) in [
        ("calls that a core holds, WebRTC with RTP, relayed", browser, 1_200.0),
        ("calls that a core holds, WebRTC with RTP, Opus with G.711", browser_opus, 180.0),
    ] {
        figures.add(Figure { name, value: 60.0 / cost, unit: "calls", reference: None, goal: Goal::Above(goal) });
    }
    Ok(())
}

impl Kind {
    const fn codec(self) -> Codec {
        match self {
            Self::Alike | Self::Protected | Self::Browser => Codec::Pcma,
            Self::Opus | Self::BrowserOpus => Codec::Opus,
            Self::G722 => Codec::G722,
        }
    }

    /// Returns our keys and those of the far end.
    fn keys(self) -> (Option<SrtpKeys>, Option<SrtpKeys>) {
        let keys = |send: u8, receive: u8| SrtpKeys::new(SrtpSuite::Aes128Sha80, &[send; 30], &[receive; 30]);
        if self == Self::Protected { (keys(1, 2), keys(2, 1)) } else { (None, None) }
    }

    /// Returns CPU seconds per call-minute.
    fn cost(self, effort: Effort) -> Result<f64> {
        let seconds = effort.media_seconds as usize;
        let config = Config { bind: Ipv4Addr::LOCALHOST.into(), threads: 1, webrtc_port: Some(0), ..Config::default() };
        let media = Media::open(config)?;
        let count = WARM + (seconds + 1) * 50;
        let plain = packets(&media, Codec::Pcma, None, count)?;
        if matches!(self, Self::Browser | Self::BrowserOpus) {
            return self.cost_with_browsers(&media, seconds, count, &plain);
        }
        let (ours, theirs) = self.keys();
        let unlike = packets(&media, self.codec(), theirs, count)?;
        let mut sessions = Vec::new();
        let mut ends = Vec::new();
        for _ in 0..CALLS {
            let session = open(&media);
            for (codec, keys, packets) in [(self.codec(), ours.clone(), &unlike), (Codec::Pcma, None, &plain)] {
                let socket = socket()?;
                let leg = session.open_leg()?;
                session.set_remote(leg.id, remote(socket.local_addr()?, codec, keys));
                let server = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), leg.port);
                ends.push(End { socket, server, packets: Arc::clone(packets), check: None });
            }
            session.connect(LegNo(0), LegNo(1));
            sessions.push(session);
        }
        spent(sessions, ends, seconds)
    }

    /// The same where one end is a browser's: every one has keys of its own.
    fn cost_with_browsers(self, media: &Media, seconds: usize, count: usize, plain: &Arc<[Vec<u8>]>) -> Result<f64> {
        let identity = Identity::new()?;
        let (mut sessions, mut ends, mut browsers) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..CALLS {
            let session = open(media);
            let (leg, ours) = session.open_webrtc_leg()?;
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.set_read_timeout(Some(browser::PATIENCE))?;
            let far = remote(socket.local_addr()?, self.codec(), None);
            session.set_remote(leg.id, Remote { webrtc: Some(identity.peer()?), ..far });
            let server = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), leg.port);
            let keys = identity.shake(&socket, server, &ours)?;
            socket.set_nonblocking(true)?;
            browsers.push((socket, server, browser::check(&ours), keys));
            let socket = self::socket()?;
            let leg = session.open_leg()?;
            session.set_remote(leg.id, remote(socket.local_addr()?, Codec::Pcma, None));
            let server = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), leg.port);
            ends.push(End { socket, server, packets: Arc::clone(plain), check: None });
            session.connect(LegNo(0), LegNo(1));
            sessions.push(session);
        }
        // All their packets are made at once: each takes as long as it is to be heard.
        let made: Vec<Result<Arc<[Vec<u8>]>>> = thread::scope(|scope| {
            let makers: Vec<_> = browsers
                .iter()
                .map(|(.., keys)| scope.spawn(|| packets(media, self.codec(), Some(keys.clone()), count)))
                .collect();
            let failed = || Err(anyhow::anyhow!("a browser's packets could not be made"));
            makers.into_iter().map(|maker| maker.join().unwrap_or_else(|_| failed())).collect()
        });
        for ((socket, server, check, _), packets) in browsers.into_iter().zip(made) {
            socket.send_to(&check, server)?;
            ends.push(End { socket, server, packets: packets?, check: Some(check) });
        }
        spent(sessions, ends, seconds)
    }
}

/// Returns CPU seconds per call-minute of calls whose ends all talk.
fn spent(sessions: Vec<Session>, ends: Vec<End>, seconds: usize) -> Result<f64> {
    let generator = thread::spawn(move || generate(&ends, WARM, seconds * 50));
    let (spent, received) = generator.join().ok().context("the generator failed")?;
    let sent = CALLS * 2 * seconds * 50;
    ensure!(received * 100 >= sent * 97, "{received} of {sent} packets came through");
    drop(sessions);
    Ok(spent * 60.0 / (CALLS * seconds) as f64)
}

struct End {
    socket: UdpSocket,
    server: SocketAddr,
    packets: Arc<[Vec<u8>]>,
    /// What a browser sends now and then so that it goes on to be sent to.
    check: Option<Vec<u8>>,
}

/// Packets between two checks of a browser: five seconds.
const CHECK_EVERY: usize = 250;

/// Sends for all ends; returns what the process spent beside this thread, and what came back, after the warm-up.
fn generate(ends: &[End], warm: usize, count: usize) -> (f64, usize) {
    let mut next = now();
    let (mut before, mut received) = (0.0, 0);
    let mut buffer = [0; 2_048];
    let others = || cpu(UsageWho::RUSAGE_SELF) - cpu(UsageWho::RUSAGE_THREAD);
    for packet in 0..warm + count {
        if packet == warm {
            (before, received) = (others(), 0);
        }
        for tick in 0..TICKS {
            for end in ends.iter().skip(tick).step_by(TICKS) {
                let _ = end.packets.get(packet).map(|bytes| end.socket.send_to(bytes, end.server));
                if let Some(check) = end.check.as_ref().filter(|_| packet % CHECK_EVERY == 0) {
                    let _ = end.socket.send_to(check, end.server);
                }
                while end.socket.recv(&mut buffer).is_ok() {
                    received += 1;
                }
            }
            next += Duration::from_millis(1);
            pause(next.saturating_duration_since(now()));
        }
    }
    (others() - before, received)
}

/// Has media speak and returns its packets.
fn packets(media: &Media, codec: Codec, keys: Option<SrtpKeys>, count: usize) -> Result<Arc<[Vec<u8>]>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let session = open(media);
    let leg = session.open_leg()?;
    session.set_remote(leg.id, remote(socket.local_addr()?, codec, keys));
    let samples = audio::tone::speech_like(7, 80_000).into();
    session.play(leg.id, Source::Pcm { samples, repeat: Repeat::Forever });
    let mut buffer = [0; 2_048];
    let mut packets = Vec::with_capacity(count);
    while packets.len() < count {
        let length = socket.recv(&mut buffer).context("media says nothing")?;
        packets.push(buffer[..length].to_vec());
    }
    Ok(packets.into())
}

fn open(media: &Media) -> Session {
    // Nobody listens to events: there are none that matter here.
    let (events, _) = mpsc::channel(1);
    media.session(EventSink::new(events))
}

fn socket() -> Result<UdpSocket> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn remote(address: SocketAddr, codec: Codec, srtp: Option<SrtpKeys>) -> Remote {
    Remote {
        address,
        rtcp: SocketAddr::new(address.ip(), address.port().wrapping_add(1)),
        codec,
        send_payload: codec.payload_type(),
        receive_payload: codec.payload_type(),
        dtmf_send: None,
        dtmf_receive: None,
        may_latch: false,
        signalled_from: address.ip(),
        direction: Direction::SendReceive,
        srtp,
        webrtc: None,
    }
}

fn cpu(who: UsageWho) -> f64 {
    getrusage(who).map_or(0.0, |usage| {
        (usage.user_time().num_microseconds() + usage.system_time().num_microseconds()) as f64 / 1e6
    })
}
