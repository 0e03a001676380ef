use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::testing::{TENANT, TestDb, test_db};

fn secrets() -> (tempfile::TempDir, Secrets) {
    let folder = tempfile::tempdir().unwrap();
    let secrets = Secrets::open(&folder.path().join("key")).unwrap();
    (folder, secrets)
}

/// Opens as another process would.
async fn opened(db: &TestDb) -> Result<Secrets, Error> {
    let secrets = Secrets::open(&key_file(db))?;
    secrets.unlock(db).await?;
    Ok(secrets)
}

fn key_file(db: &TestDb) -> PathBuf {
    db.folder().join("master.key")
}

fn neighbour(db: &TestDb, suffix: &str) -> PathBuf {
    key_file::beside(&key_file(db), suffix)
}

fn opens(secrets: &Secrets, sealed: &[u8]) -> bool {
    secrets.unseal(TENANT, "webhook.secret:7", sealed).is_ok_and(|plain| **plain == *b"s3cret")
}

fn seal(secrets: &Secrets) -> Vec<u8> {
    secrets.seal(TENANT, "webhook.secret:7", b"s3cret")
}

#[tokio::test]
async fn a_secret_opens_only_in_its_place() {
    let db = test_db().await;
    for secrets in [secrets().1, db.secrets.clone()] {
        let sealed = seal(&secrets);
        assert!(opens(&secrets, &sealed));
        assert!(secrets.unseal(TenantId(2), "webhook.secret:7", &sealed).is_err());
        assert!(secrets.unseal(TENANT, "webhook.secret:8", &sealed).is_err());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(secrets.unseal(TENANT, "webhook.secret:7", &changed).is_err(), "byte {index}");
            assert!(secrets.unseal(TENANT, "webhook.secret:7", &sealed[..index]).is_err());
        }
    }
}

#[test]
fn the_same_secret_never_looks_the_same_twice() {
    let (_folder, secrets) = secrets();
    assert_ne!(seal(&secrets), seal(&secrets));
}

#[test]
fn the_key_file_is_its_owners_alone_and_survives() {
    let (folder, first) = secrets();
    let path = folder.path().join("key");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left behind");
    let sealed = seal(&first);
    assert!(opens(&Secrets::open(&path).unwrap(), &sealed));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Secrets::open(&path).is_err());
}

#[test]
fn a_key_file_of_another_length_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for length in [0, 31, 33] {
        let path = folder.path().join(length.to_string());
        std::fs::write(&path, vec![7; length]).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Secrets::open(&path).is_err(), "{length}");
    }
}

#[test]
fn nothing_of_the_key_is_printed() {
    let (_folder, secrets) = secrets();
    assert_eq!(format!("{secrets:?}"), "Secrets(***)");
}

#[tokio::test]
async fn a_master_key_of_another_database_is_refused() {
    let db = test_db().await;
    db.secrets.unlock(&db).await.unwrap();
    let other = Secrets::open(&db.folder().join("other.key")).unwrap();
    let error = other.unlock(&db).await.unwrap_err();
    assert!(error.to_string().contains("does not belong to this database"), "{error}");
    assert!(matches!(rotate(&db.folder().join("other.key"), &db).await, Err(Error::Sealed(_))));
    assert!(matches!(add_data_key(&db.folder().join("other.key"), &db).await, Err(Error::Sealed(_))));
}

#[tokio::test]
async fn another_master_key_opens_the_same_secrets_and_the_old_one_none() {
    let db = test_db().await;
    let sealed = seal(&db.secrets);
    let derived = db.secrets.derive("links");
    let old = std::fs::read(key_file(&db)).unwrap();
    let rotation = rotate(&key_file(&db), &db).await.unwrap();
    assert_eq!((rotation.rewrapped, rotation.resumed), (1, false));
    assert_ne!(std::fs::read(key_file(&db)).unwrap(), old);
    assert_eq!(std::fs::read(&rotation.previous).unwrap(), old);
    assert_eq!(std::fs::metadata(&rotation.previous).unwrap().permissions().mode() & 0o777, 0o600);

    assert!(opens(&db.secrets, &sealed), "a running process does not notice");
    let after = opened(&db).await.unwrap();
    assert!(opens(&after, &sealed) && opens(&after, &seal(&db.secrets)) && opens(&db.secrets, &seal(&after)));
    assert_eq!(*after.derive("links"), *derived);

    std::fs::remove_file(&rotation.previous).unwrap();
    opened(&db).await.unwrap();
    std::fs::write(key_file(&db), &old).unwrap();
    assert!(opened(&db).await.is_err());
}

