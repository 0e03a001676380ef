//! Keys on a clock that the tests move.

use std::time::{Duration, Instant};

use proptest::{prelude::*, prop_oneof, proptest};

use super::*;

const FIRST: ScriptId = ScriptId(1);
const OTHER: ScriptId = ScriptId(2);

fn draft(digit: &str, action: &str) -> Draft {
    Draft { digit: digit.to_owned(), action_type: action.to_owned(), ..Draft::default() }
}

/// All six actions, on the keys 1 to 6.
fn six() -> Vec<Draft> {
    vec![
        Draft { target_audio_url: Some("/media/more.wav".to_owned()), ..draft("1", "playback") },
        Draft { target_audio_url: Some("/media/thank_you.wav".to_owned()), ..draft("2", "playback_then_hangup") },
        Draft { target_script_id: Some(2), ..draft("3", "switch_script") },
        Draft { target_queue_name: Some("sales@default".to_owned()), ..draft("4", "queue") },
        draft("5", "repeat_script"),
        draft("6", "hangup"),
    ]
}

fn tree() -> Tree {
    Tree::check(&six(), 2).unwrap()
}

/// A walk with the clock beside it; what comes out is written short.
struct Line {
    walk: Walk,
    now: Instant,
}

impl Line {
    fn new(tree: Tree, barge_in: BargeIn) -> Self {
        let mut line = Self {
            walk: Walk::new(FIRST, tree, Settings { barge_in, ..Settings::default() }),
            #[expect(clippy::disallowed_methods, reason = "any beginning will do: the test moves on from it")]
            now: Instant::now(),
        };
        assert_eq!(line.walk.next_timeout(), None);
        assert_eq!(line.give(Input::Answered), ["play 1 script 1"]);
        line
    }

    fn answered() -> Self {
        Self::new(tree(), BargeIn::Allowed)
    }

    fn give(&mut self, input: Input) -> Vec<String> {
        self.walk.handle(input, self.now);
        self.drain()
    }

    fn key(&mut self, key: char) -> Vec<String> {
        self.give(Input::Key(key))
    }

    fn finished(&mut self, id: u32) -> Vec<String> {
        self.give(Input::Finished(PlayId(id)))
    }

    /// Moves the clock and lets the machine look at it, once.
    fn after(&mut self, wait: Duration) -> Vec<String> {
        self.now += wait;
        self.walk.handle_timeout(self.now);
        self.drain()
    }

    fn drain(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.walk.poll())
            .map(|output| match output {
                Output::Play { id, sound: Sound::Script(script) } => format!("play {} script {}", id.0, script.0),
                Output::Play { id, sound: Sound::File(path) } => format!("play {} {path}", id.0),
                Output::Stop(id) => format!("stop {}", id.0),
                Output::Pressed { key, script, action } => {
                    format!("pressed {key} in {}: {}", script.0, action.as_ref().map_or("nothing", Action::as_str))
                }
                Output::Switch(script) => format!("switch {}", script.0),
                Output::End(ending) => format!("end {ending:?}"),
            })
            .collect()
    }
}

const WAIT: Duration = Duration::from_secs(5);

#[test]
fn a_file_is_played_and_more_keys_are_waited_for() {
    let mut line = Line::answered();
    assert_eq!(line.key('1'), ["pressed 1 in 1: playback", "stop 1", "play 2 /media/more.wav"]);
    assert_eq!(line.finished(2), [""; 0]);
    assert_eq!(line.key('6'), ["pressed 6 in 1: hangup", "end Pressed"]);
}

#[test]
fn silence_behind_a_file_ends_the_call() {
    let mut line = Line::answered();
    line.key('1');
    line.finished(2);
    assert_eq!(line.after(WAIT), ["end Silent"]);
}

#[test]
fn a_last_file_is_heard_to_its_end() {
    let mut line = Line::answered();
    assert_eq!(line.key('2'), ["pressed 2 in 1: playback_then_hangup", "stop 1", "play 2 /media/thank_you.wav"]);
    assert_eq!(line.key('6'), ["pressed 6 in 1: nothing"]);
    assert_eq!(line.finished(2), ["end Pressed"]);
}

