//! Conference rooms: their members' sound in one place, each hearing all the others.
//!
//! Every member is a call of its own, with its own record; only its media is in the room while it is a member.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use domain::TenantId;
use media::{Detached, Event, EventSink, LegNo, Media, Repeat, Session, Source};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::live::Command;

/// Media events of one room that may wait.
const WAITING: usize = 256;

type Key = (TenantId, String);

/// The rooms of this node. A cheap clone.
#[derive(Clone, Default)]
pub(crate) struct Rooms(Arc<Mutex<HashMap<Key, Room>>>);

struct Room {
    session: Arc<Session>,
    /// Who is in it or on the way in.
    chairs: usize,
    members: Vec<Member>,
}

struct Member {
    leg: LegNo,
    commands: mpsc::Sender<Command>,
    /// What it hears while it is alone.
    music: Arc<[i16]>,
}

/// A place in a room, taken as long as it is held.
pub(crate) struct Chair {
    rooms: Rooms,
    key: Key,
    /// The member's leg in the room's media.
    leg: Option<LegNo>,
}

impl std::fmt::Debug for Rooms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rooms")
    }
}

impl std::fmt::Debug for Chair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chair").field("leg", &self.leg).finish_non_exhaustive()
    }
}

impl Rooms {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Room>> {
        // Every change is one step: a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place in a room, which is made if nobody is in it; nothing if it has `most` members.
    pub(crate) fn enter(
        &self,
        media: &Media,
        tracker: &TaskTracker,
        tenant: TenantId,
        name: &str,
        most: u16,
    ) -> Option<Chair> {
        let key = (tenant, name.to_owned());
        let mut rooms = self.lock();
        let room = rooms.entry(key.clone()).or_insert_with(|| {
            let (sink, events) = mpsc::channel(WAITING);
            tracker.spawn(self.clone().tell_members(key.clone(), events));
            let session = Arc::new(media.session(EventSink::new(sink)));
            Room { session, chairs: 0, members: Vec::new() }
        });
        if room.chairs >= usize::from(most) {
            return None;
        }
        room.chairs += 1;
        drop(rooms);
        Some(Chair { rooms: self.clone(), key, leg: None })
    }

    /// Takes what the media says of a member to the member's call, until the room is closed.
    async fn tell_members(self, key: Key, mut events: mpsc::Receiver<Event>) {
        while let Some(event) = events.recv().await {
            let Some(leg) = leg_of(&event.kind) else { continue };
            let rooms = self.lock();
            let member = rooms.get(&key).and_then(|room| room.members.iter().find(|member| member.leg == leg));
            if let Some(member) = member {
                // A full mailbox holds commands that end the call already.
                let _ = member.commands.try_send(Command::InRoom(event.kind));
            }
        }
    }
}

impl Room {
    /// Has every member hear all the others, and who is alone music.
    fn arrange(&self) {
        for member in &self.members {
            let others: Vec<LegNo> =
                self.members.iter().map(|other| other.leg).filter(|leg| *leg != member.leg).collect();
            self.session.hears(member.leg, &others);
            if others.is_empty() {
                let samples = Arc::clone(&member.music);
                self.session.play(member.leg, Source::Pcm { samples, repeat: Repeat::Forever });
            } else {
                self.session.stop(member.leg);
            }
        }
    }
}

impl Chair {
    /// Brings the member's media in.
    pub(crate) fn sit(&mut self, detached: Detached, commands: mpsc::Sender<Command>, music: Arc<[i16]>) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(&self.key) else { return };
        let leg = room.session.adopt(detached);
        // Keys are for the room: the others need not hear them.
        room.session.keep_keys(leg, true);
        room.members.push(Member { leg, commands, music });
        room.arrange();
        drop(rooms);
        self.leg = Some(leg);
    }

    /// Takes the member's media out again; nothing if it is not in.
    pub(crate) async fn rise(&mut self) -> Option<Detached> {
        let leg = self.leg.take()?;
        let detached = {
            let mut rooms = self.rooms.lock();
            let room = rooms.get_mut(&self.key)?;
            room.members.retain(|member| member.leg != leg);
            let detached = room.session.detach(leg);
            room.arrange();
            detached
        };
        detached.await.ok()
    }

    /// Returns the media of the room and the member's leg in it.
    pub(crate) fn media(&self) -> Option<(Arc<Session>, LegNo)> {
        let leg = self.leg?;
        self.rooms.lock().get(&self.key).map(|room| (Arc::clone(&room.session), leg))
    }
}

impl Drop for Chair {
    fn drop(&mut self) {
        let mut rooms = self.rooms.lock();
        let Some(room) = rooms.get_mut(&self.key) else { return };
        room.chairs -= 1;
        if let Some(leg) = self.leg.take() {
            room.members.retain(|member| member.leg != leg);
            room.session.close_leg(leg);
            room.arrange();
        }
        if room.chairs == 0 {
            rooms.remove(&self.key);
        }
    }
}

/// Returns the leg that an event is about.
const fn leg_of(kind: &media::EventKind) -> Option<LegNo> {
    match kind {
        media::EventKind::Dtmf { leg, .. }
        | media::EventKind::Inactive { leg }
        | media::EventKind::Insecure { leg }
        | media::EventKind::PlayFinished { leg }
        | media::EventKind::LegRecorded { leg, .. } => Some(*leg),
        media::EventKind::RecordingFailed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_room_has_so_many_chairs_and_is_gone_when_the_last_is_free() {
        let media = Media::open(media::Config { bind: [127, 0, 0, 1].into(), ..media::Config::default() }).unwrap();
        let (rooms, tracker) = (Rooms::default(), TaskTracker::new());
        let enter = |tenant, most| rooms.enter(&media, &tracker, TenantId(tenant), "1", most);
        let (first, second) = (enter(1, 2).unwrap(), enter(1, 2).unwrap());
        assert!(enter(1, 2).is_none());
        let elsewhere = enter(2, 2);
        assert!(elsewhere.is_some(), "accounts do not share rooms");
        drop(first);
        let third = enter(1, 2);
        assert!(third.is_some());
        drop((second, third, elsewhere));
        assert!(rooms.lock().is_empty());
        tracker.close();
        tracker.wait().await;
    }
}
