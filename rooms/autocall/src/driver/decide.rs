//! What becomes of leads: before a call, by the gate, and after one, by how it ended. Rows and times in, no IO.

use std::time::Duration;

use dialer::{
    attempts::{self, Closed, Next, Outcome, Policy, RetryOnly, Tried},
    gate::{self, Question, Refusal},
    zone::Zone,
};
use domain::Timestamp;
use pbx::robot::RobotEnd;

use crate::model::{Campaign, LeadStatus};

/// When a lead is looked at again that no time by itself will open: consent may come.
const LOOK_AGAIN: Duration = Duration::from_secs(15 * 60);

/// What the gate means for a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Dial,
    /// Not now: what refused, and when to ask again.
    Wait(Vec<Refusal>, Timestamp),
    /// Never.
    Close(Vec<Refusal>, LeadStatus),
}

/// Asks the gate.
pub(super) fn verdict(question: &Question<'_>, campaign: &gate::Campaign, now: Timestamp) -> Verdict {
    let refusals = gate::refusals(question, campaign, gate::LAWS, now);
    let Some(first) = refusals.first() else { return Verdict::Dial };
    if refusals.iter().any(|refusal| refusal.rule == "number.invalid") {
        return Verdict::Close(refusals, LeadStatus::NoSuchNumber);
    }
    if refusals.iter().any(|refusal| refusal.rule.starts_with("dnc.") || refusal.rule == "consent.withdrawn") {
        return Verdict::Close(refusals, LeadStatus::OptedOut);
    }
    let until = first.until.unwrap_or_else(|| now.after(LOOK_AGAIN));
    Verdict::Wait(refusals, until)
}

/// Returns how an attempt ended whose call did so. `queued`: it was handed to a queue; `connected`: an agent took it.
pub(super) const fn outcome(end: &RobotEnd, queued: bool, connected: bool) -> Outcome {
    match end.answered_at {
        None => Outcome::unanswered(end.cause),
        Some(_) if queued && !connected => Outcome::Abandoned,
        Some(_) => Outcome::Answered,
    }
}

/// Returns what a lead is after an attempt, and when it may be tried again.
pub(super) fn after(
    outcome: Outcome,
    attempts: i64,
    ended: Timestamp,
    campaign: &Campaign,
    zone: &Zone,
) -> (LeadStatus, Timestamp) {
    let retries = u32::try_from(campaign.max_retries).unwrap_or(0);
    let minutes = u64::try_from(campaign.retry_interval_minutes).unwrap_or(1);
    let only = RetryOnly::parse(campaign.retry_only_when.as_str()).unwrap_or_default();
    let policy = Policy::without_agents(retries, Duration::from_secs(minutes * 60), only);
    let tried = Tried { attempts: u32::try_from(attempts).unwrap_or(u32::MAX), today: 0, ended };
    match attempts::next(outcome, None, tried, &policy, zone) {
        Next::Closed(why) => (status(why), ended),
        Next::Retry { at, .. } => (LeadStatus::Pending, at),
        Next::Callback(callback) => (LeadStatus::Pending, callback.at),
    }
}

const fn status(closed: Closed) -> LeadStatus {
    match closed {
        Closed::OptedOut => LeadStatus::OptedOut,
        Closed::Done => LeadStatus::Completed,
        Closed::NoSuchNumber => LeadStatus::NoSuchNumber,
        Closed::Exhausted => LeadStatus::Exhausted,
        Closed::NotRetried => LeadStatus::NotRetried,
    }
}

/// Returns what the gate has to know of a campaign.
pub(super) fn gated(campaign: &Campaign, zone: &Zone) -> gate::Campaign {
    gate::Campaign {
        id: campaign.id,
        purpose: gate::Purpose::parse(campaign.call_purpose.as_str()).unwrap_or(gate::Purpose::Advertising),
        zone: zone.clone(),
        hours: None,
        holidays: Vec::new(),
        starts: campaign.start_at,
        ends: campaign.end_at,
        caps: Vec::new(),
        least_gap: Duration::ZERO,
        enforces_law: campaign.pdpl_enforce,
    }
}

#[cfg(test)]
mod tests {
    use dialer::gate::{CallerId, List};
    use domain::{
        call::EndedBy,
        cause::{CallResult, Cause},
        number::Region,
    };

    use super::*;
    use crate::model::{CallPurpose, CampaignStatus, RetryWhen};

    const HOUR: i64 = 3_600_000;
    /// 2026-11-22 10:00 in Viet Nam.
    const MORNING: Timestamp = Timestamp(1_795_316_400_000);

    fn campaign() -> Campaign {
        Campaign {
            id: 1,
            name: String::new(),
            description: None,
            script_id: 1,
            status: CampaignStatus::Running,
            archived_from: None,
            caller_id_group_id: None,
            max_retries: 2,
            retry_interval_minutes: 60,
            retry_only_when: RetryWhen::NoAnswer,
            max_concurrent: 1,
            originate_timeout: 30,
            write_to_main_cdr: false,
            call_purpose: CallPurpose::Service,
            pdpl_enforce: true,
            record_calls: false,
            tts_fallback: false,
            amd_enabled: false,
            start_at: None,
            end_at: None,
            started_at: None,
            paused_at: None,
            finished_at: None,
            created_at: MORNING,
            updated_at: MORNING,
        }
    }

