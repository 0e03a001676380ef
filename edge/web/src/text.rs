//! Sentences for people, in every language at once: whoever writes one writes all, so none can be missing.

use std::borrow::Cow;

use crate::Language;

/// A sentence in each [`Language`].
///
/// ```
/// # use web::{Language, Text};
/// const GONE: Text = Text::new("This link has expired.", "Liên kết này đã hết hạn.");
/// let days = 3;
/// let wait = Text::of(format!("Wait {days} days."), format!("Hãy chờ {days} ngày."));
/// assert_eq!(GONE.said(Language::Vi), "Liên kết này đã hết hạn.");
/// assert_eq!(wait.said(Language::En), "Wait 3 days.");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    en: Cow<'static, str>,
    vi: Cow<'static, str>,
}

impl Text {
    pub const fn new(en: &'static str, vi: &'static str) -> Self {
        Self { en: Cow::Borrowed(en), vi: Cow::Borrowed(vi) }
    }

    /// Makes a sentence with figures or names in it.
    pub const fn of(en: String, vi: String) -> Self {
        Self { en: Cow::Owned(en), vi: Cow::Owned(vi) }
    }

    pub fn said(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Vi => &self.vi,
        }
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.en)
    }
}
