//! Two hundred receivers, half of them broken, while the server is killed three times: nothing is lost, and who behaves
//! well does not notice the others.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{IpAddr, SocketAddr},
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{EventName, Principal};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sandbox::{
    Agent, Carrier, Reaction, Receiver, Talk, Voice, agent, carrier, phone,
    receiver::{self, Manners, Times},
};
use server::{config::Config, wire};
use testkit::{Server, until, world::NOTICED};
use tokio::{task::JoinSet, time::Instant};
use webhooks::NewWebhook;

use crate::calls::ZORIO;

/// Receivers, by how they behave. Each has an address of its own.
const HEALTHY: Range<u16> = 0..100;
const HANGING: Range<u16> = 100..120;
const FAILING: Range<u16> = 120..140;
const RESETTING: Range<u16> = 140..160;
const SLOW: Range<u16> = 160..180;
/// They present a certificate that nobody vouches for.
const FORGED: Range<u16> = 180..200;

/// Calls of the load. Each tells four events to 200 receivers, so a call every 1.6 s makes 500 deliveries a second, and
/// all of them are fewer than the 50 dead letters that suspend a webhook.
const CALLS: u32 = 12;
const ONE_CALL_EVERY: Duration = Duration::from_millis(1_600);

/// The server is killed in the course of these calls.
const KILLED_IN: [u32; 3] = [3, 6, 9];

/// The waits of 30 s, 5 min and 30 min become 0.06, 0.6 and 3.6 s; an endpoint that does not answer rests for 0.06 s.
const RETRY_SCALE: &str = "0.002";

/// The limit of an attempt, and how long a slow receiver takes.
const TIMEOUT_SECONDS: &str = "1";
const SLOW_ANSWER: Duration = Duration::from_millis(500);

/// How long after a start the backlog of the time without a server may take; until then nothing is said of latencies.
const CATCHING_UP: i64 = 1_000;

/// What the healthy receivers are promised, in milliseconds from the event to its arrival.
const P99: f64 = 1_000.0;

/// Beyond this a busy machine is no excuse.
const MOST_STRETCH: f64 = 5.0;

/// Resident memory of a debug build that has half of all receivers failing.
const MEMORY_LIMIT: u64 = 384 * 1024 * 1024;

/// After the last call all must have come to its end within this: seconds, unless the machine is busy.
const SETTLED: Duration = Duration::from_secs(150);

const EVENTS: [EventName; 4] =
    [EventName::CallRinging, EventName::CallAnswered, EventName::CallHangup, EventName::CdrCreated];

/// The receivers, all on one port of many addresses.
struct Crowd {
    honest: Receiver,
    forger: Receiver,
}

impl Crowd {
    async fn open(folder: &Path) -> Self {
        let listen = SocketAddr::from(([0, 0, 0, 0], 0));
        let addresses: Vec<_> = (HEALTHY.start..FORGED.end).map(address).collect();
        let config = |name: &str| receiver::Config { listen, ca_file: folder.join(name) };
        let honest = Receiver::open_on(config("trusted.pem"), &addresses).await.unwrap();
        let forger = Receiver::open_on(config("unknown.pem"), &addresses).await.unwrap();
        for (numbers, manners) in [
            (HANGING, Manners::Hangs),
            (FAILING, Manners::Fails(500)),
            (RESETTING, Manners::Resets),
            (SLOW, Manners::Dawdles(SLOW_ANSWER)),
        ] {
            for number in numbers {
                honest.set_manners(&path(number), manners.clone(), Times::Always);
            }
        }
        Self { honest, forger }
    }

    fn url(&self, number: u16) -> String {
        let receiver = if FORGED.contains(&number) { &self.forger } else { &self.honest };
        receiver.url_at(address(number), &path(number))
    }

    /// Makes a webhook for every receiver, beside the running server as its command line does.
    async fn subscribe(&self, server: &Server) {
        let mut config = Config::defaults();
        config.data_dir = server.data_folder();
        config.database.url = server.database().url().map(str::to_owned);
        config.webhooks.allow_networks = vec!["127.0.0.0/8".parse().unwrap()];
        let rooms = wire::rooms(&config).await.unwrap();
        let account = rooms.accounts.accounts().await.unwrap().remove(0);
        for number in HEALTHY.start..FORGED.end {
            let new = NewWebhook {
                name: number.to_string(),
                url: self.url(number),
                events: EVENTS.to_vec(),
                ..NewWebhook::default()
            };
            let created = rooms.webhooks.create(&Principal::system(account.id), new).await.unwrap();
            self.honest.set_secret(&path(number), created.secret.reveal());
        }
        rooms.db.close().await;
    }
}

