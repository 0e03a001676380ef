//! Just enough of Rust's lexical grammar to tell code from comments and strings.

use std::ops::Range;

/// A Rust file with its comments and the contents of its strings taken out.
pub(super) struct Source {
    /// The text with every character of a comment, string or character literal blanked; line breaks stay.
    pub(super) code: String,
    /// The string literals in order.
    pub(super) strings: Vec<Literal>,
    /// Where the file's tests begin: the first `#[cfg(test)]` that stands before a `mod`.
    tests: usize,
}

/// One string literal.
pub(super) struct Literal {
    /// Where it begins in the text, its prefix (`r#`, `b`) included.
    pub(super) start: usize,
    /// What it stands for.
    pub(super) value: String,
}

impl Source {
    pub(super) fn read(text: &str) -> Self {
        let mut reader = Reader { text, at: 0, code: String::with_capacity(text.len()), strings: Vec::new() };
        reader.run();
        let Reader { code, strings, .. } = reader;
        let tests = code.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|&at| opens_module(&code[at..]));
        let tests = tests.unwrap_or(code.len());
        Self { code, strings, tests }
    }

    /// Returns the one-based line of a place.
    pub(super) fn line(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    /// Returns whether the place belongs to the tests at the end of the file.
    pub(super) fn in_tests(&self, at: usize) -> bool {
        at >= self.tests
    }

    /// Returns every place where the words stand as code, not as the end or the beginning of a longer name.
    pub(super) fn places<'a>(&'a self, words: &'a str) -> impl Iterator<Item = usize> + 'a {
        let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
        let word_first = words.starts_with(part_of_a_name);
        let word_last = words.ends_with(part_of_a_name);
        self.code.match_indices(words).map(|(at, _)| at).filter(move |&at| {
            let before = self.code[..at].chars().next_back().is_some_and(part_of_a_name);
            let after = self.code[at + words.len()..].chars().next().is_some_and(part_of_a_name);
            !(word_first && before || word_last && after)
        })
    }

    /// Returns the text that a range of the code stands for, if it is nothing but string literals:
    /// one, or several within `concat!`.
    pub(super) fn text_in(&self, range: Range<usize>) -> Option<String> {
        let code = self.code[range.clone()].trim();
        let inner = match code.strip_prefix("concat!") {
            Some(rest) => rest.trim().strip_prefix('(')?.strip_suffix(')')?,
            None => code,
        };
        let within: Vec<_> = self.strings.iter().filter(|string| range.contains(&string.start)).collect();
        let alone = code.is_empty() && within.len() == 1;
        let several = code != inner && inner.chars().all(|c| c == ',' || c.is_whitespace());
        (alone || several).then(|| within.iter().map(|string| string.value.as_str()).collect())
    }
}

fn opens_module(code: &str) -> bool {
    let mut rest = code;
    // Skip this and the following attributes.
    while let Some(attribute) = rest.trim_start().strip_prefix("#[") {
        let mut depth = 1;
        let end = attribute.find(|c| {
            depth += match c {
                '[' => 1,
                ']' => -1,
                _ => 0,
            };
            depth == 0
        });
        let Some(end) = end else { return false };
        rest = &attribute[end + 1..];
    }
    let mut rest = rest.trim_start();
    if let Some(visible) = rest.strip_prefix("pub") {
        rest = visible.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    // `mod tests;` in another file does not make the rest of this one a test.
    rest.strip_prefix("mod ")
        .is_some_and(|rest| rest.find('{') < rest.find(';').or(Some(usize::MAX)) && rest.contains('{'))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    code: String,
    strings: Vec<Literal>,
}

impl Reader<'_> {
    fn run(&mut self) {
        while let Some(c) = self.rest().chars().next() {
            let rest = self.rest();
            if rest.starts_with("//") {
                self.blank(rest.find('\n').unwrap_or(rest.len()));
            } else if rest.starts_with("/*") {
                self.blank(block_comment(rest));
            } else if let Some((prefix, hashes)) = raw_prefix(rest).filter(|_| !self.after_a_name()) {
                self.raw_string(prefix, hashes);
            } else if c == '"' {
                self.string();
            } else if let Some(length) = character(rest) {
                self.blank(length);
            } else {
                self.code.push(c);
                self.at += c.len_utf8();
            }
        }
    }

    fn rest(&self) -> &'_ str {
        &self.text[self.at..]
    }

    fn after_a_name(&self) -> bool {
        self.code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    /// Replaces the next bytes by as many blanks, so that places in `code` are places in the text.
    fn blank(&mut self, length: usize) {
        let end = self.at + length;
        for byte in self.text.as_bytes()[self.at..end].iter() {
            self.code.push(if *byte == b'\n' { '\n' } else { ' ' });
        }
        self.at = end;
    }

    fn raw_string(&mut self, prefix: usize, hashes: usize) {
        let body = &self.rest()[prefix..];
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end).unwrap_or(body.len());
        let value = body[..length].to_owned();
        self.strings.push(Literal { start: self.at, value });
        self.blank((prefix + length + end.len()).min(self.rest().len()));
    }

    fn string(&mut self) {
        let body = &self.rest()[1..];
        let (mut value, mut length) = (String::new(), body.len());
        let mut characters = body.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    length = at;
                    break;
                }
                '\\' => match characters.next().map(|(_, escaped)| escaped) {
                    Some('n') => value.push('\n'),
                    Some('t') => value.push('\t'),
                    Some('\n') => {
                        // A line that goes on: its end and the indentation of the next are not part of it.
                        while characters.as_str().starts_with(char::is_whitespace) {
                            characters.next();
                        }
                    }
                    Some(escaped) => value.push(escaped),
                    None => {}
                },
                c => value.push(c),
            }
        }
        self.strings.push(Literal { start: self.at, value });
        self.blank((length + 2).min(self.rest().len()));
    }
}

