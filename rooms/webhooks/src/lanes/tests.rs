use proptest::prelude::*;
use uuid::Uuid;

use super::*;

#[derive(Clone, Debug, PartialEq)]
struct Fake {
    webhook: i64,
    tenant: i64,
    call: Option<u8>,
    lane: Lane,
    pace: Option<u32>,
    number: usize,
}

impl Task for Fake {
    fn webhook(&self) -> WebhookId {
        WebhookId(self.webhook)
    }
    fn tenant(&self) -> TenantId {
        TenantId(self.tenant)
    }
    fn call(&self) -> Option<CallId> {
        self.call.map(|call| CallId(Uuid::from_u128(call.into())))
    }
    fn lane(&self) -> Lane {
        self.lane
    }
    fn pace(&self) -> Option<u32> {
        self.pace
    }
    fn since(&self) -> Timestamp {
        Timestamp(i64::try_from(self.number).unwrap())
    }
}

const REST: Duration = Duration::from_secs(30);

fn fake(webhook: i64, number: usize) -> Fake {
    Fake { webhook, tenant: webhook, call: None, lane: Lane::First, pace: None, number }
}

fn start_at(lanes: &mut Lanes<Fake>, now: Instant) -> Vec<Fake> {
    std::iter::from_fn(|| lanes.next(now)).collect()
}

fn lanes(slots: usize) -> Lanes<Fake> {
    Lanes::new(Shares { slots, rest: REST, pace: None })
}

fn start_all(lanes: &mut Lanes<Fake>) -> Vec<Fake> {
    start_at(lanes, now())
}

#[expect(clippy::disallowed_methods, reason = "a test needs some point in time")]
fn now() -> Instant {
    Instant::now()
}

#[test]
fn an_endpoint_starts_with_eight_and_earns_more() {
    let mut lanes = lanes(1_000);
    (0..200).for_each(|number| lanes.push(fake(1, number)));
    let mut under_way = start_all(&mut lanes);
    assert_eq!(under_way.len(), 8);
    for expected in [9, 10, 11] {
        lanes.finish(&under_way.remove(0), Health::Good, now());
        under_way.extend(start_all(&mut lanes));
        assert_eq!(under_way.len(), expected);
    }
    for _ in 0..100 {
        lanes.finish(&under_way.remove(0), Health::Good, now());
        under_way.extend(start_all(&mut lanes));
    }
    assert_eq!(under_way.len(), 64);
}

#[test]
fn a_timeout_halves_the_cap_but_never_below_four() {
    let mut lanes = lanes(1_000);
    (0..200).for_each(|number| lanes.push(fake(1, number)));
    let mut under_way = start_all(&mut lanes);
    for _ in 0..8 {
        lanes.finish(&under_way.remove(0), Health::Timeout, now());
        under_way.extend(start_all(&mut lanes));
    }
    assert_eq!(under_way.len(), 4);
}

#[test]
fn a_crowd_at_one_endpoint_delays_another_by_one_turn() {
    let mut lanes = lanes(1_000);
    (0..10_000).for_each(|number| lanes.push(fake(1, number)));
    lanes.push(fake(2, 0));
    let started: Vec<_> = (0..2).filter_map(|_| lanes.next(now())).map(|task| task.webhook).collect();
    assert_eq!(started, [1, 2]);
}

#[test]
fn an_account_takes_more_than_its_share_only_while_nobody_else_wants_it() {
    let mut lanes = lanes(16);
    for webhook in 0..10 {
        (0..8).for_each(|number| lanes.push(Fake { tenant: 1, ..fake(webhook, number) }));
    }
    let mut greedy = start_all(&mut lanes);
    assert_eq!(greedy.len(), 8);
    (0..3).for_each(|number| lanes.push(fake(77, number)));
    assert_eq!(start_all(&mut lanes).len(), 3);
    lanes.finish(&greedy.remove(0), Health::Good, now());
    assert_eq!(start_all(&mut lanes).len(), 0);
}

#[test]
fn an_account_that_had_its_share_goes_on_when_one_of_its_own_or_half_of_all_is_over() {
    let mut lanes = lanes(16);
    for webhook in 0..10 {
        (0..8).for_each(|number| lanes.push(Fake { tenant: 1, ..fake(webhook, number) }));
    }
    let mut greedy = start_all(&mut lanes);
    (0..8).for_each(|number| lanes.push(fake(77, number)));
    let mut modest = start_all(&mut lanes);
    assert_eq!((greedy.len(), modest.len()), (8, 4), "a quarter of sixteen");
    // Down to its share, it gets nothing; below it, one for one.
    for expected in [0, 0, 0, 0, 1, 1] {
        lanes.finish(&greedy.remove(0), Health::Good, now());
        let started = start_all(&mut lanes);
        assert_eq!(started.iter().filter(|task| task.tenant == 1).count(), expected, "{}", greedy.len());
        greedy.extend(started.iter().filter(|task| task.tenant == 1).cloned());
        modest.extend(started.into_iter().filter(|task| task.tenant != 1));
    }
}

