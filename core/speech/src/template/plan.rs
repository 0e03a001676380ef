//! How a template is read in one voice: what is constant, and what waits for values.

use std::collections::BTreeMap;

use thiserror::Error;

use super::Part;
use crate::{
    guess::{self, Mark, Token},
    lexicon,
    reading::Reading,
    segment::{Joint, Segment, Source},
    slot::{self, Ahead, Around, Kind, Unreadable, Value},
};

/// A template that is ready to be filled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<Step>,
    reading: Reading,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Say(Segment),
    Fill { code: String, kind: Kind, around: Around, joint: Joint },
}

/// Why a lead cannot hear a script: which value is wrong, and how.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    #[error("{code} is missing")]
    Missing { code: String },
    #[error("{code} {why}")]
    Unreadable { code: String, kind: Kind, why: Unreadable },
}

impl Refusal {
    /// Returns the variable.
    pub fn code(&self) -> &str {
        match self {
            Self::Missing { code } | Self::Unreadable { code, .. } => code,
        }
    }
}

impl Plan {
    /// Returns the segments that every lead hears, to be rendered before anybody is called.
    pub fn constants(&self) -> impl Iterator<Item = &Segment> {
        self.steps.iter().filter_map(|step| match step {
            Step::Say(segment) => Some(segment),
            Step::Fill { .. } => None,
        })
    }

    /// Returns what one lead hears. Values that no placeholder names are passed over.
    ///
    /// # Errors
    ///
    /// All variables that are missing or unreadable, each once, in the order of the template.
    pub fn fill(&self, values: &BTreeMap<String, Value>) -> Result<Vec<Segment>, Vec<Refusal>> {
        let mut segments = Vec::with_capacity(self.steps.len() * 2);
        let mut refusals: Vec<Refusal> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Say(segment) => segments.push(segment.clone()),
                Step::Fill { code, .. } if refusals.iter().any(|refusal| refusal.code() == code) => {}
                Step::Fill { code, kind, around, joint } => {
                    let Some(value) = values.get(code) else {
                        refusals.push(Refusal::Missing { code: code.clone() });
                        continue;
                    };
                    match slot::say(*kind, value, *around, self.reading) {
                        Ok(parts) => {
                            let source = Source::Slot(*kind);
                            let said = parts.into_iter().map(|(text, joint)| Segment { text, joint, source });
                            segments.extend(said);
                            if let Some(last) = segments.last_mut() {
                                last.joint = *joint;
                            }
                        }
                        Err(why) => {
                            refusals.push(Refusal::Unreadable { code: code.clone(), kind: *kind, why });
                        }
                    }
                }
            }
        }
        if refusals.is_empty() { Ok(segments) } else { Err(refusals) }
    }
}

pub(super) fn plan(parts: &[Part], kinds: &BTreeMap<String, Kind>, reading: Reading) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    // What the last slot says itself of the text behind it, in bytes.
    let mut said_before = 0;
    let mut is_after_day = false;
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => {
                let text = text.get(said_before..).unwrap_or_default();
                said_before = 0;
                constants(text, reading, &mut steps);
                let last = text.split_whitespace().next_back().unwrap_or_default().to_lowercase();
                is_after_day = matches!(last.as_str(), "ngày" | "hôm");
            }
            Part::Slot { code, kind } => {
                let kind = kind.or_else(|| kinds.get(code).copied()).unwrap_or_default();
                let unit = match parts.get(at + 1) {
                    Some(Part::Text(text)) => unit_ahead(text, kind),
                    _ => None,
                };
                said_before = unit.map_or(0, |(_, length)| length);
                let around = Around { is_after_day, unit: unit.map(|(unit, _)| unit) };
                steps.push(Step::Fill { code: code.clone(), kind, around, joint: Joint::Slot });
                is_after_day = false;
            }
        }
    }
    // Whatever comes last ends a sentence.
    if let Some(Step::Fill { joint, .. } | Step::Say(Segment { joint, .. })) = steps.last_mut() {
        *joint = Joint::Sentence;
    }
    Plan { steps, reading }
}

/// Cuts constant text at its marks.
fn constants(text: &str, reading: Reading, steps: &mut Vec<Step>) {
    let mut words: Vec<String> = Vec::new();
    let mut mark = None;
    let close = |words: &mut Vec<String>, mark: &mut Option<Mark>, steps: &mut Vec<Step>| {
        let joint = match *mark {
            None => Joint::Slot,
            Some(Mark::Comma) => Joint::Clause,
            Some(_) => Joint::Sentence,
        };
        if words.is_empty() {
            // A mark right behind a slot says how the slot ends.
            if let (Some(_), Some(Step::Fill { joint: last, .. })) = (*mark, steps.last_mut()) {
                *last = joint.max(*last);
            }
        } else {
            let mut text = words.join(" ");
            text.extend(mark.map(Mark::sign));
            steps.push(Step::Say(Segment { text, joint, source: Source::Constant }));
        }
        words.clear();
        *mark = None;
    };
    for token in guess::tokens(text, reading) {
        match token {
            Token::Mark(next) => mark = mark.max(Some(next)),
            Token::Words(next) => {
                if mark.is_some() {
                    close(&mut words, &mut mark, steps);
                }
                words.push(next);
            }
        }
    }
    close(&mut words, &mut mark, steps);
}

/// Recognises a unit at the beginning of the text behind a slot; returns it and the bytes it takes.
fn unit_ahead(text: &str, kind: Kind) -> Option<(Ahead, usize)> {
    let blanks = text.len() - text.trim_start_matches([' ', '\u{a0}']).len();
    let rest = text.get(blanks..)?;
    let takes_money = matches!(kind, Kind::Money | Kind::Number);
    let takes_percent = matches!(kind, Kind::Percent | Kind::Number);
    if let Some(sign) = rest.chars().next() {
        if let Some(currency) = lexicon::of_symbol(sign).filter(|_| takes_money) {
            return Some((Ahead::Currency(currency), blanks + sign.len_utf8()));
        }
        if sign == '%' && takes_percent {
            return Some((Ahead::Percent, blanks + 1));
        }
    }
    let word = rest.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let code = if matches!(word, "đ" | "đồng" | "Đồng" | "dong") { "VND" } else { word };
    let is_code = code.chars().all(char::is_uppercase) || matches!(code, "vnđ" | "vnd");
    if let Some(currency) = lexicon::of_code(code).filter(|_| takes_money && is_code) {
        return Some((Ahead::Currency(currency), blanks + word.len()));
    }
    let percent = ["phần trăm", "percent"].into_iter().find(|name| rest.starts_with(name));
    percent.filter(|_| takes_percent).map(|name| (Ahead::Percent, blanks + name.len()))
}
