//! What a key, a group or a rule may lead to, to choose from.

use domain::{Principal, routing::Destination};
use pbx::ops::{
    extensions::{self, Search},
    menus,
    places::Named,
    prompts, queues, ring_groups,
};
use web::Page as Slice;

use crate::{Console, Failure, view::View};

/// Extensions that are offered to choose from.
const MOST: i64 = 200;

/// The destinations of an account in their groups.
pub(crate) struct Destinations {
    pub(crate) groups: Vec<Group>,
}

/// Destinations of one kind.
pub(crate) struct Group {
    pub(crate) label: String,
    pub(crate) options: Vec<(String, String)>,
}

impl Destinations {
    pub(crate) async fn of(console: &Console, view: &View, who: &Principal) -> Result<Self, Failure> {
        let desk = console.pbx.desk();
        let slice = Slice { page: 1, per_page: MOST };
        let extensions = extensions::list(&desk, who, Search::default(), slice).await?.data;
        let named = |number: &str, name: Option<&str>| match name {
            Some(name) => format!("{number} · {name}"),
            None => number.to_owned(),
        };
        let mut phones = Vec::new();
        let mut boxes = Vec::new();
        for extension in &extensions {
            let label = named(&extension.number, extension.display_name.as_deref());
            phones.push((Destination::Extension(extension.number.clone()), label.clone()));
            if extension.voicemail_enabled {
                boxes.push((Destination::Voicemail(extension.number.clone()), label));
            }
        }
        let groups = ring_groups::list(&desk, who).await?;
        let groups = groups.into_iter().map(|group| (Destination::RingGroup(group.id), group.name)).collect();
        let menus = menus::list(&desk, who).await?;
        let menus = menus.into_iter().map(|menu| (Destination::Menu(menu.id), menu.name)).collect();
        let slice = Slice { page: 1, per_page: MOST };
        let queues = queues::list(&desk, who, None, slice).await?.data;
        let queues = queues.into_iter().map(|queue| (Destination::Queue(queue.name.clone()), queue.name)).collect();
        let prompts = prompts::list(&console.pbx, who).await?;
        let prompts = prompts.into_iter().map(|prompt| (Destination::Announcement(prompt.id), prompt.name)).collect();
        let others = vec![
            (Destination::VoicemailMain, view.t("menus.to.voicemail_main").to_owned()),
            (Destination::Echo, view.t("menus.to.echo").to_owned()),
            (Destination::Reject(domain::cause::Cause::NormalClearing), view.t("menus.to.hangup").to_owned()),
        ];
        let all: Vec<(&'static str, Vec<(Destination, String)>)> = vec![
            ("menus.to.extension", phones),
            ("menus.to.ring_group", groups),
            ("menus.to.queue", queues),
            ("menus.to.menu", menus),
            ("menus.to.voicemail", boxes),
            ("menus.to.announcement", prompts),
            ("menus.to.other", others),
        ];
        let groups = all.into_iter().filter(|(_, options)| !options.is_empty()).map(|(label, options)| Group {
            label: view.t(label).to_owned(),
            options: options.into_iter().map(|(to, label)| (value(&to), label)).collect(),
        });
        Ok(Self { groups: groups.collect() })
    }

    /// Returns what is chosen although it is not offered: it is kept unless somebody chooses otherwise.
    pub(crate) fn other<'a>(&self, chosen: &'a str) -> Option<&'a str> {
        let offered = self.groups.iter().flat_map(|group| &group.options).any(|(value, _)| value == chosen);
        Some(chosen).filter(|chosen| !chosen.is_empty() && *chosen != "again|" && !offered)
    }

    /// Returns the words for what is chosen although it is not offered.
    pub(crate) fn kept(&self, view: &View, chosen: &str) -> String {
        let Named { kind, target } = read(chosen);
        format!("{} {target}", view.word("routing.destination", &kind))
    }

    /// Returns the words for a destination.
    pub(crate) fn name(&self, view: &View, to: &Destination) -> String {
        let wanted = value(to);
        for group in &self.groups {
            if let Some((_, label)) = group.options.iter().find(|(value, _)| *value == wanted) {
                return match to {
                    Destination::VoicemailMain | Destination::Echo | Destination::Reject(_) => label.clone(),
                    Destination::Voicemail(_) => format!("{} {label}", group.label),
                    _ => format!("{}: {label}", group.label),
                };
            }
        }
        match to {
            Destination::Queue(name) => format!("{}: {name}", view.t("menus.to.queue")),
            other => format!("{} {}", view.word("routing.destination", other.kind()), other.target()),
        }
    }
}

/// Returns a destination as the value of an option.
pub(crate) fn value(to: &Destination) -> String {
    let target = match to {
        // The plain end of a call needs no cause.
        Destination::Reject(domain::cause::Cause::NormalClearing) => String::new(),
        other => other.target(),
    };
    format!("{}|{target}", to.kind())
}

/// Reads the value of an option.
pub(crate) fn read(value: &str) -> Named {
    let (kind, target) = value.split_once('|').unwrap_or((value, ""));
    Named { kind: kind.to_owned(), target: target.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_read_as_it_is_offered() {
        for to in [
            Destination::Extension("1001".to_owned()),
            Destination::Menu(7),
            Destination::VoicemailMain,
            Destination::Reject(domain::cause::Cause::NormalClearing),
            Destination::Queue("a|b".to_owned()),
        ] {
            let Named { kind, target } = read(&value(&to));
            assert_eq!(Destination::read(&kind, &target), Some(to));
        }
    }
}
