//! Which events a webhook is about, beyond their names: a decision without IO, made in the producer's transaction.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use web::Text;

/// Entries of one list at most.
const LIST_LIMIT: usize = 500;
/// Characters of an entry.
const ENTRY_LIMIT: usize = 100;

/// Limits a webhook to events of chosen extensions, queues and campaigns.
///
/// An empty list limits nothing. An event passes if each list that is not empty has the event's value in it; an event
/// without the value (a campaign's end has no extension) does not pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EventFilter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<String>,
    /// Names of queues.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub campaigns: Vec<i64>,
}

/// What a filter looks at, out of an event's `data`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Traits<'a> {
    #[serde(borrow, default)]
    extension: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    agent_extension: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    queue: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    queue_name: Option<Cow<'a, str>>,
    #[serde(default)]
    campaign_id: Option<i64>,
}

impl<'a> Traits<'a> {
    /// Reads the `data` object of an event; what cannot be read has no traits.
    pub(crate) fn of(data: &'a str) -> Self {
        serde_json::from_str(data).unwrap_or_default()
    }
}

impl EventFilter {
    /// Returns whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.extensions.is_empty() && self.queues.is_empty() && self.campaigns.is_empty()
    }

    pub(crate) fn passes(&self, traits: &Traits<'_>) -> bool {
        let has = |list: &[String], values: [Option<&str>; 2]| {
            list.is_empty() || values.into_iter().flatten().any(|value| list.iter().any(|entry| entry == value))
        };
        has(&self.extensions, [traits.extension.as_deref(), traits.agent_extension.as_deref()])
            && has(&self.queues, [traits.queue.as_deref(), traits.queue_name.as_deref()])
            && (self.campaigns.is_empty() || traits.campaign_id.is_some_and(|id| self.campaigns.contains(&id)))
    }

    /// Returns the filter as it is stored: trimmed, sorted, each entry once. The error names what is wrong.
    pub(crate) fn checked(&self) -> Result<Self, Text> {
        let mut campaigns = self.campaigns.clone();
        campaigns.sort_unstable();
        campaigns.dedup();
        if campaigns.len() > LIST_LIMIT {
            return Err(Text::new(
                "A filter may name 500 extensions, queues or campaigns each.",
                "Bộ lọc chỉ được nêu tối đa 500 máy nhánh, hàng đợi hoặc chiến dịch mỗi loại.",
            ));
        }
        Ok(Self { extensions: texts(&self.extensions)?, queues: texts(&self.queues)?, campaigns })
    }

    /// Returns what the column holds: `None` if everything passes.
    pub(crate) fn stored(&self) -> Option<String> {
        (!self.is_empty()).then(|| serde_json::to_string(self).expect("lists of texts and numbers are JSON"))
    }

    pub(crate) fn from_stored(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }
}

fn texts(list: &[String]) -> Result<Vec<String>, Text> {
    let mut list: Vec<_> = list.iter().map(|entry| entry.trim().to_owned()).filter(|entry| !entry.is_empty()).collect();
    list.sort_unstable();
    list.dedup();
    if list.len() > LIST_LIMIT {
        return Err(Text::new(
            "A filter may name 500 extensions, queues or campaigns each.",
            "Bộ lọc chỉ được nêu tối đa 500 máy nhánh, hàng đợi hoặc chiến dịch mỗi loại.",
        ));
    }
    if list.iter().any(|entry| entry.chars().count() > ENTRY_LIMIT || entry.chars().any(char::is_control)) {
        return Err(Text::new(
            "An extension or queue of a filter may have at most 100 characters.",
            "Máy nhánh hoặc hàng đợi trong bộ lọc chỉ được có tối đa 100 ký tự.",
        ));
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(extensions: &[&str], queues: &[&str], campaigns: &[i64]) -> EventFilter {
        let texts = |list: &[&str]| list.iter().map(|entry| (*entry).to_owned()).collect();
        EventFilter { extensions: texts(extensions), queues: texts(queues), campaigns: campaigns.to_vec() }
    }

    #[test]
    fn every_list_that_is_not_empty_has_to_have_the_events_value() {
        let data = r#"{"call_uuid":"x","extension":"101","queue_name":"sales","campaign_id":7,"other":[1]}"#;
        let traits = Traits::of(data);
        for (filter, passes) in [
            (filter(&[], &[], &[]), true),
            (filter(&["101"], &[], &[]), true),
            (filter(&["100", "101"], &[], &[]), true),
            (filter(&["1"], &[], &[]), false),
            (filter(&["101"], &["sales"], &[7]), true),
            (filter(&["101"], &["support"], &[]), false),
            (filter(&[], &["sales"], &[8]), false),
            (filter(&[], &[], &[7, 8]), true),
        ] {
            assert_eq!(filter.passes(&traits), passes, "{filter:?}");
        }
    }

    #[test]
    fn an_event_without_the_value_does_not_pass() {
        for data in
            [r#"{"extension":null,"queue_name":null,"campaign_id":null}"#, "{}", "nonsense", r#"{"extension":5}"#]
        {
            let traits = Traits::of(data);
            assert!(!filter(&["5"], &[], &[]).passes(&traits), "{data}");
            assert!(!filter(&[], &["sales"], &[]).passes(&traits), "{data}");
            assert!(!filter(&[], &[], &[1]).passes(&traits), "{data}");
            assert!(EventFilter::default().passes(&traits), "{data}");
        }
    }

    #[test]
    fn the_agents_extension_and_the_short_name_of_the_queue_count_too() {
        let traits = Traits::of(r#"{"agent_extension":"102","queue":"support"}"#);
        assert!(filter(&["102"], &["support"], &[]).passes(&traits));
    }

    #[test]
    fn a_filter_is_tidied_and_bounded() {
        let tidy = filter(&[" 102 ", "101", "", "101"], &[], &[2, 1, 2]).checked().unwrap();
        assert_eq!(tidy, filter(&["101", "102"], &[], &[1, 2]));
        assert!(filter(&["a\nb"], &[], &[]).checked().is_err());
        assert!(filter(&[], &["q".repeat(101).as_str()], &[]).checked().is_err());
        assert!(filter(&[], &[], &(0..501).collect::<Vec<_>>()).checked().is_err());
    }

    proptest! {
        #[test]
        fn a_filter_comes_back_as_it_was_stored(
            extensions in prop::collection::vec("[0-9]{1,5}", 0..4),
            queues in prop::collection::vec("\\PC{1,20}", 0..4),
            campaigns in prop::collection::vec(any::<i64>(), 0..4),
        ) {
            let filter = EventFilter { extensions, queues, campaigns };
            prop_assert_eq!(EventFilter::from_stored(filter.stored().as_deref()), filter);
        }

        #[test]
        fn any_text_has_traits_without_a_panic(data in "\\PC*") {
            EventFilter::default().passes(&Traits::of(&data));
        }
    }
}
