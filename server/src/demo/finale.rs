//! The summary at the end, and the verdict.

use sandbox::Receiver;

use super::{
    ledger::{Life, latency_ms},
    plan::Planned,
    view::{Align, Cell, Look, View},
};

/// Shows the table and what was not as planned; returns whether everything was.
pub(super) fn show(calls: &[(Planned, Life)], receiver: &Receiver, view: &mut View) -> bool {
    view.heading("Summary");
    view.gap();
    let columns = [
        ("#", Align::Right),
        ("Call", Align::Left),
        ("What happens", Align::Left),
        ("Result", Align::Left),
        ("Cause", Align::Left),
        ("Events", Align::Left),
        ("Talk", Align::Right),
        ("Heard", Align::Left),
        ("Recording", Align::Right),
        ("", Align::Left),
    ];
    let rows: Vec<Vec<Cell>> = calls.iter().map(|(planned, life)| row(planned, life)).collect();
    view.table(&columns, &rows);
    view.gap();
    let mut fine = true;
    for (planned, life) in calls {
        for complaint in life.complaints(planned) {
            fine = false;
            view.say(&format!("  #{:<2} {complaint}", planned.number), Look::Bad);
        }
    }
    let verdict = verdict(receiver);
    view.say(&format!("  {verdict}"), Look::Plain);
    if fine {
        view.say(&format!("  {} calls went as planned.", calls.len()), Look::Good);
    } else {
        view.say("  Not everything went as planned.", Look::Bad);
    }
    fine
}

fn row(planned: &Planned, life: &Life) -> Vec<Cell> {
    let first = life.deliveries.iter().filter(|delivery| !delivery.duplicate && delivery.verified()).count();
    let wanted = planned.events().len();
    let fine = life.complaints(planned).is_empty();
    let recording =
        life.sound.recording.as_ref().map_or_else(|| "–".to_owned(), |file| format!("{:.1} s", file.seconds));
    let talk = match life.cdr["billsec"].as_i64() {
        Some(seconds) if planned.expected().answered => format!("{seconds} s"),
        _ => "–".to_owned(),
    };
    let heard = match life.sound.both_heard {
        Some(true) => Cell::plain("both"),
        Some(false) => Cell::new("no", Look::Bad),
        None => Cell::plain("–"),
    };
    let q850 = life.cdr["hangup_cause_q850"].as_i64().map_or_else(String::new, |cause| format!(" {cause}"));
    vec![
        Cell::new(planned.number, Look::Call),
        Cell::plain(format!("{} → {}", planned.from, planned.to)),
        Cell::plain(planned.story()),
        Cell::plain(life.cdr_text("result")),
        Cell::plain(format!("{}{q850}", life.cdr_text("hangup_cause"))),
        Cell::new(format!("{first} of {wanted} verified"), if first == wanted { Look::Good } else { Look::Bad }),
        Cell::plain(talk),
        heard,
        Cell::plain(recording),
        if fine { Cell::new("ok", Look::Good) } else { Cell::new("failed", Look::Bad) },
    ]
}

/// Returns how the deliveries fared as a whole.
fn verdict(receiver: &Receiver) -> String {
    let deliveries = receiver.deliveries();
    let verified = deliveries.iter().filter(|delivery| delivery.verified()).count();
    let again = deliveries.iter().filter(|delivery| delivery.duplicate).count();
    let mut delays: Vec<i64> = deliveries.iter().filter_map(|delivery| latency_ms(delivery)).collect();
    delays.sort_unstable();
    let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
    let slowest = delays.last().copied().unwrap_or_default();
    format!(
        "{} deliveries, {verified} verified by both signatures, {again} sent again; \
         {median} ms from event to receiver at the median, {slowest} ms at most.",
        deliveries.len()
    )
}
