//! Texts by key, in both languages. The catalogues are `i18n/en/*.toml` and `i18n/vi/*.toml`.

use web::Language;

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

/// Returns the text of a key; the English one where a translation is missing, the key itself where there is none.
pub(crate) fn text(language: Language, key: &'static str) -> &'static str {
    maybe(language, key).unwrap_or(key)
}

/// Returns the text of a key that is put together while the program runs, if there is one.
pub(crate) fn maybe(language: Language, key: &str) -> Option<&'static str> {
    let index = TEXTS.binary_search_by(|(other, _)| (*other).cmp(key)).ok()?;
    let [en, vi] = TEXTS[index].1;
    Some(match language {
        Language::Vi if !vi.is_empty() => vi,
        Language::En | Language::Vi => en,
    })
}

/// Returns a text with `{0}`, `{1}` … replaced.
pub(crate) fn fill(text: &str, values: &[&dyn std::fmt::Display]) -> String {
    let mut filled = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let hole = after.split_once('}').and_then(|(number, tail)| Some((number.parse::<usize>().ok()?, tail)));
        match hole.and_then(|(number, tail)| Some((values.get(number)?, tail))) {
            Some((value, tail)) => {
                filled.push_str(&value.to_string());
                rest = tail;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// Returns the key if it is one of the catalogue's.
pub(crate) fn known(key: &str) -> Option<&'static str> {
    TEXTS.binary_search_by(|(other, _)| (*other).cmp(key)).ok().map(|index| TEXTS[index].0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Adds every file below a folder that is text, with its path.
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.push((path.display().to_string(), text));
            }
        }
    }

    /// Everything that names keys: templates and sources, each with its path.
    fn sources() -> Vec<(String, String)> {
        let mut found = Vec::new();
        for folder in ["templates", "src"] {
            walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
        }
        found
    }

    /// Returns the string literals that follow `marker` in a text.
    fn arguments<'a>(text: &'a str, marker: &'a str) -> impl Iterator<Item = &'a str> {
        text.match_indices(marker)
            .filter_map(move |(at, _)| text[at + marker.len()..].split_once('"').map(|(key, _)| key))
    }

    #[test]
    fn both_languages_have_the_same_keys_and_no_empty_text() {
        let lacking: Vec<_> =
            TEXTS.iter().filter(|(_, texts)| texts.iter().any(|text| text.is_empty())).map(|(key, _)| key).collect();
        assert!(lacking.is_empty(), "one language lacks {lacking:?}");
    }

    #[test]
    fn both_languages_have_the_same_holes() {
        for (key, [en, vi]) in TEXTS {
            for hole in ["{0}", "{1}", "{2}"] {
                assert_eq!(en.contains(hole), vi.contains(hole), "{key} {hole}");
            }
        }
    }

    #[test]
    fn every_key_that_is_used_exists() {
        let mut unknown = BTreeSet::new();
        for (path, text) in sources() {
            for marker in [".t(\"", ".t1(\"", ".t2(\"", "key(\"", "go_with(path, \""] {
                for key in arguments(&text, marker).filter(|key| key.contains('.')) {
                    if known(key).is_none() {
                        unknown.insert(format!("{path}: {key}"));
                    }
                }
            }
            for (marker, names) in [
                ("ui::plain_list(v, \"", &["intro", "new", "empty", "empty_text"][..]),
                ("ui::list_head(v, \"", &["intro", "new"]),
            ] {
                for noun in arguments(&text, marker) {
                    let keys = names.iter().map(|name| format!("{noun}.{name}")).chain([format!("nav.{noun}")]);
                    unknown.extend(keys.filter(|key| known(key).is_none()).map(|key| format!("{path}: {key}")));
                }
            }
            for key in arguments(&text, ".count(\"") {
                for form in ["one", "other"] {
                    if known(&format!("{key}.{form}")).is_none() {
                        unknown.insert(format!("{path}: {key}.{form}"));
                    }
                }
            }
        }
        assert!(unknown.is_empty(), "{unknown:#?}");
    }

    /// The audit log shows what the rooms wrote into it: none of their actions may be without a name.
    #[test]
    fn every_action_of_the_audit_log_has_a_name() {
        let rooms = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut found = Vec::new();
        for room in ["accounts", "alerts", "contacts", "pbx", "webhooks"] {
            walk(&rooms.join(room).join("src"), &mut found);
        }
        let is_test = |path: &str| path.contains("tests") || path.contains("testing");
        let mut actions = BTreeSet::new();
        for (path, text) in found.iter().filter(|(path, _)| !is_test(path)) {
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            for line in code.lines().filter(|line| {
                ["audit(", "done(", "action", "note(", "ask(", "Done {", "=> \""]
                    .iter()
                    .any(|marker| line.contains(marker))
            }) {
                for word in line.split('"').skip(1).step_by(2) {
                    let is_word =
                        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
                    if word.split_once('.').is_some_and(|(noun, verb)| is_word(noun) && is_word(verb)) {
                        actions.insert((word.to_owned(), path.clone()));
                    }
                }
            }
        }
        assert!(actions.len() > 60, "{actions:?}");
        let unnamed: Vec<_> =
            actions.iter().filter(|(action, _)| known(&format!("audit.did.{action}")).is_none()).collect();
        assert!(unnamed.is_empty(), "{unnamed:#?}");
    }

    #[test]
    fn every_icon_that_is_used_exists() {
        for (path, text) in sources() {
            let listed = text
                .match_indices("ui::plain_list(v, \"")
                .flat_map(|(at, _)| text[at..].split('"').skip(5).step_by(2).take(2));
            for name in arguments(&text, ".icon(\"").chain(listed) {
                assert!(!crate::assets::icon(name).is_empty(), "{path}: {name}");
            }
        }
    }

    #[test]
    fn holes_are_filled_and_other_braces_stay() {
        assert_eq!(fill("{0} of {1}", &[&3, &"x"]), "3 of x");
        assert_eq!(fill("{a} {7} {", &[&3]), "{a} {7} {");
    }
}
