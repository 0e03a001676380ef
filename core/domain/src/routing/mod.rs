//! Where a dialled number leads, and who may have it dialled.
//!
//! The only way to a trunk leg is an [`OutboundAuthorization`], and [`authorize_outbound`] is the only place that makes one:
//! whatever sets up the call, a phone, the API or a campaign, passes the same rules.

mod authority;
mod destination;
mod features;
mod inbound;
mod outbound;

pub use authority::{Denied, Dialler, Law, OutboundAuthorization, Way, authorize_outbound};
pub use destination::{Destination, Setting};
pub use features::{FeatureCodes, InCall};
pub use inbound::{Arrival, Pattern, Rule, inbound};
pub use outbound::{NumberFormat, Rewrite, Route, emergency_ways, is_emergency, trunks_for, ways};

use crate::{
    cause::Cause,
    number::{self, Region},
};

/// What a caller's account offers, for one decision.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'a> {
    pub region: Region,
    /// What the dialled number is inside of the account: an extension, else a queue, a ring group or a menu.
    pub own: Option<&'a Destination>,
    pub codes: &'a FeatureCodes,
    /// The account's own emergency numbers; empty means those of the region.
    pub emergency: &'a [String],
    /// The account's active outbound routes.
    pub routes: &'a [Route],
}

/// Decides where `dialled` leads: emergency numbers out, own numbers, feature codes, then the routes, the longest prefix
/// winning. A number behind the code that hides the caller leads where it does without.
pub fn plan(dialled: &str, plan: &Plan<'_>) -> Destination {
    let bare = plan.codes.hidden(dialled).unwrap_or(dialled);
    let emergency = is_emergency(bare, plan.region, plan.emergency);
    if emergency && !plan.routes.is_empty() {
        let ways = emergency_ways(bare, plan.region, plan.routes);
        return Destination::Outbound(ways.into_iter().map(|route| route.trunk).collect());
    }
    if let Some(own) = plan.own {
        return own.clone();
    }
    if let Some(feature) = plan.codes.read(dialled) {
        return feature;
    }
    let dialled = bare;
    let trunks = trunks_for(dialled, plan.region, plan.routes);
    if !trunks.is_empty() && outbound::can_leave(dialled, plan.region, plan.emergency) {
        return Destination::Outbound(trunks);
    }
    if !number::is_dialable(dialled) {
        return Destination::Reject(Cause::InvalidNumberFormat);
    }
    // A short number that is no extension does not exist; a long one lacks a route.
    let short = number::is_extension(dialled) && dialled.len() < 7;
    Destination::Reject(if short { Cause::UnallocatedNumber } else { Cause::NoRouteDestination })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TrunkId;

    fn route(prefix: &str, trunk: i64, priority: i64) -> Route {
        Route::new(prefix, TrunkId(trunk), priority)
    }

    fn out(trunks: &[i64]) -> Destination {
        Destination::Outbound(trunks.iter().copied().map(TrunkId).collect())
    }

    #[test]
    fn a_dialled_number_leads_where_the_account_says() {
        let routes = [route("", 1, 0), route("849", 2, 0), route("0", 3, 5), route("0", 4, 1)];
        let no_routes: [Route; 0] = [];
        let extension = Destination::Extension("1002".to_owned());
        let queue = Destination::Queue("support".to_owned());
        let codes = FeatureCodes::default();
        for (dialled, own, routes, expected) in [
            ("1002", Some(&extension), &routes[..], extension.clone()),
            ("1002", Some(&extension), &no_routes[..], extension.clone()),
            ("2000", Some(&queue), &routes[..], queue.clone()),
            ("1009", None, &no_routes[..], Destination::Reject(Cause::UnallocatedNumber)),
            ("0987654321", None, &no_routes[..], Destination::Reject(Cause::NoRouteDestination)),
            ("abc", None, &routes[..], Destination::Reject(Cause::InvalidNumberFormat)),
            ("+14155552671", None, &routes[..], out(&[1])),
            ("0987654321", None, &routes[..], out(&[2, 4, 3, 1])),
            ("*670987654321", None, &routes[..], out(&[2, 4, 3, 1])),
            ("*97", None, &routes[..], Destination::VoicemailMain),
            ("*98", None, &routes[..], Destination::Reject(Cause::InvalidNumberFormat)),
            // Whoever calls for help is not rung through to a colleague.
            ("113", Some(&extension), &routes[..], out(&[1, 4, 3, 2])),
            ("113", Some(&extension), &no_routes[..], extension.clone()),
            ("113", None, &routes[1..2], out(&[2])),
            // Nor does the code that hides the caller make it less of a call for help.
            ("*67113", None, &routes[1..2], out(&[2])),
        ] {
            let offer = Plan { region: Region::of("VN"), own, codes: &codes, emergency: &[], routes };
            assert_eq!(plan(dialled, &offer), expected, "{dialled}");
        }
    }
}
