mod commands;
mod pace;
mod routes;
#[cfg(test)]
mod tests;
mod webrtc;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use audio::rtp::MAX_PACKET;
use audio::{Codec, FRAME, SAMPLE_RATE};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use slab::Slab;

use self::pace::Pace;
use crate::command::{Action, Inbox};
use crate::leg::{Kind, LONGEST_FRAME, Leg, Taken};
use crate::record::{Entry, Feed, Recorder};
use crate::socket::Ways;
use crate::webrtc::Desk;
use crate::{EventKind, EventSink, LegNo, LegStats};

/// Readiness events taken at once.
const EVENTS: usize = 256;
/// The epoll token of the bell.
const BELL: u64 = u64::MAX;
/// Those of the WebRTC port.
const DESK_V4: u64 = u64::MAX - 1;
const DESK_V6: u64 = u64::MAX - 2;
/// Those of its listeners, of which there are two at most.
const LISTENERS: [u64; 2] = [u64::MAX - 3, u64::MAX - 4];
/// Marks that of a TCP connection.
const CONNECTION: u64 = 1 << 62;
/// Samples in a tick of 20 ms.
const TICK: u64 = FRAME as u64;
/// Ticks that are caught up with after a stall; beyond it they are left out.
const CATCH_UP: u64 = 5;
/// Legs are looked at this often at most (10 ms) and at least (1 s).
const LOOK: std::ops::RangeInclusive<u64> = 80..=SAMPLE_RATE as u64;
/// Origins from here on are what is played, not what is received.
const PLAYED: u8 = 254;

