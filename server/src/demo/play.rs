//! Plays the planned calls and shows what becomes of them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use audio::wav::Wav;
use sandbox::{Call, Outcome, Voice, receiver::Delivery, speech};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{
    ledger::{Life, Recording, Sound, latency_ms},
    plan::{self, Ends, Planned, Way},
    stage::Stage,
    view::{Look, View},
};

/// How long anything may take that should happen at once or after a few seconds of ringing.
const PATIENCE: Duration = Duration::from_secs(25);

/// Talking before the ears are checked.
const FIRST_WORDS: Duration = Duration::from_millis(2_200);

/// Talking after that, before whoever ends the call does so.
const LAST_WORDS: Duration = Duration::from_millis(1_300);

/// What the task of a call tells.
enum News {
    /// The call's uuid is known from now on.
    Named { call: usize, uuid: String },
    /// Something for the view.
    Note { call: usize, what: String, look: Look, remark: String },
}

/// What the task of a call brings home.
#[derive(Default)]
struct Report {
    sound: Sound,
    mishaps: Vec<String>,
}

/// Plays all calls, as many at once as there are free agents, and returns what became of each.
pub(super) async fn play(stage: &Arc<Stage>, view: &mut View) -> Vec<(Planned, Life)> {
    let began = Instant::now();
    let calls = plan::calls();
    let desks: Arc<BTreeMap<&str, Semaphore>> =
        Arc::new(plan::AGENTS.iter().map(|agent| (*agent, Semaphore::new(1))).collect());
    let (sender, mut news) = mpsc::channel(256);
    let mut tasks = JoinSet::new();
    for planned in calls.clone() {
        let (stage, desks, sender) = (Arc::clone(stage), Arc::clone(&desks), sender.clone());
        tasks.spawn(async move {
            let number = planned.number;
            let mut actor = Actor { stage, planned, news: sender, report: Report::default() };
            if let Err(mishap) = actor.act(&desks).await {
                actor.report.mishaps.push(mishap);
            }
            (number, actor.report)
        });
    }
    drop(sender);
    let mut scene =
        Scene { began, lives: vec![Life::default(); calls.len()], names: HashMap::new(), nameless: Vec::new() };
    let mut seen = 0;
    loop {
        tokio::select! {
            biased;
            () = stage.receiver.more_than(seen) => {
                for delivery in stage.receiver.deliveries_after(seen) {
                    seen += 1;
                    scene.arrived(delivery, view);
                }
            }
            piece = news.recv() => match piece {
                Some(piece) => scene.told(piece, view),
                None => break,
            },
        }
    }
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok((number, report)) => {
                scene.lives[number - 1].sound = report.sound;
                scene.lives[number - 1].mishaps.extend(report.mishaps);
            }
            Err(error) => tracing::error!(%error, "a call of the demo was not played to its end"),
        }
    }
    scene.fetch_records(stage).await;
    calls.into_iter().zip(scene.lives).collect()
}

/// Shows the events of calls that somebody else places, until dropped.
pub(super) async fn watch(stage: &Stage, view: &mut View) {
    let began = Instant::now();
    let mut seen = stage.receiver.deliveries().len();
    let mut numbers: HashMap<String, usize> = HashMap::new();
    loop {
        stage.receiver.more_than(seen).await;
        for delivery in stage.receiver.deliveries_after(seen) {
            seen += 1;
            let next = numbers.len() + 1;
            let call = *numbers.entry(delivery.call_uuid().unwrap_or_default()).or_insert(next);
            show(&delivery, call, began, view);
        }
    }
}

/// Shows a delivery: what it is about, whether it is believed, how fast it came.
fn show(delivery: &Delivery, call: usize, began: Instant, view: &mut View) {
    let (verdict, look) = match (&delivery.zorio, &delivery.standard) {
        (Ok(()), Ok(())) => ("signature verified".to_owned(), Look::Good),
        (Err(flaw), _) | (_, Err(flaw)) => (flaw.to_string(), Look::Bad),
    };
    let delay = latency_ms(delivery).map_or_else(String::new, |ms| format!(", {ms} ms after it happened"));
    let again = if delivery.duplicate { ", again" } else { "" };
    let remark = format!("{verdict}{delay}{again}   {}", essence(delivery.event(), &delivery.json()["data"]));
    view.happened(began.elapsed(), call, delivery.event(), look, &remark);
}

/// What has happened so far.
struct Scene {
    began: Instant,
    lives: Vec<Life>,
    /// Call numbers by uuid.
    names: HashMap<String, usize>,
    /// Deliveries of calls whose uuid is not known yet: the webhook may be faster than the answer of the API.
    nameless: Vec<Arc<Delivery>>,
}