#[test]
fn retries_take_a_quarter_and_first_attempts_pass_them() {
    let mut lanes = lanes(1_000);
    (0..50).for_each(|number| lanes.push(Fake { lane: Lane::Retry, ..fake(1, number) }));
    assert_eq!(start_all(&mut lanes).len(), 2);
    (0..50).for_each(|number| lanes.push(fake(1, number)));
    let started = start_all(&mut lanes);
    assert_eq!(started.len(), 6);
    assert!(started.iter().all(|task| task.lane == Lane::First));
}

#[test]
fn events_of_one_call_go_one_after_the_other() {
    let mut lanes = lanes(1_000);
    (0..3).for_each(|number| lanes.push(Fake { call: Some(1), ..fake(1, number) }));
    lanes.push(Fake { call: Some(2), ..fake(1, 9) });
    let started = start_all(&mut lanes);
    assert_eq!(started.iter().map(|task| task.number).collect::<Vec<_>>(), [0, 9]);
    lanes.push(Fake { call: Some(1), ..fake(1, 3) });
    let mut last = started[0].clone();
    for expected in [1, 2, 3] {
        lanes.finish(&last, Health::Refusing, now());
        let started = start_all(&mut lanes);
        assert_eq!(started.len(), 1);
        last = started[0].clone();
        assert_eq!(last.number, expected);
    }
}

#[test]
fn an_endpoint_that_never_answers_is_left_alone_for_a_while_and_probed_then() {
    let mut lanes = lanes(1_000);
    let start = now();
    (0..200).for_each(|number| lanes.push(fake(1, number)));
    let mut under_way = start_all(&mut lanes);
    for _ in 0..10 {
        lanes.finish(&under_way.remove(0), Health::Unreachable, start);
        under_way.extend(start_all(&mut lanes));
    }
    while let Some(task) = under_way.pop() {
        lanes.finish(&task, Health::Unreachable, start);
    }
    assert_eq!(start_all(&mut lanes).len(), 0);
    assert_eq!(lanes.next_timeout(), Some(start + REST));
    lanes.handle_timeout(start + REST);
    let probes = start_at(&mut lanes, start + REST);
    assert_eq!(probes.len(), 4);
    lanes.finish(&probes[0], Health::Good, start + REST);
    assert!(!start_at(&mut lanes, start + REST).is_empty());
}

#[test]
fn an_endpoint_that_refuses_everything_is_not_left_alone() {
    let mut lanes = lanes(1_000);
    (0..100).for_each(|number| lanes.push(fake(1, number)));
    let mut done = 0;
    while let Some(task) = lanes.next(now()) {
        lanes.finish(&task, Health::Refusing, now());
        done += 1;
    }
    assert_eq!(done, 100);
}

proptest! {
    #[test]
    fn every_task_is_started_once_and_calls_keep_their_order(
        tasks in prop::collection::vec((0_i64..4, 0_i64..3, prop::option::of(0_u8..3), 0_u8..3), 0..80),
        burst in 1_usize..30,
        ends in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..5), 0..200),
    ) {
        let mut lanes = lanes(8);
        let mut clock = now();
        let total = tasks.len();
        let mut tasks = tasks.into_iter().enumerate();
        let mut under_way: Vec<Fake> = Vec::new();
        let mut started: Vec<Fake> = Vec::new();
        let mut ends = ends.into_iter();
        for _ in 0..10_000 {
            for (number, (webhook, tenant, call, lane)) in tasks.by_ref().take(burst) {
                let lane = [Lane::First, Lane::Replay, Lane::Retry][usize::from(lane)];
                lanes.push(Fake { webhook, tenant, call, lane, pace: None, number });
            }
            while let Some(task) = lanes.next(clock) {
                started.push(task.clone());
                under_way.push(task);
            }
            if !under_way.is_empty() {
                let (index, end) = ends.next().map_or((0, 0), |(i, e)| (i.index(under_way.len()), e));
                let health = [Health::Good, Health::Refusing, Health::Timeout, Health::Unreachable, Health::Unknown];
                let task = under_way.swap_remove(index);
                lanes.finish(&task, health[usize::from(end)], clock);
            }
            if let Some(until) = lanes.next_timeout() {
                clock = clock.max(until);
                lanes.handle_timeout(clock);
            }
            if started.len() == total && under_way.is_empty() {
                break;
            }
        }
        prop_assert_eq!(started.len(), total);
        for a in 0..started.len() {
            for b in a + 1..started.len() {
                let (x, y) = (&started[a], &started[b]);
                let same = x.webhook == y.webhook && x.call.is_some() && x.call == y.call && x.lane == y.lane;
                let same = same && x.lane != Lane::Retry;
                prop_assert!(!same || x.number < y.number);
            }
        }
    }
}

