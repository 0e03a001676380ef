use proptest::prelude::*;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const SECOND: i64 = 1_000;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START.millis() + seconds * SECOND)
}

fn policy(extension: Limits, account: Limits) -> Policy {
    Policy { extension, account, ..Policy::default() }
}

const NONE: Limits = Limits { calls_at_once: None, calls_per_hour: None, minutes_per_hour: None, spend_per_hour: None };

#[test]
fn calls_that_are_up_end_when_the_rules_do_not_let_them_out_any_more() {
    let mut guard = Guard::default();
    let vn = Region::of("VN");
    let open = Policy { countries: vec!["1".to_owned()], ..Policy::default() };
    let home = guard.enter(Some("1001"), None, &open, at(0)).unwrap();
    guard.dials(home, vec!["0987654321".to_owned()]);
    // One of its two ways leads abroad; that is the one which was taken.
    let abroad = guard.enter(Some("1001"), None, &open, at(0)).unwrap();
    guard.dials(abroad, vec!["0987654321".to_owned(), "+14155552671".to_owned()]);
    assert_eq!(guard.overdue(&open, vn, at(1)), []);
    assert_eq!(guard.overdue(&Policy::default(), vn, at(1)), [], "a way is left to it");
    guard.answered(abroad, "+14155552671", at(2));
    assert_eq!(guard.overdue(&Policy::default(), vn, at(2)), [(abroad, Why::Country)]);
    let blocked = Policy { blocked: vec!["849".to_owned()], ..open.clone() };
    assert_eq!(guard.overdue(&blocked, vn, at(2)), [(home, Why::Blocked)], "it rings");
    let stopped = Policy { stopped: true, ..open };
    assert_eq!(guard.overdue(&stopped, vn, at(2)), [(home, Why::Stopped), (abroad, Why::Stopped)]);
}

#[test]
fn a_limit_of_two_at_once_lets_no_third_out_until_one_has_ended() {
    let policy = policy(Limits { calls_at_once: Some(2), ..NONE }, NONE);
    let mut guard = Guard::default();
    let first = guard.enter(Some("1001"), None, &policy, at(0)).unwrap();
    guard.enter(Some("1001"), None, &policy, at(0)).unwrap();
    assert_eq!(guard.enter(Some("1001"), None, &policy, at(0)), Err(Why::CallsAtOnce(Whose::Extension)));
    assert!(guard.enter(Some("1002"), None, &policy, at(0)).is_ok(), "another extension is not concerned");
    guard.ended(first, at(1));
    guard.ended(first, at(1));
    assert!(guard.enter(Some("1001"), None, &policy, at(1)).is_ok());
    assert_eq!(guard.enter(Some("1001"), None, &policy, at(1)), Err(Why::CallsAtOnce(Whose::Extension)));
}

#[test]
fn calls_within_the_hour_are_counted_and_the_hour_passes() {
    let policy = policy(NONE, Limits { calls_per_hour: Some(3), ..NONE });
    let mut guard = Guard::default();
    for minute in 0..3 {
        let entry = guard.enter(Some("1001"), None, &policy, at(minute * 60)).unwrap();
        guard.ended(entry, at(minute * 60 + 5));
    }
    assert_eq!(guard.enter(None, None, &policy, at(59 * 60)), Err(Why::CallsPerHour(Whose::Account)));
    assert!(guard.enter(None, None, &policy, at(60 * 60)).is_ok());
    assert_eq!(guard.enter(None, None, &policy, at(60 * 60)), Err(Why::CallsPerHour(Whose::Account)));
}

#[test]
fn parallel_calls_use_up_the_minutes_together_and_are_cut() {
    let policy = policy(Limits { minutes_per_hour: Some(10), ..NONE }, NONE);
    let mut guard = Guard::default();
    let entries: Vec<Entry> = (0..10).map(|_| guard.enter(Some("1001"), None, &policy, at(0)).unwrap()).collect();
    for entry in &entries {
        guard.answered(*entry, "0987654321", at(10));
    }
    assert_eq!(guard.overdue(&policy, Region::of("VN"), at(69)), []);
    let cut = guard.overdue(&policy, Region::of("VN"), at(70));
    assert_eq!(cut.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), entries);
    assert!(cut.iter().all(|(_, why)| *why == Why::MinutesPerHour(Whose::Extension)));
    entries.iter().for_each(|entry| guard.ended(*entry, at(70)));
    assert_eq!(guard.enter(Some("1001"), None, &policy, at(80)), Err(Why::MinutesPerHour(Whose::Extension)));
    assert!(guard.enter(Some("1001"), None, &policy, at(3_700)).is_ok());
}

