use super::*;

fn plan() -> VoicemailPlan {
    VoicemailPlan {
        extension: "1001".to_owned(),
        greeting: vec![Prompt::Greeting("1001".to_owned())],
        has_room: true,
        longest: Duration::from_secs(300),
        silence: Duration::from_secs(5),
        review: false,
    }
}

fn record() -> AppOutput {
    AppOutput::Record {
        what: Recording::Message("1001".to_owned()),
        longest: Duration::from_secs(300),
        silence: Duration::from_secs(5),
    }
}

fn left(millis: u64) -> AppOutput {
    AppOutput::Keep(AppFact::MessageLeft { extension: "1001".to_owned(), millis })
}

/// Brings a caller to where the recording runs.
fn recording(plan: VoicemailPlan) -> Table {
    let mut table = Table::new(App::Voicemail(Voicemail::new(plan)));
    assert_eq!(table.on(AppInput::Started), [play([Prompt::Greeting("1001".to_owned())])]);
    assert_eq!(table.on(AppInput::PlayFinished), [play([word("beep")])]);
    assert_eq!(table.on(AppInput::PlayFinished), [record()]);
    table
}

#[test]
fn a_message_ends_with_silence() {
    let mut table = recording(plan());
    assert_eq!(table.on(AppInput::Recorded { millis: 7_000 }), [left(7_000), play([word("message-saved")])]);
    assert_eq!(table.on(AppInput::PlayFinished), [BYE]);
}

#[test]
fn a_message_ends_with_the_pound_key() {
    let mut table = recording(plan());
    assert_eq!(table.key('5'), []);
    assert_eq!(table.key('#'), [AppOutput::StopRecording]);
    assert_eq!(table.on(AppInput::Recorded { millis: 1_500 }), [left(1_500), play([word("message-saved")])]);
}

#[test]
fn whoever_hangs_up_while_speaking_has_left_a_message() {
    for (seconds, kept) in [(0.4, AppOutput::Keep(AppFact::Discarded)), (3.0, left(3_000))] {
        let mut table = recording(plan());
        table.wait(seconds);
        assert_eq!(table.on(AppInput::CallerLeft), [kept]);
    }
}

#[test]
fn whoever_hangs_up_before_the_beep_has_not() {
    let mut table = Table::new(App::Voicemail(Voicemail::new(plan())));
    table.on(AppInput::Started);
    assert_eq!(table.on(AppInput::CallerLeft), []);
}

#[test]
fn the_pound_key_passes_over_the_greeting() {
    let mut table = Table::new(App::Voicemail(Voicemail::new(VoicemailPlan { greeting: Vec::new(), ..plan() })));
    let usual = play([word("extension"), Prompt::Digits("1001".to_owned()), word("not-available")]);
    assert_eq!(table.on(AppInput::Started), [usual]);
    assert_eq!(table.key('#'), [play([word("beep")])]);
}

#[test]
fn a_breath_is_no_message() {
    let mut table = recording(plan());
    let said = table.on(AppInput::Recorded { millis: 300 });
    assert_eq!(said, [AppOutput::Keep(AppFact::Discarded), play([word("goodbye")])]);
}

#[test]
fn a_full_mailbox_takes_nothing() {
    let mut table = Table::new(App::Voicemail(Voicemail::new(VoicemailPlan { has_room: false, ..plan() })));
    assert_eq!(table.on(AppInput::Started), [play([word("mailbox-full")])]);
    assert_eq!(table.on(AppInput::PlayFinished), [BYE]);
}

#[test]
fn a_message_may_be_heard_and_spoken_anew_before_it_is_kept() {
    let mut table = recording(VoicemailPlan { review: true, ..plan() });
    assert_eq!(table.on(AppInput::Recorded { millis: 4_000 }), [play([word("review")])]);
    assert_eq!(table.key('2'), [play([Prompt::LastRecording, word("review")])]);
    assert_eq!(table.key('3'), [AppOutput::Keep(AppFact::Discarded), play([word("beep")])]);
    assert_eq!(table.on(AppInput::PlayFinished), [record()]);
    table.on(AppInput::Recorded { millis: 2_000 });
    table.on(AppInput::PlayFinished);
    assert_eq!(table.wait(5.0), [left(2_000), play([word("message-saved")])], "silence is consent");
}

#[test]
fn a_message_in_review_is_kept_when_the_caller_hangs_up() {
    let mut table = recording(VoicemailPlan { review: true, ..plan() });
    table.on(AppInput::Recorded { millis: 4_000 });
    assert_eq!(table.on(AppInput::CallerLeft), [left(4_000)]);
}
