//! Ring groups, and taking a call that rings at somebody else's phone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{CallId, TenantId, call::Order, cause::Cause};
use rand::seq::SliceRandom as _;

use super::{
    directory::Account,
    inbound,
    resolve::{Caller, Found, Onward, Otherwise, Resolved, onward},
};
use crate::{
    Pbx,
    model::{Direction, RingGroup, RingStrategy},
};

/// Groups whose turn is remembered; beyond it the turns begin anew.
const REMEMBERED: usize = 100_000;

/// Whose turn it is in each group that rings its members by turns. A cheap clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<(TenantId, i64), usize>>>);

impl Turns {
    /// Returns the turn of this call, and moves on.
    fn next(&self, tenant: TenantId, group: i64) -> usize {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if turns.len() >= REMEMBERED {
            turns.clear();
        }
        let turn = turns.entry((tenant, group)).or_default();
        let now = *turn;
        *turn = turn.wrapping_add(1);
        now
    }
}

/// Returns the members in the order in which this call rings them.
fn order(group: &RingGroup, turn: impl FnOnce() -> usize) -> Vec<&str> {
    let mut members: Vec<&str> = group.members.iter().map(String::as_str).collect();
    match group.strategy {
        RingStrategy::All | RingStrategy::InOrder => {}
        RingStrategy::RoundRobin if members.is_empty() => {}
        RingStrategy::RoundRobin => {
            let first = turn() % members.len();
            members.rotate_left(first);
        }
        RingStrategy::Random => members.shuffle(&mut rand::rng()),
    }
    members
}

/// Rings a group. Whoever does not want to be disturbed, is busy or has no phone is passed over; what members forward
/// is not followed: a group is not a way out.
pub(super) fn ring(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    caller: &Caller,
    group: &RingGroup,
    hops: u8,
) -> Result<Resolved, Cause> {
    let (mut targets, mut seats, mut record) = (Vec::new(), Vec::new(), false);
    let mut failure = Cause::NoUserResponse;
    let by_turns = group.strategy != RingStrategy::All;
    for member in order(group, || pbx.apps.turns.next(tenant, group.id)) {
        let Some(line) = account.active(member) else { continue };
        if account.places.wish(member).do_not_disturb || caller.extension.as_deref() == Some(member) {
            continue;
        }
        match inbound::phones(pbx, tenant, line) {
            Ok((phones, seat)) => {
                // By turns, each member has one: that of the phone that registered last.
                let most = if by_turns { 1 } else { phones.len() };
                targets.extend(phones.into_iter().take(most));
                seats.push(seat);
                record |= inbound::records(line.extension.recording_mode, Direction::Inbound);
            }
            Err(cause) => failure = failure.better(cause),
        }
    }
    let fallback = group.fallback.clone().map(Onward::of);
    if targets.is_empty() {
        return match &fallback {
            Some(to) => onward(pbx, tenant, account, caller, to, hops),
            None => Err(failure),
        };
    }
    let order = if by_turns { Order::InTurn } else { Order::AllAtOnce };
    let time = Duration::from_secs(u64::try_from(group.ring_seconds).unwrap_or(0));
    Ok(Resolved {
        targets,
        seats,
        record,
        otherwise: Otherwise::always(fallback),
        ..Resolved::step(Found::Ring { order, time }, hops)
    })
}

/// Returns the call that rings longest at `wanted`, or without it at anybody who is in a group or team with `own`.
pub(super) fn ringing(
    pbx: &Pbx,
    tenant: TenantId,
    account: &Account,
    own: &str,
    wanted: Option<&str>,
) -> Option<CallId> {
    let team = |number: &str| account.active(number).and_then(|line| line.extension.team_id);
    let own_team = team(own);
    let fits = |number: &str| match wanted {
        Some(wanted) => number == wanted,
        None => {
            number != own
                && ((own_team.is_some() && team(number) == own_team)
                    || account.places.groups_of(own).any(|group| group.members.iter().any(|member| member == number)))
        }
    };
    // The oldest first.
    let calls = pbx.live.all(tenant);
    let rings = |view: &super::live::View| {
        view.answered_at.is_none()
            && view
                .legs
                .iter()
                .any(|leg| leg.side == "callee" && leg.state == "ringing" && leg.extension.as_deref().is_some_and(fits))
    };
    calls.into_iter().find(rings).map(|view| view.call)
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    fn group(strategy: RingStrategy) -> RingGroup {
        RingGroup {
            id: 1,
            tenant: TenantId(1),
            name: "sales".to_owned(),
            number: None,
            strategy,
            ring_seconds: 20,
            fallback: None,
            members: ["1001", "1002", "1003"].map(str::to_owned).to_vec(),
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
        }
    }

    #[test]
    fn members_are_rung_in_the_order_of_the_strategy() {
        for (strategy, turn, expected) in [
            (RingStrategy::All, 5, ["1001", "1002", "1003"]),
            (RingStrategy::InOrder, 5, ["1001", "1002", "1003"]),
            (RingStrategy::RoundRobin, 0, ["1001", "1002", "1003"]),
            (RingStrategy::RoundRobin, 1, ["1002", "1003", "1001"]),
            (RingStrategy::RoundRobin, 5, ["1003", "1001", "1002"]),
        ] {
            assert_eq!(order(&group(strategy), || turn), expected, "{strategy:?} {turn}");
        }
        let by_chance = group(RingStrategy::Random);
        let mut random = order(&by_chance, || 0);
        random.sort_unstable();
        assert_eq!(random, ["1001", "1002", "1003"]);
    }

    #[test]
    fn each_call_of_a_group_begins_with_the_next_member() {
        let turns = Turns::default();
        assert_eq!([1, 1, 2, 1].map(|group| turns.next(TenantId(1), group)), [0, 1, 0, 2]);
        assert_eq!(turns.next(TenantId(2), 1), 0);
    }

    #[test]
    fn a_group_without_members_has_no_order() {
        let empty = RingGroup { members: Vec::new(), ..group(RingStrategy::RoundRobin) };
        assert!(order(&empty, || 3).is_empty());
    }
}
