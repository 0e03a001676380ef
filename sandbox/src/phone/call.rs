//! A call as its simulated party experienced it.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use media::{Capture, LegStats};
use sip::{DialogRecord, EndedBy, LegKey, Replaces};
use tokio::sync::{mpsc, watch};

use super::Says;
use crate::speech::{RATE, Voice};

/// Orders waiting for one party.
const ORDERS: usize = 64;

/// Samples of a second and a half.
const LATELY: usize = RATE as usize * 3 / 2;

/// What is known of a call from its first message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The number that was dialled.
    pub number: String,
    pub caller: String,
    pub caller_name: Option<String>,
    /// The `X-` and identity headers of the INVITE.
    pub headers: Vec<(String, String)>,
}

impl About {
    /// Returns a header's value; names are the same in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// Where a call stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum State {
    #[default]
    Ringing,
    Up,
    Over(Ending),
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    pub answered: bool,
    pub by: EndedBy,
    /// The final failure of the INVITE.
    pub status: Option<u16>,
    /// The Q.850 cause that the other side gave.
    pub q850: Option<u8>,
    /// The party's packets, as its own media saw them.
    pub media: Option<LegStats>,
}

/// A call of a simulated party: what it is about, how it stands, what was heard. A cheap clone.
#[derive(Clone, Debug)]
pub struct Call {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    about: About,
    leg: OnceLock<LegKey>,
    state: watch::Sender<State>,
    ear: Mutex<Option<Ear>>,
    keys: Mutex<String>,
    dialog: Mutex<Option<DialogRecord>>,
    encrypted: AtomicBool,
    /// The latest status of a call that the party asked the other side for.
    news: watch::Sender<u16>,
    orders: mpsc::Sender<Order>,
}

struct Ear(Capture);

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ear")
    }
}

/// What the owner of a call wants of its party.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    HangUp,
    Press(String),
    Say(Says),
    Hold(bool),
    Refer { target: String, replaces: Option<Replaces> },
}

impl Call {
    pub(crate) fn new(about: About) -> (Self, mpsc::Receiver<Order>) {
        let (orders, ordered) = mpsc::channel(ORDERS);
        let shared = Shared {
            about,
            leg: OnceLock::new(),
            state: watch::channel(State::Ringing).0,
            ear: Mutex::default(),
            keys: Mutex::default(),
            dialog: Mutex::default(),
            encrypted: AtomicBool::new(false),
            news: watch::channel(0).0,
            orders,
        };
        (Self { shared: Arc::new(shared) }, ordered)
    }

    pub fn about(&self) -> &About {
        &self.shared.about
    }

    /// Returns the key of the party's leg in its own SIP endpoint.
    pub fn leg(&self) -> Option<LegKey> {
        self.shared.leg.get().copied()
    }

    pub fn state(&self) -> State {
        self.shared.state.borrow().clone()
    }

    pub fn is_over(&self) -> bool {
        matches!(*self.shared.state.borrow(), State::Over(_))
    }

    /// Waits until the call stands; false if it ended first or `patience` did.
    pub async fn up(&self, patience: Duration) -> bool {
        let mut state = self.shared.state.subscribe();
        let reached = state.wait_for(|state| *state != State::Ringing);
        matches!(tokio::time::timeout(patience, reached).await, Ok(Ok(state)) if *state == State::Up)
    }

    /// Waits until the call is over and tells how it ended; `None` after `patience`.
    pub async fn over(&self, patience: Duration) -> Option<Ending> {
        let mut state = self.shared.state.subscribe();
        let reached = state.wait_for(|state| matches!(state, State::Over(_)));
        match tokio::time::timeout(patience, reached).await {
            Ok(Ok(state)) => match &*state {
                State::Over(ending) => Some(ending.clone()),
                State::Ringing | State::Up => None,
            },
            _ => None,
        }
    }

