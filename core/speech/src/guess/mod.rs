//! Free text to words: what was not declared is guessed from how it is written and what stands beside it.
//!
//! One pass from left to right. At each place the recognisers are asked in a fixed order and the first that knows the
//! place takes it; none looks further than [`LOOK`] characters, so the work is linear in the text. What nobody knows is
//! passed over: the result consists of letters and `, . ? !` alone.

pub(crate) mod calendar;
mod code;
mod phone;
pub(crate) mod quantity;
mod symbol;
mod web;
mod word;

use crate::{clean::clean, reading::Reading};

pub(crate) use code::spelled;
pub(crate) use phone::number_groups;

/// The longest thing that is recognised as one, in characters.
const LOOK: usize = 256;

/// What separates spoken words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    Comma,
    Stop,
    Exclamation,
    Question,
}

impl Mark {
    pub(crate) const fn sign(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Stop => '.',
            Self::Exclamation => '!',
            Self::Question => '?',
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// One or more words, perhaps with commas of their own.
    Words(String),
    Mark(Mark),
}

/// What kind of number was said last: a second one behind a dash is likely of the same kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Date,
    Time,
    /// With a unit or a currency: *a month* may follow its slash.
    Measure,
    Plain,
}

/// Something that was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    /// Where the text goes on.
    end: usize,
    words: String,
    sort: Sort,
    /// Of plain numbers.
    value: Option<u64>,
}

impl Found {
    const fn plain(end: usize, words: String) -> Self {
        Self { end, words, sort: Sort::Plain, value: None }
    }
}

/// Returns what is said for a text: words, and `, . ? !` between them.
pub fn normalise(text: &str, reading: Reading) -> String {
    join(&tokens(text, reading))
}

/// Returns the words and marks of a text.
pub(crate) fn tokens(text: &str, reading: Reading) -> Vec<Token> {
    let chars: Vec<char> = clean(text).chars().collect();
    let mut scan = Scan::new(&chars, reading);
    while scan.at < chars.len() {
        scan.step();
    }
    scan.tokens
}

/// Returns the time of day that a text is, written in any of the ways of either language.
pub(crate) fn time_of_day(text: &str) -> Option<calendar::Time> {
    let chars: Vec<char> = text.chars().collect();
    let (time, end) = Scan::new(&chars, Reading::NORTH).time_of_day(0)?;
    (end == chars.len()).then_some(time)
}

/// Returns the words of an amount with its currency or multiplier, if the text is nothing else.
pub(crate) fn measure(text: &str, reading: Reading) -> Option<String> {
    let chars: Vec<char> = text.chars().collect();
    let scan = Scan::new(&chars, reading);
    let found = scan.quantity(0).or_else(|| scan.code_and_amount(0))?;
    (found.end == chars.len() && found.sort == Sort::Measure).then_some(found.words)
}

/// Writes tokens as one text; of marks that meet, the strongest stays.
pub(crate) fn join(tokens: &[Token]) -> String {
    let mut said = String::new();
    let mut mark = None;
    for token in tokens {
        match token {
            Token::Mark(next) => mark = mark.max(Some(*next)),
            Token::Words(words) => {
                if !said.is_empty() {
                    said.extend(mark.map(Mark::sign));
                    said.push(' ');
                }
                mark = None;
                said.push_str(words);
            }
        }
    }
    if !said.is_empty() {
        said.extend(mark.map(Mark::sign));
    }
    said
}

struct Scan<'a> {
    text: &'a [char],
    at: usize,
    reading: Reading,
    tokens: Vec<Token>,
    /// The last two words as they were written, in small letters; the nearest is the second.
    context: [String; 2],
    /// The number that was said last.
    number: Option<Found>,
}

impl<'a> Scan<'a> {
    const fn new(text: &'a [char], reading: Reading) -> Self {
        let context = [String::new(), String::new()];
        Self { text, at: 0, reading, tokens: Vec::new(), context, number: None }
    }

