//! What a queue's recordings are called: its `recording_template`, filled in by the record of the call.
//!
//! The names of variables are those that templates of mod_callcenter have. Where the sound lies is ours to say, whatever
//! a template wants: it names the file that somebody saves.

use jiff::tz::TimeZone;

use super::Cdr;

/// Longest name without its ending.
const LONGEST: usize = 120;
/// What every recording is.
const ENDING: &str = ".wav";

/// Returns the name of a recording's file. Folders that a template names are left out, and whatever no system takes in a
/// name is an underscore; an unknown variable is empty.
pub(crate) fn file_name(template: &str, cdr: &Cdr, zone: TimeZone) -> String {
    let filled = fill(template, |variable| value(variable, cdr, &zone));
    let name = filled.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = match name.rsplit_once('.') {
        Some((stem, "wav" | "mp3" | "WAV")) => stem,
        _ => name,
    };
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-+@".contains(c) { c } else { '_' };
    let stem: String = stem.chars().take(LONGEST).map(safe).collect();
    // A name that begins with a dot is hidden, and one of dots is none.
    let stem = stem.trim_start_matches('.');
    if stem.is_empty() { format!("{}{ENDING}", cdr.uuid) } else { format!("{stem}{ENDING}") }
}

/// Puts values in the place of `${variable}` and `$${variable}`.
fn fill(template: &str, value: impl Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let (before, behind) = rest.split_at(at);
        filled.push_str(before.strip_suffix('$').unwrap_or(before));
        let Some(end) = behind.find('}') else { return filled };
        filled.push_str(&value(&behind[2..end]));
        rest = &behind[end + 1..];
    }
    filled.push_str(rest);
    filled
}

fn value(variable: &str, cdr: &Cdr, zone: &TimeZone) -> String {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let format = variable.strip_prefix("strftime(").and_then(|rest| rest.strip_suffix(')'));
    if let Some(format) = format {
        let began = jiff::Timestamp::from_millisecond(cdr.start_time.millis()).unwrap_or_default();
        return jiff::fmt::strtime::format(format, &began.to_zoned(zone.clone())).unwrap_or_default();
    }
    match variable {
        "uuid" | "call_uuid" => cdr.uuid.to_string(),
        "caller_id_number" | "caller_number" | "cc_caller_id_number" => cdr.caller_number.clone(),
        "destination_number" => cdr.destination_number.clone(),
        "queue" | "queue_name" | "cc_queue" => text(&cdr.queue_name),
        "agent" | "agent_extension" | "cc_agent" => text(&cdr.agent_extension),
        "extension" | "extension_number" => text(&cdr.extension),
        "direction" => cdr.direction.as_str().to_owned(),
        "start_epoch" => cdr.start_time.secs().to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;
    use crate::store::tests::record;

    fn cdr() -> Cdr {
        Cdr {
            caller_number: "+84901234567".to_owned(),
            destination_number: "8001".to_owned(),
            queue_name: Some("hỗ trợ".to_owned()),
            agent_extension: Some("1002".to_owned()),
            ..record(1, Timestamp::from_millis(1_700_000_000_000))
        }
    }

    #[test]
    fn a_template_is_filled_in_and_names_a_file_and_no_folder() {
        let zone = TimeZone::get("Asia/Ho_Chi_Minh").unwrap();
        let uuid = cdr().uuid;
        for (template, name) in [
            (
                "$${recordings_dir}/${strftime(%Y-%m-%d-%H-%M-%S)}.${destination_number}.${caller_id_number}.${uuid}.wav",
                format!("2023-11-15-05-13-20.8001.+84901234567.{uuid}.wav"),
            ),
            ("${cc_queue}-${cc_agent}", "h__tr_-1002.wav".to_owned()),
            ("calls.mp3", "calls.wav".to_owned()),
            ("${start_epoch}_${direction}", "1700000000_outbound.wav".to_owned()),
            ("../../etc/passwd", "passwd.wav".to_owned()),
            ("a\"b\r\nSet-Cookie: x", "a_b__Set-Cookie__x.wav".to_owned()),
            ("${unknown}", format!("{uuid}.wav")),
            ("...", format!("{uuid}.wav")),
            ("${strftime(%!)}x", "x.wav".to_owned()),
            ("open ${uuid", "open_.wav".to_owned()),
        ] {
            assert_eq!(file_name(template, &cdr(), zone.clone()), name, "{template}");
        }
        let long = file_name(&"x".repeat(500), &cdr(), zone);
        assert_eq!(long.len(), LONGEST + ENDING.len());
    }
}
