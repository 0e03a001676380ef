//! The media of a browser: a WebRTC stack that is not ours, on a socket and a thread of its own.
//!
//! It makes offers and answers as SDP, speaks samples of 8 kHz and keeps what it hears, and presses keys.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use audio::{Codec, Decoder, Encoder, FRAME, Rate};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::format::{Codec as Format, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::RtpWrite;
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};

const TICK: Duration = Duration::from_millis(20);
/// Payload types of telephone-events as Chromium has them.
const EVENTS: [(u8, Frequency); 2] = [(110, Frequency::FORTY_EIGHT_KHZ), (126, Frequency::EIGHT_KHZ)];
const KEYS: &str = "0123456789*#ABCD";

/// The media of one browser.
pub struct Browser {
    orders: Sender<Order>,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// What has become of it.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Decoded to 8 kHz, in the order of arrival.
    pub heard: Vec<i16>,
    /// Keys of the far end.
    pub keys: String,
    /// A way was found.
    pub found: bool,
    /// Keys were agreed on.
    pub connected: bool,
    /// Audio packets received.
    pub received: u64,
    /// It gave up, with this reason.
    pub failed: Option<String>,
}

enum Order {
    Offer { restart: bool, reply: Sender<String> },
    Answer(String),
    AcceptOffer(String, Sender<String>),
    Speak(Vec<i16>),
    Press(String),
}

impl Browser {
    /// Opens a browser's media that offers these codecs, in this order.
    ///
    /// # Panics
    /// Without a free port on the loopback interface.
    pub fn new(codecs: &[Codec]) -> Self {
        Self::open(codecs, false)
    }

    /// The same where no UDP gets out: it connects by TCP.
    ///
    /// # Panics
    /// Without a free port on the loopback interface.
    pub fn by_tcp(codecs: &[Codec]) -> Self {
        Self::open(codecs, true)
    }

    fn open(codecs: &[Codec], by_tcp: bool) -> Self {
        str0m::crypto::from_feature_flags().install_process_default();
        let now = now();
        let mut config = Rtc::builder().set_rtp_mode(true).clear_codecs();
        for codec in codecs {
            config = match codec {
                Codec::Opus => config.enable_opus(true, false),
                Codec::Pcmu => config.enable_pcmu(true, false),
                Codec::Pcma => config.enable_pcma(true, false),
                Codec::G722 => config.enable_g722(true, false),
            };
        }
        for (payload, clock) in EVENTS {
            let parameters = FormatParams::default();
            config.codec_config().add_config(payload.into(), None, Format::Tele, clock, None, parameters);
        }
        let mut rtc = config.build(now);
        let link = Link::open(by_tcp).expect("a socket on loopback");
        let candidate = match &link {
            Link::Udp { address, .. } => Candidate::host(*address, "udp"),
            Link::Tcp { address, .. } => Candidate::builder().tcp().host(*address).tcptype(TcpType::Active).build(),
        };
        rtc.add_local_candidate(candidate.expect("a host candidate"));
        let (orders, inbox) = channel();
        let state = Arc::new((Mutex::default(), Condvar::new()));
        let peer = Peer {
            rtc,
            link,
            inbox,
            state: Arc::clone(&state),
            mid: None,
            pending: None,
            speech: None,
            decoder: None,
            said: VecDeque::new(),
            keys: VecDeque::new(),
            key_at: None,
            sequence: 1_000,
            timestamp: 7_000,
            event_heard: None,
            tick_at: now,
        };
        std::thread::spawn(move || peer.run());
        Self { orders, state }
    }

    /// Returns its first offer.
    pub fn offer(&self) -> String {
        self.ask(|reply| Order::Offer { restart: false, reply })
    }

    /// Returns an offer with which ICE begins anew.
    pub fn restart(&self) -> String {
        self.ask(|reply| Order::Offer { restart: true, reply })
    }

    /// Takes the answer to its offer.
    pub fn answered(&self, answer: &str) {
        let _ = self.orders.send(Order::Answer(answer.to_owned()));
    }

