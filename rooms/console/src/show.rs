//! Figures and times as people read them.

use domain::Timestamp;
use jiff::tz::TimeZone;
use web::Language;

use crate::words::{fill, text};

/// Returns a point in time to the second: `21 Nov 2026, 16:36:41` or `21/11/2026 16:36:41`.
pub(crate) fn time(language: Language, zone: &TimeZone, at: Timestamp) -> String {
    let pattern = match language {
        Language::En => "%-d %b %Y, %H:%M:%S",
        Language::Vi => "%d/%m/%Y %H:%M:%S",
    };
    zoned(zone, at).strftime(pattern).to_string()
}

/// Returns the day alone.
pub(crate) fn day(language: Language, zone: &TimeZone, at: Timestamp) -> String {
    let pattern = match language {
        Language::En => "%-d %b %Y",
        Language::Vi => "%d/%m/%Y",
    };
    zoned(zone, at).strftime(pattern).to_string()
}

fn zoned(zone: &TimeZone, at: Timestamp) -> jiff::Zoned {
    jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

/// Returns how long ago something was, roughly; of the future, how long it takes still.
pub(crate) fn ago(language: Language, now: Timestamp, at: Timestamp) -> String {
    let millis = now.millis() - at.millis();
    let seconds = millis.abs() / 1000;
    let (key, amount) = match seconds {
        0..10 if millis >= 0 => return text(language, "common.ago.now").to_owned(),
        0..60 => ("seconds", seconds.max(1)),
        60..3_600 => ("minutes", seconds / 60),
        3_600..86_400 => ("hours", seconds / 3_600),
        _ => ("days", seconds / 86_400),
    };
    let span = count(language, &format!("common.span.{key}"), amount);
    let key = if millis >= 0 { "common.ago.past" } else { "common.ago.future" };
    fill(text(language, key), &[&span])
}

/// Returns a text for an amount: `KEY.one` for one of it in English, else `KEY.other`.
pub(crate) fn count(language: Language, key: &str, amount: i64) -> String {
    let form = if amount == 1 { "one" } else { "other" };
    let text = crate::words::maybe(language, &format!("{key}.{form}")).unwrap_or("{0}");
    fill(text, &[&number(language, amount)])
}

/// Returns a whole number with its thousands apart: `12,345` or `12.345`.
pub(crate) fn number(language: Language, number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        shown.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(match language {
                Language::En => ',',
                Language::Vi => '.',
            });
        }
        shown.push(digit);
    }
    shown
}

/// Returns a number with one digit after the point or comma.
pub(crate) fn decimal(language: Language, number: f64) -> String {
    let text = format!("{number:.1}");
    match language {
        Language::En => text,
        Language::Vi => text.replace('.', ","),
    }
}

/// Returns a share of 1 in percent.
pub(crate) fn percent(language: Language, share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 || percent >= 99.95 {
        return format!("{percent:.0}%");
    }
    format!("{}%", decimal(language, percent))
}

/// Returns a length of time of media or a call: `1:02:03` or `2:03`.
pub(crate) fn duration(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Returns an amount of data in powers of 1024.
pub(crate) fn bytes(language: Language, bytes: u64) -> String {
    let mut amount = bytes as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{} {unit}", decimal(language, amount)) }
}

/// Returns what a `User-Agent` says of browser and device: `Firefox 140, Linux`; itself if it is neither's.
pub(crate) fn browser(agent: &str) -> String {
    let version = |name: &str| {
        let (_, after) = agent.split_once(name)?;
        let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then_some(digits)
    };
    // Each browser also names those that it wants to be taken for: the order tells them apart.
    let known =
        [("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Version/", "Safari")];
    let systems = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let browser = known.iter().find_map(|(mark, name)| Some(format!("{name} {}", version(mark)?)));
    let system = systems.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(browser), None) => browser,
        (None, _) => agent.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_the_language() {
        assert_eq!(number(Language::En, -1_234_567), "-1,234,567");
        assert_eq!(number(Language::Vi, 12_345), "12.345");
        assert_eq!(percent(Language::Vi, 0.975), "97,5%");
        assert_eq!((percent(Language::En, 1.0), percent(Language::En, 0.0)), ("100%".to_owned(), "0%".to_owned()));
        assert_eq!(bytes(Language::En, 1_610_612_736), "1.5 GiB");
        assert_eq!((duration(3_723_000), duration(63_999)), ("1:02:03".to_owned(), "1:03".to_owned()));
    }

    #[test]
    fn browsers_are_named() {
        for (agent, shown) in [
            ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140, Linux"),
            (
                "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36 Edg/150.0",
                "Edge 150, Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Mobile Safari/604.1",
                "Safari 19, iPhone",
            ),
            ("curl/8.5.0", "curl/8.5.0"),
            ("", ""),
        ] {
            assert_eq!(browser(agent), shown);
        }
    }

    #[test]
    fn times_are_the_accounts() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap_or(TimeZone::UTC);
        let at = Timestamp(1_770_091_506_000);
        assert_eq!(time(Language::En, &zone, at), "3 Feb 2026, 11:05:06");
        assert_eq!(time(Language::Vi, &zone, at), "03/02/2026 11:05:06");
        assert_eq!(ago(Language::En, at.after(std::time::Duration::from_secs(60)), at), "1 minute ago");
        assert_eq!(ago(Language::Vi, at, at.after(std::time::Duration::from_secs(7200))), "sau 2 giờ nữa");
    }
}
