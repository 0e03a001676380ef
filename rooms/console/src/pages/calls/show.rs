//! `/calls/{uuid}`: all there is to know of one call.

use askama::Template;
use axum::extract::{Path, State};
use contacts::Contact;
use domain::Timestamp;
use pbx::{
    model::Cdr,
    ops::{
        cdr,
        figures::{self, LiveCall},
    },
};
use serde::Deserialize;
use webhooks::{Delivery, DeliveryStatus, Filter};

use super::{call_of, history::tone, player};
use crate::{Answer, Console, Failure, form::Form, nav::Needs, show, view::View};

/// Deliveries that are shown; a call has a few events, and each goes to every webhook.
const MOST_DELIVERIES: i64 = 200;
/// Fewest characters of a number of somebody outside.
const SHORTEST_NUMBER: usize = 7;
/// Width of the timeline in its own units.
const WIDTH: i64 = 1000;

#[derive(Template)]
#[template(path = "calls/show.html")]
struct Page<'a> {
    v: &'a View,
    call: &'a Cdr,
    form: &'a Form,
    may_tag: bool,
    legs: Vec<Leg>,
    sound: Option<String>,
    caller: Party,
    called: Party,
    /// None for those who may not see webhooks.
    deliveries: Option<Vec<Row>>,
}

/// A call that is still up.
#[derive(Template)]
#[template(path = "calls/up.html")]
struct Up<'a> {
    v: &'a View,
    call: &'a LiveCall,
}

/// One end of a call, with who it is if the account knows.
struct Party {
    number: String,
    contact: Option<Contact>,
    /// The number as a part of an address; none if it is too short to be somebody outside.
    unknown: Option<String>,
}

impl Party {
    async fn of(console: &Console, view: &View, number: &str) -> Result<Self, Failure> {
        let contact = console.contacts.lookup(view.who()?, number).await?;
        let is_unknown = contact.is_none() && number.len() >= SHORTEST_NUMBER && view.may_write();
        let unknown = is_unknown.then(|| form_urlencoded::byte_serialize(number.as_bytes()).collect());
        Ok(Self { number: number.to_owned(), contact, unknown })
    }
}

/// A delivery of one of the call's events.
struct Row {
    delivery: Delivery,
    webhook: String,
}

/// A leg of the record.
#[derive(Deserialize)]
struct Leg {
    side: String,
    number: String,
    trunk: Option<String>,
    started_at: Option<String>,
    answered_at: Option<String>,
    ended_at: Option<String>,
    hangup_cause: Option<String>,
    sip_status: Option<u16>,
    codec: Option<String>,
    verdict: Option<Verdict>,
    rtp: Option<Rtp>,
}

/// What the network says of the caller's number.
#[derive(Deserialize)]
struct Verdict {
    result: String,
    attestation: Option<char>,
}

/// What a leg's media was like.
#[derive(Deserialize)]
struct Rtp {
    received: u64,
    loss_percent: f64,
    jitter_ms: f64,
    mos: Option<f64>,
}

pub(super) async fn page(State(console): State<Console>, view: View, Path(uuid): Path<String>) -> Answer {
    draw(&console, &view, &uuid, &Form::default()).await
}

