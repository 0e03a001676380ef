//! The end of a call: its record, its recording, and the commit that must not fail.

use std::{path::PathBuf, time::Duration};

use domain::{
    Timestamp,
    call::{Ending, Joins, LegNo, Part, Side},
    cause::{CallResult, Cause},
};
use tokio::time::{Instant, timeout};

use super::{
    COMMIT_RETRY, COMPANY, Driver, MEDIA_FINISH, facts,
    facts::Fact,
    leg::{show, show_heard},
};
use crate::{
    driver::recordings,
    model::{Cdr, RecordingInfo, RecordingState},
    ops::cdr::{LONGEST_TAG, MOST_TAGS},
};

impl Driver {
    /// Begins the recording; a call whose recording cannot begin goes on without.
    pub(super) async fn start_recording(&mut self) {
        let day = self.setup.started_at.day();
        let relative = format!("{}/{day}/{}.wav", self.setup.tenant, self.setup.call);
        let path: PathBuf = self.pbx.config.recordings_dir.join(&relative);
        if let Some(folder) = path.parent()
            && let Err(error) = tokio::fs::create_dir_all(folder).await
        {
            tracing::error!(%error, call.uuid = %self.setup.call, "the recordings folder cannot be made");
            return;
        }
        self.session.record(media::Record { path, layout: self.pbx.config.recording_layout });
        self.row.recording_path = Some(relative.clone());
        self.recording = Some(relative);
        for no in (0..self.legs.len()).filter_map(|at| u8::try_from(at).ok()) {
            self.place_in_recording(LegNo(no));
        }
    }

    /// Says where a leg is found in the recording: the account's people left, the others right, and who only listens or
    /// speaks to one in confidence nowhere.
    pub(super) fn place_in_recording(&mut self, no: LegNo) {
        let Some((part, side)) = self.machine.part(no).filter(|_| self.recording.is_some()) else { return };
        let ours = match self.legs.first() {
            Some(caller) if caller.extension.is_some() || self.setup.robot.is_some() => Side::Caller,
            _ => Side::Callee,
        };
        let place = match part {
            Part::Third(Joins::Listen | Joins::Whisper(_)) => media::Side::Off,
            _ if side == ours || side == Side::Third => media::Side::Left,
            _ => media::Side::Right,
        };
        let Some(leg) = self.leg_mut(no) else { return };
        let Some(media) = leg.media else { return };
        let usual = if media == media::LegNo(0) { media::Side::Left } else { media::Side::Right };
        if leg.recorded_at.replace(place).unwrap_or(usual) != place {
            self.session.record_at(media, place);
        }
    }

    /// Writes the record, the hang-up and what follows from them; comes back only when they are on disk.
    pub(super) async fn close_books(mut self) {
        let ending = self.ending.unwrap_or(Ending {
            cause: Cause::NormalTemporaryFailure,
            sip_status: None,
            by: domain::call::EndedBy::System,
            result: CallResult::Failed,
        });
        if self.rare.is_some() {
            Box::pin(self.end_app()).await;
            self.end_in_queue();
        }
        let ended_at = self.pbx.db.now();
        if let Some(robot) = &mut self.setup.robot {
            robot.stop_clock();
        }
        // Seats are free as soon as the call is over, not when its record is written.
        self.setup.seats.clear();
        self.targets.clear();
        self.setup.caller_targets.clear();
        if let Some(rare) = &mut self.rare {
            rare.consult = None;
        }
        self.legs.iter_mut().for_each(|leg| leg.passage = None);
        let finished = self.session.finish();
        let mut cdr = self.cdr(ending, ended_at);
        // The record ends the journal from which a BYE could be sent after a crash: the BYE goes first.
        let sip = self.pbx.sip.clone();
        let sent = sip.sent();
        if self.recording.is_none() {
            // Without a recording the figures come at once, and the record is complete from the start.
            let (finished, ()) = tokio::join!(timeout(MEDIA_FINISH, finished), sent);
            if let Ok(Ok(finished)) = finished {
                cdr.mos = mos(&finished);
                cdr.legs = show_heard(&self.legs, &finished.legs);
            }
            return self.write_end(cdr).await;
        }
        cdr.recording.state = RecordingState::Pending;
        cdr.recording.path.clone_from(&self.recording);
        sent.await;
        let (pbx, tenant, call) = (self.pbx.clone(), self.setup.tenant, self.setup.call);
        let has_cdr = self.row.has_cdr;
        self.write_end(cdr).await;
        let finished = timeout(MEDIA_FINISH, finished).await.ok().and_then(Result::ok);
        let heard = finished
            .as_ref()
            .map(|finished| recordings::Heard { mos: mos(finished), legs: show_heard(&self.legs, &finished.legs) });
        if !has_cdr {
            return;
        }
        let found = finished.and_then(|finished| finished.recording);
        if let Err(error) = recordings::finish(&pbx, tenant, call, found, heard).await {
            // The job that was committed with the record tries again.
            tracing::warn!(%error, call.uuid = %call, "the recording is finished later");
        }
    }

