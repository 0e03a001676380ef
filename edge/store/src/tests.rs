//! What both databases promise.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{Principal, TenantId, Timestamp};
use futures_util::{FutureExt as _, future::join_all};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    DatabaseUrl, Db, Engine, Error, FromRow, Options, Tx, Value,
    audit::{Verdict, verify},
    jobs::{self, Outcome, Worker},
    many, sql,
    testing::{START, TENANT, TestDb, test_db},
};

async fn add_event(tx: &mut Tx, id: &str) -> Result<u64, Error> {
    sql("insert into event (day, id, tenant_id, name, at, body) values ($1, $2, $3, 'n', $4, 'b')")
        .bind(START.day())
        .bind(id)
        .bind(tx.tenant().unwrap())
        .bind(tx.now())
        .run(tx)
        .await
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read_any_tenant().await.unwrap();
    sql("select count(*) from event").one::<(i64,)>(&mut tx).await.unwrap().0
}

#[tokio::test]
async fn what_is_committed_is_read_and_what_is_dropped_is_not() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "b").await.unwrap();
    drop(tx);
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn every_type_comes_back_as_it_went() {
    #[derive(FromRow, Debug, PartialEq)]
    struct All {
        a: i64,
        b: Option<i64>,
        c: bool,
        d: String,
        e: Vec<u8>,
        f: f64,
        g: Uuid,
        h: Timestamp,
        r#type: Option<String>,
    }
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    let engine = db.engine();
    let bytes = if engine == Engine::Sqlite { "blob" } else { "bytea" };
    assert!(!bytes.is_empty());
    let row = crate::sql_for(
        "select $1 as a, $2 as b, $3 as c, $4 as d, $5 as e, $6 as f, $7 as g, $8 as h, $9 as type",
        "select $1::bigint as a, $2::bigint as b, $3::boolean as c, $4::text as d, $5::bytea as e, \
         $6::double precision as f, $7::text as g, $8::bigint as h, $9::text as type",
    )
    .bind(i64::MIN)
    .bind(None::<i64>)
    .bind(true)
    .bind("Nguyễn")
    .bind(vec![0_u8, 255])
    .bind(1.5)
    .bind(Uuid::nil())
    .bind(START)
    .bind(None::<String>)
    .one::<All>(&mut tx)
    .await
    .unwrap();
    let expected = All {
        a: i64::MIN,
        b: None,
        c: true,
        d: "Nguyễn".to_owned(),
        e: vec![0, 255],
        f: 1.5,
        g: Uuid::nil(),
        h: START,
        r#type: None,
    };
    assert_eq!(row, expected);
}