#[test]
fn an_endpoint_that_does_not_answer_most_of_the_time_is_left_alone_too() {
    let mut lanes = lanes(1_000);
    let start = now();
    (0..500).for_each(|number| lanes.push(fake(1, number)));
    // Never ten in a row, but three of four.
    let mut done = 0;
    while let Some(task) = lanes.next(start) {
        let health = if done % 4 == 3 { Health::Good } else { Health::Timeout };
        lanes.finish(&task, health, start);
        done += 1;
    }
    assert!((14..40).contains(&done), "{done}");
    assert_eq!(lanes.next_timeout(), Some(start + REST));
}

#[test]
fn starts_keep_the_pace_that_the_webhook_or_the_setting_wants() {
    let start = now();
    for (own, general, expected) in
        [(Some(5), None, 5), (None, Some(5), 5), (Some(50), Some(5), 50), (Some(1), None, 1)]
    {
        let mut lanes: Lanes<Fake> = Lanes::new(Shares { slots: 1_000, rest: REST, pace: general });
        (0..300).for_each(|number| lanes.push(Fake { pace: own, ..fake(1, number) }));
        let (mut clock, mut started) = (start, 0_u32);
        while clock < start + Duration::from_secs(2) {
            while let Some(task) = lanes.next(clock) {
                started += 1;
                lanes.finish(&task, Health::Good, clock);
            }
            clock = lanes.next_timeout().unwrap();
            lanes.handle_timeout(clock);
        }
        let most = 2 * expected + u32::div_ceil(expected, 10);
        assert!((2 * expected..=most).contains(&started), "{started} in 2 s at {expected} a second");
    }
}

#[test]
fn replays_keep_the_order_of_a_call_and_give_way_to_what_happens_now() {
    let mut lanes = lanes(1_000);
    let replay = |number| Fake { lane: Lane::Replay, call: Some(1), ..fake(1, number) };
    (0..4).for_each(|number| lanes.push(replay(number)));
    (10..14).for_each(|number| lanes.push(fake(1, number)));
    let mut order = Vec::new();
    let mut under_way = start_all(&mut lanes);
    assert_eq!(under_way.len(), 5, "one of the call, and all that has none");
    while !under_way.is_empty() {
        let task = under_way.remove(0);
        if task.lane == Lane::Replay {
            order.push(task.number);
        }
        lanes.finish(&task, Health::Good, now());
        under_way.extend(start_all(&mut lanes));
    }
    assert_eq!(order, [0, 1, 2, 3]);
}

#[test]
fn an_endpoint_that_is_left_alone_tells_so_and_gives_back_what_waits() {
    let mut lanes = lanes(1_000);
    let start = now();
    (0..100).for_each(|number| lanes.push(Fake { call: Some(1), ..fake(1, number) }));
    (100..200).for_each(|number| lanes.push(fake(1, number)));
    let mut turns = Vec::new();
    while let Some(task) = lanes.next(start) {
        turns.push(lanes.finish(&task, Health::Timeout, start));
    }
    assert_eq!(turns.iter().filter(|turn| **turn == Turn::Closed).count(), 1);
    let given = lanes.drain(WebhookId(1), 8);
    assert!(given.iter().map(|task| task.number).filter(|number| *number < 100).is_sorted());
    assert_eq!(given.len() + turns.len() + 8, 200);
    lanes.handle_timeout(start + REST);
    let probe = lanes.next(start + REST).unwrap();
    assert_eq!(lanes.finish(&probe, Health::Good, start + REST), Turn::Opened);
    let probe = lanes.next(start + REST).unwrap();
    assert_eq!(lanes.finish(&probe, Health::Good, start + REST), Turn::None);
}

#[test]
fn what_waits_longest_is_known() {
    let mut lanes = lanes(1_000);
    (5..30).for_each(|number| lanes.push(fake(1, number)));
    lanes.push(fake(2, 3));
    assert_eq!(lanes.oldest(), HashMap::from([(WebhookId(1), Timestamp(5)), (WebhookId(2), Timestamp(3))]));
    start_all(&mut lanes);
    assert_eq!(lanes.oldest(), HashMap::from([(WebhookId(1), Timestamp(13))]));
}
