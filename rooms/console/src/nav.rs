//! The way around: every page of the console, and who may see it.

use domain::{
    Permission, Principal,
    principal::{Actor, Role},
};

use crate::pages::trunks::SEES;

/// Who may see a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    Permission(Permission),
    /// Admins and supervisors.
    Manager,
    Admin,
}

impl Needs {
    pub(crate) fn are_met_by(self, who: &Principal) -> bool {
        let role = match &who.actor {
            Actor::User { role, .. } => Some(*role),
            Actor::Machine { .. } | Actor::System => None,
        };
        match self {
            Self::Nothing => true,
            Self::Permission(permission) => who.holds(permission),
            Self::Manager => matches!(role, Some(Role::Admin | Role::Supervisor)),
            Self::Admin => role == Some(Role::Admin),
        }
    }
}

/// One page in the navigation. Its name is the text `nav.KEY`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) path: &'static str,
    pub(crate) key: &'static str,
    pub(crate) icon: &'static str,
    /// `g` and then this key goes there.
    pub(crate) letter: char,
    needs: Needs,
}

const fn entry(path: &'static str, key: &'static str, icon: &'static str, letter: char, needs: Needs) -> Entry {
    Entry { path, key, icon, letter, needs }
}

/// Who makes and answers calls.
const CALLS: Needs = Needs::Permission(Permission::PbxApiAccess);

/// The pages by section; a section's name is the text `nav.KEY`, none stands above the first.
const SECTIONS: &[(&str, &[Entry])] = &[
    ("", &[entry("/", "nav.dashboard", "layout-dashboard", 'd', Needs::Nothing)]),
    (
        "nav.conversations",
        &[
            entry("/calls", "nav.calls", "phone", 'c', CALLS),
            entry("/queues", "nav.queues", "headset", 'q', CALLS),
            entry("/voicemail", "nav.voicemail", "inbox", 'x', CALLS),
            entry("/contacts", "nav.contacts", "contact", 'p', Needs::Nothing),
        ],
    ),
    (
        "nav.telephony",
        &[
            entry("/extensions", "nav.extensions", "smartphone", 'e', CALLS),
            entry("/ring-groups", "nav.ring_groups", "bell-ring", 'b', SEES),
            entry("/menus", "nav.menus", "list-ordered", 'n', SEES),
            entry("/prompts", "nav.prompts", "volume-2", 'y', SEES),
            entry("/time-conditions", "nav.time_conditions", "clock", 'h', SEES),
            entry("/dialling", "nav.dialling", "asterisk", 'j', SEES),
        ],
    ),
    (
        "nav.carriers",
        &[
            entry("/trunks", "nav.trunks", "network", 't', SEES),
            entry("/routing", "nav.routing", "route", 'r', SEES),
            entry("/caller-ids", "nav.caller_ids", "hash", 'i', SEES),
            entry("/toll", "nav.toll", "shield-check", 'f', SEES),
        ],
    ),
    (
        "nav.integrations",
        &[
            entry("/settings/webhooks", "nav.webhooks", "webhook", 'w', Needs::Admin),
            entry("/deliveries", "nav.deliveries", "send", 'v', Needs::Admin),
            entry("/settings/tokens", "nav.tokens", "key-round", 'k', Needs::Nothing),
            entry("/settings/origins", "nav.origins", "app-window", 'o', Needs::Admin),
        ],
    ),
    (
        "nav.administration",
        &[
            entry("/users", "nav.users", "users", 'u', Needs::Manager),
            entry("/teams", "nav.teams", "users", 'm', Needs::Manager),
            entry("/alerts", "nav.alerts", "bell", 'a', Needs::Admin),
            entry("/audit", "nav.audit", "scroll-text", 'l', Needs::Admin),
            entry("/settings/general", "nav.general", "settings", 'g', Needs::Admin),
            entry("/system", "nav.system", "activity", 's', Needs::Admin),
        ],
    ),
];

/// A section with the pages that somebody may see.
pub(crate) struct Section {
    pub(crate) key: &'static str,
    pub(crate) entries: Vec<Entry>,
}

/// Returns what somebody may see; sections without a page are left out.
pub(crate) fn sections(who: &Principal) -> Vec<Section> {
    let sections = SECTIONS.iter().map(|(key, entries)| Section {
        key,
        entries: entries.iter().copied().filter(|entry| entry.needs.are_met_by(who)).collect(),
    });
    sections.filter(|section| !section.entries.is_empty()).collect()
}

impl Section {
    /// Returns the last part of the section's key.
    pub(crate) fn name(&self) -> &'static str {
        last_part(self.key)
    }
}

fn last_part(key: &'static str) -> &'static str {
    key.rsplit_once('.').map_or(key, |(_, name)| name)
}

impl Entry {
    /// Returns the last part of the page's key.
    pub(crate) fn name(&self) -> &'static str {
        last_part(self.key)
    }

    /// Tells whether `path` is this page or one below it.
    pub(crate) fn covers(&self, path: &str) -> bool {
        path == self.path
            || (self.path != "/" && path.strip_prefix(self.path).is_some_and(|rest| rest.starts_with('/')))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_pages_share_a_letter_or_a_path() {
        let all: Vec<_> = SECTIONS.iter().flat_map(|(_, entries)| entries.iter()).collect();
        assert_eq!(all.iter().map(|entry| entry.letter).collect::<BTreeSet<_>>().len(), all.len());
        assert_eq!(all.iter().map(|entry| entry.path).collect::<BTreeSet<_>>().len(), all.len());
    }

    #[test]
    fn every_page_and_section_has_a_name() {
        for (section, entries) in SECTIONS {
            assert!(section.is_empty() || crate::words::known(section).is_some(), "{section}");
            for entry in *entries {
                assert!(crate::words::known(entry.key).is_some(), "{}", entry.key);
            }
        }
    }

    #[test]
    fn a_page_below_another_belongs_to_it() {
        let calls = entry("/calls", "nav.calls", "phone", 'c', Needs::Nothing);
        assert!(calls.covers("/calls") && calls.covers("/calls/1"));
        assert!(!calls.covers("/calls-x") && !calls.covers("/"));
        assert!(!entry("/", "nav.dashboard", "phone", 'd', Needs::Nothing).covers("/calls"));
    }
}
