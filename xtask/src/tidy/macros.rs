//! Enough of `macro_rules!` to see the statements that a store puts together from shared pieces.
//!
//! One arm is understood, of fragments separated by commas and at most one repetition at the end:
//! `($head:ident, $($tail:literal),+) => { $head!("…", $($tail),+) }`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::lexer::Source;
use super::{File, bracketed, split};

/// The macros that a package's own files define.
#[derive(Default)]
pub(super) struct Macros(BTreeMap<(String, String), Macro>);

struct Macro {
    /// Names of the single fragments.
    fragments: Vec<String>,
    /// Name of the repeated fragment.
    repeated: Option<String>,
    body: String,
}

/// A macro in use: where, and what it stands for.
pub(super) struct Expansion {
    pub(super) at: usize,
    pub(super) text: String,
}

impl Macros {
    pub(super) fn read<'a>(files: impl IntoIterator<Item = &'a File>) -> Self {
        let mut macros = Self::default();
        for file in files {
            let Some(source) = &file.source else { continue };
            for range in definitions(source) {
                if let Some((name, found)) = Macro::read(&file.text[range]) {
                    macros.0.insert((package(&file.path), name), found);
                }
            }
        }
        macros
    }

    /// Returns what the macros used in a text of that file stand for, those used within definitions left out.
    pub(super) fn expand(&self, path: &str, text: &str, source: &Source) -> Vec<Expansion> {
        let package = package(path);
        let own = self.0.iter().filter(|((of, _), _)| *of == package);
        let defined = definitions(source);
        let mut found = Vec::new();
        for ((_, name), used) in own {
            let words = format!("{name}!");
            for at in source.places(&words).filter(|at| !defined.iter().any(|range| range.contains(at))) {
                let arguments = bracketed(&source.code, at + words.len());
                let pieces = split(&source.code, arguments).into_iter().map(|piece| text[piece].trim());
                found.push(Expansion { at, text: used.expand(pieces.filter(|piece| !piece.is_empty()).collect()) });
            }
        }
        found
    }
}

impl Macro {
    /// Reads `macro_rules! name { (pattern) => { body } }`.
    fn read(definition: &str) -> Option<(String, Self)> {
        let source = Source::read(definition);
        let head = source.code.find('!')? + 1;
        let name: String =
            source.code[head..].trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let rules = bracketed(&source.code, head);
        let pattern = bracketed(&source.code, rules.start);
        let body = bracketed(&source.code, source.code[pattern.end..].find("=>")? + pattern.end);
        let mut read = Self { fragments: Vec::new(), repeated: None, body: definition.get(body)?.to_owned() };
        for piece in definition[pattern].split(',').map(str::trim) {
            if let Some(repeated) = piece.strip_prefix("$($") {
                read.repeated = repeated.split(':').next().map(str::to_owned);
            } else if let Some((fragment, _)) = piece.strip_prefix('$').and_then(|piece| piece.split_once(':')) {
                read.fragments.push(fragment.to_owned());
            }
        }
        Some((name, read))
    }

    fn expand(&self, arguments: Vec<&str>) -> String {
        let mut text = self.body.clone();
        let (single, rest) = arguments.split_at(self.fragments.len().min(arguments.len()));
        if let Some(repeated) = &self.repeated {
            for end in [",+", ", +", ",*"] {
                text = text.replace(&format!("$(${repeated}){end}"), &rest.join(", "));
            }
        }
        for (fragment, argument) in self.fragments.iter().zip(single) {
            text = text.replace(&format!("${fragment}"), argument);
        }
        text
    }
}

/// Returns where macros are defined.
pub(super) fn definitions(source: &Source) -> Vec<Range<usize>> {
    let starts = source.places("macro_rules!");
    starts.map(|at| at..bracketed(&source.code, at + "macro_rules!".len()).end + 1).collect()
}

/// The folder of a file's package: `rooms/pbx` of `rooms/pbx/src/store/cdr.rs`.
fn package(path: &str) -> String {
    path.split("/src/").next().unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Vec<String> {
        let file = File::new("rooms/pbx/src/store/cdr.rs", text);
        let found = Macros::read([&file]).expand(&file.path, text, file.source.as_ref().unwrap());
        found.into_iter().map(|expansion| expansion.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn shared_pieces_are_put_in_place() {
        let text = r#"
            macro_rules! rows { ($($rest:literal),+) => { sql(concat!("select (a) ", $($rest),+)) }; }
            fn f() { rows!("from b", " where c = ','").all(tx) }"#;
        assert_eq!(expanded(text), [r#"sql(concat!("select (a) ", "from b", " where c = ','"))"#]);
    }

    #[test]
    fn a_macro_may_be_given_another() {
        let text = r#"
            macro_rules! by { ($head:ident, $($tail:literal),+) => { $head!("from b ", $($tail),+) }; }
            fn f() { by!(count, "limit 1", "") }"#;
        assert_eq!(expanded(text), [r#"count!("from b ", "limit 1", "")"#]);
    }
}
