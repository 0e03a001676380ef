//! Whether a number may be called now: every rule that stands between a lead and its INVITE, asked at dial time.
//!
//! ```text
//! number ▶ lists ▶ consent ▶ law's and campaign's hours ▶ frequency ▶ gap ▶ caller ID ▶ (pacing)
//! ```
//!
//! [`check`] names the first rule in this order that refuses, its version, and when the call would be allowed if
//! nothing but time passes. [`refusals`] names all of them, for whoever asks why a lead is not dialled.
//! An opt-out is no setting: lists and withdrawn consent refuse whatever else is switched off.

mod law;
#[cfg(test)]
mod tests;
mod zones;

use std::{borrow::Cow, time::Duration};

use domain::{
    Timestamp,
    guard::premium_of,
    hours::{Calendar, DAY, Holiday, Span},
    number::Region,
};
pub use law::{Cap, LAWS, Law, Purpose};
pub use zones::zones_of;

use crate::zone::Zone;

/// Version of the rules that are not laws.
pub const VERSION: u32 = 1;
/// Rounds after which it is given up to find a time at which all rules agree.
const ROUNDS: usize = 300;

/// A list of numbers that may not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum List {
    /// The account's own: who asked not to be called, for any purpose.
    Account,
    /// One campaign's.
    Campaign,
    /// The state's register: against advertising.
    National,
}

/// What a callee agreed to. The proof (who, which text, how) is kept with the record; here is what decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Consent {
    pub purposes: Vec<Purpose>,
    pub given: Timestamp,
    pub expires: Option<Timestamp>,
    pub withdrawn: Option<Timestamp>,
    /// How often they agreed to be called.
    pub frequency: Option<Cap>,
}

/// A call that was placed to the number before, by any campaign of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    pub at: Timestamp,
    pub campaign: i64,
    pub purpose: Purpose,
}

/// What the call would show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerId {
    /// No number of the campaign may be used at present; perhaps at that time.
    None {
        until: Option<Timestamp>,
    },
    Number,
    /// A registered name (tên định danh).
    Brand,
}

/// A cap of the account's own making.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnCap {
    pub name: String,
    pub cap: Cap,
    /// Counts calls of this campaign alone.
    pub of_campaign: bool,
}

/// What the campaign is set to.
#[derive(Clone, Debug)]
pub struct Campaign {
    pub id: i64,
    pub purpose: Purpose,
    /// The zone of its hours; of the callee too, where the number does not tell.
    pub zone: Zone,
    /// `None`: at any hour that the law allows.
    pub hours: Option<Vec<Span>>,
    pub holidays: Vec<Holiday>,
    pub starts: Option<Timestamp>,
    pub ends: Option<Timestamp>,
    pub caps: Vec<OwnCap>,
    /// Between two calls to one number.
    pub least_gap: Duration,
    /// `pdpl_enforce`. Without it hours, caps and consent of the law are not asked for; lists and withdrawals are.
    pub enforces_law: bool,
}

/// One question: may this number be called?
#[derive(Clone, Debug)]
pub struct Question<'a> {
    /// E.164 without `+`.
    pub number: &'a str,
    pub region: Region,
    /// Where the callee is known to be.
    pub zone: Option<&'a Zone>,
    /// The lists that the number is on.
    pub lists: &'a [List],
    /// When the national list was fetched last.
    pub list_as_of: Option<Timestamp>,
    pub consent: Option<&'a Consent>,
    pub past: &'a [Past],
    pub caller_id: CallerId,
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word, for example `dnc.account` or `vn.decree91.hours`.
    pub rule: Cow<'static, str>,
    pub version: u32,
    /// When the call is allowed if nothing else changes; `None`: never by time alone.
    pub until: Option<Timestamp>,
}

/// Says whether the number may be called now.
///
/// # Errors
/// The first rule that refuses.
pub fn check(question: &Question<'_>, campaign: &Campaign, laws: &[Law], now: Timestamp) -> Result<(), Refusal> {
    refusals(question, campaign, laws, now).into_iter().next().map_or(Ok(()), Err)
}

