use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use voice::{Config, Error, Voices};

const VOICE: &str = "vi-VN-female-01";

/// A program that tells its version and then does something else than speaking.
fn program(folder: &Path, does: &str) -> PathBuf {
    let path = folder.join("engine");
    let version = r#"[ "$1" = --version ] && { echo "eSpeak NG text-to-speech: 9.9  Data at: /"; exit 0; }"#;
    fs::write(&path, format!("#!/bin/sh\n{version}\n{does}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

async fn open(folder: &Path, program: PathBuf, timeout: Duration) -> Voices {
    let mut config = Config::new(folder.join("clips"));
    (config.espeak, config.timeout, config.workers) = (program, timeout, 2);
    Voices::open(config).await.unwrap()
}

fn is_running(pid_file: &Path) -> bool {
    let pid = fs::read_to_string(pid_file).unwrap();
    // A process that ended and was not yet fetched is a zombie.
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until(condition: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.expect("it did not come about");
}

#[tokio::test]
async fn a_missing_engine_is_named_and_used_once_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine");
    let voices = open(folder.path(), path.clone(), Duration::from_secs(10)).await;
    let error = voices.clip(VOICE, "một").await.unwrap_err();
    assert!(matches!(error, Error::NoEngine { .. }), "{error}");
    assert!(error.to_string().contains("install the package espeak-ng"), "{error}");
    assert!(voices.key(VOICE, "một").is_err());
    assert_eq!(voices.voices().len(), 4);

    program(folder.path(), "exec espeak-ng \"$@\"");
    voices.clip(VOICE, "một").await.unwrap();
}

#[tokio::test]
async fn an_engine_that_hangs_is_killed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let hangs = program(folder.path(), &format!("echo $$ > {}; exec sleep 1000", pid.display()));
    let voices = open(folder.path(), hangs, Duration::from_secs(1)).await;
    let error = voices.clip(VOICE, "một").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    until(|| !is_running(&pid)).await;
    assert_eq!((voices.counters().under_way, voices.counters().failures), (0, 1));
}

#[tokio::test]
async fn an_engine_that_nobody_waits_for_any_more_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let does = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", pid.display());
    let hangs = program(folder.path(), &does);
    let voices = open(folder.path(), hangs, Duration::from_secs(600)).await;
    tokio::select! {
        result = voices.clip(VOICE, "một") => panic!("{result:?}"),
        () = until(|| pid.exists()) => {}
    }
    until(|| !is_running(&pid)).await;
    assert_eq!(voices.counters().under_way, 0);
}

#[tokio::test]
async fn engines_that_fail_say_why_and_leave_nothing_behind() {
    for (does, why) in [
        ("echo 'no such voice' >&2; exit 3", "no such voice"),
        ("kill -9 $$", "signal: 9"),
        ("echo hello", "not a WAV file"),
        ("exit 0", "not a WAV file"),
        ("cat /dev/zero", "more than two minutes"),
        // A header without a sample.
        ("espeak-ng --stdin --stdout -v vi | head -c 44", "silent"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let voices = open(folder.path(), program(folder.path(), does), Duration::from_secs(20)).await;
        let error = voices.clip(VOICE, "một").await.unwrap_err();
        assert!(error.to_string().contains(why), "{does}: {error}");
        assert_eq!((voices.counters().clips, voices.counters().failures), (0, 1), "{does}");
    }
}

#[tokio::test]
async fn words_come_by_standard_input_and_the_environment_stays_here() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen");
    let does = format!("echo \"$@\" > {0}; env >> {0}; exec espeak-ng \"$@\"", seen.display());
    let voices = open(folder.path(), program(folder.path(), &does), Duration::from_secs(20)).await;
    voices.clip(VOICE, "--compile Nguyễn").await.unwrap();
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("--stdin") && !seen.contains("Nguyễn") && !seen.contains("compile"), "{seen}");
    assert!(!seen.contains("HOME=") && !seen.contains("CARGO"), "{seen}");
}

#[tokio::test]
async fn no_more_processes_run_than_there_are_workers() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let does = format!("echo + >> {0}; espeak-ng \"$@\"; echo - >> {0}", log.display());
    let voices = open(folder.path(), program(folder.path(), &does), Duration::from_secs(60)).await;
    let texts: Vec<String> = (0..24).map(|n| speech::cardinal(&n.to_string(), speech::Reading::NORTH)).collect();
    let clips = futures_util::future::join_all(texts.iter().map(|text| voices.clip(VOICE, text))).await;
    assert!(clips.iter().all(Result::is_ok));
    let (mut now, mut most) = (0, 0);
    for line in fs::read_to_string(log).unwrap().lines() {
        now += if line == "+" { 1 } else { -1 };
        most = most.max(now);
    }
    assert_eq!((now, most), (0, 2));
}
