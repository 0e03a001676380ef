//! Applications, offers, transfers, consultations and third legs.

use super::{
    tests::{ended, feed, incoming, outputs, ring, start},
    *,
};

const A: LegNo = LegNo(0);
const B: LegNo = LegNo(1);
const C: LegNo = LegNo(2);

fn hung_up(leg: LegNo) -> Input {
    Input::LegEnded { leg, cause: Cause::NormalClearing, sip_status: None }
}

fn busy(leg: LegNo) -> Input {
    Input::LegEnded { leg, cause: Cause::UserBusy, sip_status: Some(486) }
}

/// Returns a call whose two sides talk.
fn talking() -> (Call, Instant) {
    let (mut call, now) = (incoming(1, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start, Input::Answered { leg: B }]);
    (call, now)
}

/// Returns a call whose caller is in an application.
fn in_app() -> (Call, Instant) {
    let mut call = Call::new(Plan { origin: Origin::Incoming, first: Step::App, longest: None });
    let now = start();
    assert_eq!(feed(&mut call, now, [Input::Start]), [Output::AnswerCaller, Output::App { caller: A }]);
    (call, now)
}

fn hears(leg: LegNo, legs: &[LegNo]) -> Output {
    Output::Hears { leg, hears: Hears::Legs(legs.to_vec()) }
}

fn music(leg: LegNo) -> Output {
    Output::Hears { leg, hears: Hears::Music }
}

fn nothing(leg: LegNo) -> Output {
    Output::Hears { leg, hears: Hears::Nothing }
}

fn dial(leg: LegNo, side: Side, part: Part) -> Output {
    Output::Dial { leg, side, part, target: 0 }
}

#[test]
fn a_busy_extension_leads_to_what_the_driver_finds_next() {
    let (mut call, now) = (incoming(1, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start]);
    call.handle(busy(B), now).unwrap();
    let outcome = Outcome { cause: Cause::UserBusy, sip_status: Some(486) };
    assert_eq!(call.poll(), Some(Output::Undecided(outcome)));
    let said = feed(&mut call, now, [Input::Next(Step::App)]);
    assert_eq!(said, [Output::AnswerCaller, Output::App { caller: A }]);
    let ending = ended(&feed(&mut call, now, [hung_up(A)]));
    assert_eq!((ending.by, ending.cause), (EndedBy::Caller, Cause::NormalClearing));
}

#[test]
fn people_of_a_group_ring_in_turn_until_one_answers() {
    let (mut call, now) = (incoming(3, Order::InTurn), start());
    feed(&mut call, now, [Input::Start]);
    let said = feed(&mut call, now, [busy(B)]);
    assert_eq!(said, [Output::Dial { leg: C, side: Side::Callee, part: Part::Step, target: 1 }]);
    let later = call.next_timeout().unwrap();
    call.handle_timeout(later);
    assert_eq!(
        outputs(&mut call),
        [
            Output::Drop { leg: C, cause: Cause::NoAnswer },
            Output::Dial { leg: LegNo(3), side: Side::Callee, part: Part::Step, target: 2 },
        ]
    );
    let said = feed(&mut call, later, [Input::Answered { leg: LegNo(3) }]);
    assert!(said.contains(&Output::Connect { caller: A, callee: LegNo(3) }));
}

#[test]
fn the_first_agent_who_takes_an_offer_gets_the_caller_and_the_others_stop_ringing() {
    let (mut call, now) = in_app();
    let time = Duration::from_secs(15);
    let said = feed(
        &mut call,
        now,
        [Input::Offer { offer: 7, targets: 1, time }, Input::Offer { offer: 8, targets: 1, time }],
    );
    assert_eq!(said, [dial(B, Side::Callee, Part::Offer(7)), dial(C, Side::Callee, Part::Offer(8))]);
    let said = feed(&mut call, now, [Input::Answered { leg: C }]);
    assert_eq!(
        said,
        [
            Output::Ringing { leg: C },
            Output::Drop { leg: B, cause: Cause::LoseRace },
            Output::Connect { caller: A, callee: C },
            Output::Answered { caller: A, callee: C },
        ]
    );
    assert_eq!(call.next_timeout(), None);
}

