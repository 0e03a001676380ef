//! `/trunks`: the ways to carriers.

use std::{net::IpAddr, time::Duration};

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    routing::{get, post},
};
use domain::{
    Permission,
    ids::TrunkId,
    routing::{NumberFormat, Rewrite},
};
use pbx::{
    model::{Trunk, TrunkAuth, TrunkDtmf, TrunkOptions, TrunkSrtp, TrunkStatus, TrunkTransport},
    ops::{
        trunk_test::{self, Outcome, Tested},
        trunks::{self, NewTrunk, TrunkState},
    },
};

use super::extensions::may_manage;
use crate::{Answer, Console, Failure, asked::Asked, form::Form, nav::Needs, pager::Pager, view::View};

/// Who may see how the account reaches the world: everybody but agents.
pub(crate) const SEES: Needs = Needs::Permission(Permission::ViewTeamCdr);

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .route("/trunks", get(list).post(create))
        .route("/trunks/new", get(new))
        .route("/trunks/{id}", get(show).post(change))
        .route("/trunks/{id}/delete", post(delete))
        .route("/trunks/{id}/test", post(test))
}

#[derive(Template)]
#[template(path = "trunks/list.html")]
struct List<'a> {
    v: &'a View,
    console: &'a Console,
    asked: &'a Asked,
    trunks: &'a [TrunkState],
    pager: Pager,
    may_manage: bool,
}

impl List<'_> {
    /// Returns what the API calls the state of the trunk's registration.
    fn registration(&self, trunk: &Trunk) -> &'static str {
        self.console.pbx.trunk_registration(trunk.id).as_str()
    }

    fn answers(&self, trunk: &Trunk) -> bool {
        self.console.pbx.trunk_answers(trunk.id)
    }

    fn address(&self, trunk: &Trunk) -> String {
        trunk.port.map_or_else(|| trunk.host.clone(), |port| format!("{}:{port}", trunk.host))
    }
}

#[derive(Template)]
#[template(path = "trunks/form.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    /// None for a new one.
    trunk: Option<&'a TrunkState>,
    may_manage: bool,
    transports: &'static [TrunkTransport],
    auths: &'static [TrunkAuth],
    dtmfs: &'static [TrunkDtmf],
    srtps: &'static [TrunkSrtp],
    formats: &'static [NumberFormat],
}

impl Page<'_> {
    fn has_password(&self) -> bool {
        self.trunk.is_some_and(|state| state.trunk.sealed_password.is_some())
    }
}

async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.needs(SEES)?;
    let search = asked.optional("search");
    let listing = trunks::search(&console.pbx.desk(), who, search.as_deref(), asked.page()).await?;
    let pager = Pager::of(&listing, &asked);
    view.page(&List {
        v: &view,
        console: &console,
        asked: &asked,
        trunks: &listing.data,
        pager,
        may_manage: may_manage(&view),
    })
}

/// What became of a test call, or why there was none.
#[derive(Template)]
#[template(path = "trunks/tested.html")]
struct TestedPart<'a> {
    v: &'a View,
    tested: Option<Tested>,
    refused: Option<String>,
}

impl TestedPart<'_> {
    fn outcome(&self, tested: &Tested) -> (&'static str, String) {
        let word = |name: &str| self.v.word("trunks.tested", name);
        match tested.outcome {
            Outcome::Answered { heard: true } => ("good", word("heard")),
            Outcome::Answered { heard: false } => ("warn", word("mute")),
            Outcome::Rang => ("warn", word("rang")),
            Outcome::Refused { status, cause } => {
                let cause = self.v.word("calls.cause", cause.as_str());
                ("bad", self.v.t2("trunks.tested.refused", status, cause))
            }
            Outcome::Silent => ("bad", word("silent")),
            Outcome::Barred(cause) => {
                ("bad", self.v.t1("trunks.tested.barred", self.v.word("calls.cause", cause.as_str())))
            }
        }
    }

    fn seconds(&self, time: &Duration) -> String {
        self.v.decimal(time.as_millis() as f64 / 1000.0)
    }
}

/// Calls a number by the trunk, and answers with a part of the page when that is over.
async fn test(State(console): State<Console>, view: View, Path(id): Path<i64>, form: Form) -> Answer {
    let (number, extension) = (form.text("number"), form.text("extension"));
    let (tested, refused) = match trunk_test::call(&console.pbx, view.who()?, TrunkId(id), extension, number).await {
        Ok(tested) => (Some(tested), None),
        Err(pbx::Error::Invalid(fields)) => {
            let wrong = if fields.names().any(|name| name == "number") { "number" } else { "extension" };
            (None, Some(view.word("trunks.test_wrong", wrong)))
        }
        Err(error @ pbx::Error::Draining) => (None, Some(web::Error::from(error).text(view.language()).to_owned())),
        Err(error) => return Err(error.into()),
    };
    view.page(&TestedPart { v: &view, tested, refused })
}

async fn new(view: View) -> Answer {
    if !may_manage(&view) {
        return Err(Failure::forbidden());
    }
    draw(&view, &Form::default().with("transport", "udp").with("auth", "digest").with("status", "active"), None)
}

