//! Sentences by language. English stands where the error is made; a translation is found by the error's code.

use http::{HeaderMap, header};

use crate::Rule;

/// A language that error messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Language {
    #[default]
    En,
    Vi,
}

impl Language {
    /// Returns the first language of `Accept-Language` that we speak, by weight; English if there is none.
    pub fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut best = (0.0_f32, Self::En);
        for item in text.split(',').take(16) {
            let mut parts = item.split(';');
            let name = parts.next().unwrap_or_default().trim();
            let weight = parts.find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok()).unwrap_or(1.0);
            let language = match name.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "vi" => Self::Vi,
                "en" | "*" => Self::En,
                _ => continue,
            };
            if weight > best.0 {
                best = (weight, language);
            }
        }
        best.1
    }
}

/// Returns the message of an error code in a language other than the one it was made in.
pub(crate) const fn message(language: Language, _code: &str) -> Option<&'static str> {
    match language {
        // The Vietnamese catalogue has no entries yet: the English message is sent.
        Language::En | Language::Vi => None,
    }
}

/// Returns the sentence for a broken rule.
pub(crate) fn rule(language: Language, field: &str, rule: &Rule) -> String {
    let name = field.replace('_', " ");
    match language {
        Language::En | Language::Vi => english(&name, rule),
    }
}

fn english(name: &str, rule: &Rule) -> String {
    match rule {
        Rule::Required => format!("The {name} field is required."),
        Rule::Format => format!("{} format is invalid.", capitalised(name)),
        Rule::Selected => format!("The selected {name} is invalid."),
        Rule::Type(kind @ ("integer" | "array" | "object")) => format!("The {name} must be an {kind}."),
        Rule::Type(kind) => format!("The {name} must be a {kind}."),
        Rule::Between(min, max) => format!("The {name} must be between {min} and {max}."),
        Rule::Length(min, max) => format!("The {name} must be between {min} and {max} characters."),
        Rule::Taken => format!("The {name} has already been taken."),
        Rule::Text(text) => text.clone().into_owned(),
    }
}

fn capitalised(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_heaviest_language_that_we_speak_wins() {
        for (text, language) in [
            ("", Language::En),
            ("vi", Language::Vi),
            ("vi-VN,vi;q=0.9,en;q=0.8", Language::Vi),
            ("fr, en;q=0.5, vi;q=0.4", Language::En),
            ("en;q=0.1, vi;q=0.9", Language::Vi),
            ("de", Language::En),
            ("vi;q=x", Language::Vi),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_str(text).unwrap());
            assert_eq!(Language::of(&headers), language, "{text}");
        }
    }
}