fn address(number: u16) -> IpAddr {
    IpAddr::from([127, 0, 1, u8::try_from(number + 1).unwrap()])
}

fn path(number: u16) -> String {
    format!("/{number}")
}

/// The server with phones on both sides of it.
struct Office {
    server: Server,
    agents: Vec<Agent>,
    _carrier: Carrier,
}

impl Office {
    async fn open(ca_file: &Path) -> Self {
        let ca_file = ca_file.to_string_lossy();
        let settings = [
            ("ZORIO_WEBHOOKS__CA_FILE", ca_file.as_ref()),
            ("ZORIO_WEBHOOKS__RETRY_SCALE", RETRY_SCALE),
            ("ZORIO_WEBHOOKS__TIMEOUT_SECONDS", TIMEOUT_SECONDS),
            ("ZORIO_LIMITS__CLICK_TO_CALL", "1000000"),
        ];
        let server = Server::start(ZORIO, &settings).await.unwrap();
        let media = phone::media(61_000..=65_400).unwrap();
        let temper = carrier::Config {
            answers_after: Duration::from_millis(20),
            hangs_up_after: Duration::from_millis(300),
            hears: Duration::ZERO,
            ..carrier::Config::on_loopback()
        };
        let carrier = Carrier::open(temper, media.clone()).await.unwrap();
        let trunk = server.trunk("carrier", carrier.address()).await.unwrap();
        server.default_route(trunk).await.unwrap();
        tokio::time::sleep(NOTICED).await;
        let mut agents = Vec::new();
        for extension in ["2001", "2002", "2003"] {
            let fields = serde_json::json!({ "extension_number": extension, "recording_mode": "none" });
            let password = server.extension_with(&fields).await.unwrap();
            let config = agent::Config::new(extension, &password, server.sip());
            let agent = Agent::register(config, media.clone()).await.unwrap();
            let talk = Talk::in_voice(Voice::of_agent(extension));
            agent.set_reaction(Reaction::Answers { after: Duration::from_millis(20), talk });
            agents.push(agent);
        }
        Self { server, agents, _carrier: carrier }
    }

    /// Asks for a call until somebody acknowledges it, and returns its uuid.
    async fn call(&self, number: u32) -> String {
        let extension = format!("{}", 2001 + number as usize % self.agents.len());
        until("a call is acknowledged", Duration::from_secs(10), async || {
            let answer = self.server.crm().click_to_call(&extension, &format!("8490{number:06}6")).await.ok()?;
            answer["call_uuid"].as_str().map(str::to_owned)
        })
        .await
        .unwrap()
    }

    async fn rows(&self, query: &'static str) -> Vec<(String, String)> {
        self.server.database().rows(&self.server.data_folder(), query).await.unwrap()
    }

    /// Waits until every call has its record.
    async fn records(&self, calls: &[String]) {
        until("every call has its record", SETTLED, async || {
            let rows = self.rows("select call_uuid, name from event where name = 'pbx.cdr.created'").await;
            let told: HashSet<_> = rows.iter().map(|(call, _)| call).collect();
            calls.iter().all(|call| told.contains(call)).then_some(())
        })
        .await
        .unwrap();
    }
}

/// Looks at the server's processes: memory, and how long they waited for a processor.
struct Watch {
    seen: Arc<Mutex<Seen>>,
    _task: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    pid: u32,
    /// The most resident memory that any of them had, in bytes.
    memory: u64,
    /// Nanoseconds on a processor and in wait for one, by process.
    processor: HashMap<u32, (u64, u64)>,
}

