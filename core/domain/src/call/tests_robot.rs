//! Calls of a program: one side is called, and an application or a queue is the other.

use super::{
    tests::{ended, feed, outputs, ring, start},
    *,
};

fn robot(trunks: usize) -> Call {
    let origin = Origin::Robot(ring(trunks, Order::OneByOne));
    Call::new(Plan { origin, first: Step::App, longest: None })
}

const CALLEE: LegNo = LegNo(0);

fn dial(leg: u8, target: usize) -> Output {
    Output::Dial { leg: LegNo(leg), side: Side::Callee, part: Part::Own, target }
}

#[test]
fn whoever_answers_is_in_the_application_and_is_the_callee() {
    let (mut call, now) = (robot(1), start());
    assert_eq!(feed(&mut call, now, [Input::Start]), [dial(0, 0)]);
    let rings = Input::Progress { leg: CALLEE, early_media: true };
    assert_eq!(feed(&mut call, now, [rings]), [Output::Ringing { leg: CALLEE }]);
    assert_eq!(feed(&mut call, now, [Input::Answered { leg: CALLEE }]), [Output::App { caller: CALLEE }]);
    assert_eq!(call.waiting(), Some(CALLEE));
    let gone = Input::LegEnded { leg: CALLEE, cause: Cause::NormalClearing, sip_status: None };
    assert_eq!(ended(&feed(&mut call, now, [gone])).by, EndedBy::Callee);
}

#[test]
fn an_agent_who_takes_the_offer_is_the_caller() {
    let (mut call, now) = (robot(1), start());
    feed(&mut call, now, [Input::Start, Input::Answered { leg: CALLEE }]);
    let offer = Input::Offer { offer: 7, targets: 1, time: Duration::from_secs(10) };
    let rung = Output::Dial { leg: LegNo(1), side: Side::Caller, part: Part::Offer(7), target: 0 };
    assert_eq!(feed(&mut call, now, [offer]), [rung]);
    let said = feed(&mut call, now, [Input::Answered { leg: LegNo(1) }]);
    let (agent, callee) = (LegNo(1), CALLEE);
    assert!(said.contains(&Output::Connect { caller: agent, callee }), "{said:?}");
    assert!(said.contains(&Output::Answered { caller: agent, callee }), "{said:?}");
}

#[test]
fn the_next_trunk_is_tried_where_the_network_failed_and_not_where_somebody_did() {
    let (mut call, now) = (robot(2), start());
    feed(&mut call, now, [Input::Start]);
    let over = |leg, cause| Input::LegEnded { leg: LegNo(leg), cause, sip_status: None };
    assert_eq!(feed(&mut call, now, [over(0, Cause::NetworkOutOfOrder)]), [dial(1, 1)]);
    let ending = ended(&feed(&mut call, now, [over(1, Cause::UserBusy)]));
    assert_eq!((ending.cause, ending.by, ending.result), (Cause::UserBusy, EndedBy::Callee, CallResult::Busy));
    let mut call = robot(2);
    feed(&mut call, now, [Input::Start]);
    assert_eq!(ended(&feed(&mut call, now, [over(0, Cause::UserBusy)])).cause, Cause::UserBusy);
}

#[test]
fn the_time_of_the_ringing_is_that_of_all_trunks_together() {
    let (mut call, now) = (robot(2), start());
    feed(&mut call, now, [Input::Start]);
    let later = now + Duration::from_secs(20);
    feed(&mut call, later, [Input::LegEnded { leg: CALLEE, cause: Cause::NetworkOutOfOrder, sip_status: None }]);
    assert_eq!(call.next_timeout(), Some(now + Duration::from_secs(30)));
    call.handle_timeout(now + Duration::from_secs(30));
    let said = outputs(&mut call);
    assert!(said.contains(&Output::Drop { leg: LegNo(1), cause: Cause::NoAnswer }), "{said:?}");
    assert_eq!(ended(&said).result, CallResult::NoAnswer);
}

#[test]
fn nobody_is_called_without_a_trunk() {
    let (mut call, now) = (robot(0), start());
    assert_eq!(ended(&feed(&mut call, now, [Input::Start])).cause, Cause::DestinationOutOfOrder);
}