#[test]
fn another_script_is_said_when_it_is_ready() {
    let mut line = Line::answered();
    assert_eq!(line.key('3'), ["pressed 3 in 1: switch_script", "stop 1", "switch 2"]);
    assert_eq!(line.key('6'), ["pressed 6 in 1: nothing"], "the menu that it meant is left");
    let other = Tree::check(&[draft("1", "hangup")], 1).unwrap();
    assert_eq!(line.give(Input::Ready { script: FIRST, tree: Some(tree()) }), [""; 0]);
    assert_eq!(line.give(Input::Ready { script: OTHER, tree: Some(other) }), ["play 2 script 2"]);
    assert_eq!(line.walk.script(), OTHER);
    assert_eq!(line.key('1'), ["pressed 1 in 2: hangup", "stop 2", "end Pressed"]);
}

#[test]
fn a_script_that_cannot_be_heard_ends_the_call() {
    let mut line = Line::answered();
    line.key('3');
    assert_eq!(line.give(Input::Ready { script: OTHER, tree: None }), ["end Unavailable(ScriptId(2))"]);
    let mut line = Line::answered();
    line.key('3');
    assert_eq!(line.after(Duration::from_secs(10)), ["end Overrun"]);
}

#[test]
fn a_circle_that_was_made_during_the_call_ends_it() {
    let mut line = Line::answered();
    line.key('3');
    let back = Draft { target_script_id: Some(1), ..draft("1", "switch_script") };
    let other = Tree::check(&[back], 1).unwrap();
    line.give(Input::Ready { script: OTHER, tree: Some(other) });
    assert_eq!(line.key('1'), ["pressed 1 in 2: switch_script", "stop 2", "end Overrun"]);
}

#[test]
fn a_queue_takes_the_call() {
    let mut line = Line::answered();
    assert_eq!(line.key('4'), ["pressed 4 in 1: queue", "stop 1", "end Queue(\"sales@default\")"]);
    assert_eq!(line.walk.next_timeout(), None);
}

#[test]
fn the_script_is_said_again_for_whoever_asks_and_not_for_ever() {
    let mut line = Line::answered();
    for id in 1..=10 {
        let again = format!("play {} script 1", id + 1);
        assert_eq!(line.key('5'), ["pressed 5 in 1: repeat_script".to_owned(), format!("stop {id}"), again]);
        line.now += Duration::from_secs(1);
    }
    assert_eq!(line.key('5'), ["pressed 5 in 1: repeat_script", "stop 11", "end Overrun"]);
}

#[test]
fn nothing_pressed_is_asked_for_as_often_as_the_script_says() {
    let mut line = Line::answered();
    assert_eq!(line.finished(1), [""; 0]);
    assert_eq!(line.after(WAIT - Duration::from_millis(1)), [""; 0]);
    assert_eq!(line.after(Duration::from_millis(1)), ["play 2 script 1"]);
    line.finished(2);
    assert_eq!(line.after(WAIT), ["play 3 script 1"]);
    line.finished(3);
    assert_eq!(line.after(WAIT), ["end NothingPressed"]);
}

#[test]
fn a_wrong_key_in_the_silence_counts_as_none_and_during_the_prompt_is_left_alone() {
    let mut line = Line::answered();
    assert_eq!(line.key('9'), ["pressed 9 in 1: nothing"]);
    line.finished(1);
    assert_eq!(line.key('0'), ["pressed 0 in 1: nothing", "play 2 script 1"]);
    line.finished(2);
    assert_eq!(line.key('8'), ["pressed 8 in 1: nothing", "play 3 script 1"]);
    line.finished(3);
    assert_eq!(line.key('7'), ["pressed 7 in 1: nothing", "end NothingPressed"]);
}