/// Returns every rule that refuses now, in the order in which they are asked.
///
/// All of them name the same time: the first at which no rule refuses any more. If one of them is not mended by time,
/// none names a time.
pub fn refusals(question: &Question<'_>, campaign: &Campaign, laws: &[Law], now: Timestamp) -> Vec<Refusal> {
    let laws: Vec<&Law> =
        laws.iter().filter(|law| law.concerns(question.number, campaign.purpose, now, laws)).collect();
    let mut found: Vec<Refusal> = Vec::new();
    let mut refuse = |rule: Cow<'static, str>, version| found.push(Refusal { rule, version, until: None });
    if !is_callable(question) {
        refuse("number.invalid".into(), VERSION);
    }
    for (list, rule) in
        [(List::Account, "dnc.account"), (List::Campaign, "dnc.campaign"), (List::National, "dnc.national")]
    {
        let counts = list != List::National || campaign.purpose == Purpose::Advertising;
        if counts && question.lists.contains(&list) {
            refuse(rule.into(), VERSION);
        }
    }
    if let Some(rule) = withdrawn(question, campaign, now) {
        refuse(rule.into(), VERSION);
    }
    if campaign.enforces_law {
        for law in &laws {
            let old = |limit| question.list_as_of.is_none_or(|as_of| now.since(as_of) > limit);
            if law.list_no_older_than.is_some_and(old) {
                refuse(format!("{}.list_age", law.id).into(), law.version);
            }
            if law.needs_consent && !has_consent(question, campaign, now) {
                refuse(format!("{}.consent", law.id).into(), law.version);
            }
        }
    }
    let for_good = found.len();
    let timed = timed(question, campaign, &laws);
    let brand = laws.iter().find(|law| law.needs_brand && question.caller_id == CallerId::Number);
    let shut = timed.iter().filter(|rule| rule.shut(now).is_some());
    found.extend(shut.map(|rule| Refusal { rule: rule.name.clone(), version: rule.version, until: None }));
    if let Some(law) = brand.filter(|_| campaign.enforces_law) {
        found.push(Refusal { rule: format!("{}.brand", law.id).into(), version: law.version, until: None });
        return found;
    }
    if for_good == 0 && !found.is_empty() {
        let until = agreed(&timed, now);
        found.iter_mut().for_each(|refusal| refusal.until = until);
    }
    found
}

