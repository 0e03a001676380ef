//! The master key is changed beside a running server, whatever is killed when.

use std::{
    process::Stdio,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use domain::TenantId;
use serde_json::json;
use store::{DatabaseUrl, Db, Options, Secrets, sql};
use testkit::Server;

/// Kills of the command and of the server.
const ROUNDS: u64 = 12;

async fn start() -> Server {
    Server::start(env!("CARGO_BIN_EXE_zorio"), &[]).await.unwrap()
}

/// Makes webhooks and trunks until told to stop; returns how many secrets are stored.
async fn store_secrets(server: &Server, from: u64, stop: &AtomicU64) -> u64 {
    let mut number = from;
    while stop.load(Ordering::SeqCst) == 0 {
        let password = format!("canary-{number}");
        let name = format!("trunk-{number}");
        let made = server
            .admin(&[
                "trunk",
                "create",
                "--name",
                &name,
                "--host",
                "192.0.2.1",
                "--username",
                "u",
                "--password",
                &password,
            ])
            .await;
        number += u64::from(made.is_ok());
    }
    number
}

/// Opens every stored password of a trunk with the key as it lies on disk; returns how many there were.
async fn open_all(server: &Server) -> usize {
    let folder = server.data_folder();
    let url = match server.database().url() {
        Some(url) => url.parse().unwrap(),
        None => DatabaseUrl::Sqlite(folder.join("zorio.db")),
    };
    let db = Db::open(&url, Options::default()).await.unwrap();
    let secrets = Secrets::open(&folder.join("master.key")).unwrap();
    secrets.unlock(&db).await.unwrap();
    let mut tx = db.read_any_tenant().await.unwrap();
    let rows = sql("select id, tenant_id, name, password_sealed from trunk").all(&mut tx).await.unwrap();
    let count = rows.len();
    for row in rows {
        let (id, tenant, name, sealed): (i64, TenantId, String, Vec<u8>) = row;
        let plain = secrets.unseal(tenant, &format!("trunk.password:{id}"), &sealed).unwrap();
        assert_eq!(String::from_utf8_lossy(&plain), name.replace("trunk", "canary"));
    }
    drop(tx);
    db.close().await;
    count
}

#[tokio::test]
async fn the_key_is_changed_under_load_with_kills_and_every_secret_stays_readable() {
    let mut server = start().await;
    let key_file = server.data_folder().join("master.key");
    let original = std::fs::read(&key_file).unwrap();
    let mut secrets = 0;
    for round in 0..ROUNDS {
        let stop = AtomicU64::new(0);
        let (stored, ()) = tokio::join!(store_secrets(&server, secrets, &stop), async {
            let mut rotation = server.zorio(&["keys", "rotate", "--new-data-key"]);
            let mut rotation = rotation.stdout(Stdio::null()).kill_on_drop(true).spawn().unwrap();
            // Somewhere in its life, which differs from round to round; the last one is let live.
            let patience = if round + 1 == ROUNDS { Duration::from_secs(30) } else { Duration::from_millis(8 * round) };
            if tokio::time::timeout(patience, rotation.wait()).await.is_err() {
                rotation.kill().await.unwrap();
            }
            stop.store(1, Ordering::SeqCst);
        });
        secrets = stored;
        if round % 2 == 1 {
            server.kill().await.unwrap();
            server.launch().await.unwrap();
        }
        let checked = server.zorio(&["keys", "check"]).output().await.unwrap();
        assert!(checked.status.success(), "round {round}: {}", String::from_utf8_lossy(&checked.stderr));
    }
    server.kill().await.unwrap();
    assert_ne!(std::fs::read(&key_file).unwrap(), original);
    // Only the key itself: what was kept beside it is not needed.
    for suffix in ["previous", "next"] {
        std::fs::remove_file(format!("{}.{suffix}", key_file.display())).ok();
    }
    server.launch().await.unwrap();
    assert!(secrets > 0);
    let opened = open_all(&server).await;
    assert!(opened as u64 >= secrets, "{opened} of {secrets}");
    let again = server.crm().post("/api/pbx/extensions", &json!({"extension_number": "1002"})).await.unwrap();
    assert_eq!(again.status, 201);
    server.stop(Duration::from_secs(20)).await.unwrap();
}

#[tokio::test]
async fn a_start_with_another_key_is_refused_with_a_reason() {
    let mut server = start().await;
    server.stop(Duration::from_secs(20)).await.unwrap();
    let key_file = server.data_folder().join("master.key");
    std::fs::write(&key_file, [7; 32]).unwrap();
    let error = server.launch().await.unwrap_err();
    let told = format!("{error:#}");
    assert!(told.contains("does not belong to this database") && told.contains("master.key"), "{told}");
    let checked = server.zorio(&["keys", "check"]).output().await.unwrap();
    assert!(!checked.status.success());
    let rotated = server.zorio(&["keys", "rotate"]).output().await.unwrap();
    assert!(!rotated.status.success());
    assert_eq!(std::fs::read(&key_file).unwrap(), [7; 32], "nothing was changed");
}

#[tokio::test]
async fn a_crash_leaves_no_core_file() {
    use std::os::unix::process::ExitStatusExt;
    let mut server = start().await;
    let pid = nix::unistd::Pid::from_raw(i32::try_from(server.pid().unwrap()).unwrap());
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGABRT).unwrap();
    let status = server.ended(Duration::from_secs(10)).await.unwrap();
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}
