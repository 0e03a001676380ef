//! The guard against toll fraud: what may be called, and how much of it within an hour.
//!
//! A [`Policy`] says what an account may dial at all. A [`Guard`] keeps the account's books: calls that are up, and
//! minute by minute what the last hour has used, for the account and for each extension. A place is taken in one step
//! before the INVITE goes out, so that many calls at the same moment cannot all find it free.

mod books;
mod often;
mod places;
mod policy;
mod rate;

use std::collections::HashMap;

use books::{Book, minute_of};
pub use books::{MINUTES, Minute, Usage};
use often::Often;
pub use places::{COUNTRIES, Country, PREMIUM, Premium, country_of, premium_of};
pub use policy::{Limits, Policy, Whose, Why};
pub use rate::{Rate, UNIT, money, read_money};

use crate::{Timestamp, number::Region};

/// A call that the guard let out, until it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry(u64);

#[derive(Debug)]
struct Up {
    extension: Option<String>,
    /// The numbers that it may be dialled by; the one that was, once it is answered.
    numbers: Vec<String>,
    rate: Option<Rate>,
    answered: Option<Timestamp>,
    /// Talk and cost that are in the books already.
    talk: i64,
    cost: i64,
}

impl Up {
    /// Says whether the rules, as they are now, let the call out by any of its numbers.
    fn may_be_dialled(&self, policy: &Policy, region: Region) -> Result<(), Why> {
        if let (Some(dearest), Some(rate)) = (policy.dearest_minute, self.rate)
            && rate.per_minute > dearest
        {
            return Err(Why::TooDear);
        }
        let mut verdict = if policy.stopped { Err(Why::Stopped) } else { Ok(()) };
        for number in &self.numbers {
            verdict = policy.allows(number, region);
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }
}

/// What is to be written down, so that a restart forgets nothing. No extension: the account as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub extension: Option<String>,
    pub minute: Minute,
}

/// The books of one account.
#[derive(Debug, Default)]
pub struct Guard {
    account: Book,
    extensions: HashMap<String, Book>,
    often: Often,
    up: HashMap<Entry, Up>,
    next: u64,
}

impl Guard {
    /// Takes in what an earlier run wrote down.
    pub fn restore(&mut self, line: Line) {
        match line.extension {
            Some(extension) => self.extensions.entry(extension).or_default().restore(line.minute),
            None => self.account.restore(line.minute),
        }
    }

    /// Takes a place for one more call; check and count are one step.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn enter(
        &mut self,
        extension: Option<&str>,
        rate: Option<Rate>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Entry, Why> {
        if let (Some(dearest), Some(rate)) = (policy.dearest_minute, rate)
            && rate.per_minute > dearest
        {
            return Err(Why::TooDear);
        }
        self.count_talk(now);
        policy.account.admit(&self.account.usage(now), Whose::Account)?;
        if let Some(extension) = extension {
            let usage = self.extensions.get(extension).map(|book| book.usage(now)).unwrap_or_default();
            policy.extension.admit(&usage, Whose::Extension)?;
        }
        for book in self.books(extension) {
            book.add(now, 1, 0, 0);
            book.up += 1;
        }
        self.next += 1;
        let entry = Entry(self.next);
        let extension = extension.map(str::to_owned);
        self.up.insert(entry, Up { extension, numbers: Vec::new(), rate, answered: None, talk: 0, cost: 0 });
        Ok(entry)
    }

    /// Says whether a number of the world, digits alone, may be called once more within its day.
    ///
    /// # Errors
    /// [`Why::CallsPerNumber`].
    pub fn may_call(&self, number: &str, policy: &Policy, now: Timestamp) -> Result<(), Why> {
        let is_over = policy.calls_per_number.is_some_and(|most| self.often.calls(number, now) >= most);
        if is_over { Err(Why::CallsPerNumber) } else { Ok(()) }
    }

    /// Counts a call to a number, where the rules have a limit for that.
    pub fn calls(&mut self, number: &str, policy: &Policy, now: Timestamp) {
        if policy.calls_per_number.is_some() {
            self.often.add(number, now);
        }
    }

    /// Takes in how often an earlier run called a number since that time.
    pub fn restore_calls(&mut self, number: &str, since: Timestamp, calls: u32) {
        self.often.restore(number, since, calls);
    }

    /// Says which numbers a call is to be dialled by: rules that change meanwhile concern it too.
    pub fn dials(&mut self, entry: Entry, numbers: Vec<String>) {
        if let Some(up) = self.up.get_mut(&entry) {
            up.numbers = numbers;
        }
    }

