use proptest::prelude::*;

use super::*;

fn ring(targets: usize, order: Order) -> Ring {
    Ring { targets, order, time: Duration::from_secs(30) }
}

fn incoming(targets: usize, order: Order) -> Call {
    Call::new(Plan { origin: Origin::Incoming, callee: ring(targets, order), longest: None })
}

fn click_to_call(phones: usize) -> Call {
    Call::new(Plan {
        origin: Origin::Originated(ring(phones, Order::AllAtOnce)),
        callee: ring(1, Order::OneByOne),
        longest: None,
    })
}

/// A clock that tests move by hand.
fn start() -> Instant {
    tests_epoch()
}

#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; tests only add to it")]
fn tests_epoch() -> Instant {
    Instant::now()
}

fn outputs(call: &mut Call) -> Vec<Output> {
    std::iter::from_fn(|| call.poll()).collect()
}

fn feed(call: &mut Call, now: Instant, inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
    for input in inputs {
        call.handle(input, now).expect("the input fits the state");
    }
    outputs(call)
}

fn ended(outputs: &[Output]) -> Ending {
    match outputs.last() {
        Some(Output::Ended(ending)) => *ending,
        other => panic!("the call should have ended, not {other:?}"),
    }
}

#[test]
fn a_click_to_call_rings_the_agent_first_and_the_customer_when_he_answers() {
    let (mut call, now) = (click_to_call(1), start());
    assert_eq!(feed(&mut call, now, [Input::Start]), [Output::Dial { leg: LegNo(0), side: Side::Caller, target: 0 }]);
    assert_eq!(
        feed(&mut call, now, [Input::Progress { leg: LegNo(0), early_media: false }]),
        [Output::Ringing { leg: LegNo(0) }]
    );
    assert_eq!(
        feed(&mut call, now, [Input::Answered { leg: LegNo(0) }]),
        [Output::Ringback { to: LegNo(0) }, Output::Dial { leg: LegNo(1), side: Side::Callee, target: 0 }]
    );
    assert_eq!(
        feed(&mut call, now, [Input::Progress { leg: LegNo(1), early_media: true }, Input::Answered { leg: LegNo(1) }]),
        [
            Output::Ringing { leg: LegNo(1) },
            Output::EarlyMedia { from: LegNo(1) },
            Output::Connect { caller: LegNo(0), callee: LegNo(1) },
            Output::Answered { caller: LegNo(0), callee: LegNo(1) },
        ]
    );
    let end = Input::LegEnded { leg: LegNo(1), cause: Cause::NormalClearing, sip_status: None };
    let said = feed(&mut call, now, [end]);
    assert_eq!(said[0], Output::Drop { leg: LegNo(0), cause: Cause::NormalClearing });
    let ending = ended(&said);
    assert_eq!((ending.by, ending.result), (EndedBy::Callee, CallResult::Answered));
}

#[test]
fn an_incoming_call_is_answered_only_when_the_callee_answers() {
    let (mut call, now) = (incoming(1, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start]);
    assert_eq!(
        feed(&mut call, now, [Input::Progress { leg: LegNo(1), early_media: false }]),
        [Output::Ringing { leg: LegNo(1) }, Output::RingCaller]
    );
    assert_eq!(
        feed(&mut call, now, [Input::Answered { leg: LegNo(1) }]),
        [
            Output::AnswerCaller,
            Output::Connect { caller: LegNo(0), callee: LegNo(1) },
            Output::Answered { caller: LegNo(0), callee: LegNo(1) },
        ]
    );
}

#[test]
fn when_one_of_three_phones_answers_the_others_stop_ringing() {
    let (mut call, now) = (incoming(3, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start]);
    let said = feed(&mut call, now, [Input::Answered { leg: LegNo(2) }]);
    for loser in [1, 3] {
        assert!(said.contains(&Output::Drop { leg: LegNo(loser), cause: Cause::LoseRace }));
    }
    assert!(said.contains(&Output::Connect { caller: LegNo(0), callee: LegNo(2) }));
}

#[test]
fn nobody_answers_for_thirty_seconds() {
    let (mut call, now) = (click_to_call(1), start());
    feed(&mut call, now, [Input::Start, Input::Answered { leg: LegNo(0) }]);
    assert_eq!(call.next_timeout(), Some(now + Duration::from_secs(30)));
    call.handle_timeout(now + Duration::from_secs(29));
    assert!(outputs(&mut call).is_empty());
    call.handle_timeout(now + Duration::from_secs(30));
    let ending = ended(&outputs(&mut call));
    assert_eq!((ending.cause, ending.result, ending.by), (Cause::NoAnswer, CallResult::NoAnswer, EndedBy::System));
}

