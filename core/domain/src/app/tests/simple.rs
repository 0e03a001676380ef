use super::*;

#[test]
fn an_announcement_goes_on_when_it_was_heard() {
    let then = Next::To(Destination::Queue("sales".to_owned()));
    let mut table = Table::new(App::Announce(Announce::new(vec![Prompt::Stored(3)], then.clone())));
    assert_eq!(table.on(AppInput::Started), [play([Prompt::Stored(3)])]);
    assert_eq!(table.key('1'), []);
    assert_eq!(table.on(AppInput::PlayFinished), [AppOutput::Leave(then)]);
    assert_eq!(table.on(AppInput::PlayFinished), []);
}

#[test]
fn an_echo_ends_by_key_or_after_five_minutes() {
    for by_key in [true, false] {
        let mut table = Table::new(App::Echo(Echo::default()));
        assert_eq!(table.on(AppInput::Started), [play([word("echo")])]);
        assert_eq!(table.on(AppInput::PlayFinished), [AppOutput::Echo]);
        assert_eq!(if by_key { table.key('#') } else { table.wait(300.0) }, [BYE], "{by_key}");
    }
}

#[test]
fn a_parked_call_goes_back_to_whoever_parked_it() {
    let park = Park::new(701, true, Some("1001".to_owned()), PARKED_FOR);
    let mut table = Table::new(App::Park(park));
    assert!(table.app.waits());
    assert_eq!(table.on(AppInput::Started), [play([word("parked-at"), Prompt::Digits("701".to_owned())])]);
    assert_eq!(table.on(AppInput::PlayFinished), [AppOutput::Music(MusicChoice::Account)]);
    assert_eq!(table.wait(119.0), []);
    assert_eq!(table.wait(1.0), [AppOutput::Leave(Next::To(Destination::Extension("1001".to_owned())))]);
}

#[test]
fn a_parked_call_that_nobody_owns_ends() {
    let mut table = Table::new(App::Park(Park::new(701, false, None, PARKED_FOR)));
    assert_eq!(table.on(AppInput::Started), [AppOutput::Music(MusicChoice::Account)]);
    assert_eq!(table.wait(120.0), [AppOutput::Leave(Next::Hangup(Cause::NoAnswer))]);
}

#[test]
fn a_conference_names_its_room() {
    let mut table = Table::new(App::Conference(Conference::new("301")));
    assert_eq!(table.on(AppInput::Started), [play([word("conference"), Prompt::Digits("301".to_owned())])]);
    assert_eq!(table.on(AppInput::PlayFinished), [AppOutput::EnterRoom]);
}
