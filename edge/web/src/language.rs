//! The languages that people are answered in, and the sentences of broken rules.

use http::{HeaderMap, header};

use crate::Rule;

/// Most languages of one header that are looked at.
const MOST: usize = 16;

/// A language that error messages and pages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Language {
    #[default]
    En,
    Vi,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::En, Self::Vi];

    /// Returns the language of `Accept-Language` (RFC 9110 §12.5.4) with the greatest weight that we speak; English if
    /// there is none.
    pub fn of(headers: &HeaderMap) -> Self {
        Self::preferred(headers).unwrap_or_default()
    }

    /// Like [`Self::of`], but `None` if the client asks for none that we speak.
    pub fn preferred(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::ACCEPT_LANGUAGE).iter().filter_map(|value| value.to_str().ok());
        let mut best = None;
        let mut refused = Vec::new();
        let mut any = 0;
        for item in values.flat_map(|value| value.split(',')).take(MOST) {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let weight = weight.map_or(1000, thousandths);
            if name == "*" {
                any = any.max(weight);
                continue;
            }
            let Some(language) = Self::parse(name) else { continue };
            if weight == 0 {
                refused.push(language);
            } else if best.is_none_or(|(heaviest, _)| weight > heaviest) {
                best = Some((weight, language));
            }
        }
        // `*` is whatever was not named otherwise.
        let other = Self::ALL.into_iter().find(|language| !refused.contains(language)).filter(|_| any > 0);
        match best {
            Some((weight, language)) if weight >= any => Some(language),
            found => other.or_else(|| found.map(|(_, language)| language)),
        }
    }

    /// Reads a language tag such as `vi` or `en-GB`.
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        Self::ALL.into_iter().find(|language| language.as_str().eq_ignore_ascii_case(primary))
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Vi => "vi",
        }
    }
}

/// Reads a weight of 0 to 1; what is none does not count for less.
fn thousandths(text: &str) -> u32 {
    let weight = text.parse::<f32>().ok().filter(|weight| (0.0..=1.0).contains(weight)).unwrap_or(1.0);
    (weight * 1000.0) as u32
}

/// Returns the sentence for a broken rule.
pub(crate) fn rule(language: Language, field: &str, rule: &Rule) -> String {
    let name = field.replace('_', " ");
    match language {
        Language::En => english(&name, rule),
        Language::Vi => vietnamese(&name, rule),
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
        Rule::Entries(min, max) => format!("The {name} must have between {min} and {max} items."),
        Rule::Taken => format!("The {name} has already been taken."),
        Rule::Text(text) => text.said(Language::En).to_owned(),
    }
}

fn vietnamese(name: &str, rule: &Rule) -> String {
    match rule {
        Rule::Required => format!("Trường {name} là bắt buộc."),
        Rule::Format => format!("Định dạng của {name} không hợp lệ."),
        Rule::Selected => format!("Giá trị đã chọn cho {name} không hợp lệ."),
        Rule::Type(kind) => {
            let kind = match *kind {
                "string" => "chuỗi ký tự",
                "integer" => "số nguyên",
                "number" => "số",
                "boolean" => "giá trị đúng hoặc sai",
                "array" => "danh sách",
                "object" => "đối tượng",
                other => other,
            };
            format!("Trường {name} phải là {kind}.")
        }
        Rule::Between(min, max) => format!("Trường {name} phải từ {min} đến {max}."),
        Rule::Length(min, max) => format!("Trường {name} phải có từ {min} đến {max} ký tự."),
        Rule::Entries(min, max) => format!("Trường {name} phải có từ {min} đến {max} mục."),
        Rule::Taken => format!("Giá trị của {name} đã được sử dụng."),
        Rule::Text(text) => text.said(Language::Vi).to_owned(),
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
    use crate::Text;

    fn of(lines: &[&str]) -> Option<Language> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_str(line).unwrap());
        }
        Language::preferred(&headers)
    }

    #[test]
    fn the_heaviest_language_that_we_speak_wins() {
        for (text, language) in [
            ("vi", Some(Language::Vi)),
            ("VI-vn", Some(Language::Vi)),
            ("vi-VN,vi;q=0.9,en;q=0.8", Some(Language::Vi)),
            ("fr, en;q=0.5, vi;q=0.4", Some(Language::En)),
            ("en;q=0.1, vi;q=0.9", Some(Language::Vi)),
            ("en;q=0.8, vi ; q=0.801", Some(Language::Vi)),
            ("en;q=0.5, vi;q=0.5", Some(Language::En)),
            ("vi;q=x", Some(Language::Vi)),
            ("en;q=0, vi;q=0.001", Some(Language::Vi)),
            ("vi;q=0", None),
            ("*", Some(Language::En)),
            ("*, en;q=0", Some(Language::Vi)),
            ("vi, *;q=0.1", Some(Language::Vi)),
            ("vi;q=0.2, *;q=0.9", Some(Language::En)),
            ("de", None),
            ("", None),
            (";;,,;q=1", None),
        ] {
            assert_eq!(of(&[text]), language, "{text}");
        }
        assert_eq!(of(&["de, en;q=0.3", "vi;q=0.7"]), Some(Language::Vi), "two lines are one list");
        assert_eq!(of(&[]), None);
        assert_eq!(Language::of(&HeaderMap::new()), Language::En);
    }

    #[test]
    fn every_rule_has_its_sentence_in_every_language() {
        let rules = [
            Rule::Required,
            Rule::Format,
            Rule::Selected,
            Rule::Type("string"),
            Rule::Type("integer"),
            Rule::Type("number"),
            Rule::Type("boolean"),
            Rule::Type("array"),
            Rule::Type("object"),
            Rule::Between(1, 9),
            Rule::Length(1, 9),
            Rule::Entries(1, 9),
            Rule::Taken,
            Rule::Text(Text::new("So.", "Vậy.")),
        ];
        for known in &rules {
            let (en, vi) = (rule(Language::En, "a_field", known), rule(Language::Vi, "a_field", known));
            assert_ne!(en, vi, "{known:?}");
            let named = !matches!(known, Rule::Text(_));
            assert!(!named || (vi.contains("a field") && en.to_lowercase().contains("a field")), "{known:?}");
        }
        assert_eq!(rule(Language::Vi, "username", &Rule::Required), "Trường username là bắt buộc.");
    }
}