#[test]
fn an_offer_that_nobody_takes_is_reported_and_one_that_is_withdrawn_is_not() {
    let (mut call, now) = in_app();
    let time = Duration::from_secs(15);
    feed(&mut call, now, [Input::Offer { offer: 1, targets: 2, time }, Input::Offer { offer: 2, targets: 1, time }]);
    assert_eq!(feed(&mut call, now, [busy(B)]), []);
    let outcome = Outcome { cause: Cause::UserBusy, sip_status: Some(486) };
    assert_eq!(feed(&mut call, now, [busy(C)]), [Output::OfferFailed { offer: 1, outcome }]);
    let said = feed(&mut call, now, [Input::Withdraw { offer: 2 }]);
    assert_eq!(said, [Output::Drop { leg: LegNo(3), cause: Cause::OriginatorCancel }]);
    feed(&mut call, now, [Input::Offer { offer: 3, targets: 1, time }]);
    call.handle_timeout(now + time);
    assert_eq!(
        outputs(&mut call),
        [
            Output::Drop { leg: LegNo(4), cause: Cause::NoAnswer },
            Output::OfferFailed { offer: 3, outcome: Outcome::of(Cause::NoAnswer) },
        ]
    );
}

#[test]
fn a_caller_may_wait_for_thousands_of_offers() {
    let (mut call, now) = in_app();
    for offer in 0..5_000 {
        let time = Duration::from_secs(15);
        let said = feed(&mut call, now, [Input::Offer { offer, targets: 2, time }]);
        let legs: Vec<LegNo> = said
            .iter()
            .map(|output| match output {
                Output::Dial { leg, .. } => *leg,
                other => panic!("{other:?}"),
            })
            .collect();
        feed(&mut call, now, legs.into_iter().map(busy));
    }
    assert!(call.legs.len() < 64);
}

#[test]
fn the_one_on_hold_hears_music_and_the_one_who_holds_hears_nothing() {
    let (mut call, now) = talking();
    assert_eq!(feed(&mut call, now, [Input::Hold { leg: B }]), [music(A), nothing(B)]);
    assert_eq!(call.state_name(), "held");
    assert_eq!(call.handle(Input::Hold { leg: B }, now), Err(Refused::WrongState));
    let said = feed(&mut call, now, [Input::Unhold { leg: B }]);
    assert_eq!(said, [Output::Connect { caller: A, callee: B }]);
}

#[test]
fn who_transferred_the_call_leaves_when_the_other_answers() {
    let (mut call, now) = talking();
    let said = feed(&mut call, now, [Input::Transfer { by: B, step: Step::Ring(ring(1, Order::AllAtOnce)) }]);
    assert_eq!(said, [nothing(B), Output::Ringback { to: A }, dial(C, Side::Callee, Part::Step)]);
    let said = feed(&mut call, now, [Input::Answered { leg: C }]);
    assert_eq!(
        said,
        [
            Output::Ringing { leg: C },
            Output::Transferred { by: B },
            Output::Drop { leg: B, cause: Cause::NormalClearing },
            Output::Connect { caller: A, callee: C },
        ]
    );
    let ending = ended(&feed(&mut call, now, [hung_up(C)]));
    assert_eq!((ending.by, ending.result), (EndedBy::Callee, CallResult::Answered));
}

#[test]
fn a_caller_who_transfers_leaves_the_callee_waiting_for_the_new_caller() {
    let (mut call, now) = talking();
    let said = feed(&mut call, now, [Input::Transfer { by: A, step: Step::Ring(ring(1, Order::AllAtOnce)) }]);
    assert_eq!(said, [nothing(A), Output::Ringback { to: B }, dial(C, Side::Caller, Part::Step)]);
    let said = feed(&mut call, now, [Input::Answered { leg: C }]);
    assert!(said.contains(&Output::Connect { caller: C, callee: B }));
    assert_eq!(ended(&feed(&mut call, now, [hung_up(C)])).by, EndedBy::Caller);
}

