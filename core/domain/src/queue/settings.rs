//! What an account says of a queue, in the words of FreeSWITCH's `mod_callcenter`.

use std::time::Duration;

use crate::agent::Patience;

macro_rules! names {
    ($($(#[$doc:meta])* pub enum $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            pub fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    )+};
}

// A macro, so that the name, the parser and the list of each enum cannot drift apart.
names! {
    /// Whom a caller is offered to. In every strategy lower tier levels go first.
    pub enum Strategy {
        /// Everybody who is free, at the same time.
        RingAll = "ring-all",
        /// Whose last call ended longest ago.
        LongestIdleAgent = "longest-idle-agent",
        /// The next after the one whom the queue offered last, by position.
        RoundRobin = "round-robin",
        /// By position from the top, for every caller anew; a caller who was refused goes further down.
        TopDown = "top-down",
        AgentWithLeastTalkTime = "agent-with-least-talk-time",
        AgentWithFewestCalls = "agent-with-fewest-calls",
        /// By position, always from the top.
        SequentiallyByAgentOrder = "sequentially-by-agent-order",
        Random = "random",
    }

    /// Since when a caller's wait counts for the order.
    pub enum TimeBase {
        /// Since the call began.
        System = "system",
        /// Since the caller joined this queue.
        Queue = "queue",
    }

    /// What becomes of callers when nobody has been there for too long.
    pub enum NoAgentAction {
        Hangup = "hangup",
        /// To where the queue overflows.
        Overflow = "overflow",
    }
}

/// When callers may pass to agents of a higher tier level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierRules {
    /// Without rules every level is open from the start.
    pub apply: bool,
    /// The wait before the next level opens.
    pub wait: Duration,
    /// The wait counts for every level above the lowest; else it opens all of them.
    pub multiply_by_level: bool,
    /// A level without anybody present opens the next at once.
    pub no_agent_no_wait: bool,
}

/// When a caller hears where they stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcements {
    /// Between two; the first comes at the start. Zero is never.
    pub every: Duration,
    pub position: bool,
    pub estimate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    pub strategy: Strategy,
    pub tier_rules: TierRules,
    pub time_base: TimeBase,
    /// A caller who hung up and comes back within this time has the old place again. Zero is never.
    pub resume_within: Duration,
    /// Zero is without end.
    pub max_wait: Duration,
    /// How long a caller waits in a queue without anybody present. Zero is without end.
    pub max_wait_with_no_agent: Duration,
    pub no_agent_action: NoAgentAction,
    /// How long a caller is offered to one agent.
    pub ring: Duration,
    pub wrap_up: Duration,
    pub patience: Patience,
    pub announcements: Announcements,
    /// Takes the caller to where the queue overflows.
    pub exit_key: Option<char>,
    /// Has the caller called back.
    pub callback_key: Option<char>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::LongestIdleAgent,
            tier_rules: TierRules {
                apply: false,
                wait: Duration::from_secs(300),
                multiply_by_level: true,
                no_agent_no_wait: false,
            },
            time_base: TimeBase::System,
            resume_within: Duration::ZERO,
            max_wait: Duration::ZERO,
            max_wait_with_no_agent: Duration::ZERO,
            no_agent_action: NoAgentAction::Hangup,
            ring: Duration::from_secs(20),
            wrap_up: Duration::from_secs(10),
            patience: Patience {
                after_reject: Duration::from_secs(10),
                after_busy: Duration::from_secs(60),
                after_no_answer: Duration::from_secs(5),
                most_unanswered: 3,
            },
            announcements: Announcements { every: Duration::ZERO, position: true, estimate: false },
            exit_key: None,
            callback_key: None,
        }
    }
}

/// An agent's place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The agent's extension.
    pub agent: String,
    /// 1-9.
    pub level: u8,
    /// 1-9, the order within the level.
    pub position: u8,
}
