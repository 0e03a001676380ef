//! The tables of what is written and what is said.

use crate::{Reading, normalise};

const VI: &str = include_str!("vi.tsv");
const VI_SOUTH: &str = include_str!("vi_south.tsv");
const EN: &str = include_str!("en.tsv");

fn cases(table: &'static str) -> Vec<(String, &'static str)> {
    let lines = table.lines().filter(|line| !line.is_empty() && !line.starts_with("# "));
    lines
        .map(|line| {
            let (written, said) = line.split_once('\t').expect("a case has two columns");
            (written.replace("\\n", "\n"), said)
        })
        .collect()
}

fn check(table: &'static str, least: usize, reading: Reading) {
    let cases = cases(table);
    assert!(cases.len() >= least, "{} cases", cases.len());
    let wrong: Vec<String> = cases
        .iter()
        .map(|(written, said)| (written, *said, normalise(written, reading)))
        .filter(|(_, said, found)| said != found)
        .map(|(written, said, found)| format!("{written:?}\n   should be {said:?}\n   is        {found:?}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
fn vietnamese_is_read_as_a_careful_speaker_reads() {
    check(VI, 200, Reading::NORTH);
}

#[test]
fn the_south_says_some_words_otherwise() {
    check(VI_SOUTH, 10, Reading::SOUTH);
}

#[test]
fn english_is_read_as_a_careful_speaker_reads() {
    check(EN, 200, Reading::English);
}

#[test]
fn a_case_stands_once() {
    for table in [VI, VI_SOUTH, EN] {
        let cases = cases(table);
        let written: std::collections::BTreeSet<_> = cases.iter().map(|(written, _)| written).collect();
        assert_eq!(written.len(), cases.len());
    }
}

/// What is said holds nothing that an engine could read in its own way.
#[test]
fn nothing_but_words_and_marks_is_left() {
    for (table, reading) in [(VI, Reading::NORTH), (EN, Reading::English)] {
        for (written, _) in cases(table) {
            for other in [reading, Reading::SOUTH, Reading::English] {
                let said = normalise(&written, other);
                assert!(said.chars().all(|c| c.is_alphabetic() || " ,.?!'".contains(c)), "{written:?}: {said:?}");
            }
        }
    }
}
