use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp(1_795_000_000_000);

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

const fn tried(attempts: u32) -> Tried {
    Tried { attempts, today: attempts, ended: NOW }
}

fn zone() -> Zone {
    Zone::named("Asia/Ho_Chi_Minh").unwrap()
}

fn after(outcome: Outcome, said: Option<Disposition>, attempts: u32, policy: &Policy) -> Next {
    next(outcome, said, tried(attempts), policy, &zone())
}

const fn retry(wait: u64) -> Next {
    Next::Retry { at: Timestamp(NOW.millis() + wait as i64 * 60_000), holds_agent: false }
}

const LEAD: Lead = Lead {
    id: 1,
    state: State::Open,
    priority: 0,
    attempts: 0,
    next_at: None,
    callback: None,
    assigned: None,
    holds_agent: false,
};

#[test]
fn each_outcome_has_its_wait_and_the_last_attempt_none() {
    let policy = Policy::with_agents(5);
    for (outcome, expected) in [
        (Outcome::Busy, retry(15)),
        (Outcome::NoAnswer, retry(120)),
        (Outcome::Machine, retry(240)),
        (Outcome::Failed, retry(30)),
        (Outcome::Lost, retry(30)),
        (Outcome::Rejected, retry(1_440)),
        (Outcome::Answered, Next::Closed(Closed::Done)),
        (Outcome::Unallocated, Next::Closed(Closed::NoSuchNumber)),
    ] {
        assert_eq!(after(outcome, None, 1, &policy), expected, "{outcome:?}");
    }
    assert_eq!(after(Outcome::Busy, None, 4, &policy), retry(15));
    assert_eq!(after(Outcome::Busy, None, 5, &policy), Next::Closed(Closed::Exhausted));
}

#[test]
fn a_campaign_without_agents_tries_again_only_after_what_it_says() {
    for (only, outcome, again) in [
        (RetryOnly::NoAnswer, Outcome::NoAnswer, true),
        (RetryOnly::NoAnswer, Outcome::Busy, false),
        (RetryOnly::Busy, Outcome::Busy, true),
        (RetryOnly::Failed, Outcome::Failed, true),
        (RetryOnly::Failed, Outcome::NoAnswer, false),
        (RetryOnly::Any, Outcome::Rejected, true),
        (RetryOnly::Any, Outcome::Answered, false),
        (RetryOnly::Any, Outcome::Unallocated, false),
        (RetryOnly::Busy, Outcome::Lost, true),
    ] {
        let policy = Policy::without_agents(3, minutes(60), only);
        assert_eq!(after(outcome, None, 1, &policy) == retry(60), again, "{only:?} {outcome:?}");
        assert_eq!(RetryOnly::parse(only.as_str()), Some(only));
    }
    let three = Policy::without_agents(3, minutes(60), RetryOnly::Any);
    assert_eq!(after(Outcome::Busy, None, 3, &three), retry(60), "three retries are four attempts");
    assert_eq!(after(Outcome::Busy, None, 4, &three), Next::Closed(Closed::Exhausted));
    let none = Policy::without_agents(0, minutes(60), RetryOnly::Any);
    assert_eq!(after(Outcome::Busy, None, 1, &none), Next::Closed(Closed::Exhausted));
}

#[test]
fn whoever_was_abandoned_is_called_back_with_an_agent_held_for_them() {
    let next = after(Outcome::Abandoned, None, 1, &Policy::with_agents(5));
    assert_eq!(next, Next::Retry { at: NOW.after(minutes(72 * 60)), holds_agent: true });
    let lead = Lead { holds_agent: true, ..LEAD };
    assert_eq!(lead.may_be_tried(For::Anybody, NOW), Err(Idle::NeedsAgent));
    assert_eq!(lead.may_be_tried(For::Agent(7), NOW), Ok(()));
}