#[test]
fn money_is_counted_from_the_answer_and_a_dear_minute_is_refused() {
    let rate = Rate { per_minute: 1_000_000, connection: 500_000, first: 60, next: 60 };
    let limits = Limits { spend_per_hour: Some(4_000_000), ..NONE };
    let policy = Policy { dearest_minute: Some(1_000_000), ..policy(limits, NONE) };
    let mut guard = Guard::default();
    let entry = guard.enter(Some("1001"), Some(rate), &policy, at(0)).unwrap();
    assert_eq!(guard.overdue(&policy, Region::of("VN"), at(600)), [], "it rings");
    guard.answered(entry, "0987654321", at(600));
    assert_eq!(guard.usage(at(600)).cost, 1_500_000);
    assert_eq!(guard.overdue(&policy, Region::of("VN"), at(719)), []);
    assert_eq!(guard.usage(at(719)).cost, 2_500_000);
    assert_eq!(guard.overdue(&policy, Region::of("VN"), at(781)), [(entry, Why::SpendPerHour(Whose::Extension))]);
    let dear = Rate { per_minute: 1_000_001, ..rate };
    assert_eq!(guard.enter(Some("1002"), Some(dear), &policy, at(0)), Err(Why::TooDear));
}

#[test]
fn a_restart_forgets_nothing_but_the_calls_that_were_up() {
    let policy = policy(Limits { minutes_per_hour: Some(2), calls_at_once: Some(1), ..NONE }, NONE);
    let mut guard = Guard::default();
    let entry = guard.enter(Some("1001"), None, &policy, at(0)).unwrap();
    guard.answered(entry, "0987654321", at(0));
    guard.overdue(&policy, Region::of("VN"), at(60));
    let mut lines = guard.take_changed();
    guard.overdue(&policy, Region::of("VN"), at(120));
    lines.extend(guard.take_changed());
    assert_eq!(guard.take_changed(), []);
    // What was written later replaces what was written before of the same minute.
    let mut latest: HashMap<(Option<String>, i64), Line> = HashMap::new();
    for line in lines {
        latest.insert((line.extension.clone(), line.minute.at), line);
    }
    let mut after = Guard::default();
    latest.into_values().for_each(|line| after.restore(line));
    assert_eq!(after.usage(at(121)), Usage { calls_at_once: 0, ..guard.usage(at(121)) });
    assert_eq!(after.enter(Some("1001"), None, &policy, at(121)), Err(Why::MinutesPerHour(Whose::Extension)));
    assert_eq!(after.take_changed(), []);
}

proptest! {
    /// Whatever comes in whatever order: the books agree with what was done, and no limit is passed.
    #[test]
    fn the_books_are_exact(steps in prop::collection::vec((0_u8..4, 0_usize..8, 0_i64..40), 1..200)) {
        let limits = Limits { calls_at_once: Some(3), calls_per_hour: Some(40), ..NONE };
        let policy = policy(limits, Limits { calls_at_once: Some(5), ..NONE });
        let (mut guard, mut up, mut now) = (Guard::default(), Vec::<(Entry, String)>::new(), 0);
        for (step, which, wait) in steps {
            now += wait;
            let extension = format!("100{}", which % 3);
            match step {
                0 | 1 => {
                    let of_it = up.iter().filter(|(_, own)| *own == extension).count();
                    match guard.enter(Some(&extension), None, &policy, at(now)) {
                        Ok(entry) => {
                            prop_assert!(of_it < 3 && up.len() < 5);
                            up.push((entry, extension));
                        }
                        Err(Why::CallsAtOnce(Whose::Account)) => prop_assert_eq!(up.len(), 5),
                        Err(Why::CallsAtOnce(Whose::Extension)) => prop_assert_eq!(of_it, 3),
                        Err(why) => prop_assert_eq!(why, Why::CallsPerHour(Whose::Extension)),
                    }
                }
                2 if !up.is_empty() => guard.answered(up[which % up.len()].0, "0987654321", at(now)),
                3 if !up.is_empty() => {
                    let (entry, _) = up.remove(which % up.len());
                    guard.ended(entry, at(now));
                }
                _ => {
                    guard.overdue(&policy, Region::of("VN"), at(now));
                }
            }
            prop_assert_eq!(guard.usage(at(now)).calls_at_once as usize, up.len());
        }
        for (entry, _) in up {
            guard.ended(entry, at(now));
        }
        guard.overdue(&policy, Region::of("VN"), at(now + 7_200));
        prop_assert!(guard.is_idle());
    }
}