async fn show(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let state = trunks::show(&console.pbx.desk(), view.needs(SEES)?, TrunkId(id)).await?;
    let trunk = &state.trunk;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let number = |number: Option<i64>| number.map_or_else(String::new, |number| number.to_string());
    let form = Form::default()
        .with("name", &trunk.name)
        .with("host", &trunk.host)
        .with("port", number(trunk.port.map(i64::from)))
        .with("transport", trunk.transport.as_str())
        .with("auth", trunk.auth.as_str())
        .with("username", text(&trunk.username))
        .with("realm", text(&trunk.realm))
        .with("from_user", text(&trunk.from_user))
        .with("from_domain", text(&trunk.from_domain))
        .with("max_channels", number(trunk.max_channels))
        .with("sources", trunk.sources.iter().map(IpAddr::to_string).collect::<Vec<_>>().join("\n"))
        .with("status", trunk.status.as_str());
    let options = &trunk.options;
    let mut form = form
        .with("max_cps", number(options.max_cps))
        .with("codecs", options.codecs.join(" "))
        .with("dtmf", options.dtmf.as_str())
        .with("srtp", options.srtp.as_str())
        .with("number_format", options.number_format.as_str())
        .with("strip", options.rewrite.strip)
        .with("prepend", &options.rewrite.prepend)
        .with("caller_id", text(&options.caller_id))
        .with("caller_id_format", options.caller_id_format.as_str());
    for (name, on) in [("asserts_identity", options.asserts_identity), ("trusts_identity", options.trusts_identity)] {
        if on {
            form = form.with(name, "yes");
        }
    }
    draw(&view, &form, Some(&state))
}

fn draw(view: &View, form: &Form, trunk: Option<&TrunkState>) -> Answer {
    let transports = TrunkTransport::ALL;
    let page = Page {
        v: view,
        form,
        trunk,
        may_manage: may_manage(view),
        transports,
        auths: TrunkAuth::ALL,
        dtmfs: TrunkDtmf::ALL,
        srtps: TrunkSrtp::ALL,
        formats: NumberFormat::ALL,
    };
    if form.is_wrong() { view.again(&page) } else { view.page(&page) }
}

async fn create(State(console): State<Console>, view: View, mut form: Form) -> Answer {
    let who = view.needs(SEES)?;
    let trunk = read(&view, &mut form);
    if !form.is_wrong() {
        match trunks::create(&console.pbx.desk(), who, trunk).await {
            Ok(_) => return view.go_with("/trunks", "trunks.created"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&view, &form, None)
}

async fn change(State(console): State<Console>, view: View, Path(id): Path<i64>, mut form: Form) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    let state = trunks::show(&desk, who, TrunkId(id)).await?;
    let trunk = read(&view, &mut form);
    if !form.is_wrong() {
        let status = TrunkStatus::parse(form.text("status")).unwrap_or(state.trunk.status);
        match trunks::replace(&desk, who, TrunkId(id), trunk, status).await {
            Ok(_) => return view.go_with("/trunks", "trunks.saved"),
            Err(error) => form = refused(&view, form, error)?,
        }
    }
    draw(&view, &form, Some(&state))
}

fn refused(view: &View, mut form: Form, error: pbx::Error) -> Result<Form, Failure> {
    if let pbx::Error::Taken(field) = error {
        form.wrong(field, view.t("trunks.name_taken"));
        return Ok(form);
    }
    form.refused(view, error)
}

async fn delete(State(console): State<Console>, view: View, Path(id): Path<i64>) -> Answer {
    let (who, desk) = (view.needs(SEES)?, console.pbx.desk());
    match trunks::delete(&desk, who, TrunkId(id)).await {
        Ok(()) => view.go_with("/trunks", "trunks.deleted"),
        Err(pbx::Error::InUse { count, .. }) => Err(Failure::in_use(view.count("trunks.in_use", count))),
        Err(error) => Err(error.into()),
    }
}

fn read(view: &View, form: &mut Form) -> NewTrunk {
    let port = form.number(view, "port");
    let port = port.and_then(|port| {
        let port = u16::try_from(port).ok().filter(|port| *port > 0);
        if port.is_none() {
            form.wrong("port", view.t("trunks.bad_port"));
        }
        port
    });
    let words: Vec<String> = form.text("sources").split([' ', ',', ';', '\n', '\r', '\t']).map(str::to_owned).collect();
    let mut sources = Vec::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        match word.parse::<IpAddr>() {
            Ok(address) => sources.push(address),
            Err(_) => form.wrong("sources", view.t1("trunks.bad_source", word)),
        }
    }
    NewTrunk {
        name: form.text("name").to_owned(),
        host: form.text("host").to_owned(),
        port,
        transport: form.optional("transport"),
        auth: form.optional("auth"),
        username: form.optional("username"),
        password: Some(form.value("password").to_owned()).filter(|password| !password.is_empty()),
        realm: form.optional("realm"),
        from_user: form.optional("from_user"),
        from_domain: form.optional("from_domain"),
        max_channels: form.number(view, "max_channels"),
        sources,
        options: read_options(view, form),
    }
}

/// Reads what a carrier wants done its way; an empty field is the default.
fn read_options(view: &View, form: &mut Form) -> TrunkOptions {
    let usual = TrunkOptions::default();
    let strip = form.number(view, "strip").unwrap_or(0);
    if !(0..=32).contains(&strip) {
        form.wrong("strip", view.t("common.not_a_number"));
    }
    let format = |form: &Form, name: &str| NumberFormat::parse(form.text(name)).unwrap_or_default();
    let codecs =
        form.text("codecs").split([' ', ',', ';']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    TrunkOptions {
        max_cps: form.number(view, "max_cps"),
        codecs,
        dtmf: TrunkDtmf::parse(form.text("dtmf")).unwrap_or(usual.dtmf),
        srtp: TrunkSrtp::parse(form.text("srtp")).unwrap_or(usual.srtp),
        number_format: format(form, "number_format"),
        rewrite: Rewrite { strip: u8::try_from(strip).unwrap_or(0), prepend: form.text("prepend").to_owned() },
        caller_id: form.optional("caller_id"),
        caller_id_format: format(form, "caller_id_format"),
        asserts_identity: form.flag("asserts_identity"),
        trusts_identity: form.flag("trusts_identity"),
    }
}