/// Starts one media thread. It ends when its mailbox is gone.
pub(crate) fn start(
    number: usize,
    inbox: Inbox,
    recorder: Recorder,
    inactivity: Duration,
    desk: Option<Desk>,
) -> io::Result<()> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(inbox.bell.eventfd(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
    for socket in desk.iter().flat_map(|desk| desk.sockets().all()) {
        let token = if socket.local_addr()?.is_ipv6() { DESK_V6 } else { DESK_V4 };
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
    }
    for (listener, token) in desk.iter().flat_map(|desk| desk.inlet.listeners()).zip(LISTENERS) {
        epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
    }
    let inactivity = inactivity.as_secs() * u64::from(SAMPLE_RATE) + u64::from(inactivity.subsec_millis()) * 8;
    let worker = Worker {
        epoll,
        inbox,
        epoch: recorder.epoch,
        legs: Slab::new(),
        sessions: HashMap::new(),
        feed: Feed::new(recorder),
        buffer: Box::new([0; BUFFER]),
        busy: Vec::new(),
        desk,
        shaking: Vec::new(),
        remind_at: 0,
        tick_at: 0,
        ticks: 0,
        look_at: 0,
        look_every: (inactivity / 4).clamp(*LOOK.start(), *LOOK.end()),
        inactivity,
        next_recording: (number as u64) << 48,
        packets: 0,
        pace: Pace::default(),
        attentive: false,
        obeyed_at: 0,
    };
    std::thread::Builder::new().name(format!("media-{number}")).spawn(move || worker.run())?;
    Ok(())
}

/// Time between two looks at busy sockets.
const REST: Duration = Duration::from_millis(1);

#[expect(clippy::disallowed_methods, reason = "a media thread serves nobody while it rests")]
fn rest() {
    std::thread::sleep(REST);
}

/// A datagram that fills it was too long.
const BUFFER: usize = MAX_PACKET + 1;

struct Worker {
    epoll: Epoll,
    inbox: Inbox,
    epoch: std::time::Instant,
    legs: Slab<Leg>,
    sessions: HashMap<u64, Call>,
    feed: Feed,
    /// Shared by all sockets of the thread.
    buffer: Box<[u8; BUFFER]>,
    /// Legs that have something of ours to send.
    busy: Vec<usize>,
    /// The WebRTC port, if there is one.
    desk: Option<Desk>,
    /// Legs that agree on keys.
    shaking: Vec<usize>,
    remind_at: u64,
    tick_at: u64,
    /// Ticks so far: what a leg says in one of them is the same for all who hear it.
    ticks: u64,
    look_at: u64,
    look_every: u64,
    inactivity: u64,
    next_recording: u64,
    packets: u64,
    pace: Pace,
    /// We said that we look into the mailbox by ourselves; and when we looked last.
    attentive: bool,
    obeyed_at: u64,
}

/// A session as its thread knows it.
struct Call {
    events: EventSink,
    legs: HashMap<LegNo, usize>,
    /// Whom each leg is to hear.
    hears: HashMap<LegNo, Vec<LegNo>>,
    closed: Vec<LegStats>,
    recording: Option<u64>,
    paused: bool,
}

impl Worker {
    fn run(mut self) {
        let mut events = vec![EpollEvent::empty(); EVENTS];
        loop {
            if self.attend().is_break() {
                return;
            }
            // A busy thread does not wait for the next packet: it rests, and finds many.
            let timeout = if self.pace.rests() { EpollTimeout::ZERO } else { self.timeout() };
            let ready = match self.epoll.wait(&mut events, timeout) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => 0,
                Err(error) => {
                    tracing::error!(%error, "media thread cannot wait for packets");
                    return;
                }
            };
            let now = self.now();
            if events[..ready].iter().any(|event| event.data() == BELL) {
                self.inbox.bell.answer();
            }
            // Before the packets: what was asked for before they came counts for them.
            if self.obey(now).is_break() {
                return;
            }
            let mut datagrams = 0;
            for event in events[..ready].iter().filter(|event| event.data() != BELL) {
                datagrams += match event.data() {
                    token @ (DESK_V4 | DESK_V6) => self.receive_webrtc(token == DESK_V6, now),
                    token if LISTENERS.contains(&token) => self.accept_webrtc(token, now),
                    token if token & CONNECTION != 0 => self.read_webrtc(token & !CONNECTION, now),
                    token => {
                        self.guard((token >> 1) as usize, |worker| worker.receive(token, now));
                        1
                    }
                };
            }
            self.pace.note(datagrams, now);
            if ready == 0 && self.pace.rests() {
                rest();
            }
            self.tick(now);
            self.remind(now);
            if now >= self.look_at && !self.legs.is_empty() {
                self.look_at = now + self.look_every;
                self.look(now);
            }
            if self.feed.deadline().is_some_and(|at| now >= at) {
                self.feed.flush(now);
            }
        }
    }

    /// Looks into the mailbox every 20 ms while there are calls, and says so.
    fn attend(&mut self) -> ControlFlow<()> {
        let attentive = !self.sessions.is_empty();
        if attentive == self.attentive {
            return ControlFlow::Continue(());
        }
        self.attentive = attentive;
        self.inbox.bell.attend(attentive);
        // Whoever still believed that we look has not rung.
        self.obey(self.now())
    }

    /// Does what waits in the mailbox. Breaks when the last handle of this thread is gone.
    fn obey(&mut self, now: u64) -> ControlFlow<()> {
        self.obeyed_at = now;
        self.inbox.bell.looked();
        while let Ok(command) = self.inbox.commands.try_recv() {
            if matches!(command.action, Action::Shutdown) {
                return ControlFlow::Break(());
            }
            self.apply(command, now);
        }
        ControlFlow::Continue(())
    }

    fn now(&self) -> u64 {
        crate::samples_since(self.epoch)
    }

    fn timeout(&self) -> EpollTimeout {
        let tick = (!self.busy.is_empty()).then_some(self.tick_at);
        let look = (!self.legs.is_empty()).then_some(self.look_at);
        let obey = self.attentive.then_some(self.obeyed_at + TICK);
        let remind = (!self.shaking.is_empty()).then_some(self.remind_at);
        let Some(at) = [tick, look, obey, remind, self.feed.deadline()].into_iter().flatten().min() else {
            return EpollTimeout::NONE;
        };
        let milliseconds = at.saturating_sub(self.now()).div_ceil(8);
        EpollTimeout::try_from(milliseconds).unwrap_or(EpollTimeout::MAX)
    }

    /// Does something for one leg; a panic ends the media of its call alone.
    fn guard(&mut self, index: usize, act: impl FnOnce(&mut Self)) {
        let Some(session) = self.legs.get(index).map(|leg| leg.session) else { return };
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            tracing::error!(session, "media of a call failed and is closed");
            if let Some(call) = self.sessions.get(&session) {
                for &leg in call.legs.keys() {
                    call.events.send(EventKind::Inactive { leg });
                }
            }
            self.close(session, self.now());
        }
    }

    fn receive(&mut self, token: u64, now: u64) {
        let index = (token >> 1) as usize;
        let Some(leg) = self.legs.get_mut(index) else { return };
        // One datagram for each readiness: no flood on one socket keeps the others waiting.
        let Ways::Ports(pair) = &leg.ways else {
            self.fetch(index, now);
            return;
        };
        let socket = if token & 1 == 0 { &pair.rtp } else { &pair.rtcp };
        let Ok((length, source)) = socket.recv_from(&mut self.buffer[..]) else { return };
        if token & 1 == 0 {
            self.packets += 1;
            self.relay(index, length, source, now);
        } else {
            leg.take_rtcp(&mut self.buffer[..length], source, now);
        }
    }

    fn relay(&mut self, index: usize, length: usize, source: SocketAddr, now: u64) {
        let datagram = &mut self.buffer[..length];
        let leg = &mut self.legs[index];
        let Some(taken) = leg.take(datagram, source, now) else { return };
        if taken.kind == Kind::Audio {
            let message = leg.message.as_ref().map(|message| message.tap);
            for tap in [leg.tap, message].into_iter().flatten() {
                let Taken { ref header, codec, .. } = taken;
                let payload = datagram.get(header.payload.clone()).unwrap_or_default();
                self.feed.push(&Entry { tap, codec, timestamp: header.timestamp, arrival: now, payload });
            }
        }
        let key = match taken.kind {
            Kind::Event(key) => key,
            Kind::Audio => taken.tone,
        };
        let stream = leg.stream;
        if let Some(digit) = key
            && let Some(call) = self.sessions.get(&leg.session)
        {
            call.events.send(EventKind::Dtmf { leg: leg.no, digit });
        }
        let peer = leg.peer;
        if taken.kind != Kind::Audio || !leg.audience.is_empty() {
            self.relay_more(index, &taken, length, now);
        }
        if let Some(peer) = peer.and_then(|peer| self.legs.get_mut(peer)) {
            peer.forward(&taken, stream, &mut self.buffer[..length], now);
        }
    }

    /// Brings a packet to the legs beside the peer: copies to those who relay it, and key presses into mixes.
    fn relay_more(&mut self, index: usize, taken: &Taken, length: usize, now: u64) {
        let leg = &mut self.legs[index];
        let stream = leg.stream;
        let audience = std::mem::take(&mut leg.audience);
        for listener in &audience {
            let mut copy = [0; BUFFER];
            copy[..length].copy_from_slice(&self.buffer[..length]);
            if let Some(listener) = self.legs.get_mut(*listener) {
                listener.forward(taken, stream, &mut copy[..length], now);
            }
        }
        self.legs[index].audience = audience;
        if let Kind::Event(Some(key)) = taken.kind
            && !taken.kept
            && let Ok(key) = u8::try_from(key)
        {
            let event = audio::dtmf::event_of(key);
            for at in 0..self.legs[index].mixers.len() {
                let mixer = self.legs[index].mixers[at];
                if mixer != index && self.legs[mixer].takes_events() {
                    self.legs[mixer].press(event.as_slice());
                    self.attend_to(mixer);
                }
            }
        }
    }

    /// Sends what is due of tones, prompts and keys.
    fn tick(&mut self, now: u64) {
        if self.busy.is_empty() || now < self.tick_at {
            return;
        }
        if now.saturating_sub(self.tick_at) > CATCH_UP * TICK {
            self.tick_at = now;
        }
        while now >= self.tick_at {
            self.tick_at += TICK;
            self.ticks += 1;
            let mut index = 0;
            while let Some(&leg) = self.busy.get(index) {
                let mut stays = false;
                self.guard(leg, |worker| stays = worker.tick_leg(leg, now));
                // A call that failed has taken its legs out of the list.
                match self.busy.get(index).copied() {
                    Some(same) if same == leg && stays => index += 1,
                    Some(same) if same == leg => drop(self.busy.swap_remove(index)),
                    _ => {}
                }
            }
        }
    }

    /// Returns whether the leg stays busy.
    fn tick_leg(&mut self, index: usize, now: u64) -> bool {
        let Some(leg) = self.legs.get_mut(index) else { return false };
        #[cfg(test)]
        tests::fail_if_wanted(leg.session);
        let mut sum = [0i32; LONGEST_FRAME];
        let mut mixed = None;
        if let Some((sources, rate)) = leg.take_sources() {
            let mut speaks = false;
            for source in &sources {
                speaks |= self.legs[*source].add_to(&mut sum[..rate.frame()], self.ticks, now);
            }
            self.legs[index].return_sources(sources);
            mixed = speaks.then_some(rate);
        }
        let leg = &mut self.legs[index];
        let ticked = match mixed {
            Some(rate) => {
                let held = |sample: &i32| (*sample).clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
                let mut frame = [0i16; LONGEST_FRAME];
                for (place, sample) in frame.iter_mut().zip(&sum) {
                    *place = held(sample);
                }
                leg.tick(Some((&frame[..rate.frame()], rate)), now)
            }
            None => leg.tick(None, now),
        };
        if let (Some(tap), Some((timestamp, frame))) = (leg.played_tap, ticked.played) {
            let codec = Codec::Pcma;
            let mut payload = [0; FRAME];
            audio::Law::A.encode_into(&frame, &mut payload);
            let timestamp = timestamp / leg.codec().map_or(1, Codec::scale);
            self.feed.push(&Entry { tap, codec, timestamp, arrival: now, payload: &payload });
        }
        if ticked.finished
            && let Some(call) = self.sessions.get(&leg.session)
        {
            call.events.send(EventKind::PlayFinished { leg: leg.no });
        }
        ticked.busy
    }

    fn look(&mut self, now: u64) {
        if let Some(desk) = &mut self.desk {
            metrics::counter!("media_webrtc_strangers_total").increment(desk.tidy(now / u64::from(SAMPLE_RATE)));
        }
        for (_, leg) in &mut self.legs {
            if leg.look(self.inactivity, now)
                && let Some(call) = self.sessions.get(&leg.session)
            {
                call.events.send(EventKind::Inactive { leg: leg.no });
            }
        }
        metrics::counter!("media_packets_received_total").increment(std::mem::take(&mut self.packets));
    }
}
