use proptest::prelude::*;

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn pacer(mode: Mode, limit: f64, agents: u64) -> Pacer {
    let mut pacer = Pacer::new(Settings::new(mode, limit, s(25)));
    (0..agents).for_each(|agent| pacer.handle(Input::Free { agent }, s(0)));
    pacer
}

/// A campaign that has run for a while: 200 calls a person answered and an agent took, 400 that nobody did.
fn experienced(limit: f64, agents: u64) -> (Pacer, Duration) {
    let mut pacer = pacer(Mode::Predictive, limit, agents);
    let mut now = s(0);
    for call in 0..600 {
        pacer.handle(Input::Placed { call }, now);
        if call % 3 == 0 {
            pacer.handle(Input::Answered { call }, now + s(11));
            pacer.handle(Input::Connected { call, agent: 0 }, now + s(11));
            pacer.handle(Input::WrapUp { agent: 0 }, now + s(91));
            pacer.handle(Input::Free { agent: 0 }, now + s(111));
        } else {
            pacer.handle(Input::Ended { call }, now + s(27));
        }
        now += s(120);
        pacer.place(Room::ENDLESS, now);
    }
    (pacer, now)
}

#[test]
fn progressive_places_one_call_for_each_free_agent_and_no_more_while_they_ring() {
    let mut pacer = pacer(Mode::Progressive, 0.03, 3);
    assert_eq!(pacer.place(Room::ENDLESS, s(1)), Placement { dial: 3, offer: 0, why: Why::NoAgentFree });
    (0..3).for_each(|call| pacer.handle(Input::Placed { call }, s(1)));
    assert_eq!(pacer.place(Room::ENDLESS, s(2)).dial, 0);
    pacer.handle(Input::Ended { call: 1 }, s(3));
    assert_eq!(pacer.place(Room::ENDLESS, s(3)).dial, 1);
    pacer.handle(Input::Answered { call: 2 }, s(4));
    assert_eq!(pacer.place(Room::ENDLESS, s(4)).dial, 1, "the one who answered needs an agent too");
    pacer.handle(Input::Connected { call: 2, agent: 0 }, s(4));
    assert_eq!(pacer.place(Room::ENDLESS, s(4)).dial, 1);
}

#[test]
fn callers_in_queues_and_lines_that_are_taken_come_first() {
    let mut pacer = pacer(Mode::Progressive, 0.03, 5);
    assert_eq!(pacer.place(Room { lines: 9, queued: 4 }, s(1)).dial, 1);
    assert_eq!(pacer.place(Room { lines: 9, queued: 400 }, s(1)).dial, 0);
    assert_eq!(pacer.place(Room { lines: 2, queued: 0 }, s(1)), Placement { dial: 2, offer: 0, why: Why::Lines });
}

#[test]
fn preview_shows_leads_to_free_agents_and_manual_leaves_them_alone() {
    assert_eq!(pacer(Mode::Preview, 0.03, 2).place(Room::ENDLESS, s(1)).offer, 2);
    for mode in [Mode::Preview, Mode::Manual] {
        assert_eq!(pacer(mode, 0.03, 2).place(Room::ENDLESS, s(1)).dial, 0);
    }
    assert_eq!(pacer(Mode::Predictive, 0.03, 0).place(Room::ENDLESS, s(1)).why, Why::NoAgents);
    assert!(Mode::ALL.iter().all(|mode| Mode::parse(mode.as_str()) == Some(*mode)));
}

#[test]
fn nothing_is_predicted_before_enough_is_known() {
    let mut pacer = pacer(Mode::Predictive, 0.03, 4);
    assert_eq!(pacer.place(Room::ENDLESS, s(1)), Placement { dial: 4, offer: 0, why: Why::Learning });
    (0..4).for_each(|call| pacer.handle(Input::Placed { call }, s(1)));
    assert_eq!(pacer.place(Room::ENDLESS, s(2)), Placement { dial: 0, offer: 0, why: Why::Learning });
}

#[test]
fn with_experience_more_calls_are_placed_than_agents_are_free() {
    let (mut pacer, now) = experienced(0.03, 10);
    let placement = pacer.place(Room::ENDLESS, now);
    // A third of the calls is answered.
    assert!((11..40).contains(&placement.dial), "{placement:?}");
    assert_eq!(placement.why, Why::Pace);
}

#[test]
fn a_rule_that_is_used_up_leaves_one_call_for_each_agent_and_is_named() {
    let (mut pacer, now) = experienced(0.03, 10);
    for call in 1_000..1_006 {
        pacer.handle(Input::Placed { call }, now);
        pacer.handle(Input::Answered { call }, now);
        pacer.handle(Input::Abandoned { call }, now);
    }
    assert_eq!(pacer.place(Room::ENDLESS, now), Placement { dial: 10, offer: 0, why: Why::Governor("day") });
    pacer.governor_mut().begin("day");
    (0..100).for_each(|_| pacer.governor_mut().passed(now));
    assert!(pacer.place(Room::ENDLESS, now).dial > 10, "on a new day it may be risked again");
}