#[test]
fn a_transfer_that_comes_to_nothing_gives_the_other_side_back() {
    let (mut call, now) = talking();
    feed(&mut call, now, [Input::Transfer { by: B, step: Step::Ring(ring(1, Order::AllAtOnce)) }]);
    let outcome = Outcome { cause: Cause::UserBusy, sip_status: Some(486) };
    let said = feed(&mut call, now, [busy(C)]);
    assert_eq!(said, [Output::TransferFailed { by: B, outcome }, Output::Connect { caller: A, callee: B }]);
    assert!(call.is_talking());
}

#[test]
fn a_transfer_whose_author_has_left_ends_the_call_when_it_comes_to_nothing() {
    let (mut call, now) = talking();
    feed(&mut call, now, [Input::Transfer { by: B, step: Step::Ring(ring(1, Order::AllAtOnce)) }]);
    assert_eq!(feed(&mut call, now, [hung_up(B)]), []);
    let ending = ended(&feed(&mut call, now, [busy(C)]));
    assert_eq!((ending.cause, ending.result), (Cause::UserBusy, CallResult::Answered));
}

#[test]
fn a_transfer_into_an_application_is_done_at_once() {
    let (mut call, now) = talking();
    let said = feed(&mut call, now, [Input::Transfer { by: B, step: Step::App }]);
    assert_eq!(
        said,
        [
            nothing(B),
            Output::Transferred { by: B },
            Output::Drop { leg: B, cause: Cause::NormalClearing },
            Output::App { caller: A },
        ]
    );
}

#[test]
fn a_consultation_ends_in_a_transfer_or_back_with_the_first() {
    for back in [false, true] {
        let (mut call, now) = talking();
        let said = feed(&mut call, now, [Input::Consult { by: B, ring: ring(1, Order::AllAtOnce) }]);
        let ringback = Output::Hears { leg: B, hears: Hears::Ringback };
        assert_eq!(said, [dial(C, Side::Third, Part::Consult), music(A), ringback]);
        let said = feed(&mut call, now, [Input::Answered { leg: C }]);
        assert_eq!(said, [Output::Consulted(Ok(C)), music(A), hears(B, &[C]), hears(C, &[B])]);
        if back {
            assert_eq!(
                feed(&mut call, now, [Input::Return]),
                [Output::Drop { leg: C, cause: Cause::NormalClearing }, Output::Connect { caller: A, callee: B }]
            );
        } else {
            assert_eq!(
                feed(&mut call, now, [Input::Complete]),
                [
                    Output::Transferred { by: B },
                    Output::Drop { leg: B, cause: Cause::NormalClearing },
                    Output::Connect { caller: A, callee: C },
                ]
            );
            assert_eq!(call.part(C), Some((Part::Party, Side::Callee)));
        }
    }
}

#[test]
fn a_consultation_completed_while_it_rings_is_a_blind_transfer() {
    let (mut call, now) = talking();
    feed(&mut call, now, [Input::Consult { by: B, ring: ring(1, Order::AllAtOnce) }]);
    assert_eq!(feed(&mut call, now, [Input::Complete]), [Output::RingsOn, nothing(B), Output::Ringback { to: A }]);
    let said = feed(&mut call, now, [busy(C)]);
    assert!(said.contains(&Output::Connect { caller: A, callee: B }));
}

#[test]
fn while_somebody_is_asked_nothing_else_may_be_begun() {
    let (mut call, now) = talking();
    assert!(call.may_transfer(A) && call.may_transfer(B) && !call.may_transfer(C) && call.may_be_joined());
    feed(&mut call, now, [Input::Consult { by: B, ring: ring(1, Order::AllAtOnce) }]);
    assert!(!call.may_transfer(A) && !call.may_transfer(B));
    feed(&mut call, now, [Input::Return]);
    assert!(call.may_transfer(B));
    feed(&mut call, now, [Input::Supervise { ring: ring(1, Order::AllAtOnce), joins: Joins::Listen }]);
    assert!(!call.may_be_joined(), "one supervisor is rung at a time");
}