    fn step(&mut self) {
        let Some(c) = self.peek(self.at) else { return };
        if c == '\n' {
            self.mark(Mark::Stop);
            self.at += 1;
        } else if c.is_whitespace() {
            self.at += 1;
        } else if let Some(found) = self.web(self.at) {
            self.say(found);
        } else if let Some(found) = self.numeric(self.at) {
            self.say_number(found);
        } else if c.is_alphabetic() || unicode_normalization::char::is_combining_mark(c) {
            self.word();
        } else {
            self.symbol(c);
        }
    }

    /// Recognises whatever begins with a number at `at`.
    fn numeric(&self, at: usize) -> Option<Found> {
        let is_start = match self.peek(at)? {
            '0'..='9' => true,
            '+' | '(' => return self.phone(at),
            '-' => {
                let opens = at == 0 || self.peek(at - 1).is_some_and(|c| c.is_whitespace() || c == '(');
                opens && self.peek(at + 1).is_some_and(|c| c.is_ascii_digit() || crate::lexicon::of_symbol(c).is_some())
            }
            sign => crate::lexicon::of_symbol(sign).is_some(),
        };
        if !is_start {
            return None;
        }
        self.date(at)
            .or_else(|| self.time(at))
            .or_else(|| self.parted(at))
            .or_else(|| self.phone(at))
            .or_else(|| self.digits(at))
            .or_else(|| self.plate(at))
            .or_else(|| self.fraction(at))
            .or_else(|| self.quantity(at))
            .or_else(|| self.dotted(at))
    }

    fn say(&mut self, found: Found) {
        self.remember(self.at, found.end);
        self.tokens.push(Token::Words(found.words));
        self.at = found.end;
        self.number = None;
    }

    fn say_number(&mut self, found: Found) {
        self.remember(self.at, found.end);
        self.tokens.push(Token::Words(found.words.clone()));
        self.at = found.end;
        self.number = Some(found);
    }

    fn words(&mut self, words: &str) {
        self.tokens.push(Token::Words(words.to_owned()));
    }

    fn mark(&mut self, mark: Mark) {
        self.tokens.push(Token::Mark(mark));
        self.context = [String::new(), String::new()];
    }

    /// Keeps a piece of the text as what stands before the next.
    fn remember(&mut self, from: usize, to: usize) {
        let written: String = self.text[from..to].iter().flat_map(|c| c.to_lowercase()).collect();
        self.context.swap(0, 1);
        self.context[1] = written;
    }

    /// Tells whether the last word is one of these; an entry of two words is compared with the last two.
    fn after(&self, words: &[&str]) -> bool {
        words.iter().any(|word| match word.split_once(' ') {
            Some((first, second)) => self.context[0] == first && self.context[1] == second,
            None => self.context[1] == *word,
        })
    }

    fn peek(&self, at: usize) -> Option<char> {
        self.text.get(at).copied()
    }

    /// Returns the end of the run that begins at `at`, no further than [`LOOK`].
    fn run(&self, at: usize, belongs: impl Fn(char) -> bool) -> usize {
        let most = self.text.len().min(at.saturating_add(LOOK));
        (at..most).find(|place| !belongs(self.text[*place])).unwrap_or_else(|| most.max(at))
    }

    fn slice(&self, from: usize, to: usize) -> String {
        self.text.get(from..to).unwrap_or_default().iter().collect()
    }

    /// Returns the digits at `at` and where they end.
    fn digit_run(&self, at: usize) -> (String, usize) {
        let end = self.run(at, |c| c.is_ascii_digit());
        (self.slice(at, end), end)
    }

    /// Returns a number of at most `most` digits at `at`, and where it ends.
    fn small(&self, at: usize, most: usize) -> Option<(u32, usize)> {
        let (digits, end) = self.digit_run(at);
        (!digits.is_empty() && digits.len() <= most).then(|| digits.parse().ok()).flatten().map(|value| (value, end))
    }

    fn is_word_at(&self, at: usize) -> bool {
        self.peek(at).is_some_and(char::is_alphanumeric)
    }

    /// Tells whether this word follows, after blanks.
    fn is_before(&self, at: usize, words: &[&str]) -> bool {
        let from = self.run(at, char::is_whitespace);
        let end = self.run(from, char::is_alphabetic);
        words.contains(&self.slice(from, end).to_lowercase().as_str())
    }
}
