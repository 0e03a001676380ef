mod deciding;
mod telling;

use std::sync::{Arc, Mutex};

use ::store::{
    jobs::Worker,
    testing::{TENANT, TestDb, test_db},
};
use domain::Principal;

use super::*;

/// What the only source says.
type Said = Arc<Mutex<Result<Vec<Reading>, String>>>;

/// The room with a source and a door that tests move.
struct Rig {
    db: TestDb,
    alerts: Alerts,
    said: Said,
    posts: Arc<Mutex<Vec<Post>>>,
    /// What the next posts come to; `Ok` when empty.
    refusals: Arc<Mutex<Vec<Refusal>>>,
}

async fn rig(kind: Kind) -> Rig {
    let db = test_db().await;
    let (said, posts, refusals) = (Said::new(Mutex::new(Ok(Vec::new()))), Arc::default(), Arc::default());
    let alerts = open(&db, kind, &said, &posts, &refusals);
    Rig { db, alerts, said, posts, refusals }
}

fn open(
    db: &TestDb,
    kind: Kind,
    said: &Said,
    posts: &Arc<Mutex<Vec<Post>>>,
    refusals: &Arc<Mutex<Vec<Refusal>>>,
) -> Alerts {
    let check = |url: &str| match url.starts_with("https://") {
        true => Ok(url.to_owned()),
        false => Err(web::Text::new("The URL must begin with https://.", "URL phải bắt đầu bằng https://.")),
    };
    let (posts, refusals) = (Arc::clone(posts), Arc::clone(refusals));
    let door = Door::new(check, move |post: Post| {
        let refusal = refusals.lock().unwrap().pop();
        posts.lock().unwrap().push(post);
        async move { refusal.map_or(Ok(()), Err) }
    });
    let config = Config {
        check_every: Duration::from_secs(15),
        settle: Duration::from_secs(60),
        host_account: "default".to_owned(),
        node: "node-1".to_owned(),
        public_url: "https://pbx.example.com".to_owned(),
        retry_scale: 1.0,
    };
    let mail = Mail::open((**db).clone(), db.secrets.clone(), &mail::Config::default()).unwrap();
    let alerts = Alerts::open((**db).clone(), Bus::new((**db).clone()), mail, db.secrets.clone(), door, config);
    let said = Arc::clone(said);
    alerts.watch(kind, move || {
        let said = said.lock().unwrap().clone();
        async move { said }
    });
    alerts
}

impl Rig {
    fn says(&self, readings: &[(&str, i64)]) {
        let reading = |(subject, value): &(&str, i64)| Reading {
            tenant: Some(TENANT),
            subject: (*subject).to_owned(),
            name: format!("the {subject}"),
            value: *value,
        };
        *self.said.lock().unwrap() = Ok(readings.iter().map(reading).collect());
    }

    async fn look_after(&self, seconds: u64) {
        self.db.clock.advance(Duration::from_secs(seconds));
        self.alerts.look().await;
    }

    /// Runs what is due now.
    async fn work(&self) -> usize {
        self.alerts.jobs(Worker::new((*self.db).clone())).run_due().await.unwrap()
    }

    async fn incidents(&self) -> Vec<Incident> {
        self.alerts.incidents(&who(), IncidentFilter::default(), web::Page::default()).await.unwrap().data
    }

    async fn notices(&self, id: i64) -> Vec<(String, String, String)> {
        let (_, notices) = self.alerts.incident(&who(), id).await.unwrap();
        notices.into_iter().map(|notice| (notice.phase, notice.channel, notice.state)).collect()
    }
}

fn who() -> Principal {
    Principal::system(TENANT)
}

fn rule(recipients: &[&str], webhook_url: Option<&str>) -> NewRule {
    NewRule {
        enabled: true,
        recipients: recipients.iter().map(|address| (*address).to_owned()).collect(),
        language: web::Language::En,
        threshold: None,
        webhook_url: webhook_url.map(str::to_owned),
    }
}
