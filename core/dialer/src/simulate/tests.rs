use super::*;

const PREDICTIVE: Dialling = Dialling::Paced(Mode::Predictive);

#[test]
fn progressive_abandons_nobody_whoever_comes_and_goes() {
    for agents in [1, 2, 10, 30] {
        let mut scenario = Scenario::standard(agents, 0.5, Dialling::Paced(Mode::Progressive));
        scenario.login_ramp = 600.0;
        scenario.leaves = vec![Leave { at: 7_200.0, seconds: 1_800.0, of: 2, which: 0 }];
        let report = run(&scenario, 3);
        assert!(report.passed > 50 && report.is_conserved(), "{report:?}");
        assert_eq!(report.abandoned, 0);
    }
}

#[test]
fn a_limit_of_nothing_dials_as_progressive_does() {
    let strict = Scenario { limit: 0.0, ..Scenario::standard(10, 0.3, PREDICTIVE) };
    let progressive = Scenario::standard(10, 0.3, Dialling::Paced(Mode::Progressive));
    assert_eq!(run(&strict, 5), run(&progressive, 5));
    let alone = Scenario::standard(1, 0.3, PREDICTIVE);
    assert_eq!(run(&alone, 5), run(&Scenario::standard(1, 0.3, Dialling::Paced(Mode::Progressive)), 5));
}

#[test]
fn a_fixed_number_of_lines_for_each_agent_fails_the_check() {
    let row = Row::of(&Scenario::standard(20, 0.3, Dialling::Ratio(2.0)), 1..3);
    assert!(row.abandoned > 0.5, "{row:?}");
}

#[test]
fn the_same_seed_is_the_same_shift() {
    let scenario = Scenario::standard(5, 0.3, PREDICTIVE);
    assert_eq!(run(&scenario, 9), run(&scenario, 9));
    assert_ne!(run(&scenario, 9), run(&scenario, 10));
}
