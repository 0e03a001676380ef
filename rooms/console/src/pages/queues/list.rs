//! `/queues`: the account's queues.

use askama::Template;
use axum::extract::State;
use domain::{Permission, principal::Access};
use pbx::{model::Queue, ops::queues};

use super::path_of;
use crate::{Answer, Console, asked::Asked, pager::Pager, view::View};

#[derive(Template)]
#[template(path = "queues/list.html")]
struct List<'a> {
    v: &'a View,
    asked: &'a Asked,
    queues: &'a [Queue],
    pager: Pager,
    may_manage: bool,
}

impl List<'_> {
    fn path(&self, queue: &Queue) -> String {
        path_of(&queue.name)
    }
}

pub(super) async fn list(State(console): State<Console>, view: View, asked: Asked) -> Answer {
    let who = view.who()?;
    who.may(Permission::PbxApiAccess, Access::Read)?;
    let search = asked.optional("search");
    let listing = queues::list(&console.pbx.desk(), who, search.as_deref(), asked.page()).await?;
    let pager = Pager::of(&listing, &asked);
    let may_manage = super::form::may_manage(&view);
    view.page(&List { v: &view, asked: &asked, queues: &listing.data, pager, may_manage })
}
