//! One attempt: from a lead that is reserved to its row in the ledger, closed.

use std::{collections::BTreeMap, future::pending, sync::Arc, time::Duration};

use dialer::gate::{self, Refusal};
use domain::{CallId, EventName, TenantId, Timestamp, cause::Cause};
use pbx::robot::{RobotCall, RobotEnd, RobotEvent, RobotHandle, RobotOrder, RobotRefused, Shows};
use serde_json::{Value as Json, json};
use speech::{
    Template,
    tree::{Action, Ending, Input, Key, Output, PlayId, ScriptId, Settings, Sound, Tree, Walk},
};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::{Engine, Running, decide, decide::Verdict, speaker::Said};
use crate::{
    Result, events,
    model::{Lead, Script},
    ops::spoken,
    store::{self, ledger},
};

/// When a lead is tried again for which no line was free.
const NO_LINE: Duration = Duration::from_secs(1);
/// When a lead is tried again whose words could not be made heard.
const NO_SOUND: Duration = Duration::from_secs(5 * 60);
/// Between attempts to write down what has to be written.
const AGAIN: Duration = Duration::from_secs(1);
/// How far back the caps on frequency look.
const PAST: Duration = Duration::from_secs(31 * 24 * 3600);

/// A script that is ready for one lead.
struct Ready {
    tree: Tree,
    said: Said,
}

/// An attempt whose call is under way.
struct Under {
    running: Arc<Running>,
    lead: Lead,
    open: ledger::Open,
    ready: BTreeMap<ScriptId, Ready>,
    walk: Walk,
    queued: bool,
    connected: bool,
}

/// What has to be written down of an attempt; `open` says the rest.
enum Fact {
    /// There was no line: nobody was called.
    NotCalled,
    Dialled,
    Answered,
    Pressed {
        key: Key,
        script: ScriptId,
        action: Option<Action>,
        at: Timestamp,
    },
    Queued {
        queue: String,
    },
    Connected {
        queue: String,
        extension: Option<String>,
        at: Timestamp,
    },
    Ended(Box<RobotEnd>),
}

impl Engine {
    /// Makes an attempt for a lead that this run has reserved.
    pub(super) async fn attempt(&self, running: Arc<Running>, lead: Lead) -> Result<()> {
        let script = running.campaign.script_id;
        let ready = match self.prepare(&running, &lead, script).await? {
            Ok(ready) => ready,
            Err(why) => return self.postpone(&running, &lead, script, &why).await,
        };
        let Some(open) = self.begin(&running, &lead, script).await? else { return Ok(()) };
        let wish = RobotCall {
            tenant: running.tenant,
            call: open.call_uuid,
            number: lead.phone.clone(),
            shows: running.campaign.caller_id_group_id.map_or(Shows::Default, Shows::Group),
            ring_time: Duration::from_secs(u64::try_from(running.campaign.originate_timeout).unwrap_or(40)),
            records: running.campaign.record_calls,
            has_cdr: running.campaign.write_to_main_cdr,
            campaign: Some(running.campaign.id),
            lead: Some(lead.id),
        };
        let walk = Walk::new(ScriptId(script), ready.tree.clone(), Settings::default());
        let ready = BTreeMap::from([(ScriptId(script), ready)]);
        let mut under = Under { running, lead, open, ready, walk, queued: false, connected: false };
        match self.room.pbx.robot(wish).await {
            Ok(handle) => self.talk(&mut under, handle).await,
            Err(RobotRefused::Barred(cause)) => self.over(&under, &barred(cause, self.room.db.now())).await,
            Err(refused) => {
                // Nobody was called: the row goes, and the lead waits for a line.
                tracing::info!(%refused, lead = under.lead.id, "a lead waits for a line");
                self.insist(&under, &Fact::NotCalled).await;
            }
        }
        Ok(())
    }