#[test]
fn an_agent_who_hangs_up_while_the_customer_rings_cancels_the_call() {
    let (mut call, now) = (click_to_call(1), start());
    feed(&mut call, now, [Input::Start, Input::Answered { leg: LegNo(0) }]);
    let said =
        feed(&mut call, now, [Input::LegEnded { leg: LegNo(0), cause: Cause::NormalClearing, sip_status: None }]);
    assert_eq!(said[0], Output::Drop { leg: LegNo(1), cause: Cause::OriginatorCancel });
    assert_eq!((ended(&said).result, ended(&said).by), (CallResult::Cancelled, EndedBy::Caller));
}

#[test]
fn a_congested_trunk_is_followed_by_the_next_but_a_busy_number_is_not() {
    let now = start();
    for (cause, status, tries_the_next) in [
        (Cause::NormalTemporaryFailure, 503, true),
        (Cause::UserBusy, 486, false),
        (Cause::UnallocatedNumber, 404, false),
    ] {
        let mut call = incoming(2, Order::OneByOne);
        feed(&mut call, now, [Input::Start]);
        let said = feed(&mut call, now, [Input::LegEnded { leg: LegNo(1), cause, sip_status: Some(status) }]);
        let next = Output::Dial { leg: LegNo(2), side: Side::Callee, target: 1 };
        assert_eq!(said.contains(&next), tries_the_next, "{cause:?}");
        assert_eq!(call.is_over(), !tries_the_next);
    }
}

#[test]
fn of_several_failures_the_callers_hears_what_a_person_did() {
    let (mut call, now) = (incoming(2, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start]);
    feed(&mut call, now, [Input::LegEnded { leg: LegNo(1), cause: Cause::UserBusy, sip_status: Some(486) }]);
    let timed_out = Input::LegEnded { leg: LegNo(2), cause: Cause::RecoveryOnTimerExpire, sip_status: Some(408) };
    let ending = ended(&feed(&mut call, now, [timed_out]));
    assert_eq!((ending.cause, ending.sip_status), (Cause::UserBusy, Some(486)));
}

#[test]
fn an_answer_that_comes_after_the_end_is_refused() {
    let (mut call, now) = (incoming(1, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start, Input::Hangup { cause: Cause::NormalClearing }]);
    assert_eq!(call.handle(Input::Answered { leg: LegNo(1) }, now), Err(Refused::Over));
}

fn any_input() -> impl Strategy<Value = Input> {
    let leg = (0_u8..5).prop_map(LegNo);
    prop_oneof![
        Just(Input::Start),
        (leg.clone(), any::<bool>()).prop_map(|(leg, early_media)| Input::Progress { leg, early_media }),
        leg.clone().prop_map(|leg| Input::Answered { leg }),
        (leg, 0..Cause::ALL.len()).prop_map(|(leg, at)| Input::LegEnded {
            leg,
            cause: Cause::ALL[at],
            sip_status: None
        }),
        Just(Input::MediaInactive),
    ]
}

proptest! {
    /// Whatever happens in whatever order: one ending at most and last, at most one answer,
    /// and at the end no leg is left that was neither dropped nor over.
    #[test]
    fn every_call_ends_once_and_leaves_no_leg_behind(
        phones in 0_usize..4, is_incoming: bool, in_order: bool, inputs in prop::collection::vec(any_input(), 0..40),
    ) {
        let order = if in_order { Order::OneByOne } else { Order::AllAtOnce };
        let mut call = if is_incoming { incoming(phones, order) } else { click_to_call(phones) };
        let now = start();
        let mut said = Vec::new();
        for input in inputs.into_iter().chain([Input::Start, Input::Hangup { cause: Cause::NormalClearing }]) {
            let _ = call.handle(input, now);
            said.extend(outputs(&mut call));
        }
        prop_assert!(call.is_over());
        prop_assert!(matches!(said.last(), Some(Output::Ended(_))));
        prop_assert_eq!(said.iter().filter(|output| matches!(output, Output::Ended(_))).count(), 1);
        let answers = said.iter().filter(|output| matches!(output, Output::Answered { .. })).count();
        prop_assert!(answers <= 1);
        prop_assert!(call.legs.iter().all(|leg| leg.status == Status::Over));
        prop_assert_eq!(call.next_timeout(), None);
    }
}