#[test]
fn a_key_during_the_prompt_may_wait_for_its_end() {
    let mut line = Line::new(tree(), BargeIn::AfterPrompt);
    assert_eq!(line.key('4'), ["pressed 4 in 1: queue"]);
    assert_eq!(line.key('6'), ["pressed 6 in 1: nothing"], "the first counts");
    assert_eq!(line.finished(1), ["end Queue(\"sales@default\")"]);
}

#[test]
fn a_key_that_arrives_twice_is_one() {
    let mut line = Line::answered();
    line.key('5');
    line.now += Duration::from_millis(99);
    assert_eq!(line.key('5'), [""; 0], "the tone beside the event");
    line.now += Duration::from_millis(101);
    assert_eq!(line.key('5').len(), 3, "pressed again");
    assert_eq!(line.key('6'), ["pressed 6 in 1: hangup", "stop 3", "end Pressed"], "another key is no echo");
}

#[test]
fn late_news_is_passed_over() {
    let mut line = Line::answered();
    line.key('5');
    assert_eq!(line.finished(1), [""; 0], "the prompt that was stopped");
    assert_eq!(line.give(Input::Answered), [""; 0]);
    assert_eq!(line.give(Input::Ready { script: OTHER, tree: Some(tree()) }), [""; 0]);
    line.key('6');
    for late in [Input::Key('4'), Input::Finished(PlayId(2)), Input::CalleeLeft, Input::Answered] {
        assert_eq!(line.give(late), [""; 0]);
    }
    assert_eq!(line.after(Duration::from_secs(3_600)), [""; 0]);
}

#[test]
fn keys_before_the_answer_and_keys_that_telephones_do_not_have_are_none() {
    let mut line = Line::answered();
    for key in ['A', 'x', '１', '\0'] {
        assert_eq!(line.key(key), [""; 0]);
    }
    line.walk = Walk::new(FIRST, tree(), Settings::default());
    assert_eq!(line.key('6'), [""; 0]);
    assert_eq!(line.give(Input::CalleeLeft), ["end CalleeLeft"]);
}

#[test]
fn whoever_leaves_hears_nothing_more() {
    let mut line = Line::answered();
    assert_eq!(line.give(Input::CalleeLeft), ["stop 1", "end CalleeLeft"]);
}

#[test]
fn nothing_lasts_for_ever() {
    let mut line = Line::answered();
    assert_eq!(line.after(Duration::from_secs(300)), ["stop 1", "end Overrun"], "a prompt that got stuck");
    let mut line = Line::answered();
    for _ in 0..3 {
        line.now += Duration::from_secs(299);
        line.key('1');
    }
    assert_eq!(line.after(Duration::from_secs(3)), ["stop 4", "end Overrun"], "the call as a whole");
}

#[test]
fn a_message_without_keys_is_said_once() {
    let mut line = Line::new(Tree::check(&[], 1).unwrap(), BargeIn::Allowed);
    assert_eq!(line.key('1'), ["pressed 1 in 1: nothing"]);
    assert_eq!(line.finished(1), ["end NothingPressed"]);
}

#[test]
fn all_six_actions_are_read() {
    let tree = tree();
    let names: Vec<_> = tree.branches().iter().map(|branch| branch.action.as_str()).collect();
    assert_eq!(names, ACTIONS);
    assert_eq!(tree.switches().collect::<Vec<_>>(), [OTHER]);
    let unused = Draft { target_audio_url: Some(String::new()), ..draft(" # ", "hangup") };
    assert_eq!(Tree::check(&[unused], 1).unwrap().branches()[0].key.as_char(), '#');
}