    /// Starts to count the talk of a call that `number` took; the first answer counts.
    pub fn answered(&mut self, entry: Entry, number: &str, now: Timestamp) {
        if let Some(up) = self.up.get_mut(&entry)
            && up.answered.is_none()
        {
            up.answered = Some(now);
            up.numbers = vec![number.to_owned()];
        }
        self.count(entry, now);
    }

    /// Takes a call out of the books' present; a second time does nothing.
    pub fn ended(&mut self, entry: Entry, now: Timestamp) {
        self.count(entry, now);
        let Some(up) = self.up.remove(&entry) else { return };
        for book in self.books(up.extension.as_deref()) {
            book.up = book.up.saturating_sub(1);
        }
    }

    /// Brings the books up to date and returns the calls that may not go on: those that may not be dialled any more, and
    /// those that talk beyond a limit. To be called every second or so: what is lost beyond a limit is what the calls that
    /// are up cost in that time.
    pub fn overdue(&mut self, policy: &Policy, region: Region, now: Timestamp) -> Vec<(Entry, Why)> {
        self.count_talk(now);
        self.account.forget(now);
        self.often.forget(now);
        self.extensions.retain(|_, book| {
            book.forget(now);
            !book.is_empty()
        });
        let account = policy.account.last(&self.account.usage(now), Whose::Account);
        let mut overdue: Vec<(Entry, Why)> = self
            .up
            .iter()
            .filter_map(|(entry, up)| {
                let limits = || {
                    let book = up.extension.as_ref().and_then(|extension| self.extensions.get(extension));
                    let own = book.map_or(Ok(()), |book| policy.extension.last(&book.usage(now), Whose::Extension));
                    if up.answered.is_some() { own.and(account) } else { Ok(()) }
                };
                up.may_be_dialled(policy, region).and_then(|()| limits()).err().map(|why| (*entry, why))
            })
            .collect();
        overdue.sort_by_key(|(entry, _)| *entry);
        overdue
    }

    /// Hands out what changed since the last time, for the disk.
    pub fn take_changed(&mut self) -> Vec<Line> {
        let mut lines: Vec<Line> =
            self.account.take_changed().into_iter().map(|minute| Line { extension: None, minute }).collect();
        for (extension, book) in &mut self.extensions {
            let own = book.take_changed().into_iter();
            lines.extend(own.map(|minute| Line { extension: Some(extension.clone()), minute }));
        }
        lines
    }

    /// Returns what the account has used within the hour.
    pub fn usage(&self, now: Timestamp) -> Usage {
        self.account.usage(now)
    }

    /// Returns what every extension has used that used anything, by number.
    pub fn usage_of_extensions(&self, now: Timestamp) -> Vec<(String, Usage)> {
        let mut all: Vec<_> =
            self.extensions.iter().map(|(extension, book)| (extension.clone(), book.usage(now))).collect();
        all.sort();
        all
    }

    /// Returns whether there is nothing to keep.
    pub fn is_idle(&self) -> bool {
        self.account.is_empty() && self.extensions.is_empty() && self.often.is_empty() && self.up.is_empty()
    }

    fn count_talk(&mut self, now: Timestamp) {
        let entries: Vec<Entry> = self.up.iter().filter(|(_, up)| up.answered.is_some()).map(|(id, _)| *id).collect();
        for entry in entries {
            self.count(entry, now);
        }
    }

    fn count(&mut self, entry: Entry, now: Timestamp) {
        let Some(up) = self.up.get_mut(&entry) else { return };
        let Some(answered) = up.answered else { return };
        let talk = (now.millis() - answered.millis()).max(up.talk);
        let cost = up.rate.map_or(0, |rate| rate.cost(talk)).max(up.cost);
        let (more_talk, more_cost) = (talk - up.talk, cost - up.cost);
        (up.talk, up.cost) = (talk, cost);
        if more_talk == 0 && more_cost == 0 {
            return;
        }
        let extension = up.extension.clone();
        for book in self.books(extension.as_deref()) {
            book.add(now, 0, more_talk, more_cost);
        }
    }

    fn books(&mut self, extension: Option<&str>) -> impl Iterator<Item = &mut Book> {
        let own = extension.map(|extension| self.extensions.entry(extension.to_owned()).or_default());
        std::iter::once(&mut self.account).chain(own)
    }
}

/// Returns the first minute that limits look at.
pub const fn first_minute(now: Timestamp) -> i64 {
    minute_of(now) - MINUTES + 1
}

#[cfg(test)]
mod tests;
