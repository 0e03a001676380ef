//! Queues and who serves them, as they are stored.

use std::time::Duration;

use domain::{
    TenantId, Timestamp,
    agent::{Patience, Status},
    queue::{Announcements, NoAgentAction, Settings, Strategy, Tier, TierRules, TimeBase},
    routing::Destination,
};

use super::names;

/// Lengths of time are seconds; 0 is never or without end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    pub id: i64,
    pub tenant: TenantId,
    pub name: String,
    pub number: String,
    pub team_id: Option<i64>,
    pub strategy: Strategy,
    pub tier_rules_apply: bool,
    pub tier_rule_wait_second: i64,
    pub tier_rule_wait_multiply_level: bool,
    pub tier_rule_no_agent_no_wait: bool,
    pub abandoned_resume_allowed: bool,
    pub discard_abandoned_after: i64,
    pub max_wait_time: i64,
    pub max_wait_time_with_no_agent: i64,
    pub no_agent_action: NoAgentAction,
    pub time_base_score: TimeBase,
    pub recording_template: Option<String>,
    pub status: QueueStatus,
    pub ring_time: i64,
    pub wrap_up_time: i64,
    pub reject_delay_time: i64,
    pub busy_delay_time: i64,
    pub no_answer_delay_time: i64,
    pub max_no_answer: i64,
    pub announce_interval: i64,
    pub announce_position: bool,
    pub announce_wait: bool,
    pub music_prompt: Option<i64>,
    pub greeting_prompt: Option<i64>,
    /// What an agent hears who answers, before the two talk.
    pub agent_prompt: Option<i64>,
    pub service_level_seconds: i64,
    pub exit_key: Option<char>,
    pub callback_key: Option<char>,
    /// Where callers go who have waited long enough.
    pub overflow: Option<Destination>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Queue {
    /// Returns a queue as it is before anything is said of it; the defaults are those of `mod_callcenter`.
    pub fn new(tenant: TenantId, now: Timestamp) -> Self {
        Self {
            id: 0,
            tenant,
            name: String::new(),
            number: String::new(),
            team_id: None,
            strategy: Strategy::LongestIdleAgent,
            tier_rules_apply: false,
            tier_rule_wait_second: 300,
            tier_rule_wait_multiply_level: true,
            tier_rule_no_agent_no_wait: false,
            abandoned_resume_allowed: false,
            discard_abandoned_after: 60,
            max_wait_time: 0,
            max_wait_time_with_no_agent: 0,
            no_agent_action: NoAgentAction::Hangup,
            time_base_score: TimeBase::System,
            recording_template: None,
            status: QueueStatus::Active,
            ring_time: 20,
            wrap_up_time: 10,
            reject_delay_time: 10,
            busy_delay_time: 60,
            no_answer_delay_time: 5,
            max_no_answer: 3,
            announce_interval: 0,
            announce_position: true,
            announce_wait: false,
            music_prompt: None,
            greeting_prompt: None,
            agent_prompt: None,
            service_level_seconds: 20,
            exit_key: None,
            callback_key: None,
            overflow: None,
            created_at: now,
            updated_at: now,
        }
    }

    /// Returns what the machine of the queue goes by.
    pub fn settings(&self) -> Settings {
        Settings {
            strategy: self.strategy,
            tier_rules: TierRules {
                apply: self.tier_rules_apply,
                wait: seconds(self.tier_rule_wait_second),
                multiply_by_level: self.tier_rule_wait_multiply_level,
                no_agent_no_wait: self.tier_rule_no_agent_no_wait,
            },
            time_base: self.time_base_score,
            resume_within: seconds(if self.abandoned_resume_allowed { self.discard_abandoned_after } else { 0 }),
            max_wait: seconds(self.max_wait_time),
            max_wait_with_no_agent: seconds(self.max_wait_time_with_no_agent),
            no_agent_action: self.no_agent_action,
            ring: seconds(self.ring_time),
            wrap_up: seconds(self.wrap_up_time),
            patience: Patience {
                after_reject: seconds(self.reject_delay_time),
                after_busy: seconds(self.busy_delay_time),
                after_no_answer: seconds(self.no_answer_delay_time),
                most_unanswered: u32::try_from(self.max_no_answer).unwrap_or(0),
            },
            announcements: Announcements {
                every: seconds(self.announce_interval),
                position: self.announce_position,
                estimate: self.announce_wait,
            },
            exit_key: self.exit_key,
            callback_key: self.callback_key,
        }
    }
}

fn seconds(seconds: i64) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// An agent's place in a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueTier {
    pub queue: i64,
    pub extension: String,
    /// 1-9.
    pub level: i64,
    /// 1-9.
    pub position: i64,
}

impl QueueTier {
    pub fn tier(&self) -> Tier {
        let small = |number: i64| u8::try_from(number).unwrap_or(1);
        Tier { agent: self.extension.clone(), level: small(self.level), position: small(self.position) }
    }
}

/// What is written of an agent: it outlives a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub tenant: TenantId,
    pub extension: String,
    pub status: Status,
    pub break_reason: Option<String>,
    pub status_since: Timestamp,
    pub work: AgentWork,
}

/// What an agent does, and the counts that strategies compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentWork {
    /// `waiting`, `ringing`, `in_call`, `wrap_up`.
    pub activity: String,
    pub activity_since: Timestamp,
    pub queue: Option<i64>,
    pub call: Option<String>,
    pub last_offered_at: Option<Timestamp>,
    pub last_ended_at: Option<Timestamp>,
    pub calls: i64,
    pub talk_ms: i64,
    pub unanswered: i64,
}

impl AgentWork {
    pub fn none(now: Timestamp) -> Self {
        Self {
            activity: "waiting".to_owned(),
            activity_since: now,
            queue: None,
            call: None,
            last_offered_at: None,
            last_ended_at: None,
            calls: 0,
            talk_ms: 0,
            unanswered: 0,
        }
    }
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLine {
    pub id: String,
    pub queue: i64,
    pub call: String,
    pub kind: &'static str,
    pub at: Timestamp,
    pub caller_number: String,
    pub extension: Option<String>,
    pub waited_ms: i64,
    pub talked_ms: Option<i64>,
    pub reason: Option<String>,
}

/// Counted from the ledger. Times are milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueFigures {
    /// Callers who joined.
    pub offered: i64,
    pub answered: i64,
    /// Answered within the service level's time.
    pub answered_in_time: i64,
    pub abandoned: i64,
    pub overflowed: i64,
    pub callbacks_asked: i64,
    pub callbacks_done: i64,
    pub callbacks_failed: i64,
    /// Of those who were answered.
    pub average_wait_ms: i64,
    pub longest_wait_ms: i64,
    pub average_talk_ms: i64,
}

impl QueueFigures {
    /// Returns the share of callers answered in time among those who were answered or hung up waiting.
    pub fn service_level(&self) -> Option<f64> {
        let all = self.answered + self.abandoned;
        #[expect(clippy::cast_precision_loss, reason = "counts of a day are small")]
        (all > 0).then(|| self.answered_in_time as f64 / all as f64)
    }
}

/// Somebody who hung up while waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abandoned {
    pub call: String,
    pub caller_number: String,
    pub at: Timestamp,
    pub waited_ms: i64,
}

names! {
    pub enum QueueStatus {
        Active = "active",
        /// Takes nobody.
        Inactive = "inactive",
    }
}
