//! A callee who says that he is somewhere else (3xx).

use std::sync::Arc;

use domain::{
    call::{LegNo, Part},
    routing::Destination,
};

use super::Driver;
use crate::driver::{
    inbound,
    resolve::{Caller, resolve},
};

/// How often one call follows a callee who says that he is somewhere else.
const MOST_REDIRECTS: u8 = 3;

impl Driver {
    /// Looks where a phone's user is who says so. He is called there as he would call himself: with the rights of his
    /// extension. What a carrier says is not followed: it would choose what the account pays for.
    pub(super) fn on_redirected(&mut self, no: LegNo, contacts: &[String]) {
        let Some((part @ (Part::Step | Part::Offer(_) | Part::Consult), _)) = self.machine.part(no) else { return };
        let tenant = self.setup.tenant;
        let Some(account) = self.pbx.directory.account(tenant) else { return };
        let redirects = self.rare.as_ref().map_or(0, |rare| rare.redirects);
        if redirects >= MOST_REDIRECTS || part != Part::Step {
            return;
        }
        let Some(extension) = self.leg(no).and_then(|leg| leg.extension.as_ref()) else { return };
        let Some(own) = account.active(extension).map(Arc::clone) else { return };
        for contact in contacts {
            let Some(number) = user_of(contact).filter(|number| *number != own.extension.number) else { continue };
            let acting = Some(Arc::clone(&own));
            let caller = Caller { acting, dialled: number.to_owned(), ..self.setup.caller.clone() };
            let to = account.onward(number);
            if to == Destination::Park {
                continue;
            }
            let Ok(found) = resolve(&self.pbx, tenant, &account, &caller, to, self.hops + 1) else { continue };
            if found.targets.is_empty() {
                continue;
            }
            let shown = Some(inbound::shown_number(&account, &own));
            let target = self.targets.len();
            self.targets.extend(found.targets);
            self.setup.seats.extend(found.seats);
            let rare = self.rare();
            rare.redirects = redirects + 1;
            rare.shown = rare.shown.take().or(shown);
            rare.moved = Some((no, target));
            return;
        }
    }
}

/// Returns the number in a SIP or tel URI.
fn user_of(uri: &str) -> Option<&str> {
    let rest = uri.split_once(':')?.1;
    let user = rest.split(['@', ';', '?']).next()?;
    (!user.is_empty() && user.len() <= 32 && user.bytes().all(|b| b.is_ascii_digit() || b"+*#".contains(&b)))
        .then_some(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_names_a_number_or_nothing() {
        for (uri, number) in [
            ("sip:1002@10.0.0.1:5060;transport=tcp", Some("1002")),
            ("tel:+84987654321", Some("+84987654321")),
            ("sip:10.0.0.1", None),
            ("sip:alice@example.com", None),
            ("", None),
        ] {
            assert_eq!(user_of(uri), number, "{uri}");
        }
    }
}