    async fn write_end(&mut self, cdr: Cdr) {
        if let Some(committing) = self.committing.take() {
            let (unwritten, result) = committing.await;
            if result.is_err() {
                for fact in unwritten.into_iter().rev() {
                    self.facts.push_front(fact);
                }
            }
        }
        let (common, has_cdr) = (self.common(), self.row.has_cdr);
        let end = self.setup.robot.as_ref().map(|robot| robot.end(&cdr));
        self.facts.push_back(Fact::Ended { cdr: Box::new(cdr), common, has_cdr });
        let all: Vec<Fact> = self.facts.drain(..).collect();
        let mut told = false;
        loop {
            match facts::commit(&self.pbx, self.setup.tenant, &all, Some(COMPANY)).await {
                Ok(()) => break,
                Err(error) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::error!(%error, call.uuid = %self.setup.call, "the record waits for the database");
                    }
                    tokio::time::sleep(COMMIT_RETRY).await;
                }
            }
        }
        if let (Some(robot), Some(end)) = (self.setup.robot.take(), end) {
            robot.ended(end);
        }
    }

    fn cdr(&self, ending: Ending, ended_at: Timestamp) -> Cdr {
        // People's times come from the wall clock, lengths from the monotonic one: a clock that jumps bills nobody.
        let now = Instant::now();
        // What only an application answered was answered by it, and has the result that this stands for.
        let reached = self.rare.as_ref().and_then(|rare| rare.reached).filter(|_| self.answered.is_none());
        let answered = match reached {
            Some((CallResult::Answered, at, since)) => Some((at, since)),
            _ => self.answered,
        };
        // Whom a program called was there from the moment in which it could speak to him.
        let spoken_to = self.setup.robot.as_ref().and_then(|robot| robot.answered());
        let answered = spoken_to.or(answered);
        let queue = self.rare.as_ref().and_then(|rare| rare.queue.as_ref());
        let abandoned = self.answered.is_none() && queue.is_some_and(|queue| queue.was_in_vain());
        let result = match reached {
            _ if abandoned => CallResult::Abandoned,
            _ if spoken_to.is_some() => CallResult::Answered,
            Some((result, ..)) => result,
            None => ending.result,
        };
        let billsec = answered.map_or(0, |(_, since)| seconds(now.saturating_duration_since(since)));
        Cdr {
            uuid: self.setup.call,
            tenant: self.setup.tenant,
            direction: self.row.direction,
            source_type: self.row.source_type,
            caller_number: self.row.caller_number.clone(),
            destination_number: self.row.destination_number.clone(),
            extension: self.row.extension.clone(),
            agent_extension: self.row.agent_extension.clone(),
            start_time: self.setup.started_at,
            answer_time: answered.map(|(at, _)| at),
            end_time: ended_at,
            duration: seconds(now.saturating_duration_since(self.started)).max(billsec),
            billsec,
            queue_name: self.row.queue_name.clone(),
            queue_wait_time: queue.map(|queue| queue.waited()),
            trunk: self.row.trunk,
            trunk_name: self.row.trunk_name.clone(),
            transfer_count: self.rare.as_ref().map_or(0, |rare| rare.transfers),
            result,
            hangup_cause: ending.cause,
            hangup_cause_q850: ending.cause.q850().map(i64::from),
            sip_status: ending.sip_status.or_else(|| answered.map(|_| 200)).map(i64::from),
            hangup_by: ending.by,
            recording: RecordingInfo::NONE,
            disposition: None,
            campaign: self.row.campaign,
            lead: self.row.lead,
            tags: self.tags.clone(),
            mos: None,
            legs: show(&self.legs),
        }
    }
}

/// Returns the tags that whoever placed the call gave it: words with commas between them, in the header `X-Tags`.
pub(super) fn tags(headers: &[(String, String)]) -> Vec<String> {
    let given = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("X-Tags")).map_or("", |(_, value)| value);
    let tags = given.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(|tag| tag.chars().take(LONGEST_TAG).collect()).take(MOST_TAGS).collect()
}

/// Returns whole seconds, to the nearest.
fn seconds(length: Duration) -> i64 {
    i64::try_from((length.as_millis() + 500) / 1000).unwrap_or(i64::MAX)
}

/// Returns the worse of what the two sides heard.
fn mos(finished: &media::Finished) -> Option<f64> {
    let heard = finished.legs.iter().filter(|leg| leg.received > 0).map(|leg| f64::from(leg.mos));
    heard.reduce(f64::min).map(|mos| (mos * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_the_words_of_a_header() {
        let header = |value: &str| [("X-Ticket".to_owned(), "7".to_owned()), ("x-tags".to_owned(), value.to_owned())];
        assert_eq!(tags(&header(" vip, renewal ,,")), ["vip", "renewal"]);
        assert_eq!(tags(&header(&"a,".repeat(100))).len(), MOST_TAGS);
        assert_eq!(tags(&header(&"ế".repeat(100)))[0].chars().count(), LONGEST_TAG);
        assert!(tags(&[]).is_empty());
    }
}
