//! Doing what sessions ask for.

use std::collections::HashMap;

use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::{Call, PLAYED, Worker};
use crate::command::{Action, Command};
use crate::leg::Leg;
use crate::record::{Job, Tap};
use crate::socket::Pair;
use crate::{EventKind, Finished, LegNo, Remote};

impl Worker {
    pub(super) fn apply(&mut self, Command { session, action }: Command, now: u64) {
        match action {
            Action::Open(events) => {
                let (legs, closed) = (HashMap::new(), Vec::new());
                self.sessions.insert(session, Call { events, legs, closed, recording: None, paused: false });
            }
            Action::OpenLeg(no, pair) => self.open_leg(session, no, pair, now),
            Action::CloseLeg(no) => self.close_leg(session, no, now),
            Action::SetRemote(no, remote) => self.set_remote(session, no, *remote, now),
            Action::Connect(a, b) => self.connect(session, a, b, now),
            Action::Disconnect => {
                for index in self.indices(session) {
                    self.legs[index].set_peer(None, now);
                }
            }
            Action::Play(no, source) => self.with_leg(session, no, |leg| leg.play(source)),
            Action::Stop(no) => self.with_leg(session, no, Leg::stop),
            Action::SendDtmf(no, events) => self.with_leg(session, no, |leg| leg.press(&events)),
            Action::Capture(no, heard) => self.with_leg(session, no, |leg| leg.capture(heard)),
            Action::Record(record) => {
                let Some(call) = self.sessions.get_mut(&session) else { return };
                if call.recording.is_some() {
                    let reason = "the session is being recorded already".to_owned();
                    call.events.send(EventKind::RecordingFailed { reason });
                    return;
                }
                let recording = self.next_recording;
                self.next_recording += 1;
                (call.recording, call.paused) = (Some(recording), false);
                let events = call.events.clone();
                self.feed.command(Job::Start { recording, record, events, at: now }, now);
                self.tap(session);
            }
            Action::PauseRecording(paused) => {
                if let Some(call) = self.sessions.get_mut(&session) {
                    call.paused = paused;
                }
                self.tap(session);
            }
            Action::Finish(reply) => {
                let Some(mut call) = self.remove(session, now) else { return };
                call.closed.sort_by_key(|stats| stats.leg);
                let finished = Finished { legs: call.closed, recording: None };
                match call.recording {
                    Some(recording) => {
                        let report = Some((finished, reply));
                        self.feed.command(Job::Finish { recording, at: now, report }, now);
                    }
                    // Whoever asked may have stopped waiting.
                    None => drop(reply.send(finished)),
                }
            }
            Action::Close => self.close(session, now),
            Action::Shutdown => {}
        }
    }

    fn indices(&self, session: u64) -> Vec<usize> {
        self.sessions.get(&session).map(|call| call.legs.values().copied().collect()).unwrap_or_default()
    }

    fn index(&self, session: u64, no: LegNo) -> Option<usize> {
        self.sessions.get(&session)?.legs.get(&no).copied()
    }

    fn with_leg(&mut self, session: u64, no: LegNo, act: impl FnOnce(&mut Leg)) {
        let Some(index) = self.index(session, no) else { return };
        let leg = &mut self.legs[index];
        act(leg);
        if leg.is_busy() && !self.busy.contains(&index) {
            if self.busy.is_empty() {
                self.tick_at = self.now();
            }
            self.busy.push(index);
        }
    }

    fn open_leg(&mut self, session: u64, no: LegNo, pair: Pair, now: u64) {
        let Some(call) = self.sessions.get_mut(&session) else { return };
        if self.legs.is_empty() {
            self.look_at = now + self.look_every;
        }
        let entry = self.legs.vacant_entry();
        let index = entry.key();
        let token = (index as u64) << 1;
        let watched = self
            .epoll
            .add(&pair.rtp, EpollEvent::new(EpollFlags::EPOLLIN, token))
            .and_then(|()| self.epoll.add(&pair.rtcp, EpollEvent::new(EpollFlags::EPOLLIN, token | 1)));
        if let Err(error) = watched {
            tracing::error!(%error, "a media socket cannot be watched");
            return;
        }
        entry.insert(Leg::new(session, no, pair, now));
        call.legs.insert(no, index);
        self.tap(session);
    }

    fn close_leg(&mut self, session: u64, no: LegNo, now: u64) {
        let Some(call) = self.sessions.get_mut(&session) else { return };
        let Some(index) = call.legs.remove(&no) else { return };
        // Closing its sockets takes them out of the epoll set.
        let leg = self.legs.remove(index);
        let stats = leg.stats();
        for (reason, count) in stats.dropped.reasons().into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("media_packets_dropped_total", "reason" => reason).increment(count);
        }
        call.closed.push(stats);
        if let Some(peer) = leg.peer.and_then(|peer| self.legs.get_mut(peer)) {
            peer.set_peer(None, now);
        }
        self.busy.retain(|&busy| busy != index);
    }

    fn set_remote(&mut self, session: u64, no: LegNo, remote: Remote, now: u64) {
        self.with_leg(session, no, |leg| leg.set_remote(remote, now));
    }

    fn connect(&mut self, session: u64, a: LegNo, b: LegNo, now: u64) {
        let (Some(a), Some(b)) = (self.index(session, a), self.index(session, b)) else { return };
        if a == b {
            return;
        }
        for index in [a, b] {
            if let Some(former) = self.legs[index].peer {
                self.legs[former].set_peer(None, now);
            }
        }
        self.legs[a].set_peer(Some(b), now);
        self.legs[b].set_peer(Some(a), now);
    }

    /// Puts the taps of a session's recording where they belong now.
    fn tap(&mut self, session: u64) {
        let Some(call) = self.sessions.get(&session) else { return };
        let recording = call.recording.filter(|_| !call.paused);
        for (&no, &index) in &call.legs {
            let first = no == LegNo(0);
            let tap =
                |origin, left: bool| recording.map(|recording| Tap { recording, origin, channel: u8::from(!left) });
            let leg = &mut self.legs[index];
            leg.tap = tap(no.0.min(PLAYED - 1), first);
            // What the first leg hears from us belongs to the other side; what others hear (hold music) to neither.
            leg.played_tap = if first { tap(PLAYED, false) } else { None };
        }
    }

    /// Closes all legs of a session and takes it out.
    fn remove(&mut self, session: u64, now: u64) -> Option<Call> {
        let legs: Vec<LegNo> = self.sessions.get(&session)?.legs.keys().copied().collect();
        for no in legs {
            self.close_leg(session, no, now);
        }
        self.sessions.remove(&session)
    }

    pub(super) fn close(&mut self, session: u64, now: u64) {
        if let Some(recording) = self.remove(session, now).and_then(|call| call.recording) {
            self.feed.command(Job::Finish { recording, at: now, report: None }, now);
        }
    }
}
