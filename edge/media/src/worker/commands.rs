//! Doing what sessions ask for.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::epoll::{EpollEvent, EpollFlags};

use super::{Call, PLAYED, Worker};
use crate::command::{Action, Command, Side};
use crate::leg::Leg;
use crate::record::{Job, Limits, MessageTap, Tap};
use crate::socket::Ways;
use crate::{Detached, EventKind, Finished, Layout, LegNo, Record, RecordLeg};

impl Worker {
    pub(super) fn apply(&mut self, Command { session, action }: Command, now: u64) {
        match action {
            Action::Open(events) => {
                let (legs, hears, closed) = (HashMap::new(), HashMap::new(), Vec::new());
                self.sessions.insert(session, Call { events, legs, hears, closed, recording: None, paused: false });
            }
            Action::OpenLeg(no, ways) => self.insert(session, no, Leg::new(session, no, ways, now), now),
            Action::Rename(place, credentials) => {
                if let Some(desk) = &mut self.desk {
                    desk.rename(place, credentials);
                }
            }
            Action::CloseLeg(no) => self.close_leg(session, no, now),
            Action::SetRemote(no, remote) => {
                let mut refused = false;
                self.with_leg(session, no, |leg| refused = leg.set_remote(*remote, now));
                if let Some(index) = self.index(session, no) {
                    self.tell_of(index, refused);
                }
                self.route(session, now);
            }
            Action::Hears(no, others) => self.hears(session, no, others, now),
            Action::Connect(a, b) => self.connect(session, a, b, now),
            Action::Disconnect => {
                if let Some(call) = self.sessions.get_mut(&session) {
                    call.hears.clear();
                }
                self.route(session, now);
            }
            Action::Hold(no, on) => {
                self.with_leg(session, no, |leg| leg.held = on);
                self.route(session, now);
            }
            Action::Detach(no, reply) => {
                let Some(mut leg) = self.take_out(session, no, now) else { return };
                if let Some(line) = leg.line() {
                    line.depart(self.desk.as_mut());
                }
                // Whoever asked may have stopped waiting: the leg is closed then.
                drop(reply.send(Detached { leg: Box::new(leg) }));
            }
            Action::Adopt(no, Detached { mut leg }) => {
                (leg.session, leg.no) = (session, no);
                self.insert(session, no, *leg, now);
            }
            Action::Play(no, source) => self.with_leg(session, no, |leg| leg.play(source)),
            Action::Stop(no) => self.with_leg(session, no, Leg::stop),
            Action::SendDtmf(no, events) => self.with_leg(session, no, |leg| leg.press(&events)),
            Action::DetectDtmf(no, on) => self.with_leg(session, no, |leg| leg.detect_dtmf(on)),
            Action::KeepKeys(no, on) => self.with_leg(session, no, |leg| leg.keeps_keys = on),
            Action::RecordAt(no, side) => {
                self.with_leg(session, no, |leg| leg.side = Some(side));
                self.tap(session);
            }
            Action::RecordLeg(no, record) => self.record_leg(session, no, record, now),
            Action::StopRecordLeg(no) => self.stop_recording_leg(session, no, now),
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
                self.feed.command(Job::Start { recording, record, limits: None, events, at: now }, now);
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

    fn index(&self, session: u64, no: LegNo) -> Option<usize> {
        self.sessions.get(&session)?.legs.get(&no).copied()
    }

    fn with_leg(&mut self, session: u64, no: LegNo, act: impl FnOnce(&mut Leg)) {
        let Some(index) = self.index(session, no) else { return };
        act(&mut self.legs[index]);
        self.attend_to(index);
    }

    /// Has ticks come to a leg that has something to send.
    pub(super) fn attend_to(&mut self, index: usize) {
        if self.legs[index].is_busy() && !self.busy.contains(&index) {
            if self.busy.is_empty() {
                self.tick_at = self.now();
            }
            self.busy.push(index);
        }
    }

    /// Gives a leg its place on this thread.
    fn insert(&mut self, session: u64, no: LegNo, mut leg: Leg, now: u64) {
        let Some(call) = self.sessions.get_mut(&session) else { return };
        if self.legs.is_empty() {
            self.look_at = now + self.look_every;
        }
        let entry = self.legs.vacant_entry();
        let index = entry.key();
        let token = (index as u64) << 1;
        let readable = |token| EpollEvent::new(EpollFlags::EPOLLIN, token);
        let watched = match &mut leg.ways {
            Ways::Ports(pair) => self
                .epoll
                .add(&pair.rtp, readable(token))
                .and_then(|()| self.epoll.add(&pair.rtcp, readable(token | 1))),
            Ways::WebRtc(line) => match line.arrive(self.desk.as_mut(), index) {
                Some(away) => self.epoll.add(away, readable(token)),
                None => Ok(()),
            },
        };
        if let Err(error) = watched {
            tracing::error!(%error, "a media socket cannot be watched");
            return;
        }
        if leg.is_shaking() {
            self.shaking.push(index);
        }
        entry.insert(leg);
        call.legs.insert(no, index);
        self.tap(session);
        self.route(session, now);
        // What came while it was between two threads.
        while self.fetch(index, now) {}
        if let Some(line) = self.legs.get_mut(index).and_then(|leg| leg.line()) {
            line.settled(self.desk.as_ref());
        }
    }

    /// Takes a leg out of its session and off this thread.
    fn take_out(&mut self, session: u64, no: LegNo, now: u64) -> Option<Leg> {
        self.stop_recording_leg(session, no, now);
        let call = self.sessions.get_mut(&session)?;
        let index = call.legs.remove(&no)?;
        call.hears.remove(&no);
        let mut leg = self.legs.remove(index);
        let forgotten = match &leg.ways {
            Ways::Ports(pair) => self.epoll.delete(&pair.rtp).and_then(|()| self.epoll.delete(&pair.rtcp)),
            Ways::WebRtc(line) => line.away().map_or(Ok(()), |away| self.epoll.delete(away)),
        };
        if let Err(error) = forgotten {
            tracing::error!(%error, "a media socket is watched for ever");
        }
        self.busy.retain(|&busy| busy != index);
        self.shaking.retain(|&shaking| shaking != index);
        leg.leave(now);
        self.route(session, now);
        Some(leg)
    }

    fn close_leg(&mut self, session: u64, no: LegNo, now: u64) {
        let Some(mut leg) = self.take_out(session, no, now) else { return };
        if let Some(line) = leg.line() {
            line.end(self.desk.as_mut());
        }
        let stats = leg.stats();
        for (reason, count) in stats.dropped.reasons().into_iter().filter(|(_, count)| *count > 0) {
            metrics::counter!("media_packets_dropped_total", "reason" => reason).increment(count);
        }
        if let Some(call) = self.sessions.get_mut(&session) {
            call.closed.push(stats);
        }
    }

    fn record_leg(&mut self, session: u64, no: LegNo, record: RecordLeg, now: u64) {
        self.stop_recording_leg(session, no, now);
        let (Some(index), Some(call)) = (self.index(session, no), self.sessions.get(&session)) else { return };
        let recording = self.next_recording;
        self.next_recording += 1;
        let RecordLeg { path, longest, silence } = record;
        let over = Arc::new(AtomicBool::new(false));
        let limits = Some(Limits { leg: no, longest, silence, over: Arc::clone(&over) });
        let record = Record { path, layout: Layout::Mix };
        let start = Job::Start { recording, record, limits, events: call.events.clone(), at: now };
        self.feed.command(start, now);
        let tap = Tap { recording, origin: 0, channel: 0 };
        self.legs[index].message = Some(Box::new(MessageTap { tap, over }));
    }

    fn stop_recording_leg(&mut self, session: u64, no: LegNo, now: u64) {
        let Some(index) = self.index(session, no) else { return };
        if let Some(message) = self.legs[index].message.take()
            && !message.over.load(Ordering::Relaxed)
        {
            self.feed.command(Job::Finish { recording: message.tap.recording, at: now, report: None }, now);
        }
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
            let side = leg.side.unwrap_or(if first { Side::Left } else { Side::Right });
            leg.tap = if side == Side::Off { None } else { tap(no.0.min(PLAYED - 1), side == Side::Left) };
            // What the first leg hears from us belongs to the other side; what others hear (hold music) to neither.
            leg.played_tap = if first { tap(PLAYED, side != Side::Left) } else { None };
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