    fn zone() -> Zone {
        Zone::named("Asia/Ho_Chi_Minh").unwrap()
    }

    fn question<'a>(number: &'a str, lists: &'a [List]) -> Question<'a> {
        Question {
            number,
            region: Region::of("VN"),
            zone: None,
            lists,
            list_as_of: None,
            consent: None,
            past: &[],
            caller_id: CallerId::Number,
        }
    }

    fn end(cause: Cause, answered: bool) -> RobotEnd {
        RobotEnd {
            cause,
            result: CallResult::of(answered, cause),
            sip_status: None,
            by: EndedBy::System,
            answered_at: answered.then_some(MORNING),
            ended_at: MORNING,
            talked: Duration::ZERO,
            trunk: None,
            shown: String::new(),
            recording: None,
        }
    }

    #[test]
    fn the_outcome_is_the_callees_answer_or_the_networks_cause() {
        for (cause, answered, queued, connected, expected) in [
            (Cause::NormalClearing, true, false, false, Outcome::Answered),
            (Cause::NormalClearing, true, true, true, Outcome::Answered),
            (Cause::NormalClearing, true, true, false, Outcome::Abandoned),
            (Cause::UserBusy, false, false, false, Outcome::Busy),
            (Cause::NoAnswer, false, false, false, Outcome::NoAnswer),
            (Cause::CallRejected, false, false, false, Outcome::Rejected),
            (Cause::UnallocatedNumber, false, false, false, Outcome::Unallocated),
            (Cause::OutgoingCallBarred, false, false, false, Outcome::Failed),
            (Cause::OriginatorCancel, false, false, false, Outcome::CalledOff),
        ] {
            assert_eq!(outcome(&end(cause, answered), queued, connected), expected, "{cause:?}");
        }
    }

    #[test]
    fn a_lead_is_tried_as_often_as_the_campaign_says_and_after_what_it_says() {
        let campaign = campaign();
        let after = |outcome, attempts| after(outcome, attempts, MORNING, &campaign, &zone());
        let later = Timestamp(MORNING.0 + HOUR);
        assert_eq!(after(Outcome::NoAnswer, 1), (LeadStatus::Pending, later));
        assert_eq!(after(Outcome::NoAnswer, 2), (LeadStatus::Pending, later));
        assert_eq!(after(Outcome::NoAnswer, 3).0, LeadStatus::Exhausted);
        assert_eq!(after(Outcome::Busy, 1).0, LeadStatus::NotRetried);
        assert_eq!(after(Outcome::Unallocated, 1).0, LeadStatus::NoSuchNumber);
        assert_eq!(after(Outcome::Answered, 1).0, LeadStatus::Completed);
        assert_eq!(
            after(Outcome::Lost, 1),
            (LeadStatus::Pending, later),
            "what we broke off says nothing of the callee"
        );
    }

    #[test]
    fn the_gate_closes_who_opted_out_and_numbers_that_are_none() {
        let campaign = gated(&campaign(), &zone());
        assert_eq!(verdict(&question("84912345678", &[]), &campaign, MORNING), Verdict::Dial);
        let Verdict::Close(refusals, LeadStatus::OptedOut) =
            verdict(&question("84912345678", &[List::Account]), &campaign, MORNING)
        else {
            panic!("it is on the list")
        };
        assert_eq!(refusals[0].rule, "dnc.account");
        assert!(matches!(
            verdict(&question("113", &[]), &campaign, MORNING),
            Verdict::Close(_, LeadStatus::NoSuchNumber)
        ));
    }

    #[test]
    fn who_may_be_called_later_waits_for_that_time() {
        let debt = Campaign { call_purpose: CallPurpose::Debt, ..campaign() };
        // 23:00 in Viet Nam: reminders of debt begin at 07:00.
        let night = Timestamp(MORNING.0 + 13 * HOUR);
        let Verdict::Wait(refusals, until) = verdict(&question("84912345678", &[]), &gated(&debt, &zone()), night)
        else {
            panic!("it is night")
        };
        assert_eq!((refusals[0].rule.as_ref(), until), ("vn.circular18.hours", Timestamp(night.0 + 8 * HOUR)));
        let advertising = Campaign { call_purpose: CallPurpose::Advertising, ..campaign() };
        let asked = verdict(&question("84912345678", &[]), &gated(&advertising, &zone()), MORNING);
        let Verdict::Wait(refusals, until) = asked else { panic!("nobody has agreed") };
        assert!(refusals.iter().any(|refusal| refusal.rule == "vn.decree91.consent"), "{refusals:?}");
        assert_eq!(until, MORNING.after(LOOK_AGAIN));
    }
}
