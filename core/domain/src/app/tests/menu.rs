use super::*;

fn plan() -> MenuPlan {
    MenuPlan {
        greeting: vec![Prompt::Stored(1)],
        invalid: Vec::new(),
        keys: vec![
            ('1', Choice::To(Destination::Queue("sales".to_owned()))),
            ('2', Choice::To(Destination::Menu(7))),
            ('9', Choice::Again),
            ('0', Choice::Hangup),
        ],
        dials: None,
        wait: Duration::from_secs(5),
        between: Duration::from_secs(2),
        repeats: 1,
        otherwise: Next::To(Destination::Extension("1001".to_owned())),
    }
}

fn menu(plan: MenuPlan) -> Table {
    let mut table = Table::new(App::Menu(Menu::new(plan)));
    assert_eq!(table.on(AppInput::Started), [play([Prompt::Stored(1)])]);
    table
}

fn chosen(destination: Destination) -> AppOutput {
    AppOutput::Leave(Next::Chosen(destination))
}

#[test]
fn a_key_during_the_greeting_counts() {
    let mut table = menu(plan());
    assert_eq!(table.key('1'), [AppOutput::StopPlaying, chosen(Destination::Queue("sales".to_owned()))]);
    assert_eq!(table.key('2'), [], "it has left");
}

#[test]
fn each_key_does_what_the_menu_says() {
    for (key, expected) in [
        ('1', vec![chosen(Destination::Queue("sales".to_owned()))]),
        ('2', vec![chosen(Destination::Menu(7))]),
        ('9', vec![play([Prompt::Stored(1)])]),
        ('0', vec![BYE]),
        ('5', vec![play([word("invalid")])]),
        ('#', vec![play([word("invalid")])]),
    ] {
        let mut table = menu(plan());
        table.on(AppInput::PlayFinished);
        let said = table.key(key);
        assert_eq!(said[0], AppOutput::StopPlaying);
        assert_eq!(said[1..], expected, "{key}");
    }
}

#[test]
fn nobody_presses_anything() {
    let mut table = menu(plan());
    assert_eq!(table.seconds(), None, "the greeting is heard to its end");
    assert_eq!(table.on(AppInput::PlayFinished), []);
    assert_eq!(table.seconds(), Some(5.0));
    assert_eq!(table.wait(4.9), []);
    assert_eq!(table.wait(0.1), [play([Prompt::Stored(1)])]);
    table.on(AppInput::PlayFinished);
    assert_eq!(table.wait(5.0), [AppOutput::Leave(plan().otherwise)]);
    assert_eq!(table.seconds(), None);
}

#[test]
fn wrong_keys_are_told_and_lead_on_at_last() {
    let mut table = menu(plan());
    assert_eq!(table.key('7'), [AppOutput::StopPlaying, play([word("invalid")])]);
    assert_eq!(table.on(AppInput::PlayFinished), [play([Prompt::Stored(1)])]);
    assert_eq!(table.key('7'), [AppOutput::StopPlaying, AppOutput::Leave(plan().otherwise)]);
}

#[test]
fn an_extension_may_be_dialled_if_the_menu_says_so() {
    let mut table = menu(MenuPlan { dials: Some(4), ..plan() });
    assert_eq!(table.keys("100"), []);
    assert_eq!(table.key('2'), [AppOutput::Ask(Question::Number("1002".to_owned()))]);
    let there = Destination::Extension("1002".to_owned());
    assert_eq!(table.on(AppInput::Found(Some(there.clone()))), [chosen(there)]);
}

#[test]
fn a_single_key_waits_for_a_second_digit_where_numbers_may_be_dialled() {
    let mut table = menu(MenuPlan { dials: Some(4), ..plan() });
    assert_eq!(table.key('1'), [AppOutput::StopPlaying]);
    assert_eq!(table.seconds(), Some(2.0));
    assert_eq!(table.wait(2.0), [chosen(Destination::Queue("sales".to_owned()))]);
}

#[test]
fn a_short_number_ends_with_the_pound_key_or_with_time() {
    for by_key in [true, false] {
        let mut table = menu(MenuPlan { dials: Some(6), ..plan() });
        table.keys("100");
        let asked = if by_key { table.key('#') } else { table.wait(2.0) };
        assert_eq!(asked, [AppOutput::Ask(Question::Number("100".to_owned()))], "{by_key}");
        assert_eq!(table.on(AppInput::Found(None)), [play([word("invalid")])]);
    }
}

#[test]
fn a_caller_who_hangs_up_hears_nothing_more() {
    let mut table = menu(plan());
    table.on(AppInput::PlayFinished);
    assert_eq!(table.on(AppInput::CallerLeft), []);
    assert_eq!(table.wait(60.0), []);
    assert_eq!(table.key('1'), []);
}

#[test]
fn a_menu_without_words_waits_for_a_key() {
    let mut table = Table::new(App::Menu(Menu::new(MenuPlan { greeting: Vec::new(), repeats: 0, ..plan() })));
    assert_eq!(table.on(AppInput::Started), []);
    assert_eq!(table.wait(5.0), [AppOutput::Leave(plan().otherwise)]);
}