/// What lies on disk and in the database when a rotation is killed at each of its steps.
#[tokio::test]
async fn a_rotation_that_was_killed_is_finished_by_the_next_start_or_the_next_rotation() {
    for step in 0..4 {
        for by_rotation in [false, true] {
            let db = test_db().await;
            let sealed = seal(&db.secrets);
            let next = Master::new(key_file::read_or_create_next(&key_file(&db)).unwrap().0);
            if step >= 1 {
                let masters = Masters::read(&key_file(&db)).unwrap();
                let mut tx = db.begin_any_tenant().await.unwrap();
                for row in rows(&mut tx).await.unwrap() {
                    let key = masters.unwrap(&row).unwrap();
                    sql("update data_key set wrapped = $1, master = $2 where id = $3")
                        .bind(next.wrap(row.number(), &key))
                        .bind(&next.print)
                        .bind(row.id)
                        .run(&mut tx)
                        .await
                        .unwrap();
                }
                tx.commit().await.unwrap();
            }
            if step >= 2 {
                std::fs::copy(key_file(&db), neighbour(&db, ".previous")).unwrap();
            }
            if step >= 3 {
                std::fs::rename(neighbour(&db, ".next"), key_file(&db)).unwrap();
            }
            if by_rotation {
                let rotation = rotate(&key_file(&db), &db).await.unwrap();
                assert_eq!(rotation.resumed, step < 3, "step {step}");
            }
            let after = opened(&db).await.unwrap();
            assert!(opens(&after, &sealed) && opens(&db.secrets, &seal(&after)), "step {step}");
            assert_eq!(neighbour(&db, ".next").exists(), step == 0 && !by_rotation, "step {step}");
            if step > 0 || by_rotation {
                assert_ne!(Master::new(key_file::read_or_create(&key_file(&db)).unwrap()).print, "");
                std::fs::remove_file(neighbour(&db, ".previous")).unwrap();
                assert!(opens(&opened(&db).await.unwrap(), &sealed), "the key alone is enough at step {step}");
            }
        }
    }
}

#[tokio::test]
async fn two_rotations_at_once_are_refused() {
    let db = test_db().await;
    let lock = std::fs::File::create(neighbour(&db, ".lock")).unwrap();
    lock.lock().unwrap();
    let error = rotate(&key_file(&db), &db).await.unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    opened(&db).await.unwrap();
    drop(lock);
    rotate(&key_file(&db), &db).await.unwrap();
}

#[tokio::test]
async fn a_backup_from_before_a_rotation_opens_while_the_previous_key_is_there() {
    let db = test_db().await;
    let sealed = seal(&db.secrets);
    let mut tx = db.begin_any_tenant().await.unwrap();
    let backup = rows(&mut tx).await.unwrap();
    drop(tx);
    rotate(&key_file(&db), &db).await.unwrap();
    let mut tx = db.begin_any_tenant().await.unwrap();
    let update = sql("update data_key set wrapped = $1, master = $2 where id = 1");
    update.bind(backup[0].wrapped.clone()).bind(&backup[0].master).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();

    assert!(opens(&opened(&db).await.unwrap(), &sealed));
    std::fs::remove_file(neighbour(&db, ".previous")).unwrap();
    assert!(opens(&opened(&db).await.unwrap(), &sealed), "it was wrapped anew");
}

#[tokio::test]
async fn a_database_from_before_data_keys_goes_on() {
    let db = test_db().await;
    let mut tx = db.begin_any_tenant().await.unwrap();
    sql("delete from data_key").run(&mut tx).await.unwrap();
    // What an earlier version left behind: a probe and a value under keys derived from the master key.
    let old = Secrets::open(&key_file(&db)).unwrap();
    let probe = old.seal(TenantId(0), "secret_probe", b"secret_probe");
    sql("insert into secret_probe (id, sealed) values (1, $1)").bind(probe).run(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    let sealed = seal(&old);
    assert_eq!(sealed[0], FIRST_VERSION);

    let stranger = Secrets::open(&db.folder().join("other.key")).unwrap();
    assert!(matches!(stranger.unlock(&db).await, Err(Error::Sealed(_))));

    let after = opened(&db).await.unwrap();
    assert!(opens(&after, &sealed));
    assert_eq!(*after.derive("links"), *old.derive("links"), "links that are out go on working");
    assert_eq!(seal(&after)[0], VERSION);
    let rotation = rotate(&key_file(&db), &db).await.unwrap();
    assert_eq!(rotation.rewrapped, 2);
    std::fs::remove_file(rotation.previous).unwrap();
    let after = opened(&db).await.unwrap();
    assert!(opens(&after, &sealed));
    assert_eq!(*after.derive("links"), *old.derive("links"));
}

#[tokio::test]
async fn another_data_key_seals_once_everybody_knows_it() {
    let db = test_db().await;
    let other = opened(&db).await.unwrap();
    let before = seal(&db.secrets);
    assert_eq!(add_data_key(&key_file(&db), &db).await.unwrap(), 2);
    let number = |sealed: &[u8]| sealed[4];
    let late = opened(&db).await.unwrap();
    assert_eq!(number(&seal(&late)), 1, "not yet");
    other.refresh(&db).await.unwrap();
    db.clock.advance(Duration::from_secs(30));
    late.refresh(&db).await.unwrap();
    let sealed = seal(&late);
    assert_eq!(number(&sealed), 2);
    assert!(opens(&other, &sealed), "it heard of it in time");
    assert!(opens(&late, &before));
    rotate(&key_file(&db), &db).await.unwrap();
    let after = opened(&db).await.unwrap();
    assert!(opens(&after, &sealed) && opens(&after, &before));
    assert_eq!(*after.derive("links"), *db.secrets.derive("links"));
}

#[tokio::test]
async fn nothing_in_the_database_is_the_key() {
    let db = test_db().await;
    let mut tx = db.read_any_tenant().await.unwrap();
    let rows = rows(&mut tx).await.unwrap();
    let master = std::fs::read(key_file(&db)).unwrap();
    let ring = db.secrets.ring();
    for row in rows {
        let key = ring.keys.get(&row.number()).unwrap();
        for window in row.wrapped.windows(8) {
            assert!(!master.windows(8).any(|part| part == window) && !key.windows(8).any(|part| part == window));
        }
    }
}
