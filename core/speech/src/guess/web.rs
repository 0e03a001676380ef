//! Addresses of the web and of mail.

use super::{Found, LOOK, Scan, code::spell};
use crate::{numeral::spell_digits, reading::Reading};

/// Endings without which a name with a dot is no address.
const ENDINGS: [&str; 20] = [
    "com", "vn", "net", "org", "info", "edu", "gov", "biz", "shop", "asia", "app", "dev", "io", "ai", "co", "me", "uk",
    "us", "xyz", "online",
];

impl Scan<'_> {
    /// `https://zorio.vn/gia`, `www.zorio.vn`, `zorio.vn`, `hotro@zorio.vn`. What is asked of the page is not said.
    pub(super) fn web(&self, at: usize) -> Option<Found> {
        let opens = at == 0
            || self.peek(at - 1).is_some_and(|c| c.is_whitespace() || matches!(c, '(' | '"' | '\'' | ':' | ','));
        if !opens || !self.is_word_at(at) {
            return None;
        }
        let end = self.run(at, |c| c.is_ascii_graphic());
        // What goes on in other letters, or too far to be said, is no address.
        if end - at >= LOOK || end < at + 4 || self.peek(end).is_some_and(|c| !c.is_whitespace()) {
            return None;
        }
        let chunk = self.slice(at, end);
        let chunk = chunk.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '"', '\'']);
        let end = at + chunk.len();
        let lower = chunk.to_ascii_lowercase();
        let bare = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
        let asked = bare.split(['?', '#']).next()?.trim_end_matches('/');
        let host = asked.split('/').next()?;
        let (user, host) = host.split_once('@').map_or((None, host), |(user, host)| (Some(user), host));
        let (name, ending) = host.rsplit_once('.')?;
        let is_name = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        };
        let is_plain = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let is_known =
            bare.len() < lower.len() || name.starts_with("www") || user.is_some() || ENDINGS.contains(&ending);
        let fits = is_name(name) && !is_plain && is_known && ending.bytes().all(|byte| byte.is_ascii_lowercase());
        if !fits || user.is_some_and(|user| !user.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@')) {
            return None;
        }
        Some(Found::plain(end, say(asked, ending, self.reading)))
    }
}

fn say(address: &str, ending: &str, reading: Reading) -> String {
    let chars: Vec<char> = address.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let sort = |c: char| (c.is_ascii_digit(), c.is_ascii_alphabetic());
        let c = chars[at];
        if sort(c) == (false, false) {
            at += 1;
            words.extend(sign(c, reading).map(str::to_owned));
            continue;
        }
        let length = chars[at..].iter().take_while(|other| sort(**other) == sort(c)).count();
        let run: String = chars[at..at + length].iter().collect();
        at += length;
        let is_ending = run == ending && at < chars.len() + 1 && words.last().is_some();
        if c.is_ascii_digit() {
            words.push(spell_digits(&run, reading));
        } else if run.len() == 1 || !run.contains(['a', 'e', 'i', 'o', 'u', 'y']) || is_ending && run.len() == 2 {
            words.push(spell(&run.to_ascii_uppercase(), reading));
        } else {
            words.push(run);
        }
    }
    words.join(" ")
}

const fn sign(c: char, reading: Reading) -> Option<&'static str> {
    Some(match c {
        '.' => reading.pick("chấm", "dot"),
        '@' => reading.pick("a còng", "at"),
        '/' => reading.pick("gạch chéo", "slash"),
        '-' => reading.pick("gạch ngang", "dash"),
        '_' => reading.pick("gạch dưới", "underscore"),
        '+' => reading.pick("cộng", "plus"),
        ':' => reading.pick("hai chấm", "colon"),
        _ => return None,
    })
}