#[test]
fn who_hangs_up_while_consulting_has_transferred_the_call() {
    let (mut call, now) = talking();
    feed(&mut call, now, [Input::Consult { by: B, ring: ring(1, Order::AllAtOnce) }, Input::Answered { leg: C }]);
    let said = feed(&mut call, now, [hung_up(B)]);
    assert_eq!(said, [Output::Transferred { by: B }, Output::Connect { caller: A, callee: C }]);
}

#[test]
fn three_talk_and_any_one_may_leave() {
    let (mut call, now) = talking();
    feed(&mut call, now, [Input::Consult { by: B, ring: ring(1, Order::AllAtOnce) }, Input::Answered { leg: C }]);
    assert_eq!(feed(&mut call, now, [Input::Merge]), [hears(A, &[B, C]), hears(B, &[A, C]), hears(C, &[A, B])]);
    assert_eq!(feed(&mut call, now, [hung_up(A)]), [Output::Connect { caller: C, callee: B }]);
    ended(&feed(&mut call, now, [hung_up(B)]));
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in() {
    let (mut call, now) = talking();
    let supervise = Input::Supervise { ring: ring(1, Order::AllAtOnce), joins: Joins::Listen };
    assert_eq!(feed(&mut call, now, [supervise]), [dial(C, Side::Third, Part::Third(Joins::Listen))]);
    let said = feed(&mut call, now, [Input::Answered { leg: C }]);
    assert_eq!(said, [hears(A, &[B]), hears(B, &[A]), hears(C, &[A, B])]);
    let said = feed(&mut call, now, [Input::Change { leg: C, joins: Joins::Whisper(B) }]);
    assert_eq!(said, [hears(A, &[B]), hears(B, &[A, C]), hears(C, &[A, B])]);
    let said = feed(&mut call, now, [Input::Change { leg: C, joins: Joins::Barge }]);
    assert_eq!(said, [hears(A, &[B, C]), hears(B, &[A, C]), hears(C, &[A, B])]);
    assert_eq!(feed(&mut call, now, [hung_up(C)]), [Output::Connect { caller: A, callee: B }]);
    assert!(call.is_talking());
}

#[test]
fn somebody_picks_the_call_up_for_another() {
    let (mut call, now) = (incoming(1, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start]);
    assert_eq!(call.next_leg(), Some(C));
    let said = feed(&mut call, now, [Input::Join(Join::Pickup)]);
    assert_eq!(
        said,
        [
            Output::AnswerLeg { leg: C },
            Output::Drop { leg: B, cause: Cause::LoseRace },
            Output::AnswerCaller,
            Output::Connect { caller: A, callee: C },
            Output::Answered { caller: A, callee: C },
        ]
    );
}

#[test]
fn a_leg_of_another_call_takes_the_place_of_who_transferred() {
    let (mut call, now) = talking();
    let said = feed(&mut call, now, [Input::Adopt { place: B }]);
    assert_eq!(
        said,
        [
            Output::Transferred { by: B },
            Output::Drop { leg: B, cause: Cause::NormalClearing },
            Output::Connect { caller: A, callee: C },
        ]
    );
    let (mut other, now) = talking();
    let said = feed(&mut other, now, [Input::Released { leg: A }]);
    assert_eq!(said[0], Output::Drop { leg: B, cause: Cause::NormalClearing });
    assert_eq!((ended(&said).by, ended(&said).result), (EndedBy::Callee, CallResult::Answered));
}

#[test]
fn a_callee_who_moved_is_dialled_where_he_went() {
    let (mut call, now) = (incoming(1, Order::AllAtOnce), start());
    feed(&mut call, now, [Input::Start]);
    let said = feed(&mut call, now, [Input::Redirected { leg: B, target: 1 }]);
    assert_eq!(said, [Output::Dial { leg: C, side: Side::Callee, part: Part::Step, target: 1 }]);
    assert!(feed(&mut call, now, [Input::Answered { leg: C }]).contains(&Output::Connect { caller: A, callee: C }));
}
