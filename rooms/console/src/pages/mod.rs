//! The pages: one file each, with its routes. A new page is one line here and one in `nav.rs`.

pub(crate) mod alerts;
pub(crate) mod audit;
pub(crate) mod caller_ids;
pub(crate) mod calls;
pub(crate) mod contacts;
pub(crate) mod dashboard;
pub(crate) mod deliveries;
pub(crate) mod destinations;
pub(crate) mod dialling;
pub(crate) mod errors;
pub(crate) mod extensions;
pub(crate) mod forgotten;
pub(crate) mod fresh;
pub(crate) mod general;
pub(crate) mod letter;
pub(crate) mod link;
pub(crate) mod menus;
pub(crate) mod moment;
pub(crate) mod origins;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod prompts;
pub(crate) mod queues;
pub(crate) mod ring_groups;
pub(crate) mod routing;
pub(crate) mod second_factor;
pub(crate) mod sign_in;
pub(crate) mod system;
pub(crate) mod time_conditions;
pub(crate) mod tokens;
pub(crate) mod toll;
pub(crate) mod trunk_registration;
pub(crate) mod trunks;
pub(crate) mod two_step;
pub(crate) mod users;
pub(crate) mod voicemail;
pub(crate) mod webhooks;
pub(crate) mod webphone;

use axum::Router;

use crate::Console;

pub(crate) fn routes() -> Router<Console> {
    Router::new()
        .merge(alerts::routes())
        .merge(audit::routes())
        .merge(caller_ids::routes())
        .merge(calls::routes())
        .merge(contacts::routes())
        .merge(dashboard::routes())
        .merge(deliveries::routes())
        .merge(dialling::routes())
        .merge(extensions::routes())
        .merge(forgotten::routes())
        .merge(general::routes())
        .merge(link::routes())
        .merge(menus::routes())
        .merge(origins::routes())
        .merge(password::routes())
        .merge(profile::routes())
        .merge(queues::routes())
        .merge(prompts::routes())
        .merge(ring_groups::routes())
        .merge(routing::routes())
        .merge(second_factor::routes())
        .merge(sign_in::routes())
        .merge(system::routes())
        .merge(time_conditions::routes())
        .merge(tokens::routes())
        .merge(trunk_registration::routes())
        .merge(toll::routes())
        .merge(trunks::routes())
        .merge(two_step::routes())
        .merge(users::routes())
        .merge(voicemail::routes())
        .merge(webhooks::routes())
        .merge(webphone::routes())
}
