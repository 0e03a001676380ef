//! The calls that are up on this node, and how many each extension and trunk has.

mod command;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{CallId, TenantId, Timestamp, cause::Cause, ids::TrunkId};
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

pub(crate) use self::command::{
    Command, Conflict, Gift, JoinAs, Joining, Reply, Supervise, SuperviseMode, TakeLeg, Transfer, TransferMode, Who,
};
use crate::model::{Direction, SourceType};

/// How often a draining node looks whether its calls are over.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Commands that may wait for a call's driver.
const WAITING_COMMANDS: usize = 16;

/// One live call as others see it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) call: CallId,
    pub(crate) state: &'static str,
    pub(crate) direction: Direction,
    pub(crate) source_type: SourceType,
    pub(crate) caller_number: String,
    pub(crate) destination_number: String,
    pub(crate) extension: Option<String>,
    pub(crate) legs: Vec<LegView>,
    pub(crate) started_at: Timestamp,
    pub(crate) answered_at: Option<Timestamp>,
    /// The queue that it waits in, or came out of with an agent.
    pub(crate) queue: Option<String>,
    pub(crate) recording: Option<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct LegView {
    pub(crate) uuid: domain::LegId,
    pub(crate) key: Option<sip::LegKey>,
    pub(crate) side: &'static str,
    pub(crate) state: &'static str,
    pub(crate) number: String,
    pub(crate) extension: Option<String>,
    pub(crate) trunk: Option<String>,
}

/// What lamps show of a call, as a hash: a call is looked at after everything that happens to it, and mostly nothing is
/// to be seen of that.
#[derive(PartialEq, Eq)]
struct Seen(u64);

impl Seen {
    fn of(view: &View) -> Self {
        let mut hasher = DefaultHasher::new();
        (view.state, &view.extension, view.answered_at, view.recording).hash(&mut hasher);
        for leg in &view.legs {
            (leg.uuid, leg.side, leg.state, &leg.number, &leg.extension).hash(&mut hasher);
        }
        Self(hasher.finish())
    }
}

/// What is counted against a limit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Seat {
    Extension(TenantId, String),
    Trunk(TenantId, TrunkId),
    Node,
}

/// Counted as long as it is held.
#[derive(Debug)]
pub(crate) struct Taken {
    live: Live,
    seat: Seat,
}

impl Taken {
    pub(crate) const fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Tells whether it is a seat of that extension.
    pub(crate) fn is_of(&self, extension: &str) -> bool {
        matches!(&self.seat, Seat::Extension(_, number) if number == extension)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut tables = self.live.lock();
        if let Some(count) = tables.seats.get_mut(&self.seat) {
            *count -= 1;
            if *count == 0 {
                tables.seats.remove(&self.seat);
            }
        }
    }
}

/// One call waits for another as long as it is held.
#[derive(Debug)]
pub(crate) struct Waiting {
    live: Live,
    call: CallId,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.live.lock().waits.remove(&self.call);
    }
}

struct Entry {
    tenant: TenantId,
    commands: mpsc::Sender<Command>,
    /// A place in the mailbox that nothing else takes, until the call is told to end.
    last: Option<mpsc::OwnedPermit<Command>>,
    view: View,
}

impl Entry {
    /// Sends a command. A call may have too much to do for others, never for its end.
    fn send(&mut self, command: Command) {
        match (command, self.last.take()) {
            (hangup @ Command::Hangup(_), Some(last)) => drop(last.send(hangup)),
            // It was told already.
            (Command::Hangup(_), None) => {}
            (other, last) => {
                self.last = last;
                let _ = self.commands.try_send(other);
            }
        }
    }
}

#[derive(Default)]
struct Tables {
    calls: HashMap<CallId, Entry>,
    seats: HashMap<Seat, u32>,
    /// Calls whose drivers wait for another call, and for which.
    waits: HashMap<CallId, CallId>,
    /// Grows with every change that others can see.
    version: u64,
    closed: bool,
}

/// The register of live calls. A cheap clone; held only for a few lines.
#[derive(Clone, Default)]
pub(crate) struct Live(Arc<Mutex<Tables>>);

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Live")
    }
}

impl Live {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock was held cannot leave a half-written entry: each change is one insert or remove.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes one more of `seat`, or nothing if `most` are taken. Check and count are one step.
    pub(crate) fn take(&self, seat: Seat, most: u32) -> Option<Taken> {
        let mut tables = self.lock();
        let count = tables.seats.entry(seat.clone()).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(tables);
        Some(Taken { live: self.clone(), seat })
    }