#[test]
fn a_limit_of_nothing_and_a_single_agent_are_progressive() {
    let (mut none, now) = experienced(0.0, 10);
    assert_eq!(none.place(Room::ENDLESS, now).dial, 10);
    let (mut single, now) = experienced(0.03, 1);
    assert_eq!(single.place(Room::ENDLESS, now).dial, 1);
}

#[test]
fn a_stricter_setting_keeps_what_was_counted_and_learnt() {
    let (mut pacer, now) = experienced(0.03, 10);
    let counted = pacer.governor().answered("day", now);
    pacer.change(Settings::new(Mode::Predictive, 0.001, s(25)), now);
    assert_eq!(pacer.governor().answered("day", now), counted);
    assert_eq!(pacer.place(Room::ENDLESS, now).why, Why::Governor("day"));
    pacer.change(Settings::new(Mode::Predictive, 0.03, s(25)), now);
    assert!(pacer.place(Room::ENDLESS, now).dial > 10);
    pacer.change(Settings::new(Mode::Predictive, 0.03, s(40)), now);
    assert_eq!(pacer.place(Room::ENDLESS, now).why, Why::Learning, "calls ring another time now");
}

#[test]
fn an_agent_for_whom_a_call_rings_may_not_leave_yet() {
    let mut pacer = pacer(Mode::Progressive, 0.03, 2);
    assert!(pacer.may_leave());
    (0..2).for_each(|call| pacer.handle(Input::Placed { call }, s(1)));
    assert!(!pacer.may_leave());
    pacer.handle(Input::Ended { call: 0 }, s(2));
    assert!(pacer.may_leave());
}

fn inputs() -> impl Strategy<Value = Vec<(Input, u64)>> {
    let input = (0_usize..9, 0_u64..12, 0_u64..40).prop_map(|(kind, agent, call)| match kind {
        0 | 1 => Input::Placed { call },
        2 => Input::Answered { call },
        3 => Input::Ended { call },
        4 => Input::Connected { call, agent },
        5 => Input::Abandoned { call },
        6 => Input::WrapUp { agent },
        7 => Input::Away { agent },
        _ => Input::Free { agent },
    });
    prop::collection::vec((input, 0_u64..30), 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is reported, in whatever order: beyond one call for each free agent nothing is placed unless every
    /// rule would hold even if the next answer were abandoned, and never more than there is room for.
    #[test]
    fn never_more_is_placed_than_the_governor_allows(
        inputs in inputs(), limit in 0.0..0.2_f64, lines in 0_u32..100, queued in 0_u32..5, practised: bool,
    ) {
        let (mut pacer, mut now) =
            if practised { experienced(limit, 4) } else { (pacer(Mode::Predictive, limit, 4), s(0)) };
        for (input, later) in inputs {
            now += s(later);
            pacer.handle(input, now);
            let placement = pacer.place(Room { lines, queued }, now);
            let claimed = pacer.ringing.len() + pacer.waiting.len() + queued as usize;
            let one_to_one = pacer.free().saturating_sub(claimed) as u32;
            prop_assert!(placement.dial <= lines);
            prop_assert!(placement.dial <= one_to_one || pacer.governor().admits(0.0, now).is_ok());
            let day = pacer.governor().answered("day", now).unwrap();
            let next = (day.abandoned + 1) as f64 / (day.live() + 1) as f64;
            prop_assert!(placement.dial <= one_to_one || next <= limit + 1e-9, "{next} {placement:?}");
        }
    }

    #[test]
    fn progressive_never_has_more_calls_than_free_agents(inputs in inputs(), queued in 0_u32..5) {
        let mut pacer = pacer(Mode::Progressive, 0.1, 4);
        for (input, later) in inputs {
            pacer.handle(input, s(later));
            let dial = pacer.place(Room { lines: u32::MAX, queued }, s(later)).dial as usize;
            prop_assert!(dial == 0 || dial + pacer.ringing.len() + pacer.waiting.len() <= pacer.free());
        }
    }

    #[test]
    fn figures_at_the_end_of_numbers_do_no_harm(
        inputs in prop::collection::vec((inputs(), any::<Duration>()), 0..4), limit in any::<f64>(),
        ring_timeout in any::<Duration>(), lines: u32, queued: u32,
    ) {
        let mut pacer = Pacer::new(Settings::new(Mode::Predictive, limit, ring_timeout));
        for (inputs, now) in inputs {
            for (input, _) in inputs {
                pacer.handle(input, now);
            }
            pacer.place(Room { lines, queued }, now);
            pacer.place(Room { lines, queued }, Duration::MAX);
            pacer.place(Room { lines: u32::MAX, queued: u32::MAX }, Duration::ZERO);
        }
    }
}
