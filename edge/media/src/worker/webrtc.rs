//! The WebRTC port of a thread.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};

use audio::SAMPLE_RATE;
use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::{CONNECTION, LISTENERS, Worker};
use crate::EventKind;
use crate::webrtc::{Brought, Found, Ready};

/// Datagrams taken from the port at once: no flood there keeps the others waiting.
const AT_ONCE: u32 = 64;
/// DTLS is asked this often whether something has to be repeated: 50 ms.
const REMIND: u64 = SAMPLE_RATE as u64 / 20;

impl Worker {
    /// Takes what waits at the port; returns how many packets that were.
    pub(super) fn receive_webrtc(&mut self, v6: bool, now: u64) -> u32 {
        let mut taken = 0;
        while taken < AT_ONCE {
            let Some(desk) = &mut self.desk else { break };
            let received = desk.sockets().of(v6).map(|socket| socket.recv_from(&mut self.buffer[..]));
            let Some(Ok((length, source))) = received else { break };
            taken += 1;
            self.packets += 1;
            let second = now / u64::from(SAMPLE_RATE);
            // A packet that breaks our reading of it is nobody's.
            let found = catch_unwind(AssertUnwindSafe(|| desk.find_by_udp(&self.buffer[..length], source, second)));
            if let Ok(Found::Leg(leg, ready)) = found {
                self.guard(leg, |worker| worker.take_webrtc(leg, ready, length, source, now));
            }
        }
        taken
    }

    /// Watches the connections that wait at a listener.
    pub(super) fn accept_webrtc(&mut self, token: u64, now: u64) -> u32 {
        let Some(desk) = &mut self.desk else { return 0 };
        let listener = LISTENERS.iter().position(|known| *known == token).unwrap_or_default();
        for (id, connection) in desk.inlet.accept(listener, now / u64::from(SAMPLE_RATE)) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, CONNECTION | id);
            if let Err(error) = self.epoll.add(&*connection, event) {
                tracing::error!(%error, "a connection cannot be watched");
                desk.inlet.close(id);
            }
        }
        1
    }

    /// Takes what a connection brings; a closed one leaves the epoll set by itself.
    pub(super) fn read_webrtc(&mut self, id: u64, now: u64) -> u32 {
        let Some(desk) = &mut self.desk else { return 0 };
        let Brought::Packets(packets) = desk.inlet.read(id, &mut self.buffer[..]) else {
            desk.hang_up(id);
            return 1;
        };
        let second = now / u64::from(SAMPLE_RATE);
        for packet in &packets {
            let Some(desk) = &mut self.desk else { break };
            self.packets += 1;
            let found = catch_unwind(AssertUnwindSafe(|| desk.find_by_tcp(packet, id, second)));
            if let Ok((Found::Leg(leg, ready), source)) = found {
                self.buffer[..packet.len()].copy_from_slice(packet);
                self.guard(leg, |worker| worker.take_webrtc(leg, ready, packet.len(), source, now));
            }
        }
        packets.len() as u32
    }

    /// Takes one packet of a leg whose port is on another thread; false if none waits.
    pub(super) fn fetch(&mut self, index: usize, now: u64) -> bool {
        let Some(line) = self.legs.get_mut(index).and_then(|leg| leg.line()) else { return false };
        let Some((length, source, ready)) = line.fetch(&mut self.buffer[..]) else { return false };
        self.packets += 1;
        self.guard(index, |worker| worker.take_webrtc(index, ready, length, source, now));
        true
    }

    fn take_webrtc(&mut self, index: usize, ready: Ready, length: usize, source: SocketAddr, now: u64) {
        let Some(leg) = self.legs.get_mut(index) else { return };
        if ready != Ready::Packet {
            leg.checked(source, ready, now);
            return;
        }
        match self.buffer[..length] {
            [20..=63, ..] => {
                let refused = leg.shake(&self.buffer[..length], source, crate::now());
                if leg.is_shaking() && !self.shaking.contains(&index) {
                    self.shaking.push(index);
                    self.remind_at = now + REMIND;
                }
                self.tell_of(index, refused);
            }
            // RTCP among RTP (RFC 5761 §4).
            [_, 192..=223, ..] => leg.take_rtcp(&mut self.buffer[..length], source, now),
            _ => self.relay(index, length, source, now),
        }
    }

    /// Has DTLS repeat what was lost.
    pub(super) fn remind(&mut self, now: u64) {
        if self.shaking.is_empty() || now < self.remind_at {
            return;
        }
        self.remind_at = now + REMIND;
        for index in std::mem::take(&mut self.shaking) {
            self.guard(index, |worker| {
                let Some(leg) = worker.legs.get_mut(index) else { return };
                let refused = leg.remind(crate::now());
                if leg.is_shaking() {
                    worker.shaking.push(index);
                }
                worker.tell_of(index, refused);
            });
        }
    }

    pub(super) fn tell_of(&self, index: usize, refused: bool) {
        let Some(leg) = self.legs.get(index).filter(|_| refused) else { return };
        if let Some(call) = self.sessions.get(&leg.session) {
            call.events.send(EventKind::Insecure { leg: leg.no });
        }
    }
}