    /// Tells of each of these extensions whether it has a call.
    pub(crate) fn have_calls(&self, tenant: TenantId, extensions: &[&str]) -> Vec<bool> {
        let tables = self.lock();
        let mut seat = Seat::Extension(tenant, String::new());
        let mut asked = |extension: &&str| {
            if let Seat::Extension(_, number) = &mut seat {
                number.clear();
                number.push_str(extension);
            }
            tables.seats.contains_key(&seat)
        };
        extensions.iter().map(&mut asked).collect()
    }

    /// Tells whether a call is up.
    pub(crate) fn is_up(&self, call: CallId) -> bool {
        self.lock().calls.contains_key(&call)
    }

    #[cfg(test)]
    fn taken(&self, seat: &Seat) -> u32 {
        self.lock().seats.get(seat).copied().unwrap_or(0)
    }

    /// Enters a call and returns where its driver hears commands; nothing once the node drains.
    pub(crate) fn enter(&self, tenant: TenantId, view: View) -> Option<mpsc::Receiver<Command>> {
        let mut tables = self.lock();
        if tables.closed {
            return None;
        }
        let (commands, heard) = mpsc::channel(WAITING_COMMANDS + 1);
        let last = commands.clone().try_reserve_owned().ok();
        tables.calls.insert(view.call, Entry { tenant, commands, last, view });
        tables.version += 1;
        Some(heard)
    }

    /// Changes what others see of a call.
    pub(crate) fn update(&self, call: CallId, change: impl FnOnce(&mut View)) {
        let mut tables = self.lock();
        let Some(entry) = tables.calls.get_mut(&call) else { return };
        let before = Seen::of(&entry.view);
        change(&mut entry.view);
        if before != Seen::of(&entry.view) {
            tables.version += 1;
        }
    }

    pub(crate) fn leave(&self, call: CallId) {
        let mut tables = self.lock();
        tables.calls.remove(&call);
        tables.version += 1;
    }

    /// Returns a number that is another one after every change that others can see.
    pub(crate) fn version(&self) -> u64 {
        self.lock().version
    }

    /// Shows the calls of every account one by one, without a copy of them.
    pub(crate) fn look(&self, mut at: impl FnMut(TenantId, &View)) {
        self.lock().calls.values().for_each(|entry| at(entry.tenant, &entry.view));
    }

    /// Returns a call of that account.
    pub(crate) fn find(&self, tenant: TenantId, call: CallId) -> Option<View> {
        self.lock().calls.get(&call).filter(|entry| entry.tenant == tenant).map(|entry| entry.view.clone())
    }

    /// Returns the account's call that has that leg.
    pub(crate) fn with_leg(&self, tenant: TenantId, key: sip::LegKey) -> Option<CallId> {
        let tables = self.lock();
        let has = |entry: &&Entry| entry.tenant == tenant && entry.view.legs.iter().any(|leg| leg.key == Some(key));
        tables.calls.values().find(has).map(|entry| entry.view.call)
    }

    /// Returns the account's calls, the oldest first.
    pub(crate) fn all(&self, tenant: TenantId) -> Vec<View> {
        let mut views: Vec<View> =
            self.lock().calls.values().filter(|entry| entry.tenant == tenant).map(|entry| entry.view.clone()).collect();
        views.sort_by_key(|view| (view.started_at, view.call));
        views
    }

    /// Returns where a call's driver hears commands.
    pub(crate) fn commands(&self, call: CallId) -> Option<mpsc::Sender<Command>> {
        self.lock().calls.get(&call).map(|entry| entry.commands.clone())
    }

    /// Sends a command to a call; false if the account has no such call. One that is told to end does; another command is
    /// lost on a call that has too much to do.
    pub(crate) fn command(&self, tenant: TenantId, call: CallId, command: Command) -> bool {
        let mut tables = self.lock();
        let Some(entry) = tables.calls.get_mut(&call).filter(|entry| entry.tenant == tenant) else {
            return false;
        };
        entry.send(command);
        true
    }

    /// Notes that a call waits for another one, which it cannot answer meanwhile; nothing if that one waits for this
    /// call, by itself or through others: none of them would ever answer.
    pub(crate) fn wait_for(&self, call: CallId, other: CallId) -> Option<Waiting> {
        let mut tables = self.lock();
        let mut last = other;
        while last != call {
            match tables.waits.get(&last) {
                Some(next) => last = *next,
                None => {
                    tables.waits.insert(call, other);
                    return Some(Waiting { live: self.clone(), call });
                }
            }
        }
        None
    }

