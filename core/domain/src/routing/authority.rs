//! Who may have a number dialled. Nothing leaves by a trunk without passing here.

use super::outbound::is_emergency;
use crate::{
    TenantId, Timestamp,
    cause::Cause,
    guard::{Entry, Guard, Policy, Rate, Why},
    ids::TrunkId,
    number::{self, Region},
};

/// Who wants to dial out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialler<'a> {
    pub tenant: TenantId,
    pub extension: Option<&'a str>,
    pub active: bool,
    /// Calls that this extension has up, the new one not counted, and how many it may have.
    pub calls: u32,
    pub max_calls: u32,
}

/// One way out: a trunk, and the number as it is after the rules of its route and before the trunk's own way of writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub trunk: TrunkId,
    pub number: String,
    pub rate: Option<Rate>,
}

/// What the account's rules are.
#[derive(Clone, Copy, Debug)]
pub struct Law<'a> {
    pub region: Region,
    /// The account's own emergency numbers; empty means those of the region.
    pub emergency: &'a [String],
    pub policy: &'a Policy,
}

/// Why a number may not be dialled: what the caller is told, and the rule that says so if it is one against fraud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    pub cause: Cause,
    pub why: Option<Why>,
}

impl From<Cause> for Denied {
    fn from(cause: Cause) -> Self {
        Self { cause, why: None }
    }
}

impl From<Why> for Denied {
    fn from(why: Why) -> Self {
        Self { cause: Cause::OutgoingCallBarred, why: Some(why) }
    }
}

/// The right to dial one number, once. Only [`authorize_outbound`] makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct OutboundAuthorization {
    tenant: TenantId,
    number: String,
    ways: Vec<Way>,
    /// `None`: an emergency call, which nobody counts.
    entry: Option<Entry>,
}

impl OutboundAuthorization {
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the number as dialled.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Returns the ways that passed, in the order in which they were given.
    pub fn ways(&self) -> &[Way] {
        &self.ways
    }

    pub const fn is_emergency(&self) -> bool {
        self.entry.is_none()
    }

    /// Returns the call's place in the guard's books, to be given back at its end. An emergency call has none.
    pub const fn entry(&self) -> Option<Entry> {
        self.entry
    }
}