impl Scene {
    fn told(&mut self, news: News, view: &mut View) {
        match news {
            News::Named { call, uuid } => {
                self.names.insert(uuid, call);
                for delivery in std::mem::take(&mut self.nameless) {
                    self.arrived(delivery, view);
                }
            }
            News::Note { call, what, look, remark } => view.happened(self.began.elapsed(), call, &what, look, &remark),
        }
    }

    fn arrived(&mut self, delivery: Arc<Delivery>, view: &mut View) {
        let Some(&call) = delivery.call_uuid().and_then(|uuid| self.names.get(&uuid)) else {
            self.nameless.push(delivery);
            return;
        };
        show(&delivery, call, self.began, view);
        self.lives[call - 1].deliveries.push(delivery);
    }

    /// Reads the CDR list, as a CRM's nightly job would.
    async fn fetch_records(&mut self, stage: &Stage) {
        let rows = match stage.crm.get("/api/pbx/cdr?per_page=200").await.and_then(|reply| reply.expect_status(200)) {
            Ok(reply) => reply.json["data"].as_array().cloned().unwrap_or_default(),
            Err(error) => return self.lives[0].mishaps.push(format!("GET /api/pbx/cdr: {error}")),
        };
        for row in rows {
            if let Some(&call) = row["uuid"].as_str().and_then(|uuid| self.names.get(uuid)) {
                self.lives[call - 1].cdr = row;
            }
        }
    }
}

/// Returns the part of an event's data that a reader wants to see.
fn essence(event: &str, data: &Value) -> String {
    let text = |name: &str| data[name].as_str().unwrap_or("–").to_owned();
    match event {
        "pbx.call.ringing" => format!("extension {}", text("extension")),
        "pbx.call.hangup" => format!("{} by {}", text("hangup_cause"), text("hangup_by")),
        "pbx.cdr.created" => format!("{}, {} s talked", text("result"), data["billsec"]),
        _ => String::new(),
    }
}

/// Plays one call.
struct Actor {
    stage: Arc<Stage>,
    planned: Planned,
    news: mpsc::Sender<News>,
    report: Report,
}

impl Actor {
    /// Waits for the agents, places the call, and sees it through to its CDR.
    async fn act(&mut self, desks: &BTreeMap<&str, Semaphore>) -> Result<(), String> {
        let mut taken = Vec::new();
        for agent in self.planned.agents() {
            taken.push(desks[agent].acquire().await.map_err(|error| error.to_string())?);
        }
        let agent = self.stage.agent(self.planned.from);
        let placed = self.place().await?;
        let uuid = match placed {
            Some((uuid, _)) => uuid,
            None => self.name_of_direct_call().await?,
        };
        let near = agent.call(PATIENCE, |call| !call.is_over()).await.ok_or("the agent's phone did not ring")?;
        if self.planned.expected().answered {
            self.talk(&near, &uuid).await?;
        }
        near.over(PATIENCE).await.ok_or("the agent's phone was not released")?;
        let of_this_call = |delivery: &Delivery| delivery.call_uuid().as_deref() == Some(uuid.as_str());
        let recorded = |delivery: &Delivery| delivery.event() == "pbx.cdr.created" && of_this_call(delivery);
        self.stage.receiver.wait_for(PATIENCE, recorded).await.ok_or("pbx.cdr.created did not arrive")?;
        self.fetch_recording(&uuid).await;
        if let Outcome::Answers { presses: Some(key) } = Outcome::of(&self.planned.to)
            && matches!(self.planned.way, Way::ClickToCall(_))
        {
            self.report.sound.keys = Some((near.keys(), key));
        }
        Ok(())
    }

    /// Places the call; returns its uuid where the API told it.
    async fn place(&self) -> Result<Option<(String, Value)>, String> {
        let (from, to) = (self.planned.from, &self.planned.to);
        let story = self.planned.story();
        match self.planned.way {
            Way::ClickToCall(_) => {
                let answer = self.stage.crm.click_to_call(from, to).await.map_err(|e| format!("click-to-call: {e}"))?;
                let uuid = answer["call_uuid"].as_str().ok_or("click-to-call: no call_uuid")?.to_owned();
                self.note("click-to-call", Look::Plain, format!("{from} → {to}   {story}")).await;
                self.tell(News::Named { call: self.planned.number, uuid: uuid.clone() }).await;
                Ok(Some((uuid, answer)))
            }
            Way::PhoneToPhone => {
                self.stage.agent(from).dial(to).map_err(|error| error.to_string())?;
                self.note("dialled", Look::Plain, format!("{from} → {to}   {story}")).await;
                Ok(None)
            }
        }
    }