    /// Sends a command to a call and waits for what became of it; nothing if the account has no such call.
    pub(crate) async fn ask(
        &self,
        tenant: TenantId,
        call: CallId,
        command: impl FnOnce(Reply) -> Command,
    ) -> Option<Result<(), Conflict>> {
        let (reply, answer) = oneshot::channel();
        let commands = {
            let tables = self.lock();
            tables.calls.get(&call).filter(|entry| entry.tenant == tenant)?.commands.clone()
        };
        // A call that has so much to do, or that ends, does nothing else.
        if commands.try_send(command(reply)).is_err() {
            return Some(Err(Conflict::WrongState));
        }
        Some(answer.await.unwrap_or(Err(Conflict::WrongState)))
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().calls.len()
    }

    /// Refuses new calls from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Waits until no call is up, at most `patience`.
    pub(crate) async fn until_empty(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.count() > 0 && Instant::now() < deadline {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Ends every call of every account.
    pub(crate) fn hang_up_all(&self, cause: Cause) {
        for entry in self.lock().calls.values_mut() {
            entry.send(Command::Hangup(cause));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(call: CallId) -> View {
        View {
            call,
            state: "ringing",
            direction: Direction::Internal,
            source_type: SourceType::Internal,
            caller_number: "1001".to_owned(),
            destination_number: "1002".to_owned(),
            extension: None,
            legs: Vec::new(),
            started_at: Timestamp(0),
            answered_at: None,
            queue: None,
            recording: None,
        }
    }

    #[test]
    fn a_call_that_has_too_much_to_do_hears_that_it_ends() {
        let live = Live::default();
        let (tenant, call) = (TenantId(1), CallId(uuid::Uuid::nil()));
        let mut heard = live.enter(tenant, view(call)).unwrap();
        for _ in 0..2 * WAITING_COMMANDS {
            let (reply, _) = oneshot::channel();
            assert!(live.command(tenant, call, Command::PauseRecording { reply }));
        }
        assert!(live.command(tenant, call, Command::Hangup(Cause::NormalClearing)));
        live.hang_up_all(Cause::NormalTemporaryFailure);
        let commands: Vec<Command> = std::iter::from_fn(|| heard.try_recv().ok()).collect();
        assert_eq!(commands.len(), WAITING_COMMANDS + 1);
        assert!(matches!(commands.last(), Some(Command::Hangup(Cause::NormalClearing))), "{commands:?}");
        assert!(!live.command(TenantId(2), call, Command::Hangup(Cause::NormalClearing)), "another account");
    }

    #[test]
    fn calls_do_not_wait_for_each_other_in_a_ring() {
        let live = Live::default();
        let [a, b, c] = [1, 2, 3].map(|no| CallId(uuid::Uuid::from_u128(no)));
        assert!(live.wait_for(a, a).is_none());
        let first = live.wait_for(a, b).unwrap();
        assert!(live.wait_for(b, a).is_none(), "crosswise");
        let second = live.wait_for(b, c).unwrap();
        assert!(live.wait_for(c, a).is_none(), "by way of a third");
        drop(first);
        let third = live.wait_for(c, a).unwrap();
        assert!(live.wait_for(a, b).is_none());
        drop((second, third));
        assert!(live.lock().waits.is_empty());
    }

    #[test]
    fn nobody_looks_at_calls_again_to_which_nothing_visible_happened() {
        let live = Live::default();
        let call = CallId(uuid::Uuid::nil());
        let _heard = live.enter(TenantId(1), view(call)).unwrap();
        let before = live.version();
        live.update(call, |view| view.state = "ringing");
        assert_eq!(live.version(), before);
        live.update(call, |view| view.state = "answered");
        assert!(live.version() > before);
    }

    #[test]
    fn a_limit_of_two_never_lets_a_third_in_and_a_seat_given_back_is_free_again() {
        let live = Live::default();
        let seat = || Seat::Trunk(TenantId(1), TrunkId(1));
        let first = live.take(seat(), 2).unwrap();
        let second = live.take(seat(), 2).unwrap();
        assert!(live.take(seat(), 2).is_none());
        drop(first);
        assert_eq!(live.taken(&seat()), 1);
        let third = live.take(seat(), 2).unwrap();
        drop((second, third));
        assert_eq!(live.taken(&seat()), 0);
    }
}