#[test]
fn everything_that_is_wrong_with_keys_is_told_at_once() {
    let path = |path: &str| Draft { target_audio_url: Some(path.to_owned()), ..draft("7", "playback") };
    let drafts = vec![
        draft("1", "hangup"),
        draft("1", "hangup"),
        draft("A", "hangup"),
        draft("12", "fly"),
        draft("2", "playback"),
        Draft { target_audio_url: Some("https://example.com/a.wav".to_owned()), ..draft("3", "playback_then_hangup") },
        draft("4", "queue"),
        draft("5", "switch_script"),
        Draft { target_script_id: Some(0), ..draft("6", "switch_script") },
        path("/media/../secrets"),
        Draft { label: "a\nb".to_owned(), ..draft("8", "hangup") },
        Draft { target_queue_name: Some("q".repeat(256)), ..draft("9", "queue") },
    ];
    let problems = Tree::check(&drafts, 6).unwrap_err();
    let told: Vec<_> = problems.iter().map(|problem| (problem.at, problem.field, problem.fault)).collect();
    assert_eq!(
        told,
        [
            (None, "max_repeat_per_attempt", Fault::Repeats),
            (Some(1), "digit", Fault::Twice),
            (Some(2), "digit", Fault::NoKey),
            (Some(3), "digit", Fault::NoKey),
            (Some(3), "action_type", Fault::NoAction),
            (Some(4), "target_audio_url", Fault::Missing),
            (Some(5), "target_audio_url", Fault::NoPath),
            (Some(6), "target_queue_name", Fault::Missing),
            (Some(7), "target_script_id", Fault::Missing),
            (Some(8), "target_script_id", Fault::NoScript),
            (Some(9), "target_audio_url", Fault::NoPath),
            (Some(10), "label", Fault::Control),
            (Some(11), "target_queue_name", Fault::TooLong),
        ]
    );
    let many = Tree::check(&vec![draft("1", "hangup"); 13], 1).unwrap_err();
    assert_eq!(many, [Problem { at: None, field: "dtmf_actions", fault: Fault::TooMany }]);
    assert_eq!(many[0].to_string(), "dtmf_actions has more than 12 keys");
}

#[derive(Clone, Debug)]
enum Step {
    Give(Input),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => proptest::sample::select("0123456789*#A".chars().collect::<Vec<_>>()).prop_map(|key| Step::Give(Input::Key(key))),
        4 => (0_u32..12).prop_map(|id| Step::Give(Input::Finished(PlayId(id)))),
        1 => Just(Step::Give(Input::Answered)),
        1 => (1_i64..4).prop_map(|id| Step::Give(Input::Ready { script: ScriptId(id), tree: Some(tree()) })),
        1 => Just(Step::Give(Input::Ready { script: OTHER, tree: None })),
        1 => Just(Step::Give(Input::CalleeLeft)),
        6 => (0_u64..8_000).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 0..60)
}

proptest! {
    /// One sound at a time, one end, nothing behind it, and always a time at which something happens.
    #[test]
    fn whatever_happens_the_call_is_in_order(steps in steps(), waits in any::<bool>()) {
        let mut line = Line::new(tree(), if waits { BargeIn::AfterPrompt } else { BargeIn::Allowed });
        let mut playing = Some(1);
        let mut over = false;
        let forever = steps.len();
        for at in 0..forever + 200 {
            match steps.get(at) {
                Some(Step::Give(input)) => {
                    if let Input::Finished(id) = input && playing == Some(id.0) {
                        playing = None;
                    }
                    line.walk.handle(input.clone(), line.now);
                }
                Some(Step::Wait(millis)) => {
                    line.now += Duration::from_millis(*millis);
                    line.walk.handle_timeout(line.now);
                }
                None => {
                    let Some(due) = line.walk.next_timeout() else { break };
                    line.now = line.now.max(due);
                    line.walk.handle_timeout(line.now);
                }
            }
            while let Some(output) = line.walk.poll() {
                prop_assert!(!over, "{output:?} behind the end");
                match output {
                    Output::Play { id, .. } => {
                        prop_assert_eq!(playing, None);
                        playing = Some(id.0);
                    }
                    Output::Stop(id) => {
                        prop_assert_eq!(playing, Some(id.0));
                        playing = None;
                    }
                    Output::End(_) => over = true,
                    Output::Pressed { .. } | Output::Switch(_) => {}
                }
            }
            prop_assert!(over == line.walk.next_timeout().is_none());
        }
        prop_assert!(over && playing.is_none());
    }
}