#[test]
fn a_day_that_is_full_leads_to_the_next_day_of_the_lead() {
    let policy = Policy { most_a_day: Some(2), ..Policy::with_agents(9) };
    // It is 18:06 there.
    assert_eq!(zone().local(NOW).minute, 18 * 60 + 6);
    let at = |outcome, attempts| match after(outcome, None, attempts, &policy) {
        Next::Retry { at, .. } => at,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(Outcome::Busy, 1), NOW.after(minutes(15)));
    assert_eq!(at(Outcome::Busy, 2), zone().next_day(NOW));
    assert_eq!(at(Outcome::Rejected, 2), NOW.after(minutes(1_440)), "that is the next day anyway");
}

#[test]
fn a_disposition_says_more_than_the_policy() {
    let policy = Policy::with_agents(2);
    let said = |said| after(Outcome::Answered, Some(said), 2, &policy);
    let callback = Callback { at: NOW.after(minutes(90)), agent: Some(7) };
    let none = Disposition::default();
    assert_eq!(said(none), Next::Closed(Closed::Done));
    assert_eq!(said(Disposition { callback: Some(callback), ..none }), Next::Callback(callback), "beyond the attempts");
    assert_eq!(said(Disposition { retry_after: Some(minutes(5)), ..none }), Next::Closed(Closed::Exhausted));
    let said = |said| after(Outcome::NoAnswer, Some(said), 1, &policy);
    assert_eq!(said(Disposition { retry_after: Some(minutes(5)), ..none }), retry(5));
    assert_eq!(said(Disposition { is_final: true, ..none }), Next::Closed(Closed::Done));
}

#[test]
fn a_reservation_runs_out_and_an_attempt_does_not() {
    let reserved = Lead { state: State::Reserved { until: Timestamp(NOW.millis() + 1) }, ..LEAD };
    assert!(matches!(reserved.may_be_tried(For::Anybody, NOW), Err(Idle::Held { .. })));
    assert_eq!(reserved.may_be_tried(For::Anybody, Timestamp(NOW.millis() + 1)), Ok(()));
    let dialling = Lead { state: State::Dialling { since: NOW }, ..LEAD };
    let later = NOW.after(minutes(10_000));
    assert_eq!(dialling.may_be_tried(For::Anybody, later), Err(Idle::UnderWay));
    assert!(!dialling.is_lost(NOW.after(minutes(300))) && dialling.is_lost(later));
}

#[test]
fn an_agents_own_call_back_is_theirs_for_half_an_hour_and_then_anybodys() {
    let lead = Lead { callback: Some(Callback { at: NOW, agent: Some(7) }), ..LEAD };
    assert!(matches!(lead.may_be_tried(For::Agent(7), Timestamp(NOW.millis() - 1)), Err(Idle::NotYet { .. })));
    assert_eq!(lead.may_be_tried(For::Agent(7), NOW), Ok(()));
    assert_eq!(lead.may_be_tried(For::Agent(8), NOW), Err(Idle::ForAgent(7)));
    assert_eq!(lead.may_be_tried(For::Agent(8), NOW.after(minutes(30))), Ok(()));
}

#[test]
fn call_backs_come_first_then_priority_then_fresh_leads_then_the_oldest() {
    let before = |minutes: i64| Timestamp(NOW.millis() - minutes * 60_000);
    let callback = |id, minutes, agent| Lead { id, callback: Some(Callback { at: before(minutes), agent }), ..LEAD };
    let mut leads = vec![
        Lead { id: 1, attempts: 1, next_at: Some(before(50)), ..LEAD },
        Lead { id: 2, ..LEAD },
        Lead { id: 3, ..LEAD },
        Lead { id: 4, priority: 5, attempts: 3, next_at: Some(before(1)), ..LEAD },
        callback(5, 10, None),
        callback(6, 20, None),
        callback(7, 1, Some(9)),
        Lead { id: 8, attempts: 1, next_at: Some(before(60)), ..LEAD },
        Lead { id: 9, priority: 99, next_at: Some(NOW.after(minutes(1))), ..LEAD },
    ];
    let mut order = Vec::new();
    while let Some(lead) = first(&leads, For::Agent(9), NOW).copied() {
        order.push(lead.id);
        leads.retain(|other| other.id != lead.id);
    }
    assert_eq!(order, [7, 6, 5, 4, 2, 3, 8, 1]);
}