    /// Asks the gate and writes the attempt down, in one transaction: who opts out meanwhile is not called.
    async fn begin(&self, running: &Running, lead: &Lead, script: i64) -> Result<Option<ledger::Open>> {
        let tenant = running.tenant;
        let mut tx = self.room.db.begin(tenant).await?;
        let now = tx.now();
        if !ledger::is_running(&mut tx, tenant, running.campaign.id).await? {
            ledger::give_back(&mut tx, tenant, lead.id, &self.room.boot, lead.next_at).await?;
            tx.commit().await?;
            return Ok(None);
        }
        let blocked = !store::dnc::among(&mut tx, tenant, &[&lead.phone]).await?.is_empty();
        let lists = if blocked { vec![gate::List::Account] } else { Vec::new() };
        let consent = ledger::consent(&mut tx, tenant, &lead.phone).await?.map(ledger::Consent::read);
        let since = Timestamp::from_millis(now.millis() - i64::try_from(PAST.as_millis()).unwrap_or(0));
        let past = ledger::past(&mut tx, tenant, &lead.phone, since).await?;
        let past: Vec<gate::Past> = past.into_iter().map(ledger::Past::read).collect();
        let question = gate::Question {
            number: &lead.phone,
            region: running.region,
            zone: None,
            lists: &lists,
            list_as_of: None,
            consent: consent.as_ref(),
            past: &past,
            caller_id: gate::CallerId::Number,
        };
        let gated = decide::gated(&running.campaign, &running.zone);
        match decide::verdict(&question, &gated, now) {
            Verdict::Dial => {}
            Verdict::Wait(refusals, until) => {
                refuse(&mut tx, tenant, lead, &refusals).await?;
                ledger::give_back(&mut tx, tenant, lead.id, &self.room.boot, until).await?;
                tx.commit().await?;
                return Ok(None);
            }
            Verdict::Close(refusals, status) => {
                refuse(&mut tx, tenant, lead, &refusals).await?;
                if ledger::close_reserved(&mut tx, tenant, lead.id, &self.room.boot, status).await? > 0 {
                    self.tell_closed(&mut tx, tenant, lead, status).await?;
                }
                tx.commit().await?;
                return Ok(None);
            }
        }
        if ledger::dial(&mut tx, tenant, lead.id, &self.room.boot).await? == 0 {
            // Somebody else has the lead by now.
            return Ok(None);
        }
        let mut open = ledger::Open {
            id: 0,
            call_uuid: CallId(Uuid::now_v7()),
            campaign_id: running.campaign.id,
            lead_id: lead.id,
            script_id: script,
            attempt_number: lead.attempts + 1,
            phone: lead.phone.clone(),
            caller_id: None,
            dialled_at: now,
            answered_at: None,
            digits: String::new(),
        };
        open.id = ledger::insert(&mut tx, tenant, &open, &self.room.boot).await?;
        tx.commit().await?;
        Ok(Some(open))
    }

