//! `/extensions/{number}/forwarding`: where calls of an extension go when nobody takes them.

use askama::Template;
use axum::extract::{Path, State};
use pbx::{
    model::{Extension, Forwarding},
    ops::{extensions, forwarding},
};
use web::Fields;

use super::list::may_manage;
use crate::{Answer, Console, form::Form, view::View};

#[derive(Template)]
#[template(path = "extensions/forwarding.html")]
struct Page<'a> {
    v: &'a View,
    form: &'a Form,
    extension: &'a Extension,
    may_manage: bool,
}

pub(super) async fn show(State(console): State<Console>, view: View, Path(number): Path<String>) -> Answer {
    let (who, desk) = (view.who()?, console.pbx.desk());
    let (extension, _) = extensions::show(&desk, who, &number).await?;
    let wish = forwarding::show(&desk, who, &number).await?;
    let mut form = Form::default()
        .with("forward_always", wish.always.unwrap_or_default())
        .with("forward_busy", wish.busy.unwrap_or_default())
        .with("forward_no_answer", wish.no_answer.unwrap_or_default())
        .with("forward_offline", wish.offline.unwrap_or_default())
        .with("ring_seconds", wish.ring_seconds.map_or_else(String::new, |seconds| seconds.to_string()));
    for (field, on) in [("do_not_disturb", wish.do_not_disturb), ("voicemail_enabled", extension.voicemail_enabled)] {
        if on {
            form = form.with(field, "on");
        }
    }
    view.page(&Page { v: &view, form: &form, extension: &extension, may_manage: may_manage(&view) })
}

pub(super) async fn change(
    State(console): State<Console>,
    view: View,
    Path(number): Path<String>,
    mut form: Form,
) -> Answer {
    let (who, desk) = (view.who()?, console.pbx.desk());
    let (mut extension, _) = extensions::show(&desk, who, &number).await?;
    let wish = Forwarding {
        always: form.optional("forward_always"),
        busy: form.optional("forward_busy"),
        no_answer: form.optional("forward_no_answer"),
        offline: form.optional("forward_offline"),
        do_not_disturb: form.flag("do_not_disturb"),
        ring_seconds: form.number(&view, "ring_seconds"),
    };
    if !form.is_wrong() {
        let voicemail = form.flag("voicemail_enabled");
        if voicemail != extension.voicemail_enabled {
            let fill = extensions::Fill { voicemail_enabled: Some(voicemail), ..extensions::Fill::default() };
            extension = extensions::update(&desk, who, &number, fill, Fields::new()).await?;
        }
        match forwarding::put(&desk, who, &number, wish, Fields::new()).await {
            Ok(_) => return view.go_with(&format!("/extensions/{number}/forwarding"), "extensions.forwarding.saved"),
            Err(error) => form = form.refused(&view, error)?,
        }
    }
    view.again(&Page { v: &view, form: &form, extension: &extension, may_manage: may_manage(&view) })
}