    /// Answers an offer.
    pub fn answer(&self, offer: &str) -> String {
        self.ask(|reply| Order::AcceptOffer(offer.to_owned(), reply))
    }

    /// Says these samples of 8 kHz once it can, and then nothing.
    pub fn speak(&self, samples: &[i16]) {
        let _ = self.orders.send(Order::Speak(samples.to_vec()));
    }

    /// Presses keys, as telephone-events.
    pub fn press(&self, keys: &str) {
        let _ = self.orders.send(Order::Press(keys.to_owned()));
    }

    /// Returns what has become of it so far.
    pub fn state(&self) -> State {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until something is so; `None` if it is not within the time.
    pub fn until(&self, patience: Duration, is_so: impl Fn(&State) -> bool) -> Option<State> {
        let (state, changed) = &*self.state;
        let guard = state.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(guard, patience, |state| !is_so(state));
        let (state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (!timeout.timed_out()).then(|| state.clone())
    }

    fn ask(&self, order: impl FnOnce(Sender<String>) -> Order) -> String {
        let (reply, answer) = channel();
        let _ = self.orders.send(order(reply));
        answer.recv().expect("the browser lives")
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// How packets leave and come.
enum Link {
    Udp {
        socket: UdpSocket,
        address: SocketAddr,
    },
    /// Bound, and connected with the first packet; packets are framed by their length (RFC 4571).
    Tcp {
        socket: socket2::Socket,
        address: SocketAddr,
        far: Option<SocketAddr>,
        begun: Vec<u8>,
    },
}

impl Link {
    fn open(by_tcp: bool) -> io::Result<Self> {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        if !by_tcp {
            let socket = UdpSocket::bind(here)?;
            return Ok(Self::Udp { address: socket.local_addr()?, socket });
        }
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&here.into())?;
        let address = socket.local_addr()?.as_socket().expect("it is bound to one");
        Ok(Self::Tcp { socket, address, far: None, begun: Vec::new() })
    }

    fn send(&mut self, packet: &[u8], to: SocketAddr) {
        match self {
            Self::Udp { socket, .. } => drop(socket.send_to(packet, to)),
            Self::Tcp { socket, far, .. } => {
                if far.is_none() && socket.connect(&to.into()).is_ok() {
                    *far = Some(to);
                }
                let frame = [&(packet.len() as u16).to_be_bytes()[..], packet].concat();
                let _ = (&*socket).write_all(&frame);
            }
        }
    }

    /// Waits for so long at most, and returns what came.
    fn receive(&mut self, wait: Duration) -> Vec<(Vec<u8>, SocketAddr)> {
        let mut buffer = [0; 2_000];
        match self {
            Self::Udp { socket, .. } => {
                let received = socket.set_read_timeout(Some(wait)).and_then(|()| socket.recv_from(&mut buffer));
                received.map(|(length, source)| (buffer[..length].to_vec(), source)).into_iter().collect()
            }
            Self::Tcp { socket, far: Some(far), begun, .. } => {
                let received = socket.set_read_timeout(Some(wait)).and_then(|()| (&*socket).read(&mut buffer));
                begun.extend(&buffer[..received.unwrap_or(0)]);
                let mut packets = Vec::new();
                while let Some(&[high, low]) = begun.first_chunk::<2>() {
                    let end = 2 + usize::from(u16::from_be_bytes([high, low]));
                    if begun.len() < end {
                        break;
                    }
                    packets.push((begun[2..end].to_vec(), *far));
                    begun.drain(..end);
                }
                packets
            }
            Self::Tcp { .. } => {
                std::thread::park_timeout(wait);
                Vec::new()
            }
        }
    }
}

struct Peer {
    rtc: Rtc,
    link: Link,
    inbox: Receiver<Order>,
    state: Arc<(Mutex<State>, Condvar)>,
    mid: Option<Mid>,
    pending: Option<SdpPendingOffer>,
    speech: Option<Speech>,
    decoder: Option<Decoder>,
    said: VecDeque<i16>,
    keys: VecDeque<u8>,
    /// The key that is pressed: its timestamp and how many packets of it were sent.
    key_at: Option<(u32, u16)>,
    sequence: u64,
    timestamp: u32,
    /// The timestamp of the last key that was heard.
    event_heard: Option<u32>,
    tick_at: Instant,
}

/// What was agreed on.
struct Speech {
    codec: Codec,
    payload: u8,
    events: Option<u8>,
    encoder: Encoder,
}

impl Peer {
    fn run(mut self) {
        loop {
            if let Err(error) = self.turn() {
                self.tell(|state| state.failed = Some(error.clone()));
                return;
            }
            loop {
                match self.inbox.try_recv() {
                    Ok(order) => {
                        if let Err(error) = self.obey(order) {
                            self.tell(|state| state.failed = Some(error.clone()));
                        }
                    }
                    Err(std::sync::mpsc::TryRecvError::Empty) => break,
                    Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
                }
            }
        }
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.state.1.notify_all();
    }

    /// Sends what is due, and takes one packet or the time.
    fn turn(&mut self) -> Result<(), String> {
        let due = loop {
            match self.rtc.poll_output().map_err(|error| error.to_string())? {
                Output::Timeout(at) => break at,
                Output::Transmit(packet) => self.link.send(&packet.contents, packet.destination),
                Output::Event(event) => self.hear(event),
            }
        };
        if now() >= self.tick_at {
            self.tick_at += TICK;
            self.tick();
        }
        let wait = due.min(self.tick_at).saturating_duration_since(now()).max(Duration::from_micros(500));
        for (packet, source) in self.link.receive(wait) {
            let Ok(contents) = packet.as_slice().try_into() else { continue };
            let (proto, destination) = match &self.link {
                Link::Udp { address, .. } => (Protocol::Udp, *address),
                Link::Tcp { address, .. } => (Protocol::Tcp, *address),
            };
            let received = Receive { proto, source, destination, contents };
            self.rtc.handle_input(Input::Receive(now(), received)).map_err(|error| error.to_string())?;
        }
        self.rtc.handle_input(Input::Timeout(now())).map_err(|error| error.to_string())
    }

    fn obey(&mut self, order: Order) -> Result<(), String> {
        match order {
            Order::Offer { restart, reply } => {
                let mut changes = self.rtc.sdp_api();
                if restart {
                    changes.ice_restart(true);
                } else {
                    let mid = changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
                    self.mid = Some(mid);
                }
                let (offer, pending) = changes.apply().ok_or("nothing to offer")?;
                self.pending = Some(pending);
                let _ = reply.send(offer.to_sdp_string());
            }
            Order::Answer(answer) => {
                let pending = self.pending.take().ok_or("no offer waits for an answer")?;
                let parsed = SdpAnswer::from_sdp_string(&answer).map_err(|error| error.to_string())?;
                self.rtc.sdp_api().accept_answer(pending, parsed).map_err(|error| error.to_string())?;
                self.agree(&answer)?;
            }
            Order::AcceptOffer(offer, reply) => {
                let parsed = SdpOffer::from_sdp_string(&offer).map_err(|error| error.to_string())?;
                let answer = self.rtc.sdp_api().accept_offer(parsed).map_err(|error| error.to_string())?;
                let answer = answer.to_sdp_string();
                self.mid = value(&answer, "a=mid:").map(Mid::from);
                self.agree(&answer)?;
                let _ = reply.send(answer);
            }
            Order::Speak(samples) => self.said.extend(samples),
            Order::Press(keys) => {
                self.keys.extend(keys.chars().filter_map(|key| KEYS.find(key)).map(|event| event as u8));
            }
        }
        Ok(())
    }

    /// Reads what an answer settles: its first format is what both speak.
    fn agree(&mut self, answer: &str) -> Result<(), String> {
        let stream = answer.lines().find(|line| line.starts_with("m=audio")).ok_or("no audio")?;
        let payloads: Vec<u8> = stream.split(' ').skip(3).filter_map(|format| format.parse().ok()).collect();
        let encoding = |payload: u8| value(answer, &format!("a=rtpmap:{payload} ")).unwrap_or_default();
        let (payload, codec) = payloads
            .iter()
            .find_map(|&payload| {
                let codec = match encoding(payload).split('/').next()? {
                    "opus" => Codec::Opus,
                    "PCMU" => Codec::Pcmu,
                    "PCMA" => Codec::Pcma,
                    "G722" => Codec::G722,
                    _ => return None,
                };
                Some((payload, codec))
            })
            .ok_or("no codec in common")?;
        let clock = 8_000 * codec.scale();
        let of_clock = |clock: u32| {
            payloads.iter().copied().find(|&payload| encoding(payload) == format!("telephone-event/{clock}"))
        };
        let events = of_clock(clock).or_else(|| of_clock(8_000));
        if self.speech.as_ref().is_none_or(|speech| speech.codec != codec) {
            self.speech = Some(Speech { codec, payload, events, encoder: Encoder::new(codec) });
            self.decoder = Some(Decoder::new(codec, Rate::Narrow));
        }
        Ok(())
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Connected => self.tell(|state| state.connected = true),
            Event::IceConnectionStateChange(change) => {
                let found = matches!(change, IceConnectionState::Connected | IceConnectionState::Completed);
                self.tell(|state| state.found = found);
            }
            Event::RtpPacket(packet) => {
                let (Some(speech), Some(decoder)) = (&self.speech, &mut self.decoder) else { return };
                let payload = *packet.header.payload_type;
                if payload == speech.payload {
                    let mut samples = Vec::new();
                    decoder.decode(&packet.payload, &mut samples);
                    self.tell(|state| {
                        state.heard.extend(samples);
                        state.received += 1;
                    });
                } else if Some(payload) == speech.events && self.event_heard != Some(packet.header.timestamp) {
                    self.event_heard = Some(packet.header.timestamp);
                    let key = packet.payload.first().and_then(|event| KEYS.chars().nth(usize::from(*event)));
                    self.tell(|state| state.keys.extend(key));
                }
            }
            _ => {}
        }
    }

    /// Says what is due: a key, a frame of what is to be said, or silence.
    fn tick(&mut self) {
        let is_connected = self.state.0.lock().unwrap_or_else(PoisonError::into_inner).connected;
        let (Some(speech), true) = (&mut self.speech, is_connected) else { return };
        let step = FRAME as u32 * speech.codec.scale();
        self.timestamp = self.timestamp.wrapping_add(step);
        let (payload_type, timestamp, marker, payload) = match (self.keys.front().copied(), speech.events) {
            (Some(key), Some(events)) => {
                let (since, count) = self.key_at.unwrap_or((self.timestamp, 0));
                let duration = (u32::from(count) + 1) * FRAME as u32;
                let ends = count >= 5;
                let [high, low] = (duration.min(8 * FRAME as u32) as u16).to_be_bytes();
                let payload = vec![key, if ends { 0x8a } else { 0x0a }, high, low];
                if count >= 7 {
                    self.keys.pop_front();
                    self.key_at = None;
                } else {
                    self.key_at = Some((since, count + 1));
                }
                (events, since, count == 0, payload)
            }
            _ => {
                let mut frame = [0; FRAME];
                for place in &mut frame {
                    *place = self.said.pop_front().unwrap_or(0);
                }
                let mut payload = [0; audio::codec::MAX_ENCODED];
                let length = speech.encoder.encode(&frame, Rate::Narrow, &mut payload);
                (speech.payload, self.timestamp, false, payload[..length].to_vec())
            }
        };
        self.sequence += 1;
        let packet =
            RtpWrite::new(Pt::from(payload_type), self.sequence.into(), timestamp, now(), payload).marker(marker);
        let mut direct = self.rtc.direct_api();
        if let Some(stream) = self.mid.and_then(|mid| direct.stream_tx_by_mid(mid, None)) {
            stream.write_rtp(packet);
        }
    }
}

fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name))
}