    /// Lets the callee through the scripts until the call is over.
    async fn talk(&self, under: &mut Under, mut handle: RobotHandle) {
        under.open.caller_id = Some(handle.shown().to_owned());
        self.insist(under, &Fact::Dialled).await;
        loop {
            let due = under.walk.next_timeout().map(Instant::from_std);
            let due = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => pending().await,
                }
            };
            let event = tokio::select! {
                event = handle.next() => event,
                () = due => {
                    under.walk.handle_timeout(Instant::now().into_std());
                    self.turn(under, &handle).await;
                    continue;
                }
            };
            let now = Instant::now().into_std();
            match event {
                Some(RobotEvent::Ringing) => {}
                Some(RobotEvent::Answered { at }) => {
                    under.walk.handle(Input::Answered, now);
                    self.turn(under, &handle).await;
                    under.open.answered_at = Some(at);
                    self.insist(under, &Fact::Answered).await;
                }
                Some(RobotEvent::Played { id } | RobotEvent::Unplayable { id }) => {
                    under.walk.handle(Input::Finished(PlayId(id)), now);
                    self.turn(under, &handle).await;
                }
                Some(RobotEvent::Key(key)) => {
                    under.walk.handle(Input::Key(key), now);
                    self.turn(under, &handle).await;
                }
                Some(RobotEvent::Queued { queue }) => {
                    under.queued = true;
                    self.insist(under, &Fact::Queued { queue }).await;
                }
                Some(RobotEvent::Connected { queue, extension, at }) => {
                    under.connected = true;
                    self.insist(under, &Fact::Connected { queue, extension, at }).await;
                }
                Some(RobotEvent::Ended(end)) => return self.over(under, &end).await,
                None => {
                    let lost = RobotEnd { cause: Cause::NormalTemporaryFailure, ..barred_at(self.room.db.now()) };
                    return self.over(under, &lost).await;
                }
            }
        }
    }

    /// Does what the walk says: first what the callee hears, then what is written down.
    async fn turn(&self, under: &mut Under, handle: &RobotHandle) {
        let mut pressed = Vec::new();
        while let Some(output) = under.walk.poll() {
            match output {
                Output::Play { id, sound } => {
                    let files = match &sound {
                        Sound::Script(script) => under.ready.get(script).map(|ready| ready.said.files.clone()),
                        Sound::File(path) => self.media_file(under.running.tenant, path).await.map(|file| vec![file]),
                    };
                    // What is not there is reported as what cannot be played, by an empty name.
                    let files = files.unwrap_or_else(|| vec![std::path::PathBuf::new()]);
                    handle.order(RobotOrder::Play { id: id.0, files }).await;
                }
                Output::Stop(_) => handle.order(RobotOrder::Stop).await,
                Output::Pressed { key, script, action } => pressed.push((key, script, action)),
                Output::Switch(script) => {
                    let tree = match self.prepare(&under.running, &under.lead, script.0).await {
                        Ok(Ok(ready)) => {
                            let tree = ready.tree.clone();
                            under.ready.insert(script, ready);
                            Some(tree)
                        }
                        Ok(Err(why)) => {
                            tracing::warn!(why, script = script.0, "a script that was switched to cannot be heard");
                            None
                        }
                        Err(error) => {
                            tracing::warn!(%error, script = script.0, "a script cannot be read");
                            None
                        }
                    };
                    under.walk.handle(Input::Ready { script, tree }, Instant::now().into_std());
                }
                Output::End(Ending::Queue(name)) => {
                    let queue = spoken::queue_name(&name).to_owned();
                    handle.order(RobotOrder::Transfer { queue }).await;
                }
                Output::End(Ending::CalleeLeft) => {}
                Output::End(ending) => {
                    tracing::debug!(?ending, call.uuid = %under.open.call_uuid, "a script is over");
                    handle.order(RobotOrder::HangUp).await;
                }
            }
        }
        for (key, script, action) in pressed {
            under.open.digits.push_str(&key.to_string());
            let at = self.room.db.now();
            self.insist(under, &Fact::Pressed { key, script, action, at }).await;
        }
    }

    /// Makes a script ready for a lead; the inner error says why it cannot be heard.
    async fn prepare(&self, running: &Running, lead: &Lead, script: i64) -> Result<Result<Ready, String>> {
        let (script, variables) = {
            let mut tx = self.room.db.read(running.tenant).await?;
            let Some(script) = store::scripts::find(&mut tx, running.tenant, script).await? else {
                return Ok(Err("the script is gone".to_owned()));
            };
            (script, store::variables::all(&mut tx, running.tenant).await?)
        };
        let kinds = variables.into_iter().map(|one| (one.variable_code, one.r#type.kind())).collect();
        let ready = match self.words(&script, &kinds, lead) {
            Ok((tree, segments)) => {
                self.speaker.say(&script.voice_id, &segments).await.map(|said| Ready { tree, said })
            }
            Err(why) => Err(why),
        };
        Ok(ready)
    }

    /// Returns the keys of a script and what it says to a lead.
    fn words(
        &self,
        script: &Script,
        kinds: &BTreeMap<String, speech::Kind>,
        lead: &Lead,
    ) -> Result<(Tree, Vec<speech::Segment>), String> {
        let drafts: Vec<_> = script.actions().iter().map(crate::model::DtmfAction::draft).collect();
        let repeats = u8::try_from(script.max_repeat_per_attempt).unwrap_or(1);
        let tree = Tree::check(&drafts, repeats).map_err(|_| "the keys of the script are not right".to_owned())?;
        let template = Template::parse(&script.template_text).map_err(|_| "the text cannot be read".to_owned())?;
        let reading = self.speaker.reading(&script.voice_id).ok_or_else(|| "Voice not available".to_owned())?;
        let payload = serde_json::from_str(&lead.payload).unwrap_or_default();
        let segments = template.plan(kinds, reading).fill(&spoken::values(&payload));
        let segments =
            segments.map_err(|refusals| refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))?;
        Ok((tree, segments))
    }

    async fn media_file(&self, tenant: TenantId, path: &str) -> Option<std::path::PathBuf> {
        let found = async {
            let mut tx = self.room.db.read(tenant).await?;
            ledger::sound_file(&mut tx, tenant, path).await
        };
        match found.await {
            Ok(found) => found.map(|file| self.room.pbx.prompt_file(&file)),
            Err(error) => {
                tracing::warn!(%error, "a media file cannot be looked up");
                None
            }
        }
    }

    /// A lead cannot hear its script now: it waits, and whoever looks learns why.
    async fn postpone(&self, running: &Running, lead: &Lead, script: i64, why: &str) -> Result<()> {
        tracing::warn!(why, lead = lead.id, script, "a lead cannot hear its script");
        let tenant = running.tenant;
        let mut tx = self.room.db.begin(tenant).await?;
        let until = tx.now().after(NO_SOUND);
        ledger::refuse(&mut tx, tenant, lead.id, lead.campaign_id, "speech.unavailable", 1, Some(until)).await?;
        ledger::give_back(&mut tx, tenant, lead.id, &self.room.boot, until).await?;
        let data = json!({
            "lead_id": lead.id, "campaign_id": lead.campaign_id, "script_id": script, "provider": Json::Null,
            "error": why,
        });
        events::publish(&self.room.bus, &mut tx, tenant, EventName::AutocallRenderFailed, None, &data).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Closes the attempt, whatever it takes.
    async fn over(&self, under: &Under, end: &RobotEnd) {
        self.insist(under, &Fact::Ended(Box::new(end.clone()))).await;
    }

    /// Writes down what has to be until it is: the database comes back.
    async fn insist(&self, under: &Under, fact: &Fact) {
        let mut told = false;
        while let Err(error) = self.write(under, fact).await {
            if !std::mem::replace(&mut told, true) {
                tracing::error!(%error, call.uuid = %under.open.call_uuid, "the ledger waits for the database");
            }
            sleep(AGAIN).await;
        }
    }

    /// Writes a fact of an attempt and what tells of it, in one transaction.
    async fn write(&self, under: &Under, fact: &Fact) -> Result<()> {
        let (tenant, open) = (under.running.tenant, &under.open);
        let mut tx = self.room.db.begin(tenant).await?;
        let mut data = open.data();
        if let Some(at) = open.answered_at {
            data["answered_at"] = json!(at.rfc3339());
        }
        let name = match fact {
            Fact::NotCalled => {
                let next_at = tx.now().after(NO_LINE);
                if ledger::delete(&mut tx, tenant, open.id).await? > 0 {
                    ledger::undial(&mut tx, tenant, under.lead.id, next_at).await?;
                }
                None
            }
            Fact::Dialled | Fact::Answered => {
                ledger::progress(&mut tx, tenant, open).await?;
                let is_answer = matches!(fact, Fact::Answered);
                Some(if is_answer { EventName::AutocallLeadAnswered } else { EventName::AutocallLeadDialed })
            }
            Fact::Pressed { key, script, action, at } => {
                ledger::progress(&mut tx, tenant, open).await?;
                data["digit"] = json!(key.to_string());
                data["script_id"] = json!(script.0);
                data["action_type"] = json!(action.as_ref().map(Action::as_str));
                data["pressed_at"] = json!(at.rfc3339());
                Some(EventName::AutocallLeadPressed)
            }
            Fact::Queued { queue } => {
                ledger::queued(&mut tx, tenant, open.id, queue).await?;
                None
            }
            Fact::Connected { queue, extension, at } => {
                ledger::connected(&mut tx, tenant, open.id, extension.as_deref(), *at).await?;
                data["queue_name"] = json!(queue);
                data["agent_extension"] = json!(extension);
                data["transferred_at"] = json!(at.rfc3339());
                Some(EventName::AutocallLeadTransferred)
            }
            Fact::Ended(end) => {
                let outcome = decide::outcome(end, under.queued, under.connected);
                let ended = ledger::Ended {
                    at: end.ended_at,
                    result: outcome.as_str(),
                    cause: Some(end.cause.as_str()),
                    sip_status: end.sip_status.map(i64::from),
                    // To the nearest, as in the records of calls.
                    billsec: i64::try_from((end.talked.as_millis() + 500) / 1_000).unwrap_or(i64::MAX),
                    trunk: end.trunk.clone(),
                    recording: end.recording.clone(),
                };
                self.close(&mut tx, &under.running, open, &ended, outcome).await?;
                None
            }
        };
        if let Some(name) = name {
            events::publish(&self.room.bus, &mut tx, tenant, name, Some(open.call_uuid), &data).await?;
        }
        tx.commit().await?;
        Ok(())
    }
}

async fn refuse(tx: &mut ::store::Tx, tenant: TenantId, lead: &Lead, refusals: &[Refusal]) -> Result<()> {
    for refusal in refusals {
        let version = i64::from(refusal.version);
        ledger::refuse(tx, tenant, lead.id, lead.campaign_id, &refusal.rule, version, refusal.until).await?;
    }
    Ok(())
}

/// Returns the end of a call that our own rules forbade.
fn barred(cause: Cause, at: Timestamp) -> RobotEnd {
    RobotEnd { cause, ..barred_at(at) }
}

fn barred_at(at: Timestamp) -> RobotEnd {
    RobotEnd {
        cause: Cause::OutgoingCallBarred,
        result: domain::cause::CallResult::Failed,
        sip_status: None,
        by: domain::call::EndedBy::System,
        answered_at: None,
        ended_at: at,
        talked: Duration::ZERO,
        trunk: None,
        shown: String::new(),
        recording: None,
    }
}
