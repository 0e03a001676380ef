use super::*;

pub(super) fn ring(targets: usize, order: Order) -> Ring {
    Ring { targets, order, time: Duration::from_secs(30) }
}

pub(super) fn incoming(targets: usize, order: Order) -> Call {
    Call::new(Plan { origin: Origin::Incoming, first: Step::Ring(ring(targets, order)), longest: None })
}

pub(super) fn click_to_call(phones: usize) -> Call {
    Call::new(Plan {
        origin: Origin::Originated(ring(phones, Order::AllAtOnce)),
        first: Step::Ring(ring(1, Order::OneByOne)),
        longest: None,
    })
}

/// A clock that tests move by hand.
pub(super) fn start() -> Instant {
    tests_epoch()
}

#[expect(clippy::disallowed_methods, reason = "an Instant has no other origin; tests only add to it")]
fn tests_epoch() -> Instant {
    Instant::now()
}

/// Returns what the call says; asked for another step, it hears that there is none.
pub(super) fn outputs(call: &mut Call) -> Vec<Output> {
    let mut said = Vec::new();
    while let Some(output) = call.poll() {
        if matches!(output, Output::Undecided(_)) {
            call.handle(Input::NoNext, start()).expect("the call asked");
        } else {
            said.push(output);
        }
    }
    said
}

pub(super) fn feed(call: &mut Call, now: Instant, inputs: impl IntoIterator<Item = Input>) -> Vec<Output> {
    for input in inputs {
        call.handle(input, now).expect("the input fits the state");
    }
    outputs(call)
}

pub(super) fn ended(outputs: &[Output]) -> Ending {
    match outputs.last() {
        Some(Output::Ended(ending)) => *ending,
        other => panic!("the call should have ended, not {other:?}"),
    }
}

#[test]
fn a_click_to_call_rings_the_agent_first_and_the_customer_when_he_answers() {
    let (mut call, now) = (click_to_call(1), start());
    assert_eq!(
        feed(&mut call, now, [Input::Start]),
        [Output::Dial { leg: LegNo(0), side: Side::Caller, part: Part::Own, target: 0 }]
    );
    assert_eq!(
        feed(&mut call, now, [Input::Progress { leg: LegNo(0), early_media: false }]),
        [Output::Ringing { leg: LegNo(0) }]
    );
    assert_eq!(
        feed(&mut call, now, [Input::Answered { leg: LegNo(0) }]),
        [
            Output::Ringback { to: LegNo(0) },
            Output::Dial { leg: LegNo(1), side: Side::Callee, part: Part::Step, target: 0 }
        ]
    );
    assert_eq!(
        feed(&mut call, now, [Input::Progress { leg: LegNo(1), early_media: true }, Input::Answered { leg: LegNo(1) }]),
        [
            Output::Ringing { leg: LegNo(1) },
            Output::EarlyMedia { to: LegNo(0), from: LegNo(1) },
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
        let next = Output::Dial { leg: LegNo(2), side: Side::Callee, part: Part::Step, target: 1 };
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