impl Watch {
    fn start(server: &Server) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let mut task = JoinSet::new();
        let noting = seen.clone();
        task.spawn(async move {
            loop {
                noting.lock().unwrap().look();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        let watch = Self { seen, _task: task };
        watch.follow(server);
        watch
    }

    fn follow(&self, server: &Server) {
        self.seen.lock().unwrap().pid = server.pid().unwrap_or_default();
    }

    fn memory(&self) -> u64 {
        self.seen.lock().unwrap().memory
    }

    /// Returns how many times longer everything took than with a processor at hand whenever one was needed.
    fn stretch(&self) -> f64 {
        let seen = self.seen.lock().unwrap();
        let sum = |part: fn(&(u64, u64)) -> u64| seen.processor.values().map(part).sum::<u64>().max(1) as f64;
        1.0 + sum(|(_, waited)| *waited) / sum(|(ran, _)| *ran)
    }
}

impl Seen {
    fn look(&mut self) {
        let folder = format!("/proc/{}", self.pid);
        let status = std::fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        self.memory = self.memory.max(resident.unwrap_or(0_u64) * 1024);
        let threads = std::fs::read_dir(format!("{folder}/task")).into_iter().flatten().flatten();
        let times = threads.filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            let mut numbers = text.split_whitespace().map_while(|number| number.parse::<u64>().ok());
            Some((numbers.next()?, numbers.next()?))
        });
        let (ran, waited) = times.fold((0, 0), |sum, time| (sum.0 + time.0, sum.1 + time.1));
        if ran > 0 {
            self.processor.insert(self.pid, (ran, waited));
        }
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_two_hundred_receivers_fail_and_three_kills_lose_nothing() {
    let seed = rand::random::<u64>();
    eprintln!("seed {seed}");
    let mut chance = StdRng::seed_from_u64(seed);
    let folder = tempfile::tempdir().unwrap();
    let crowd = Crowd::open(folder.path()).await;
    let mut office = Office::open(&folder.path().join("trusted.pem")).await;
    crowd.subscribe(&office.server).await;
    let watch = Watch::start(&office.server);

    let mut calls = Vec::new();
    // From each kill until the backlog after it may be gone.
    let mut windows = Vec::new();
    let began = Instant::now();
    let mut beat = tokio::time::interval(ONE_CALL_EVERY);
    for number in 1..=CALLS {
        beat.tick().await;
        calls.push(office.call(number).await);
        if KILLED_IN.contains(&number) {
            tokio::time::sleep(Duration::from_millis(chance.random_range(0..1_000))).await;
            let killed = now();
            office.server.kill().await.unwrap();
            office.server.launch().await.unwrap();
            watch.follow(&office.server);
            windows.push(killed..now() + CATCHING_UP);
        }
    }
    office.records(&calls).await;
    let took = began.elapsed();

    // Those that hung wake up; all others stay as they are to the end.
    for number in HANGING {
        crowd.honest.set_manners(&path(number), Manners::Polite, Times::Always);
    }
    let query = "select w.name, q.attempt || ' attempts, ' || case when q.lease_node is null then 'free' else 'leased' end \
                 from delivery_queue q join webhook w on w.id = q.webhook_id";
    let empty = async || office.rows(query).await.is_empty().then_some(());
    if until("the queue is empty", SETTLED, empty).await.is_err() {
        let mut left: BTreeMap<(u16, String), usize> = BTreeMap::new();
        for (name, state) in office.rows(query).await {
            *left.entry((name.parse().unwrap(), state)).or_default() += 1;
        }
        panic!(
            "seed {seed}: these receivers still wait: {left:?}; the server took {:.1} times as long as alone",
            watch.stretch()
        );
    }

    let events = office.rows("select id, name from event where name like 'pbx.%'").await;
    let deliveries = events.len() * usize::from(FORGED.end);
    let rate = deliveries as f64 / took.as_secs_f64();
    eprintln!("{} events, {deliveries} deliveries, {rate:.0}/s", events.len());
    assert!(events.len() >= 4 * CALLS as usize - 2 * KILLED_IN.len(), "seed {seed}: the load did not run");
    every_delivery_has_its_end(&office, &events, seed).await;
    every_event_reached_who_listens(&crowd, &events, seed);
    let memory = watch.memory();
    eprintln!("at most {} MiB of memory", memory >> 20);
    assert!(memory > 0 && memory < MEMORY_LIMIT, "seed {seed}: {memory} bytes of memory");
    the_healthy_did_not_wait(&crowd, &windows, watch.stretch(), seed);
}

/// Every event is delivered to or dead-lettered for every receiver, as that receiver deserves.
async fn every_delivery_has_its_end(office: &Office, events: &[(String, String)], seed: u64) {
    let query = "select w.name, d.status || ' ' || d.attempts from delivery d join webhook w on w.id = d.webhook_id";
    let mut ends: HashMap<u16, BTreeMap<String, usize>> = HashMap::new();
    for (name, end) in office.rows(query).await {
        let (status, attempts) = end.split_once(' ').unwrap();
        // An attempt whose result a kill took away is made again, and counted once.
        assert!(status != "deadletter" || attempts.parse::<u32>().unwrap() >= 4, "seed {seed}: {name}: {end}");
        *ends.entry(name.parse().unwrap()).or_default().entry(status.to_owned()).or_default() += 1;
    }
    for number in HEALTHY.start..FORGED.end {
        let fails = FAILING.contains(&number) || RESETTING.contains(&number) || FORGED.contains(&number);
        let found = ends.remove(&number).unwrap_or_default();
        assert_eq!(found.values().sum::<usize>(), events.len(), "seed {seed}: receiver {number}: {found:?}");
        let allowed = |status: &str| match status {
            "delivered" => !fails,
            // What hung for longer than four attempts took.
            "deadletter" => fails || HANGING.contains(&number),
            _ => false,
        };
        assert!(found.keys().all(|status| allowed(status)), "seed {seed}: receiver {number}: {found:?}");
    }
}

/// Receivers that answer have every event, signed, under one delivery id.
fn every_event_reached_who_listens(crowd: &Crowd, events: &[(String, String)], seed: u64) {
    let mut ids: HashMap<String, HashSet<String>> = HashMap::new();
    let mut more = 0;
    for delivery in crowd.honest.deliveries() {
        assert!(delivery.verified(), "seed {seed}: {}: {:?} {:?}", delivery.path, delivery.zorio, delivery.standard);
        more += usize::from(!ids.entry(delivery.path.clone()).or_default().insert(delivery.id().to_owned()));
    }
    for number in HEALTHY.chain(SLOW) {
        let found = ids.get(&path(number)).map_or(0, HashSet::len);
        assert_eq!(found, events.len(), "seed {seed}: receiver {number}");
    }
    eprintln!("{more} attempts beside the first of each");
    assert_eq!(crowd.forger.deliveries().len(), 0, "seed {seed}: somebody trusts the forger");
}

/// Without the time around the kills, which is from each kill until a second after the server is ready again: a delivery
/// that was on its way at any moment of it does not count. On a machine that others keep busy the server waits for a
/// processor, and so much longer may deliveries take.
fn the_healthy_did_not_wait(crowd: &Crowd, windows: &[Range<i64>], stretch: f64, seed: u64) {
    let healthy: HashSet<_> = HEALTHY.map(path).collect();
    let mut seen = HashSet::new();
    let (mut waits, mut left_out) = (Vec::new(), 0);
    for delivery in crowd.honest.deliveries().iter().filter(|delivery| healthy.contains(&delivery.path)) {
        if !seen.insert((delivery.path.clone(), delivery.id().to_owned())) {
            continue;
        }
        let at: jiff::Timestamp = delivery.json()["timestamp"].as_str().unwrap().parse().unwrap();
        let at = at.as_millisecond();
        if windows.iter().any(|window| at < window.end && delivery.arrived >= window.start) {
            left_out += 1;
        } else {
            waits.push(delivery.arrived - at);
        }
    }
    waits.sort_unstable();
    let share = |part: usize| waits[(waits.len() * part / 1_000).min(waits.len() - 1)];
    eprintln!(
        "healthy receivers: p50 {} ms, p99 {} ms, p99.9 {} ms of {} deliveries, {left_out} around the kills left out; \
         everything took {stretch:.1} times as long as it would have alone",
        share(500),
        share(990),
        share(999),
        waits.len()
    );
    assert!(waits.len() * 4 > left_out, "seed {seed}: hardly anything was measured");
    let limit = P99 * stretch.min(MOST_STRETCH);
    assert!((share(990) as f64) < limit, "seed {seed}: p99 {} ms, the limit is {limit:.0} ms", share(990));
}