#[test]
fn campaigns_take_turns_within_a_priority() {
    let turn = |campaign, priority, served| Turn { campaign, priority, served };
    let (early, late) = (Some(Timestamp(1)), Some(Timestamp(2)));
    assert_eq!(whose_turn(&[turn(1, 100, early), turn(2, 100, late), turn(3, 50, None)]), Some(1));
    assert_eq!(whose_turn(&[turn(1, 100, early), turn(2, 100, None)]), Some(2));
    assert_eq!(whose_turn(&[]), None);
}

#[test]
fn a_call_back_is_promised_for_hours_at_which_people_are_awake() {
    let promisable = |at: Timestamp| is_promisable(at, NOW, zone().local(at), 8 * 60, 21 * 60);
    assert!(promisable(NOW.after(minutes(60))));
    assert!(!promisable(Timestamp(NOW.millis() - 1)), "that time has passed");
    assert!(!promisable(NOW.after(minutes(6 * 60))), "after midnight");
    assert!(!promisable(NOW.after(minutes(400 * 1_440))));
}

#[test]
fn causes_become_outcomes() {
    for (cause, outcome) in [
        (Cause::UserBusy, Outcome::Busy),
        (Cause::NoAnswer, Outcome::NoAnswer),
        (Cause::UnallocatedNumber, Outcome::Unallocated),
        (Cause::NormalTemporaryFailure, Outcome::Failed),
        (Cause::OriginatorCancel, Outcome::CalledOff),
    ] {
        assert_eq!(Outcome::unanswered(cause), outcome, "{cause:?}");
    }
    assert!(Outcome::ALL.iter().all(|outcome| Outcome::parse(outcome.as_str()) == Some(*outcome)));
}

prop_compose! {
    fn any_disposition()(
        is_final: bool, is_dnc: bool, retry_after in prop::option::of(any::<Duration>()),
        callback in prop::option::of((any::<i64>(), prop::option::of(any::<i64>()))),
    ) -> Disposition {
        let callback = callback.map(|(at, agent)| Callback { at: Timestamp(at), agent });
        Disposition { is_final, is_dnc, retry_after, callback }
    }
}

proptest! {
    #[test]
    fn whatever_is_said_no_lead_is_tried_more_often_than_it_may(
        outcome in prop::sample::select(Outcome::ALL), said in prop::option::of(any_disposition()),
        attempts: u32, today: u32, ended: i64, most: u32, most_a_day: Option<u32>,
    ) {
        let tried = Tried { attempts, today, ended: Timestamp(ended) };
        let policy = Policy { most_a_day, ..Policy::with_agents(most) };
        match next(outcome, said, tried, &policy, &Zone::utc()) {
            Next::Retry { at, .. } => prop_assert!(attempts < most.min(MOST_ATTEMPTS) && at.millis() >= ended),
            Next::Callback(callback) => prop_assert!(attempts < MOST_ATTEMPTS && callback.at.millis() >= ended),
            Next::Closed(_) => {}
        }
    }

    #[test]
    fn an_opt_out_closes_whatever_else_is_said(
        outcome in prop::sample::select(Outcome::ALL), said in any_disposition(), attempts: u32, most: u32,
    ) {
        let said = Disposition { is_dnc: true, ..said };
        let tried = Tried { attempts, today: 0, ended: NOW };
        let policy = Policy::with_agents(most);
        let found = next(outcome, Some(said), tried, &policy, &Zone::utc());
        prop_assert_eq!(found, Next::Closed(Closed::OptedOut));
    }
}
