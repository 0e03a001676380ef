//! Where a dialled number leads, and who may have it dialled.
//!
//! The only way to a trunk leg is an [`OutboundAuthorization`], and [`authorize_outbound`] is the only place that makes one:
//! whatever sets up the call, a phone, the API or a campaign, passes the same rules.

mod destination;
mod features;

pub use destination::{Destination, Setting};
pub use features::FeatureCodes;

use crate::{
    TenantId,
    cause::Cause,
    ids::TrunkId,
    number::{self, Region},
};

/// What a caller's account offers, for one decision.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    pub region: Region,
    /// Whether the dialled number is an active extension of the account.
    pub extension: bool,
    /// The account's active outbound routes.
    pub routes: &'a [Route],
}

/// An outbound route: numbers that begin with `prefix` go by `trunk`. The empty prefix is the default route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub prefix: String,
    pub trunk: TrunkId,
    /// Among routes of one length of prefix, the lowest goes first.
    pub priority: i64,
}

/// Decides where `dialled` leads: own extensions first, then the routes, the longest prefix winning.
pub fn plan(dialled: &str, plan: &Plan<'_>) -> Destination {
    if plan.extension {
        return Destination::Extension(dialled.to_owned());
    }
    let trunks = trunks_for(dialled, plan.region, plan.routes);
    if !trunks.is_empty() && (number::is_dialable(dialled) || plan.region.is_emergency(dialled)) {
        return Destination::Outbound(trunks);
    }
    if !number::is_dialable(dialled) {
        return Destination::Reject(Cause::InvalidNumberFormat);
    }
    // A short number that is no extension does not exist; a long one lacks a route.
    let short = number::is_extension(dialled) && dialled.len() < 7;
    Destination::Reject(if short { Cause::UnallocatedNumber } else { Cause::NoRouteDestination })
}

/// Returns the trunks that may carry `dialled`, best first: longest prefix, then lowest priority number.
/// A prefix matches the number as dialled or its E.164 form.
pub fn trunks_for(dialled: &str, region: Region, routes: &[Route]) -> Vec<TrunkId> {
    let e164 = region.e164(dialled).unwrap_or_default();
    let plain = dialled.trim_start_matches('+');
    let mut fitting: Vec<&Route> = routes
        .iter()
        .filter(|route| {
            let prefix = route.prefix.trim_start_matches('+');
            plain.starts_with(prefix) || (!e164.is_empty() && e164.starts_with(prefix))
        })
        .collect();
    fitting.sort_by_key(|route| (std::cmp::Reverse(route.prefix.len()), route.priority, route.trunk));
    let mut trunks: Vec<TrunkId> = Vec::new();
    for route in fitting {
        if !trunks.contains(&route.trunk) {
            trunks.push(route.trunk);
        }
    }
    trunks
}

/// Who wants to dial out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialler<'a> {
    pub tenant: TenantId,
    pub extension: Option<&'a str>,
    pub active: bool,
    /// Calls that this extension has up, the new one not counted, and how many it may have.
    pub calls: u32,
    pub max_calls: u32,
}

/// The right to dial one number, once. Only [`authorize_outbound`] makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct OutboundAuthorization {
    tenant: TenantId,
    number: String,
    emergency: bool,
}

impl OutboundAuthorization {
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns the number as dialled.
    pub fn number(&self) -> &str {
        &self.number
    }

    pub const fn is_emergency(&self) -> bool {
        self.emergency
    }
}

/// Checks every rule between a wish to dial `number` and a trunk. Emergency numbers pass all limits.
///
/// # Errors
/// The cause with which the call is refused.
pub fn authorize_outbound(number: &str, dialler: &Dialler<'_>, region: Region) -> Result<OutboundAuthorization, Cause> {
    let grant = |emergency| OutboundAuthorization { tenant: dialler.tenant, number: number.to_owned(), emergency };
    if region.is_emergency(number) {
        return Ok(grant(true));
    }
    if !number::is_dialable(number) {
        return Err(Cause::InvalidNumberFormat);
    }
    if !dialler.active {
        return Err(Cause::BearerCapabilityNotAuth);
    }
    if dialler.calls >= dialler.max_calls {
        return Err(Cause::CallRejected);
    }
    Ok(grant(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(prefix: &str, trunk: i64, priority: i64) -> Route {
        Route { prefix: prefix.to_owned(), trunk: TrunkId(trunk), priority }
    }

    #[test]
    fn a_dialled_number_leads_where_the_account_says() {
        let routes = [route("", 1, 0), route("849", 2, 0), route("0", 3, 5), route("0", 4, 1)];
        let no_routes: [Route; 0] = [];
        for (dialled, extension, routes, expected) in [
            ("1002", true, &routes[..], Destination::Extension("1002".to_owned())),
            ("1002", true, &no_routes[..], Destination::Extension("1002".to_owned())),
            ("1009", false, &no_routes[..], Destination::Reject(Cause::UnallocatedNumber)),
            ("0987654321", false, &no_routes[..], Destination::Reject(Cause::NoRouteDestination)),
            ("abc", false, &routes[..], Destination::Reject(Cause::InvalidNumberFormat)),
            ("+14155552671", false, &routes[..], Destination::Outbound(vec![TrunkId(1)])),
            (
                "0987654321",
                false,
                &routes[..],
                Destination::Outbound(vec![TrunkId(2), TrunkId(4), TrunkId(3), TrunkId(1)]),
            ),
        ] {
            let offer = Plan { region: Region::of("VN"), extension, routes };
            assert_eq!(plan(dialled, &offer), expected, "{dialled}");
        }
    }

    #[test]
    fn emergency_calls_pass_every_limit() {
        let dialler = Dialler { tenant: TenantId(1), extension: Some("1001"), active: false, calls: 9, max_calls: 1 };
        let vn = Region::of("VN");
        assert!(authorize_outbound("113", &dialler, vn).is_ok_and(|right| right.is_emergency()));
        assert_eq!(authorize_outbound("0987654321", &dialler, vn), Err(Cause::BearerCapabilityNotAuth));
    }

    #[test]
    fn an_extension_with_all_its_calls_up_cannot_dial_another() {
        let dialler = Dialler { tenant: TenantId(1), extension: Some("1001"), active: true, calls: 2, max_calls: 2 };
        assert_eq!(authorize_outbound("0987654321", &dialler, Region::of("VN")), Err(Cause::CallRejected));
    }
}
