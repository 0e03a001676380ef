//! Rules that a file breaks by what is written in it.

use super::{File, Finding};

/// Longer files are split by noun into a folder.
const LINES: usize = 600;
/// A room's door stays readable at a glance.
const DOOR_LINES: usize = 150;

/// What no Rust file may say, and why.
const BANNED: &[(&str, &str)] = &[
    ("todo!", "unfinished code does not land"),
    ("unimplemented!", "unfinished code does not land"),
    ("#[ignore", "a test that does not run is not a test"),
    ("#[should_panic", "assert the error instead"),
    ("unbounded_channel", "every queue has a bound"),
    ("mpsc::channel::<()>(usize::MAX", "every queue has a bound"),
];

/// What a library may not say outside its tests: it has no terminal.
const PRINTING: &[&str] = &["println!", "print!", "eprintln!", "eprint!", "dbg!"];

/// Paths of somebody's machine and notes to oneself, in pieces so that this file does not breach its own rule.
const WORDS: &[(&str, &str)] = &[
    (concat!("/wo", "rk/"), "a path of one machine"),
    (concat!("/ro", "ot/"), "a path of one machine"),
    (concat!("/ho", "me/"), "a path of one machine"),
    (concat!("/Us", "ers/"), "a path of one machine"),
    (concat!("/tmp/", "plan"), "a path of one machine"),
    (concat!("TO", "DO"), "a note to oneself: open an issue"),
    (concat!("FIX", "ME"), "a note to oneself: open an issue"),
];

pub(super) fn check(file: &File) -> Vec<Finding> {
    [length, door, banned, printing, words].into_iter().flat_map(|rule| rule(file)).collect()
}

fn length(file: &File) -> Vec<Finding> {
    let written = [".rs", ".ts", ".js", ".css", ".html", ".sql"].iter().any(|kind| file.path.ends_with(kind));
    let lines = file.text.lines().count();
    let long = written && lines > LINES;
    long.then(|| file.find(lines, format!("{lines} lines, {LINES} is the limit: split it by noun")))
        .into_iter()
        .collect()
}

fn door(file: &File) -> Vec<Finding> {
    let path: Vec<_> = file.path.split('/').collect();
    let lines = file.text.lines().count();
    let long = matches!(path[..], ["rooms", _, "src", "lib.rs"]) && lines > DOOR_LINES;
    long.then(|| file.find(lines, format!("a room's door has at most {DOOR_LINES} lines"))).into_iter().collect()
}

fn banned(file: &File) -> Vec<Finding> {
    let Some(source) = &file.source else { return Vec::new() };
    let places = BANNED.iter().flat_map(|&(words, why)| source.places(words).map(move |at| (at, words, why)));
    places.map(|(at, words, why)| file.find(source.line(at), format!("`{words}`: {why}"))).collect()
}

fn printing(file: &File) -> Vec<Finding> {
    let library = ["core/", "edge/", "rooms/"].iter().any(|layer| file.path.starts_with(layer));
    let Some(source) =
        file.source.as_ref().filter(|_| library && !file.path.contains("/tests/") && !file.path.ends_with("/build.rs"))
    else {
        return Vec::new();
    };
    let places = PRINTING.iter().flat_map(|&words| source.places(words).map(move |at| (at, words)));
    let places = places.filter(|&(at, _)| !source.in_tests(at));
    places.map(|(at, words)| file.find(source.line(at), format!("`{words}` in a library: use tracing"))).collect()
}

fn words(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (word, why) in WORDS {
            if line.contains(word) {
                findings.push(file.find(number + 1, format!("`{word}`: {why}")));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(findings: Vec<Finding>) -> Vec<usize> {
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_of_more_than_600_lines_is_refused() {
        assert_eq!(lines(length(&File::new("core/a/src/lib.rs", "x\n".repeat(601)))), [601]);
        assert!(length(&File::new("core/a/src/lib.rs", "x\n".repeat(600))).is_empty());
        assert!(length(&File::new("docs/calls.md", "x\n".repeat(900))).is_empty());
    }

    #[test]
    fn a_door_of_more_than_150_lines_is_refused() {
        assert_eq!(lines(door(&File::new("rooms/pbx/src/lib.rs", "x\n".repeat(151)))), [151]);
        assert!(door(&File::new("rooms/pbx/src/ops.rs", "x\n".repeat(151))).is_empty());
    }

    #[test]
    fn unfinished_code_and_unbounded_queues_are_refused() {
        let samples = [
            "todo!()",
            "unimplemented!()",
            "#[ignore]\nfn a() {}",
            "#[should_panic(expected = \"x\")]",
            "mpsc::unbounded_channel()",
        ];
        for sample in samples {
            assert_eq!(lines(banned(&File::new("edge/sip/src/lib.rs", sample))), [1], "{sample}");
        }
        assert!(banned(&File::new("edge/sip/src/lib.rs", "// todo! is banned\nlet x = \"todo!\";")).is_empty());
    }

    #[test]
    fn printing_from_a_library_is_refused() {
        let text = "fn a() { println!(\"x\") }\n#[cfg(test)]\nmod tests { fn b() { println!(\"x\") } }";
        assert_eq!(lines(printing(&File::new("rooms/pbx/src/ops.rs", text))), [1]);
        assert!(printing(&File::new("server/src/main.rs", text)).is_empty());
    }

    #[test]
    fn words_that_do_not_belong_are_refused() {
        for (word, _) in WORDS {
            assert_eq!(lines(words(&File::new("docs/a.md", format!("fine\nsee {word}x\n")))), [2]);
        }
        assert!(words(&File::new("docs/a.md", "recordings lie under /var/lib/zorio/recordings")).is_empty());
    }
}
