//! `/`: what happens at this moment, and what happened today. Keeps itself up to date.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askama::Template;
use axum::{Router, extract::State, routing::get};
use domain::{Permission, Principal};
use pbx::ops::figures::{self, LiveCall, Registrations, Today};
use tokio::{sync::watch, time::Instant};
use webhooks::{Overview, Status};

use crate::{Answer, Console, Failure, live, view::View};

/// Between two looks at an account that somebody watches.
const LOOK: Duration = Duration::from_secs(2);
/// Between two looks at what costs more: the calls of the day, the webhooks.
const LONG_LOOK: Duration = Duration::from_secs(10);
/// Share of failed attempts in the last hour from which a webhook fails.
const FAILING: f64 = 0.2;
/// Seconds that a delivery may be due before it is late.
const LATE: u64 = 60;
/// Live calls that the dashboard lists; the page of calls has them all.
const MOST_CALLS: usize = 8;

pub(crate) fn routes() -> Router<Console> {
    Router::new().route("/", get(show)).route("/live/dashboard", get(watch))
}

/// One look at an account.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    calls: Vec<LiveCall>,
    registrations: Registrations,
    slow: Slow,
}

/// What is looked at less often.
#[derive(Clone, Debug)]
struct Slow {
    at: Instant,
    today: Today,
    webhooks: Health,
}

/// How an account's webhooks do.
#[derive(Clone, Copy, Debug, Default)]
struct Health {
    all: i64,
    suspended: i64,
    failing: i64,
    late: i64,
}

impl Health {
    fn of(webhooks: &[Overview]) -> Self {
        let count = |is: fn(&Overview) -> bool| {
            i64::try_from(webhooks.iter().filter(|one| is(one)).count()).unwrap_or(i64::MAX)
        };
        Self {
            all: count(|_| true),
            suspended: count(|one| one.webhook.status == Status::Suspended),
            failing: count(|one| one.figures.failure_rate_1h.is_some_and(|rate| rate >= FAILING)),
            late: count(|one| one.figures.oldest_due_seconds >= LATE),
        }
    }

    fn is_well(&self) -> bool {
        self.suspended == 0 && self.failing == 0 && self.late == 0
    }
}

impl Figures {
    /// Looks at the account as its admins see it: what everybody who watches gets is the same.
    async fn of(console: &Console, who: &Principal, before: Option<Slow>) -> Result<Self, Failure> {
        let slow = match before.filter(|slow| slow.at.elapsed() < LONG_LOOK) {
            Some(slow) => slow,
            None => Slow {
                at: Instant::now(),
                today: figures::today(&console.pbx, who).await?,
                webhooks: Health::of(&console.webhooks.overview(&Principal::system(who.tenant), "").await?),
            },
        };
        Ok(Self {
            calls: figures::live(&console.pbx, who)?,
            registrations: figures::registrations(&console.pbx, who).await?,
            slow,
        })
    }

    fn today(&self) -> &Today {
        &self.slow.today
    }

    fn webhooks(&self) -> Health {
        self.slow.webhooks
    }

    fn live(&self) -> i64 {
        i64::try_from(self.calls.len()).unwrap_or(i64::MAX)
    }

    fn talking(&self) -> i64 {
        let talking = self.calls.iter().filter(|call| call.answered_at.is_some()).count();
        i64::try_from(talking).unwrap_or(i64::MAX)
    }

    /// Returns the calls to list.
    fn shown(&self) -> &[LiveCall] {
        &self.calls[..self.calls.len().min(MOST_CALLS)]
    }

    /// Returns how many calls are not listed.
    fn hidden(&self) -> i64 {
        i64::try_from(self.calls.len().saturating_sub(MOST_CALLS)).unwrap_or(i64::MAX)
    }

    fn answer_rate(&self) -> f64 {
        match self.today().calls() {
            0 => 0.0,
            calls => self.today().answered() as f64 / calls as f64,
        }
    }

    /// Returns the hours as JSON for the chart: seconds since the epoch, answered calls, the others.
    fn chart(&self) -> String {
        let start = self.today().start.secs();
        let hours = || self.today().hours.iter();
        let at: Vec<i64> = (0..).zip(hours()).map(|(hour, _)| start + hour * 3600).collect();
        let answered: Vec<i64> = hours().map(|hour| hour.answered).collect();
        let others: Vec<i64> = hours().map(|hour| hour.calls - hour.answered).collect();
        serde_json::json!([at, answered, others]).to_string()
    }
}

#[derive(Template)]
#[template(path = "dashboard/page.html")]
struct Page<'a> {
    v: &'a View,
    figures: &'a Figures,
}

#[derive(Template)]
#[template(path = "dashboard/figures.html")]
struct Tiles<'a> {
    v: &'a View,
    figures: &'a Figures,
}

#[derive(Template)]
#[template(path = "dashboard/calls.html")]
struct Calls<'a> {
    v: &'a View,
    figures: &'a Figures,
}

#[derive(Template)]
#[template(path = "dashboard/hours.html")]
struct Hours<'a> {
    v: &'a View,
    figures: &'a Figures,
}

/// The start page of those who do not see the whole account.
#[derive(Template)]
#[template(path = "dashboard/own.html")]
struct Own<'a> {
    v: &'a View,
    calls: &'a [LiveCall],
    extension: Option<&'a str>,
}

async fn show(State(console): State<Console>, view: View) -> Answer {
    let session = view.session()?;
    let who = &session.principal;
    if !view.holds(Permission::ViewAllCdr) {
        let calls = figures::live(&console.pbx, who).unwrap_or_default();
        return view.page(&Own { v: &view, calls: &calls, extension: session.extension.as_deref() });
    }
    let figures = Figures::of(&console, who, None).await?;
    view.page(&Page { v: &view, figures: &figures })
}

async fn watch(State(console): State<Console>, view: View) -> Answer {
    let who = view.who()?;
    who.may(Permission::ViewAllCdr, domain::principal::Access::Read)?;
    Ok(live::stream(&console, view.clone(), watched(&console, who), draw))
}

fn watched(console: &Console, who: &Principal) -> watch::Receiver<Option<Arc<Figures>>> {
    let (eyes, system) = (console.clone(), Principal::system(who.tenant));
    let slow = Arc::new(Mutex::new(None));
    console.0.dashboards.watch(console, who.tenant, LOOK, move || {
        let (console, who, slow) = (eyes.clone(), system.clone(), slow.clone());
        async move {
            let before = slow.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let figures = Figures::of(&console, &who, before).await;
            let figures =
                figures.inspect_err(|error| tracing::warn!(?error, "a dashboard could not be refreshed")).ok()?;
            slow.lock().unwrap_or_else(PoisonError::into_inner).replace(figures.slow.clone());
            Some(figures)
        }
    })
}

/// Draws what changes. What cannot be drawn is left as it is on the page.
fn draw(view: &View, figures: &Figures) -> Vec<(&'static str, String)> {
    // The session's page began in the past; what it shows is of this moment.
    let parts = [
        ("figures", Tiles { v: view, figures }.render()),
        ("calls", Calls { v: view, figures }.render()),
        ("hours", Hours { v: view, figures }.render()),
    ];
    parts.into_iter().filter_map(|(name, html)| Some((name, html.ok()?))).collect()
}