#[tokio::test]
async fn a_refused_row_refuses_the_whole_transaction() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    assert!(add_event(&mut tx, "a").await.unwrap_err().is_unique());
    assert!(tx.commit().await.is_err());
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let db = test_db().await;
    let mut tx = db.read(TENANT).await.unwrap();
    assert!(add_event(&mut tx, "a").await.is_err());
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn an_account_sees_nothing_of_another_even_if_the_statement_forgets_to_ask() {
    let db = test_db().await;
    if db.engine() == Engine::Sqlite {
        return;
    }
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    let other = TenantId(2);
    for mut tx in [db.read(other).await.unwrap(), db.begin(other).await.unwrap()] {
        assert_eq!(sql("select count(*) from event").one::<(i64,)>(&mut tx).await.unwrap().0, 0);
    }
    let mut tx = db.begin(other).await.unwrap();
    let stolen = sql("insert into event (day, id, tenant_id, name, at, body) values (1, 'x', 1, 'n', 1, 'b')");
    assert!(stolen.run(&mut tx).await.is_err());
    drop(tx);
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn many_rows_arrive_whatever_their_number() {
    let db = test_db().await;
    for total in [0, 1, 2, 3, 255, 256, 257, 1_000] {
        let mut tx = db.begin(TENANT).await.unwrap();
        let rows = (0..total)
            .map(|i| vec![Value::from(START.day()), Value::from(format!("{total}-{i}")), Value::from(TENANT)])
            .collect();
        let head = "insert into event (day, id, tenant_id, name, at, body) \
                    select column1, column2, column3, 'n', 1, 'b' from (values";
        assert_eq!(many(&mut tx, head, ") as v", rows).await.unwrap(), total);
        tx.commit().await.unwrap();
    }
    assert_eq!(count(&db).await, 1 + 2 + 3 + 255 + 256 + 257 + 1_000);
}

#[tokio::test]
async fn transactions_that_meet_share_a_commit_and_keep_their_own_fate() {
    let db = test_db().await;
    let hooks = Arc::new(AtomicUsize::new(0));
    let writes = (0..200).map(|i| {
        let (db, hooks) = (db.clone(), hooks.clone());
        async move {
            let mut tx = db.begin(TENANT).await.unwrap();
            add_event(&mut tx, &i.to_string()).await.unwrap();
            tx.after_commit(move || {
                hooks.fetch_add(1, Ordering::SeqCst);
            });
            match i % 4 {
                0 => drop(tx),
                1 => {
                    add_event(&mut tx, &i.to_string()).await.unwrap_err();
                    tx.commit().await.unwrap_err();
                }
                _ => tx.commit().await.unwrap(),
            }
        }
    });
    join_all(writes).await;
    assert_eq!(count(&db).await, 100);
    assert_eq!(hooks.load(Ordering::SeqCst), 100);
}

#[tokio::test]
async fn a_patient_commit_comes_along_with_the_next_one_or_asks_for_its_own() {
    let db = test_db().await;
    let told = Arc::new(AtomicUsize::new(0));
    let patient = async |id: &str, patience| {
        let mut tx = db.begin(TENANT).await.unwrap();
        add_event(&mut tx, id).await.unwrap();
        let told = Arc::clone(&told);
        tx.after_commit(move || {
            told.fetch_add(1, Ordering::SeqCst);
        });
        tx.commit_patiently(patience).await.unwrap();
    };
    let day = Duration::from_secs(86_400);
    let urgent = async {
        let mut tx = db.begin(TENANT).await.unwrap();
        add_event(&mut tx, "urgent").await.unwrap();
        tx.commit().await.unwrap();
    };
    tokio::join!(patient("along", day), urgent);
    assert_eq!(told.load(Ordering::SeqCst), 1);
    patient("alone", Duration::from_millis(1)).await;
    assert_eq!(told.load(Ordering::SeqCst), 2);
    if db.engine() == Engine::Sqlite {
        // Nobody waits for the third; what follows from it happens all the same.
        assert!(patient("left", day).now_or_never().is_none());
        db.close().await;
        assert_eq!(told.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn a_future_dropped_anywhere_leaves_the_writer_usable() {
    let db = test_db().await;
    for polls in 0..60 {
        let work = async {
            let mut tx = db.begin(TENANT).await.unwrap();
            add_event(&mut tx, &format!("{polls}a")).await.unwrap();
            add_event(&mut tx, &format!("{polls}b")).await.unwrap();
            tx.commit().await.unwrap();
        };
        let mut work = Box::pin(work);
        for _ in 0..polls {
            if work.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(work);
    }
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "last").await.unwrap();
    tx.commit().await.unwrap();
    // Each pair is whole or absent.
    assert_eq!(count(&db).await % 2, 1);
}

#[tokio::test]
async fn a_transaction_may_be_given_up_while_it_waits_for_its_turn() {
    let db = test_db().await;
    let first = db.begin(TENANT).await.unwrap();
    let given_up = Box::pin(db.begin(TENANT)).now_or_never();
    // SQLite has one writer; PostgreSQL has a connection for each, and may even answer at once.
    assert!(given_up.is_none() || db.engine() == Engine::Postgres);
    drop((first, given_up));
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_second_start_finds_the_rows_and_the_schema() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    db.close().await;
    let again = db.reopen().await;
    again.migrate().await.unwrap();
    assert_eq!(count(&again).await, 1);
    assert!(matches!(db.begin(TENANT).await, Err(Error::Busy(_) | Error::Unavailable(_))));
}

fn counting_worker(
    db: &TestDb,
    runs: &Arc<AtomicUsize>,
    outcome: impl Fn(i64) -> Outcome + Send + Sync + 'static,
) -> Worker {
    let runs = runs.clone();
    let outcome = Arc::new(outcome);
    Worker::new((**db).clone()).on("test", move |job, _: i64| {
        let (runs, outcome) = (runs.clone(), outcome.clone());
        async move {
            runs.fetch_add(1, Ordering::SeqCst);
            outcome(job.attempt)
        }
    })
}

async fn add_job(db: &Db, at: Timestamp) {
    let mut tx = db.begin(TENANT).await.unwrap();
    jobs::add(&mut tx, "test", &7_i64, at).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_job_runs_once_when_it_is_due() {
    let db = test_db().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let worker = counting_worker(&db, &runs, |_| Outcome::Done);
    add_job(&db, START.after(Duration::from_secs(60))).await;
    assert_eq!(worker.run_due().await.unwrap(), 0);
    db.clock.advance(Duration::from_secs(60));
    assert_eq!(worker.run_due().await.unwrap(), 1);
    assert_eq!(worker.run_due().await.unwrap(), 0);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_job_that_is_to_be_retried_runs_again_at_its_time() {
    let db = test_db().await;
    let runs = Arc::new(AtomicUsize::new(0));
    let later = START.after(Duration::from_secs(10));
    let worker = counting_worker(&db, &runs, move |attempt| match attempt {
        1 => Outcome::RetryAt(later, "not yet".to_owned()),
        _ => Outcome::Done,
    });
    add_job(&db, START).await;
    worker.run_due().await.unwrap();
    assert_eq!(worker.run_due().await.unwrap(), 0);
    db.clock.set(later);
    assert_eq!(worker.run_due().await.unwrap(), 1);
    assert_eq!(runs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_job_whose_worker_died_runs_again_after_its_lease_and_the_dead_cannot_finish_it() {
    let db = test_db().await;
    add_job(&db, START).await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    let dead = jobs::claim(&mut tx, "dead", "test", 10).await.unwrap().remove(0);
    tx.commit().await.unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let worker = counting_worker(&db, &runs, |_| Outcome::GiveUp("enough".to_owned()));
    assert_eq!(worker.run_due().await.unwrap(), 0);
    db.clock.advance(jobs::LEASE);
    assert_eq!(worker.run_due().await.unwrap(), 1);
    let mut tx = db.begin_any_tenant().await.unwrap();
    assert!(!jobs::complete(&mut tx, &dead).await.unwrap());
    let (state, error) = sql("select state, last_error from job").one::<(String, String)>(&mut tx).await.unwrap();
    assert_eq!((state.as_str(), error.as_str()), ("failed", "enough"));
}

#[tokio::test]
async fn a_node_that_starts_again_does_at_once_what_it_was_cut_off_in() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("a.db"));
    let open = async || Db::open(&url, Options { node: "one".to_owned(), ..Options::default() }).await.unwrap();
    let first = open().await;
    first.migrate().await.unwrap();
    add_job(&first, first.now()).await;
    let mut tx = first.begin_any_tenant().await.unwrap();
    assert_eq!(jobs::claim(&mut tx, first.node(), "test", 10).await.unwrap().len(), 1);
    tx.commit().await.unwrap();
    first.close().await;

    let (again, stop) = (open().await, CancellationToken::new());
    let done = stop.clone();
    let worker = Worker::new(again).on("test", move |_, _: i64| {
        done.cancel();
        std::future::ready(Outcome::Done)
    });
    tokio::time::timeout(jobs::LEASE / 3, worker.run(stop)).await.expect("the job ran before its lease was over");
}

#[tokio::test]
async fn a_changed_audit_row_is_named() {
    let db = test_db().await;
    let who = Principal::system(TENANT);
    let mut tx = db.begin(TENANT).await.unwrap();
    for i in 0..5 {
        crate::audit(&mut tx, &who, "trunk.create", &format!("trunk:{i}"), serde_json::json!({"n": i})).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = db.begin(TENANT).await.unwrap();
    let (first, last) = sql("select min(id), max(id) from audit_log").one::<(i64, i64)>(&mut tx).await.unwrap();
    assert_eq!(verify(&mut tx, TENANT, 0, 100).await.unwrap(), Verdict::Intact(last));
    assert_eq!(verify(&mut tx, TENANT, first + 1, 2).await.unwrap(), Verdict::Intact(first + 3));
    sql("update audit_log set detail = '{}' where id = $1").bind(first + 2).run(&mut tx).await.unwrap();
    assert_eq!(verify(&mut tx, TENANT, 0, 100).await.unwrap(), Verdict::Changed(first + 2));
    sql("delete from audit_log where id = $1").bind(first + 2).run(&mut tx).await.unwrap();
    assert_eq!(verify(&mut tx, TENANT, 0, 100).await.unwrap(), Verdict::Changed(first + 3));
}

#[tokio::test]
async fn old_partitions_are_dropped_and_new_ones_made() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    tx.commit().await.unwrap();
    db.clock.advance(Duration::from_secs(86_400 * 31));
    crate::ensure_partitions(&db).await.unwrap();
    crate::drop_partitions(&db, "event", START.after(Duration::from_secs(86_400))).await.unwrap();
    assert_eq!(count(&db).await, i64::from(db.engine() == Engine::Sqlite));
}

#[tokio::test]
async fn nothing_runs_after_a_failed_statement() {
    let db = test_db().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    assert!(sql("select nothing from nowhere").run(&mut tx).await.is_err());
    assert!(matches!(add_event(&mut tx, "a").await, Err(Error::Commit(_))));
    drop(tx);
    assert_eq!(count(&db).await, 0);
}

#[tokio::test]
async fn a_commit_that_fails_takes_no_other_with_it() {
    let db = test_db().await;
    if db.engine() == Engine::Postgres {
        return;
    }
    let mut tx = db.begin(TENANT).await.unwrap();
    sql("create table parent (id integer primary key)").run(&mut tx).await.unwrap();
    // A deferred key is checked by the commit itself.
    sql("create table child (id bigint references parent (id) deferrable initially deferred)")
        .run(&mut tx)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let innocent = async {
        let mut tx = db.begin(TENANT).await.unwrap();
        add_event(&mut tx, "innocent").await.unwrap();
        tx.commit().await
    };
    let guilty = async {
        let mut tx = db.begin(TENANT).await.unwrap();
        add_event(&mut tx, "guilty").await.unwrap();
        sql("insert into child (id) values (7)").run(&mut tx).await.unwrap();
        tx.after_commit(|| panic!("a hook ran without a commit"));
        tx.commit().await
    };
    let (guilty, innocent) = tokio::join!(guilty, innocent);
    assert!(matches!(guilty, Err(Error::Commit(_))));
    innocent.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_hook_that_panics_does_not_stop_the_writer() {
    let db = test_db().await;
    if db.engine() == Engine::Postgres {
        return;
    }
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    tx.after_commit(|| panic!("on purpose"));
    tx.commit().await.unwrap();
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "b").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 2);
}

#[tokio::test]
async fn two_writers_of_one_file_take_turns() {
    let db = test_db().await;
    let other = db.reopen().await;
    let mut tx = db.begin(TENANT).await.unwrap();
    add_event(&mut tx, "a").await.unwrap();
    let second = async {
        let mut tx = other.begin(TENANT).await.unwrap();
        add_event(&mut tx, "b").await.unwrap();
        tx.commit().await.unwrap();
    };
    let first = async {
        tokio::task::yield_now().await;
        tx.commit().await.unwrap();
    };
    tokio::join!(second, first);
    assert_eq!(count(&db).await, 2);
    other.close().await;
}

#[tokio::test]
async fn the_log_begins_anew_under_constant_load() {
    let db = test_db().await;
    if db.engine() == Engine::Postgres {
        return;
    }
    let wal = db.folder().join("test.db-wal");
    let text = "x".repeat(4000 * 1000);
    for _ in 0..40 {
        let mut tx = db.begin(TENANT).await.unwrap();
        sql("create table if not exists big (text text)").run(&mut tx).await.unwrap();
        sql("insert into big (text) values ($1)").bind(text.as_str()).run(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
    }
    let size = std::fs::metadata(wal).unwrap().len();
    assert!(size < 120 << 20, "{size}");
}

#[tokio::test]
async fn a_node_knows_its_earlier_runs_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let url = DatabaseUrl::Sqlite(folder.path().join("a.db"));
    let open =
        async |node: &str| Db::open(&url, Options { node: node.to_owned(), ..Options::default() }).await.unwrap();
    let (first, second, other, nameless) = (open("one").await, open("one").await, open("two").await, open("").await);
    assert!(second.is_earlier_run(first.node()));
    assert!(!second.is_earlier_run(second.node()));
    assert!(!second.is_earlier_run(other.node()) && !nameless.is_earlier_run(open("").await.node()));
}