/// Draws the page, with the tags as they were sent if they could not be accepted.
async fn draw(console: &Console, view: &View, uuid: &str, form: &Form) -> Answer {
    let (who, uuid) = (view.who()?, call_of(uuid)?);
    if let Some(call) = figures::live(&console.pbx, who)?.into_iter().find(|call| call.uuid == uuid) {
        return view.page(&Up { v: view, call: &call });
    }
    let (call, sound) = player::record(console, view, uuid).await?;
    let tags = Form::default().with("tags", call.tags.join(", "));
    let page = Page {
        v: view,
        form: if form.is_wrong() { form } else { &tags },
        may_tag: view.may_write(),
        legs: serde_json::from_str(&call.legs).unwrap_or_default(),
        sound,
        caller: Party::of(console, view, &call.caller_number).await?,
        called: Party::of(console, view, &call.destination_number).await?,
        deliveries: deliveries(console, view, &call).await?,
        call: &call,
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

/// Puts tags on the record: words with commas between them.
pub(super) async fn tag(
    State(console): State<Console>,
    view: View,
    Path(uuid): Path<String>,
    mut form: Form,
) -> Answer {
    let (who, call) = (view.who()?, call_of(&uuid)?);
    let tags: Vec<String> =
        form.text("tags").split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect();
    match cdr::tag(&console.pbx, who, call, &tags).await {
        Ok(()) => view.go_with(&format!("/calls/{uuid}"), "calls.tagged"),
        Err(error) => {
            form = form.refused(&view, error)?;
            draw(&console, &view, &uuid, &form).await
        }
    }
}

async fn deliveries(console: &Console, view: &View, call: &Cdr) -> Result<Option<Vec<Row>>, Failure> {
    let Ok(who) = view.needs(Needs::Admin) else { return Ok(None) };
    let filter = Filter { call: Some(call.uuid), limit: MOST_DELIVERIES, ..Filter::default() };
    let failed = |error: webhooks::Error| Failure::Refused(web::Error::internal(&error));
    let mut found = console.webhooks.deliveries(who.tenant, &filter).await.map_err(failed)?;
    found.reverse();
    let webhooks = console.webhooks.list(who.tenant).await.map_err(failed)?;
    let name = |delivery: &Delivery| {
        let known = webhooks.iter().find(|webhook| webhook.id == delivery.webhook);
        known.map_or_else(|| delivery.webhook.to_string(), |webhook| webhook.name.clone())
    };
    Ok(Some(found.into_iter().map(|delivery| Row { webhook: name(&delivery), delivery }).collect()))
}

impl Page<'_> {
    fn tone(&self) -> &'static str {
        tone(self.call.result)
    }

    /// Returns who answered, if that is another than the call is filed under.
    fn answered_by(&self) -> Option<&str> {
        self.call.agent_extension.as_deref().filter(|agent| self.call.extension.as_deref() != Some(agent))
    }

    fn mos(&self) -> Option<(String, &'static str)> {
        let mos = self.call.mos?;
        // ITU-T G.107 annex B: from 4.03 on most are satisfied, below 3.6 many are not.
        let tone = match mos {
            mos if mos >= 4.03 => "good",
            mos if mos >= 3.6 => "warn",
            _ => "bad",
        };
        Some((show::decimal(self.v.language(), mos), tone))
    }

    /// Returns seconds before the answer, or of the whole call if nobody answered.
    fn ringing(&self) -> i64 {
        let until = self.call.answer_time.unwrap_or(self.call.end_time);
        until.millis() - self.call.start_time.millis()
    }

    fn place(&self, at: Timestamp) -> i64 {
        let whole = (self.call.end_time.millis() - self.call.start_time.millis()).max(1);
        ((at.millis() - self.call.start_time.millis()) * WIDTH / whole).clamp(0, WIDTH)
    }

    /// Returns where a leg's bar begins, how long it rang and how long it was up, in units of the timeline.
    fn bar(&self, leg: &Leg) -> (i64, i64, i64) {
        let start = leg.started_at().map_or(0, |at| self.place(at));
        let end = leg.ended_at().map_or(WIDTH, |at| self.place(at)).max(start + 2);
        let answer = leg.answered_at().map_or(end, |at| self.place(at)).clamp(start, end);
        (start, answer - start, end - answer)
    }

    fn delivery_tone(&self, row: &Row) -> &'static str {
        match row.delivery.status {
            DeliveryStatus::Delivered => "good",
            DeliveryStatus::Pending => "live",
            DeliveryStatus::Failed => "warn",
            DeliveryStatus::Deadletter | DeliveryStatus::Expired => "bad",
            DeliveryStatus::Skipped => "idle",
        }
    }
}

impl Leg {
    fn started_at(&self) -> Option<Timestamp> {
        parsed(self.started_at.as_ref())
    }

    fn answered_at(&self) -> Option<Timestamp> {
        parsed(self.answered_at.as_ref())
    }

    fn ended_at(&self) -> Option<Timestamp> {
        parsed(self.ended_at.as_ref())
    }

    /// Returns milliseconds from answer to end.
    fn talked(&self) -> Option<i64> {
        Some(self.ended_at()?.millis() - self.answered_at()?.millis())
    }
}

fn parsed(text: Option<&String>) -> Option<Timestamp> {
    let at: jiff::Timestamp = text?.parse().ok()?;
    Some(Timestamp(at.as_millisecond()))
}
