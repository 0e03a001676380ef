use super::*;

fn cards() -> Vec<Card> {
    vec![
        Card { id: 11, is_new: true, caller: "0912345678".to_owned() },
        Card { id: 10, is_new: false, caller: String::new() },
    ]
}

fn own() -> String {
    "1001".to_owned()
}

fn ask_open(pin: Option<&str>) -> AppOutput {
    AppOutput::Ask(Question::Open { extension: own(), pin: pin.map(str::to_owned) })
}

/// A caller whose mailbox is open.
fn open() -> Table {
    let mut table = Table::new(App::VoicemailMain(VoicemailMain::new(Some(own()))));
    assert_eq!(table.on(AppInput::Started), [ask_open(None)]);
    let counts = [
        word("you-have"),
        Prompt::Number(1),
        word("new-messages"),
        Prompt::Number(1),
        word("old-messages"),
        word("mailbox-menu"),
    ];
    assert_eq!(table.on(AppInput::Opened(Opened::Messages(cards()))), [play(counts)]);
    table
}

fn first_message() -> AppOutput {
    play([
        word("message"),
        Prompt::Number(1),
        word("from"),
        Prompt::Digits("0912345678".to_owned()),
        Prompt::Silence(300),
        Prompt::Message(11),
        word("message-menu"),
    ])
}

fn second_message(number: u32) -> AppOutput {
    play([word("message"), Prompt::Number(number), Prompt::Silence(300), Prompt::Message(10), word("message-menu")])
}

#[test]
fn messages_are_heard_kept_and_deleted() {
    let mut table = open();
    let heard = AppOutput::Keep(AppFact::Heard { extension: own(), message: 11 });
    assert_eq!(table.key('1'), [first_message(), heard]);
    assert_eq!(table.key('1'), [first_message()], "again, and heard but once");
    assert_eq!(table.key('2'), [second_message(2)]);
    let deleted = AppOutput::Keep(AppFact::Deleted { extension: own(), message: 10 });
    assert_eq!(table.key('3'), [deleted, play([word("no-more-messages"), word("mailbox-menu")])]);
    assert_eq!(table.key('*'), [play([word("goodbye")])]);
    assert_eq!(table.on(AppInput::PlayFinished), [BYE]);
}

#[test]
fn a_deleted_message_makes_room_for_the_next() {
    let mut table = open();
    table.key('1');
    let deleted = AppOutput::Keep(AppFact::Deleted { extension: own(), message: 11 });
    assert_eq!(table.key('3'), [deleted, second_message(1)]);
}

#[test]
fn a_stranger_names_the_mailbox_and_its_pin() {
    let mut table = Table::new(App::VoicemailMain(VoicemailMain::new(None)));
    assert_eq!(table.on(AppInput::Started), [play([word("which-mailbox")])]);
    assert_eq!(table.keys("1001#"), [play([word("enter-pin")])]);
    assert_eq!(table.keys("4711#"), [ask_open(Some("4711"))]);
    assert_eq!(table.on(AppInput::Opened(Opened::WrongPin)), [play([word("wrong-pin")])]);
    assert_eq!(table.keys("1234#"), [ask_open(Some("1234"))]);
    assert_eq!(
        table.on(AppInput::Opened(Opened::Messages(Vec::new()))),
        [play([word("no-messages"), word("mailbox-menu")])]
    );
}

#[test]
fn the_third_wrong_pin_ends_the_call() {
    let mut table = Table::new(App::VoicemailMain(VoicemailMain::new(Some(own()))));
    table.on(AppInput::Started);
    assert_eq!(table.on(AppInput::Opened(Opened::PinWanted)), [play([word("enter-pin")])]);
    for attempt in 1..=3 {
        table.keys("0000#");
        let expected = if attempt < 3 { "wrong-pin" } else { "goodbye" };
        assert_eq!(table.on(AppInput::Opened(Opened::WrongPin)), [play([word(expected)])]);
    }
}

#[test]
fn a_refused_mailbox_says_goodbye() {
    let mut table = Table::new(App::VoicemailMain(VoicemailMain::new(Some(own()))));
    table.on(AppInput::Started);
    assert_eq!(table.on(AppInput::Opened(Opened::Refused)), [play([word("goodbye")])]);
}

#[test]
fn a_new_pin_is_put_in_twice() {
    let mut table = open();
    assert_eq!(table.key('3'), [play([word("new-pin")])]);
    assert_eq!(table.keys("12#"), [play([word("pin-length")])]);
    assert_eq!(table.keys("1234#"), [play([word("pin-again")])]);
    assert_eq!(table.keys("1235#"), [play([word("pins-differ")])]);
    table.keys("1234#");
    let set = AppOutput::Ask(Question::SetPin { extension: own(), pin: "1234".to_owned() });
    assert_eq!(table.keys("1234#"), [set]);
    assert_eq!(table.on(AppInput::PinSet(true)), [play([word("pin-changed"), word("mailbox-menu")])]);
}

#[test]
fn a_greeting_is_recorded_heard_and_kept() {
    let mut table = open();
    assert_eq!(table.key('2'), [play([word("greeting-after-beep"), word("beep")])]);
    assert!(matches!(table.on(AppInput::PlayFinished)[..], [AppOutput::Record { what: Recording::Greeting(_), .. }]));
    assert_eq!(table.key('#'), [AppOutput::StopRecording]);
    assert_eq!(table.on(AppInput::Recorded { millis: 5_000 }), [play([Prompt::LastRecording, word("review")])]);
    let kept = AppOutput::Keep(AppFact::GreetingLeft { extension: own(), millis: 5_000 });
    assert_eq!(table.key('1'), [kept, play([word("greeting-saved"), word("mailbox-menu")])]);
}

#[test]
fn a_greeting_that_was_not_confirmed_is_none() {
    let mut table = open();
    table.key('2');
    table.on(AppInput::PlayFinished);
    table.on(AppInput::Recorded { millis: 5_000 });
    assert_eq!(table.on(AppInput::CallerLeft), [AppOutput::Keep(AppFact::Discarded)]);
}

#[test]
fn whoever_presses_nothing_three_times_is_let_go() {
    let mut table = open();
    for _ in 0..2 {
        table.on(AppInput::PlayFinished);
        assert_eq!(table.wait(6.0), [play([word("mailbox-menu")])]);
    }
    table.on(AppInput::PlayFinished);
    assert_eq!(table.wait(6.0), [play([word("goodbye")])]);
}