    /// A call from phone to phone has no API answer; its first event tells its uuid.
    async fn name_of_direct_call(&self) -> Result<String, String> {
        let (from, to) = (self.planned.from, self.planned.to.as_str());
        let ringing = |delivery: &Delivery| {
            let data = &delivery.json()["data"];
            data["caller_number"] == from && data["destination_number"] == to
        };
        let first = self.stage.receiver.wait_for(PATIENCE, ringing).await.ok_or("no event of the call arrived")?;
        let uuid = first.call_uuid().ok_or("an event without call_uuid")?;
        self.tell(News::Named { call: self.planned.number, uuid: uuid.clone() }).await;
        Ok(uuid)
    }

    /// Waits for the answer, lets the two sides talk, listens to what each hears, and ends the call.
    async fn talk(&mut self, near: &Call, uuid: &str) -> Result<(), String> {
        let (far, far_voice) = match self.planned.way {
            Way::ClickToCall(outcome) => {
                let far = self.stage.carrier.call_to(&self.planned.to, PATIENCE).await;
                let voice = Voice::of_customer(&self.planned.to);
                (far, if outcome == Outcome::AnsweringMachine { Voice::MACHINE } else { voice })
            }
            Way::PhoneToPhone => {
                let far = self.stage.agent(&self.planned.to).call(PATIENCE, |call| !call.is_over()).await;
                (far, Voice::of_agent(&self.planned.to))
            }
        };
        let far = far.ok_or("the call did not reach the other side")?;
        if !far.up(PATIENCE).await {
            return Err("the other side did not answer".to_owned());
        }
        sleep(FIRST_WORDS).await;
        let here = near.heard_voice_lately() == Some(far_voice);
        let there = far.heard_voice_lately() == Some(Voice::of_agent(self.planned.from));
        self.report.sound.both_heard = Some(here && there);
        match (here, there) {
            (true, true) => self.note("talking", Look::Plain, "each side hears the other".to_owned()).await,
            (true, false) => self.note("talking", Look::Bad, "the other side does not hear the agent".to_owned()).await,
            (false, true) => self.note("talking", Look::Bad, "the agent does not hear the other side".to_owned()).await,
            (false, false) => self.note("talking", Look::Bad, "nobody hears anybody".to_owned()).await,
        }
        match self.planned.ends {
            Ends::Agent => {
                sleep(LAST_WORDS).await;
                near.hang_up();
            }
            Ends::Api => {
                sleep(LAST_WORDS).await;
                let path = format!("/api/pbx/calls/{uuid}/hangup");
                let reply = self.stage.crm.post(&path, &serde_json::json!({})).await;
                reply.and_then(|reply| reply.expect_status(202)).map_err(|error| format!("hang-up: {error}"))?;
            }
            Ends::Other => {}
        }
        Ok(())
    }

    async fn fetch_recording(&mut self, uuid: &str) {
        match self.stage.crm.recording(uuid).await {
            Ok(Some(file)) => match measured(&file) {
                Some(recording) => {
                    let place =
                        self.stage.recording_file(uuid).map_or_else(String::new, |path| path.display().to_string());
                    let (seconds, level) = (recording.seconds, recording.level);
                    let heard = format!("{seconds:.1} s at {level:.0} dBFS   {place}");
                    self.note("recording fetched", Look::Plain, heard).await;
                    self.report.sound.recording = Some(recording);
                }
                None => self.report.mishaps.push("the recording is no WAV file".to_owned()),
            },
            Ok(None) => {}
            Err(error) => self.report.mishaps.push(format!("recording: {error}")),
        }
    }

    async fn note(&self, what: &str, look: Look, remark: String) {
        self.tell(News::Note { call: self.planned.number, what: what.to_owned(), look, remark }).await;
    }

    /// The view listens as long as there are actors.
    async fn tell(&self, news: News) {
        let _ = self.news.send(news).await;
    }
}

/// Returns how long and how loud a recording is, and who speaks in it.
fn measured(file: &[u8]) -> Option<Recording> {
    let wav = Wav::parse(file).ok()?;
    let channels: Vec<Vec<i16>> = (0..wav.channels).map(|channel| wav.channel(channel)).collect();
    Some(Recording {
        seconds: wav.frames() as f64 / f64::from(wav.rate),
        level: speech::level_dbfs(&channels.concat()),
        channels: wav.channels,
        bytes: file.len(),
    })
}