/// Returns the first time at which none of the rules refuses.
fn agreed(rules: &[Timed<'_>], now: Timestamp) -> Option<Timestamp> {
    let mut at = now;
    for _ in 0..ROUNDS {
        let mut next: Option<Timestamp> = None;
        for rule in rules {
            match rule.shut(at) {
                Some(Some(until)) if until > at => next = next.max(Some(until)),
                Some(_) => return None,
                None => {}
            }
        }
        match next {
            Some(next) => at = next,
            None => return Some(at),
        }
    }
    None
}

/// Premium numbers, emergency numbers and what is no number at all are nobody's lead.
fn is_callable(question: &Question<'_>) -> bool {
    let digits = question.number;
    (7..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0')
        && !question.region.is_emergency(digits)
        && premium_of(digits).is_none()
}

fn withdrawn(question: &Question<'_>, campaign: &Campaign, now: Timestamp) -> Option<&'static str> {
    let consent = question.consent?;
    let covers = consent.purposes.is_empty() || consent.purposes.contains(&campaign.purpose);
    (covers && consent.withdrawn.is_some_and(|at| at <= now)).then_some("consent.withdrawn")
}

fn has_consent(question: &Question<'_>, campaign: &Campaign, now: Timestamp) -> bool {
    question.consent.is_some_and(|consent| {
        consent.purposes.contains(&campaign.purpose)
            && consent.given <= now
            && consent.expires.is_none_or(|expires| now < expires)
            && consent.withdrawn.is_none_or(|at| now < at)
    })
}

/// A rule that time may mend.
struct Timed<'a> {
    name: Cow<'static, str>,
    version: u32,
    what: What<'a>,
}

enum What<'a> {
    Hours { calendar: Calendar, zones: Vec<Cow<'a, Zone>> },
    Starts(Timestamp),
    Ends(Timestamp),
    Cap { cap: Cap, calls: Vec<Timestamp> },
    CallerId { until: Option<Timestamp> },
}

impl Timed<'_> {
    /// Returns `None` if it lets the call pass at that time, else until when it does not: at least until then, whatever
    /// other rules say. `Some(None)` is for ever.
    fn shut(&self, at: Timestamp) -> Option<Option<Timestamp>> {
        match &self.what {
            What::Hours { calendar, zones } => {
                let shut: Vec<_> = zones.iter().filter(|zone| !calendar.is_open(zone.local(at))).collect();
                if shut.is_empty() {
                    return None;
                }
                let opens: Option<Vec<_>> = shut.iter().map(|zone| zone.opens(calendar, at)).collect();
                Some(opens.and_then(|opens| opens.into_iter().max()))
            }
            What::Starts(starts) => (at < *starts).then_some(Some(*starts)),
            What::Ends(ends) => (at >= *ends).then_some(None),
            What::Cap { cap, calls } => {
                let Some(last) = usize::try_from(cap.calls).ok().and_then(|calls| calls.checked_sub(1)) else {
                    return Some(None);
                };
                // Newest first: when the call that fills the cap is out of the window, one more fits in.
                let until = calls.get(last)?.after(cap.within);
                (at < until).then_some(Some(until))
            }
            What::CallerId { until } => match until {
                Some(until) if at >= *until => None,
                until => Some(*until),
            },
        }
    }
}

fn timed<'a>(question: &'a Question<'_>, campaign: &'a Campaign, laws: &[&Law]) -> Vec<Timed<'a>> {
    let mut rules = Vec::new();
    let mut add = |name: Cow<'static, str>, version, what| rules.push(Timed { name, version, what });
    let calls = |of: &dyn Fn(&Past) -> bool| -> Vec<Timestamp> {
        let mut calls: Vec<_> = question.past.iter().filter(|past| of(past)).map(|past| past.at).collect();
        calls.sort_unstable_by(|a, b| b.cmp(a));
        calls
    };
    let zones = callee_zones(question, campaign);
    let enforced = laws.iter().filter(|_| campaign.enforces_law);
    for law in enforced.clone() {
        if let Some((days, from, to)) = law.hours {
            let week = days.iter().map(|day| Span { day: *day, from, to }).collect();
            let calendar = Calendar { week, holidays: Vec::new() };
            add(format!("{}.hours", law.id).into(), law.version, What::Hours { calendar, zones: zones.clone() });
        }
    }
    if let Some(starts) = campaign.starts {
        add("campaign.starts".into(), VERSION, What::Starts(starts));
    }
    if let Some(ends) = campaign.ends {
        add("campaign.ends".into(), VERSION, What::Ends(ends));
    }
    let zone = || vec![Cow::Borrowed(&campaign.zone)];
    if let Some(week) = &campaign.hours {
        let calendar = Calendar { week: week.clone(), holidays: Vec::new() };
        add("campaign.hours".into(), VERSION, What::Hours { calendar, zones: zone() });
    }
    if !campaign.holidays.is_empty() {
        let week = (1..=7).map(|day| Span { day, from: 0, to: DAY }).collect();
        let calendar = Calendar { week, holidays: campaign.holidays.clone() };
        add("holiday".into(), VERSION, What::Hours { calendar, zones: zone() });
    }
    let agreed = question.consent.and_then(|consent| consent.frequency);
    for law in enforced {
        if let Some(cap) = law.cap.filter(|_| agreed.is_none() || !law.cap_may_be_agreed) {
            let calls = calls(&|past| law.purposes.contains(&past.purpose));
            add(format!("{}.cap", law.id).into(), law.version, What::Cap { cap, calls });
        }
    }
    if let Some(cap) = agreed {
        add(
            "consent.frequency".into(),
            VERSION,
            What::Cap { cap, calls: calls(&|past| past.purpose == campaign.purpose) },
        );
    }
    for own in &campaign.caps {
        let calls = calls(&|past| !own.of_campaign || past.campaign == campaign.id);
        add(format!("cap.{}", own.name).into(), VERSION, What::Cap { cap: own.cap, calls });
    }
    if !campaign.least_gap.is_zero() {
        let cap = Cap { calls: 1, within: campaign.least_gap };
        add("gap".into(), VERSION, What::Cap { cap, calls: calls(&|_| true) });
    }
    if let CallerId::None { until } = question.caller_id {
        add("caller_id.none".into(), VERSION, What::CallerId { until });
    }
    rules
}

fn callee_zones<'a>(question: &'a Question<'_>, campaign: &'a Campaign) -> Vec<Cow<'a, Zone>> {
    if let Some(zone) = question.zone {
        return vec![Cow::Borrowed(zone)];
    }
    let known: Vec<_> = zones_of(question.number).iter().filter_map(|name| Zone::named(name)).map(Cow::Owned).collect();
    if known.is_empty() { vec![Cow::Borrowed(&campaign.zone)] } else { known }
}
