//! `/toll`: the rules against toll fraud and how much of them is used; `/toll/rates`: what calls cost.

use askama::Template;
use axum::{
    Router,
    extract::State,
    routing::{get, post},
};
use domain::{
    guard::{Limits, Policy, Usage, money, read_money},
    ids::TrunkId,
};
use pbx::{
    model::{Rate, Trunk},
    ops::{
        rates,
        toll::{self, State as Toll},
    },
};

use super::{caller_ids::trunks_of, extensions::may_manage, trunks::SEES};
use crate::{Answer, Console, asked::Asked, form::Form, pager::Pager, view::View};

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/toll", get(show).post(change))
        .route("/toll/stop", post(stop))
        .route("/toll/release", post(release))
        .route("/toll/rates", get(list).post(import))
}

#[derive(Template)]
#[template(path = "toll/page.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    toll: &'a Toll,
    may_manage: bool,
}

impl Page<'_> {
    fn minutes(&self, usage: &Usage) -> i64 {
        usage.talk / 60_000
    }

    fn spent(&self, usage: &Usage) -> String {
        money(usage.cost)
    }
}

#[derive(Template)]
#[template(path = "toll/rates.html")]
struct RatesPage<'a> {
    v: &'a View,
    form: &'a Form,
    asked: &'a Asked,
    rates: &'a [Rate],
    trunks: Vec<Trunk>,
    pager: Pager,
    may_manage: bool,
}

impl RatesPage<'_> {
    fn trunk(&self, rate: &Rate) -> Option<&str> {
        let id = rate.trunk?;
        self.trunks.iter().find(|trunk| trunk.id == id).map(|trunk| trunk.name.as_str())
    }

    fn money(&self, amount: &i64) -> String {
        money(*amount)
    }
}

async fn show(State(console): State<Console>, view: View) -> Answer {
    let toll = toll::state(&console.pbx, view.needs(SEES)?).await?;
    let policy = &toll.policy;
    let money_text = |amount: Option<i64>| amount.map_or_else(String::new, money);
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    let mut form = Form::default()
        .with("countries", policy.countries.join(" "))
        .with("opened", policy.opened.join(" "))
        .with("blocked", policy.blocked.join(" "))
        .with("dearest_minute", money_text(policy.dearest_minute))
        .with("calls_per_number", number(policy.calls_per_number));
    for (whose, limits) in [("extension", &policy.extension), ("account", &policy.account)] {
        form = form
            .with(&format!("{whose}_calls_at_once"), number(limits.calls_at_once))
            .with(&format!("{whose}_calls_per_hour"), number(limits.calls_per_hour))
            .with(&format!("{whose}_minutes_per_hour"), number(limits.minutes_per_hour))
            .with(&format!("{whose}_spend_per_hour"), money_text(limits.spend_per_hour));
    }
    draw(&view, &form, &toll)
}

fn draw(view: &View, form: &Form, toll: &Toll) -> Answer {
    let page = Page { v: view, form, toll, may_manage: may_manage(view) };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn change(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(SEES)?;
    let state = toll::state(&console.pbx, who).await?;
    let list = |form: &Form, name: &str| -> Vec<String> {
        let words = form.text(name).split([' ', ',', ';', '\n', '\r', '\t']).map(|word| word.trim_start_matches('+'));
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let policy = Policy {
        countries: list(&form, "countries"),
        opened: list(&form, "opened"),
        blocked: list(&form, "blocked"),
        dearest_minute: amount(&view, &mut form, "dearest_minute"),
        calls_per_number: whole(&view, &mut form, "calls_per_number"),
        extension: limits(&view, &mut form, "extension"),
        account: limits(&view, &mut form, "account"),
        ..Policy::default()
    };
    if !form.is_wrong() {
        match toll::set_policy(&console.pbx.desk(), who, policy).await {
            Ok(()) => return view.go_with("/toll", "toll.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw(&view, &form, &state)
}

fn limits(view: &View, form: &mut Form, whose: &str) -> Limits {
    let mut limit = |name: &str| whole(view, form, &format!("{whose}_{name}"));
    let (calls_at_once, calls_per_hour) = (limit("calls_at_once"), limit("calls_per_hour"));
    let minutes_per_hour = limit("minutes_per_hour");
    let spend_per_hour = amount(view, form, &format!("{whose}_spend_per_hour"));
    Limits { calls_at_once, calls_per_hour, minutes_per_hour, spend_per_hour }
}

fn whole(view: &View, form: &mut Form, field: &str) -> Option<u32> {
    let number = form.number(view, field)?;
    let number = u32::try_from(number).ok();
    if number.is_none() {
        form.wrong(field, view.t("common.not_a_number"));
    }
    number
}

fn amount(view: &View, form: &mut Form, field: &str) -> Option<i64> {
    let text = form.optional(field)?;
    let amount = read_money(&text);
    if amount.is_none() {
        form.wrong(field, view.t("toll.bad_amount"));
    }
    amount
}

async fn stop(State(console): State<Console>, view: View) -> Answer {
    toll::stop(&console.pbx.desk(), view.needs(SEES)?, true).await?;
    view.go_with("/toll", "toll.is_stopped")
}

async fn release(State(console): State<Console>, view: View) -> Answer {
    toll::stop(&console.pbx.desk(), view.needs(SEES)?, false).await?;
    view.go_with("/toll", "toll.is_released")
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    draw_rates(&console, &view, &asked, &Form::default()).await
}

async fn draw_rates(console: &Console, view: &View, asked: &Asked, form: &Form) -> Answer {
    let who = view.needs(SEES)?;
    let prefix = asked.text("search").trim_start_matches('+').to_owned();
    let listing = rates::list(&console.pbx.desk(), who, &prefix, asked.page()).await?;
    let pager = Pager::of(&listing, asked);
    let trunks = trunks_of(console, who).await?;
    let may_manage = may_manage(view);
    let page = RatesPage { v: view, form, asked, rates: &listing.data, trunks, pager, may_manage };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn import(State(console): State<Console>, view: View, asked: Asked, mut form: Form) -> Answer {
    let who = view.needs(SEES)?;
    let trunk = form.number(&view, "trunk_id").map(TrunkId);
    let text = form.value("rows").to_owned();
    if !form.is_wrong() {
        match rates::import(&console.pbx.desk(), who, trunk, &text).await {
            Ok(_) => return view.go_with("/toll/rates", "toll.rates.imported"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    draw_rates(&console, &view, &asked, &form).await
}
