//! Whose a call from a carrier is: its address only says which trunks it may be of.
//!
//! One carrier serves many lines from one address, of one account or of several, and anybody may write any address into the
//! settings of a trunk. So the request has to say it: by the contact that a trunk registered, which nobody else knows, by
//! its login, or by a number that only one account expects.

use std::net::IpAddr;

use domain::{TenantId, Timestamp, ids::TrunkId, routing::Pattern};

use super::directory::{Account, TrunkLine};
use crate::{Pbx, ops::trunks::is_contact};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Trunk(TenantId, TrunkId),
    /// Nobody names that address any more.
    Stranger,
    /// It may be several accounts' call, or is for a contact that is none of them.
    Unclear,
}

/// How well a call from outside fits an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Expects {
    Nothing,
    SuchNumbers,
    ThisNumber,
}

/// How a request names a trunk; more is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fits {
    By(Expects),
    Login,
    Contact,
}

/// Returns the trunk that a request from that address is of.
pub(super) fn whose(pbx: &Pbx, source: IpAddr, request: &sip::Request) -> Whose {
    let may_be = pbx.directory.by_source(source);
    if may_be.is_empty() {
        return Whose::Stranger;
    }
    let now = pbx.db.now();
    let fits = may_be.into_iter().filter_map(|(tenant, trunk)| {
        let account = pbx.directory.account(tenant)?;
        let fits = account.trunks.get(&trunk).map(|line| fits(&account, line, request, now))?;
        Some((fits, tenant, trunk))
    });
    let found = choose(fits.collect(), is_contact(&request.uri_user));
    if found == Whose::Unclear {
        tracing::warn!(%source, "a call from a carrier is refused: it may be of several accounts, or of a trunk that has gone");
    }
    found
}

fn fits(account: &Account, line: &TrunkLine, request: &sip::Request, now: Timestamp) -> Fits {
    let user = request.uri_user.as_str();
    match user {
        user if user == line.contact => Fits::Contact,
        user if line.trunk.username.as_deref() == Some(user) => Fits::Login,
        user => match account.rule(user, &request.from_user, line.trunk.id, now).map(|rule| &rule.number) {
            Some(Pattern::Is(_)) => Fits::By(Expects::ThisNumber),
            Some(_) => Fits::By(Expects::SuchNumbers),
            None => Fits::By(Expects::Nothing),
        },
    }
}

/// Chooses the one that fits best. Of one account's trunks any will do, of two accounts' none.
fn choose(all: Vec<(Fits, TenantId, TrunkId)>, names_contact: bool) -> Whose {
    let Some(best) = all.iter().map(|(fits, ..)| *fits).max() else { return Whose::Stranger };
    let mut best_ones = all.into_iter().filter(|(fits, ..)| *fits == best);
    let Some((_, tenant, trunk)) = best_ones.next() else { return Whose::Stranger };
    let is_clear = best_ones.all(|(_, other, _)| other == tenant) && (best == Fits::Contact || !names_contact);
    if is_clear { Whose::Trunk(tenant, trunk) } else { Whose::Unclear }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_the_trunks_that_it_names_best_and_nobodys_if_two_accounts_may_be_meant() {
        let (number, such, nothing) =
            (Fits::By(Expects::ThisNumber), Fits::By(Expects::SuchNumbers), Fits::By(Expects::Nothing));
        let one = |fits| (fits, TenantId(1), TrunkId(1));
        let same = |fits| (fits, TenantId(1), TrunkId(2));
        let other = |fits| (fits, TenantId(2), TrunkId(3));
        let is = |account: i64, trunk: i64| Whose::Trunk(TenantId(account), TrunkId(trunk));
        for (all, names_contact, expected) in [
            (vec![], false, Whose::Stranger),
            (vec![one(nothing)], false, is(1, 1)),
            (vec![one(such), other(Fits::Contact)], true, is(2, 3)),
            // The contact of a trunk that is not registered now.
            (vec![other(such)], true, Whose::Unclear),
            (vec![one(number), other(Fits::Login)], false, is(2, 3)),
            (vec![one(number), other(such)], false, is(1, 1)),
            (vec![one(such), other(such)], false, Whose::Unclear),
            (vec![one(nothing), other(nothing)], false, Whose::Unclear),
            (vec![one(such), same(such)], false, is(1, 1)),
        ] {
            assert_eq!(choose(all.clone(), names_contact), expected, "{all:?}");
        }
    }
}