/// Checks every rule between a wish to dial `number` and a trunk, and takes the call's place in the books of `guard`.
/// A way whose number the account may not call is left out; with none left the call is refused. Emergency numbers pass
/// all limits.
///
/// # Errors
/// The cause with which the call is refused.
pub fn authorize_outbound(
    number: &str,
    ways: Vec<Way>,
    dialler: &Dialler<'_>,
    law: Law<'_>,
    guard: &mut Guard,
    now: Timestamp,
) -> Result<OutboundAuthorization, Denied> {
    let grant = |ways, entry| OutboundAuthorization { tenant: dialler.tenant, number: number.to_owned(), ways, entry };
    if is_emergency(number, law.region, law.emergency) {
        // The number is what was dialled: no route turns a call for help into another.
        let ways = ways.into_iter().map(|way| Way { number: number.to_owned(), ..way }).collect();
        return Ok(grant(ways, None));
    }
    if !number::is_dialable(number) {
        return Err(Cause::InvalidNumberFormat.into());
    }
    if !dialler.active {
        return Err(Cause::BearerCapabilityNotAuth.into());
    }
    if dialler.calls >= dialler.max_calls {
        return Err(Cause::CallRejected.into());
    }
    let mut refused = Denied::from(Cause::NoRouteDestination);
    let mut passed = Vec::with_capacity(ways.len());
    for way in ways {
        if !number::is_dialable(&way.number) {
            refused = Denied::from(Cause::InvalidNumberFormat);
            continue;
        }
        match law.policy.allows(&way.number, law.region) {
            Ok(()) => passed.push(way),
            Err(why) => refused = why.into(),
        }
    }
    if passed.is_empty() {
        return Err(refused);
    }
    // Whichever way it goes in the end: the dearest is what may be lost.
    let dearest = passed.iter().filter_map(|way| way.rate).max_by_key(|rate| (rate.per_minute, rate.connection));
    let called = passed.first().and_then(|way| law.region.e164(&way.number));
    if let Some(called) = &called {
        guard.may_call(called, law.policy, now)?;
    }
    let entry = guard.enter(dialler.extension, dearest, law.policy, now)?;
    if let Some(called) = &called {
        guard.calls(called, law.policy, now);
    }
    guard.dials(entry, passed.iter().map(|way| way.number.clone()).collect());
    Ok(grant(passed, Some(entry)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Whose;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn way(number: &str) -> Vec<Way> {
        vec![Way { trunk: TrunkId(1), number: number.to_owned(), rate: None }]
    }

    fn ask(
        number: &str,
        ways: Vec<Way>,
        dialler: &Dialler<'_>,
        guard: &mut Guard,
    ) -> Result<OutboundAuthorization, Denied> {
        let policy = Policy::default();
        let law = Law { region: Region::of("VN"), emergency: &[], policy: &policy };
        authorize_outbound(number, ways, dialler, law, guard, NOW)
    }

    const fn dialler(active: bool, calls: u32) -> Dialler<'static> {
        Dialler { tenant: TenantId(1), extension: Some("1001"), active, calls, max_calls: 2 }
    }

    #[test]
    fn emergency_calls_pass_every_limit() {
        let mut guard = Guard::default();
        for _ in 0..1_000 {
            let right = ask("113", way("900113"), &dialler(false, 9), &mut guard).unwrap();
            assert!(right.is_emergency());
            assert_eq!(right.ways()[0].number, "113");
        }
        let stopped = Policy { stopped: true, ..Policy::default() };
        let law = Law { region: Region::of("VN"), emergency: &["0900".to_owned()], policy: &stopped };
        assert!(authorize_outbound("0900", way("0900"), &dialler(true, 0), law, &mut guard, NOW).is_ok());
        assert_eq!(
            authorize_outbound("113", way("113"), &dialler(true, 0), law, &mut guard, NOW),
            Err(Why::Stopped.into()),
            "the account has numbers of its own"
        );
    }

    #[test]
    fn who_is_off_or_has_all_calls_up_cannot_dial() {
        let mut guard = Guard::default();
        for (dialler, cause) in
            [(dialler(false, 0), Cause::BearerCapabilityNotAuth), (dialler(true, 2), Cause::CallRejected)]
        {
            assert_eq!(ask("0987654321", way("0987654321"), &dialler, &mut guard), Err(cause.into()));
        }
        assert_eq!(ask("0987654321", Vec::new(), &dialler(true, 0), &mut guard), Err(Cause::NoRouteDestination.into()));
        assert!(guard.is_idle(), "a refused call is not counted");
    }

    #[test]
    fn the_number_that_counts_is_the_one_that_leaves() {
        let mut guard = Guard::default();
        let mut two = way("0019001234567");
        two.extend(way("0987654321"));
        let right = ask("90987654321", two, &dialler(true, 0), &mut guard).unwrap();
        assert_eq!(right.ways().iter().map(|way| way.number.as_str()).collect::<Vec<_>>(), ["0987654321"]);
        let refused = ask("0987654321", way("0019001234567"), &dialler(true, 0), &mut guard);
        assert_eq!(refused, Err(Denied { cause: Cause::OutgoingCallBarred, why: Some(Why::Premium) }));
        assert_eq!(Cause::OutgoingCallBarred.sip_status(), 403);
    }

    #[test]
    fn a_number_is_called_so_often_within_a_day_and_no_more_however_it_is_written() {
        let mut guard = Guard::default();
        let policy = Policy { calls_per_number: Some(2), ..Policy::default() };
        let law = Law { region: Region::of("VN"), emergency: &[], policy: &policy };
        let mut call = |number: &str, now: Timestamp| {
            let right = authorize_outbound(number, way(number), &dialler(true, 0), law, &mut guard, now);
            let entry = right.map_err(|denied| denied.why)?.entry();
            guard.ended(entry.unwrap(), now);
            Ok(())
        };
        assert_eq!(call("0987654321", NOW), Ok(()));
        assert_eq!(call("+84987654321", NOW), Ok(()));
        for again in ["0987654321", "0084987654321"] {
            assert_eq!(call(again, NOW), Err(Some(Why::CallsPerNumber)), "{again}");
        }
        assert_eq!(call("0987654322", NOW), Ok(()), "another number is not concerned");
        let tomorrow = Timestamp::from_millis(NOW.millis() + 86_400_000);
        assert_eq!(call("0987654321", tomorrow), Ok(()));
    }

    #[test]
    fn ten_calls_at_once_with_a_stolen_password_end_at_the_limit() {
        let mut guard = Guard::default();
        let policy = Policy::default();
        let most = policy.extension.calls_at_once.unwrap();
        let mut out = 0;
        for _ in 0..10 {
            match ask("0987654321", way("0987654321"), &dialler(true, 0), &mut guard) {
                Ok(_) => out += 1,
                Err(denied) => assert_eq!(denied.why, Some(Why::CallsAtOnce(Whose::Extension))),
            }
        }
        assert_eq!(out, most);
    }
}
