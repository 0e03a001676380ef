//! `/calls/history`: the records of calls, with every filter that they have.

use askama::Template;
use axum::extract::State;
use domain::{Timestamp, cause::CallResult, ids::TrunkId};
use futures_util::stream;
use pbx::{
    model::{Cdr, Direction, Trunk},
    ops::{
        cdr::{self, Wanted},
        trunks,
    },
};
use web::{Fields, Listing, Page as Slice, csv};

use crate::{Answer, Console, Failure, asked::Asked, pager::Pager, view::View};

/// Fewest characters of an extension; what is shorter is still being typed.
const SHORTEST_EXTENSION: usize = 3;
/// Trunks that the filter offers.
const MOST_TRUNKS: i64 = 200;

const RESULTS: [CallResult; 8] = [
    CallResult::Answered,
    CallResult::NoAnswer,
    CallResult::Busy,
    CallResult::Failed,
    CallResult::Cancelled,
    CallResult::Rejected,
    CallResult::Voicemail,
    CallResult::Abandoned,
];

#[derive(Template)]
#[template(path = "calls/history.html")]
struct Page<'a> {
    v: &'a View,
    asked: &'a Asked,
    calls: &'a [Cdr],
    trunks: &'a [Trunk],
    /// What is wrong with the filters.
    wrong: Option<String>,
    pager: Pager,
    export: String,
}

pub(super) async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.who()?;
    let page = asked.page();
    let (listing, wrong) = match cdr::list(&console.pbx, who, wanted(&asked), page, Fields::new()).await {
        Ok(listing) => (listing, None),
        Err(pbx::Error::Invalid(fields)) => {
            let messages = fields.messages(view.language());
            let wrong = messages.into_iter().map(|(_, text)| text).collect::<Vec<_>>().join(" ");
            (Listing::new(page, Vec::new(), 0), Some(wrong))
        }
        Err(error) => return Err(error.into()),
    };
    let trunks = trunks::list(&console.pbx.desk(), who, Slice { page: 1, per_page: MOST_TRUNKS }).await?;
    let trunks: Vec<Trunk> = trunks.data.into_iter().map(|state| state.trunk).collect();
    let (pager, export) = (Pager::of(&listing, &asked), asked.export("/calls/history.csv"));
    view.page(&Page { v: &view, asked: &asked, calls: &listing.data, trunks: &trunks, wrong, pager, export })
}

impl Page<'_> {
    fn directions(&self) -> &'static [Direction] {
        Direction::ALL
    }

    fn results(&self) -> [&'static str; 8] {
        RESULTS.map(CallResult::as_str)
    }
}

fn wanted(asked: &Asked) -> Wanted {
    Wanted {
        from: asked.optional("from"),
        to: asked.optional("to"),
        direction: asked.optional("direction"),
        extension: asked.optional("extension").filter(|number| number.chars().count() >= SHORTEST_EXTENSION),
        phone: asked.optional("search"),
        result: asked.optional("result"),
        trunk: asked.number("trunk").map(TrunkId),
    }
}

/// What a call's result says of it, for the dot before it.
pub(super) const fn tone(result: CallResult) -> &'static str {
    match result {
        CallResult::Answered => "good",
        CallResult::NoAnswer | CallResult::Busy | CallResult::Cancelled | CallResult::Abandoned => "warn",
        CallResult::Failed | CallResult::Rejected => "bad",
        CallResult::Voicemail => "idle",
    }
}

impl Page<'_> {
    fn tone(&self, call: &Cdr) -> &'static str {
        tone(call.result)
    }
}

/// All records of the filter as a file, read batch by batch while the browser takes it.
pub(super) async fn export(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let records = cdr::stream(&console.pbx, view.who()?, wanted(&asked), Fields::new()).await?;
    let lines = stream::try_unfold((records, view), async |(mut records, view)| {
        let batch = records.next().await.map_err(Failure::from)?;
        if batch.is_empty() {
            return Ok::<_, Failure>(None);
        }
        let mut text = String::new();
        for call in &batch {
            csv::line(&mut text, columns(&view, call).iter().map(String::as_str));
        }
        Ok(Some((text, (records, view))))
    });
    Ok(csv::file("calls.csv", csv::Readers::People, &COLUMNS, lines))
}

const COLUMNS: [&str; 21] = [
    "call_uuid",
    "direction",
    "source_type",
    "caller_number",
    "destination_number",
    "extension_number",
    "agent_extension",
    "start_time",
    "answer_time",
    "end_time",
    "duration",
    "billsec",
    "trunk_name",
    "result",
    "hangup_cause",
    "hangup_cause_q850",
    "sip_status",
    "hangup_by",
    "recorded",
    "mos",
    "tags",
];

/// Times are the account's, in the form that spreadsheets read.
fn columns(view: &View, call: &Cdr) -> [String; COLUMNS.len()] {
    let time = |at: Timestamp| {
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        at.to_zoned(view.zone().clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        call.uuid.to_string(),
        call.direction.as_str().to_owned(),
        call.source_type.as_str().to_owned(),
        call.caller_number.clone(),
        call.destination_number.clone(),
        text(&call.extension),
        text(&call.agent_extension),
        time(call.start_time),
        call.answer_time.map_or_else(String::new, time),
        time(call.end_time),
        call.duration.to_string(),
        call.billsec.to_string(),
        text(&call.trunk_name),
        call.result.as_str().to_owned(),
        call.hangup_cause.as_str().to_owned(),
        number(call.hangup_cause_q850),
        number(call.sip_status),
        call.hangup_by.as_str().to_owned(),
        if call.recording.is_available() { "yes" } else { "no" }.to_owned(),
        call.mos.map_or_else(String::new, |mos| mos.to_string()),
        call.tags.join(" "),
    ]
}