    /// Returns what the party has heard so far, 8 kHz.
    pub fn heard(&self) -> Vec<i16> {
        let ear = self.shared.ear.lock().unwrap_or_else(PoisonError::into_inner);
        ear.as_ref().map(|ear| ear.0.samples()).unwrap_or_default()
    }

    /// Returns whose voice the party has heard.
    pub fn heard_voice(&self) -> Option<Voice> {
        Voice::heard_in(&self.heard())
    }

    /// Returns whose voice the party has heard in the latest second and a half.
    pub fn heard_voice_lately(&self) -> Option<Voice> {
        let heard = self.heard();
        Voice::heard_in(&heard[heard.len().saturating_sub(LATELY)..])
    }

    /// Tells whether the voice is encrypted (SRTP).
    pub fn is_encrypted(&self) -> bool {
        self.shared.encrypted.load(Ordering::Relaxed)
    }

    /// Returns the keys that the other side has pressed.
    pub fn keys(&self) -> String {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the party to hang up.
    pub fn hang_up(&self) {
        self.order(Order::HangUp);
    }

    /// Tells the party to press keys.
    pub fn press(&self, digits: &str) {
        self.order(Order::Press(digits.to_owned()));
    }

    /// Tells the party to put the other side on hold.
    pub fn hold(&self) {
        self.order(Order::Hold(true));
    }

    /// Tells the party to take the other side back from hold.
    pub fn resume(&self) {
        self.order(Order::Hold(false));
    }

    /// Tells the party to hand its other side on to a number, by REFER.
    pub fn refer_to(&self, number: &str, domain: &str) {
        self.order(Order::Refer { target: format!("sip:{number}@{domain}"), replaces: None });
    }

    /// Tells the party to hand its other side on to the one whom it talks with in `other`.
    pub fn refer_to_call(&self, other: &Self) {
        let Some((target, replaces)) = other.named() else { return };
        self.order(Order::Refer { target, replaces: Some(replaces) });
    }

    /// Returns where the other side is, and how a third party names this call to it (RFC 3891).
    pub(crate) fn named(&self) -> Option<(String, Replaces)> {
        let dialog = self.shared.dialog.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let replaces = Replaces {
            call_id: dialog.call_id,
            to_tag: dialog.remote_tag,
            from_tag: dialog.local_tag,
            ..Replaces::default()
        };
        Some((dialog.remote_uri, replaces))
    }

    /// Waits until the party is told a final status of what it asked for by REFER; `None` after `patience`.
    pub async fn referred(&self, patience: Duration) -> Option<u16> {
        let mut news = self.shared.news.subscribe();
        let reached = news.wait_for(|status| *status >= 200);
        tokio::time::timeout(patience, reached).await.ok()?.ok().map(|status| *status)
    }

    /// Tells the party what to say from now on.
    pub fn say(&self, says: Says) {
        self.order(Order::Say(says));
    }

    /// A party that has 64 orders waiting or has left does not hear any more of them.
    fn order(&self, order: Order) {
        let _ = self.shared.orders.try_send(order);
    }

    pub(crate) fn set_encrypted(&self, encrypted: bool) {
        self.shared.encrypted.store(encrypted, Ordering::Relaxed);
    }

    pub(crate) fn set_dialog(&self, dialog: DialogRecord) {
        *self.shared.dialog.lock().unwrap_or_else(PoisonError::into_inner) = Some(dialog);
    }

    pub(crate) fn set_news(&self, status: u16) {
        self.shared.news.send_replace(status);
    }

    pub(crate) fn set_leg(&self, leg: LegKey) {
        let _ = self.shared.leg.set(leg);
    }

    pub(crate) fn set_state(&self, state: State) {
        self.shared.state.send_replace(state);
    }

    pub(crate) fn set_ear(&self, capture: Capture) {
        *self.shared.ear.lock().unwrap_or_else(PoisonError::into_inner) = Some(Ear(capture));
    }

    pub(crate) fn add_key(&self, key: char) {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner).push(key);
    }
}
