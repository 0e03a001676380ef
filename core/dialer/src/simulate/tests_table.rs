//! What the dialer has to reach, and whether the simulation is to be believed.

use super::*;

const PREDICTIVE: Dialling = Dialling::Paced(Mode::Predictive);

fn meets(agents: u32, seeds: u64) {
    let demand = LIMITS.iter().find(|demand| demand.agents == agents).unwrap();
    let row = acceptance(demand, SEEDS.take(seeds as usize));
    assert!(row.misses(demand).is_empty(), "{agents} agents: {:?}\n{row:?}", row.misses(demand));
}

// The table, a test for each row: they run side by side. `cargo xtask simulate` runs all seeds of all rows.

#[test]
fn two_agents_meet_the_table() {
    meets(2, 8);
}

#[test]
fn five_agents_meet_the_table() {
    meets(5, 8);
}

#[test]
fn ten_agents_meet_the_table() {
    meets(10, 8);
}

#[test]
fn twenty_agents_meet_the_table() {
    meets(20, 8);
}

#[test]
fn fifty_agents_meet_the_table() {
    meets(50, 3);
}

#[test]
fn a_hundred_agents_meet_the_table() {
    meets(100, 2);
}

#[test]
fn when_more_people_answer_all_of_a_sudden_the_limit_holds() {
    for (agents, worst) in [(5, 0.15), (10, 0.12), (20, 0.10), (50, 0.12)] {
        let mut scenario = Scenario::standard(agents, 0.3, PREDICTIVE);
        scenario.step = Some(Step { at: 4.0 * 3_600.0, factor: 1.8 });
        let row = Row::of(&scenario, 1..4);
        assert!(row.abandoned_worst_seed <= 0.03, "{row:?}");
        assert!(row.worst_window <= worst, "{row:?}");
        assert!(row.is_conserved);
    }
}

#[test]
fn tight_limits_hold_too() {
    for limit in [0.005, 0.01, 0.02] {
        let scenario = Scenario { limit, ..Scenario::standard(20, 0.3, PREDICTIVE) };
        let row = Row::of(&scenario, 1..4);
        // A call that rings cannot be taken back: the last one of a shift may be one of a thousand too many.
        assert!(row.abandoned_worst_seed <= limit + 0.001, "{limit}: {row:?}");
        assert!(row.occupancy > 0.70, "{limit}: {row:?}");
    }
}

#[test]
fn trouble_of_many_kinds_does_not_break_the_limit() {
    let standard = Scenario::standard(15, 0.3, PREDICTIVE);
    let lunch = (0..3).map(|which| Leave { at: 10_000.0 + 2_400.0 * which as f64, seconds: 2_400.0, of: 3, which });
    for (what, scenario) in [
        ("three seconds until it rings", Scenario { extra_setup: 3.0, ..standard.clone() }),
        ("five in a hundred fail", Scenario { failed: 0.15, ..standard.clone() }),
        ("fewer lines than the pace would take", Scenario { lines: 24, ..standard.clone() }),
        ("agents come within half an hour", Scenario { login_ramp: 1_800.0, ..standard.clone() }),
        ("a third is at lunch", Scenario { leaves: lunch.collect(), ..standard.clone() }),
        ("wrap-up of any length", Scenario { wrap: Time::Exponential(20.0), ..standard.clone() }),
        ("half of them answer", Scenario { human: 0.5, ..standard.clone() }),
        ("few answer", Scenario { human: 0.15, ..standard.clone() }),
    ] {
        let row = Row::of(&scenario, 1..3);
        assert!(row.abandoned_worst_seed <= 0.03 && row.is_conserved, "{what}: {row:?}");
        assert!(row.occupancy > 0.5, "{what}: {row:?}");
        let lines = run(&scenario, 1).most_lines;
        assert!(lines <= scenario.lines, "{what}: {lines} lines");
    }
}

/// Erlang's loss formula.
fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, n| load * blocked / (f64::from(n) + load * blocked))
}

#[test]
fn the_simulation_itself_agrees_with_erlang_and_with_little() {
    for (agents, load) in [(5, 1.875), (10, 5.53), (20, 13.18), (50, 40.25)] {
        let talk = 120.0;
        let mut scenario = Scenario::standard(agents, 1.0, Dialling::Arrivals { per_second: load / talk });
        scenario.seconds = 40.0 * 3_600.0;
        scenario.patience = 0.0;
        scenario.talk = Time::Exponential(talk);
        scenario.wrap = Time::Fixed(0.0);
        let reports: Vec<_> = (1..9).map(|seed| run(&scenario, seed)).collect();
        let live: u64 = reports.iter().map(|report| report.live).sum();
        let lost: u64 = reports.iter().map(|report| report.abandoned).sum();
        let blocked = erlang_b(agents, load);
        assert!((lost as f64 / live as f64 - blocked).abs() < 0.006, "{agents}: {lost} of {live}, {blocked}");
        for report in &reports {
            let handled = report.passed as f64 / report.seconds * talk / f64::from(agents);
            assert!((handled - report.occupancy()).abs() < 0.03, "{agents}: {handled}");
        }
    }
}

#[test]
fn people_taken_for_machines_count_as_abandoned() {
    let scenario = Scenario { false_machine: 0.03, ..Scenario::standard(10, 0.3, PREDICTIVE) };
    let row = Row::of(&scenario, 1..3);
    assert!(row.abandoned > 0.025, "{row:?}");
}