/// Returns the length of `r#"` or `br"` and the number of hashes, if a raw string begins here.
fn raw_prefix(rest: &str) -> Option<(usize, usize)> {
    let letters = if rest.starts_with("br") { 2 } else { usize::from(rest.starts_with('r')) };
    let hashes = rest[letters..].bytes().take_while(|&byte| byte == b'#').count();
    (letters > 0 && rest[letters + hashes..].starts_with('"')).then_some((letters + hashes + 1, hashes))
}

/// Returns the length of the character literal that begins here; a lifetime is none.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let first = body.chars().next()?;
    if first == '\\' {
        let escaped = body[1..].chars().next()?.len_utf8();
        return body[1 + escaped..].find('\'').map(|end| 1 + 1 + escaped + end + 1);
    }
    body[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 2)
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest.as_bytes()[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest.as_bytes()[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::read(text).code
    }

    #[test]
    fn comments_and_strings_are_not_code() {
        let source = Source::read("a // b \"c\n/* d /* e */ f */ g(\"h // i\", 'j', r#\"k\"l\"#)");
        assert_eq!(source.code.split_whitespace().collect::<Vec<_>>(), ["a", "g(", ",", ",", ")"]);
        assert_eq!(source.strings.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(), ["h // i", "k\"l"]);
    }

    #[test]
    fn places_stay_where_they_were() {
        let text = "é // ü\nlet x = \"ö\";";
        assert_eq!(code(text).len(), text.len());
        assert_eq!(Source::read(text).line(text.find("let").unwrap()), 2);
    }

    #[test]
    fn lifetimes_and_escapes_do_not_confuse() {
        assert_eq!(
            code(r"fn f<'a>(c: &'a str) { '\'' ; '\u{1f600}'; '\\'; x }").replace(' ', ""),
            "fnf<'a>(c:&'astr){;;;x}"
        );
        assert_eq!(Source::read(r#""a\"b" c"#).strings[0].value, "a\"b");
        assert_eq!(Source::read("\"a \\\n    b\"").strings[0].value, "a b");
    }

    #[test]
    fn words_are_found_whole() {
        let source = Source::read("sql(x); mysql(y); // sql(z)\n todo!()");
        assert_eq!(source.places("sql(").count(), 1);
        assert_eq!(source.places("todo!").count(), 1);
    }

    #[test]
    fn tests_begin_at_their_module() {
        let text =
            "#[cfg(test)]\nmod other;\nfn a() {}\n#[cfg(test)]\n#[expect(b, reason = \"c\")]\nmod tests { fn d() {} }";
        let source = Source::read(text);
        assert!(Source::read("#[cfg(test)]\npub(crate) mod testing { fn a() {} }").in_tests(0));
        assert!(!source.in_tests(text.find("fn a").unwrap()));
        assert!(source.in_tests(text.find("fn d").unwrap()));
    }

    #[test]
    fn an_argument_of_literals_is_a_text() {
        let text = "f(\n  // why\n  \"select 1\") f(name) f(concat!(\"a\", \"b\")) f(concat!(\"a\", x)) f(g(\"a\"))";
        let source = Source::read(text);
        let texts = source.places("f(").map(|at| source.text_in(crate::tidy::bracketed(&source.code, at + 1)));
        assert_eq!(texts.collect::<Vec<_>>(), [Some("select 1".into()), None, Some("ab".into()), None, None]);
    }
}
