use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use audio::tone;
use speech::{Reading, Voice};
use tokio::sync::oneshot;

use super::*;

fn key(text: &str) -> Key {
    let voice = Voice {
        engine: "test".to_owned(),
        engine_version: "1".to_owned(),
        name: "a".to_owned(),
        reading: Reading::NORTH,
        rate: 150,
        pitch: 50,
        sample_rate: SAMPLE_RATE,
        level: 20,
    };
    Key::new(text, &voice)
}

fn sound() -> Sound {
    Sound { rate: 8_000, samples: tone::speech_like(3, 4_000).into_iter().map(f32::from).collect() }
}

fn open(folder: &Path, most: u64) -> Arc<Cache> {
    Cache::open(folder.to_owned(), most, 2).unwrap()
}

async fn render(cache: &Arc<Cache>, text: &str) -> Arc<Clip> {
    cache.get_or_render(key(text), || Box::pin(async { Ok(sound()) })).await.unwrap()
}

/// Waits until as many flights are under way.
async fn flights(cache: &Cache, count: u64) {
    while cache.counters().under_way != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_clip_is_rendered_once_and_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    let first = render(&cache, "a").await;
    let again = render(&cache, "a").await;
    assert_eq!(first.path(), again.path());
    let counters = cache.counters();
    assert_eq!((counters.renders, counters.hits, counters.clips), (1, 1, 1));
    assert_eq!(counters.bytes, fs::metadata(first.path()).unwrap().len());
    assert!(first.path().ends_with(first.key().path()));

    fs::write(first.path().with_extension("7.part"), b"half").unwrap();
    let cache = open(folder.path(), u64::MAX);
    let later = cache.get_or_render(key("a"), || panic!("it is there")).await.unwrap();
    assert_eq!(later.samples().await.unwrap().len() as u64 * 2 + 44, counters.bytes);
    assert!(!first.path().with_extension("7.part").exists());
}

#[tokio::test]
async fn a_hundred_who_ask_at_once_wait_for_one_render() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    let made = Arc::new(AtomicUsize::new(0));
    let (release, wait) = oneshot::channel::<()>();
    let wait = wait.shared();
    let asked = (0..100).map(|_| {
        let (made, wait) = (Arc::clone(&made), wait.clone());
        cache.get_or_render(key("a"), move || {
            Box::pin(async move {
                made.fetch_add(1, SeqCst);
                wait.await.unwrap();
                Ok(sound())
            })
        })
    });
    let all = futures_util::future::join_all(asked);
    let (clips, ()) = tokio::join!(all, async {
        flights(&cache, 1).await;
        release.send(()).unwrap();
    });
    assert_eq!(made.load(SeqCst), 1);
    assert!(clips.iter().all(|clip| clip.as_ref().unwrap().key() == key("a")));
    assert_eq!(cache.counters().under_way, 0);
}

#[tokio::test]
async fn a_failure_is_told_to_all_who_wait_and_tried_again_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    let fail = || {
        cache.get_or_render(key("a"), || {
            Box::pin(async {
                tokio::task::yield_now().await;
                Err(Error::Silent)
            })
        })
    };
    let (one, two) = tokio::join!(fail(), fail());
    assert!(matches!((one, two), (Err(Error::Silent), Err(Error::Silent))));
    assert_eq!((cache.counters().failures, cache.counters().under_way), (1, 0));
    render(&cache, "a").await;
}

#[tokio::test]
async fn when_all_who_wait_have_gone_the_work_is_dropped() {
    struct Dropped(Option<oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            let _ = self.0.take().unwrap().send(());
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    let (told, dropped) = oneshot::channel();
    let guard = Dropped(Some(told));
    let asking = cache.get_or_render(key("a"), move || {
        Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        })
    });
    tokio::select! {
        _ = asking => panic!("it never ends"),
        () = flights(&cache, 1) => {}
    }
    dropped.await.unwrap();
    assert_eq!(cache.counters().under_way, 0);
    render(&cache, "a").await;
}

#[tokio::test]
async fn the_least_used_gives_way_unless_it_is_pinned_or_held() {
    let folder = tempfile::tempdir().unwrap();
    let size = fs::metadata(render(&open(folder.path(), u64::MAX), "a").await.path()).unwrap().len();
    let cache = open(folder.path(), size * 3);
    let there = |texts: &[&str]| -> Vec<bool> { texts.iter().map(|text| cache.has(key(text))).collect() };

    render(&cache, "b").await;
    render(&cache, "c").await;
    render(&cache, "a").await;
    let gone = cache.state().touch(key("b"), "".into()).map(|clip| clip.key());
    assert_eq!(gone, Some(key("b")));
    render(&cache, "d").await;
    assert_eq!(there(&["a", "b", "c", "d"]), [true, true, false, true]);
    assert!(!folder.path().join(key("c").path()).exists());

    let pins = cache.pin(vec![key("a"), key("e")]);
    let held = render(&cache, "b").await;
    render(&cache, "e").await;
    render(&cache, "f").await;
    assert_eq!(there(&["a", "b", "d", "e"]), [true, true, false, true]);
    assert!(held.path().exists());
    assert_eq!(cache.counters().evicted, 2);

    drop((pins, held));
    for text in ["g", "h", "i"] {
        render(&cache, text).await;
    }
    assert_eq!(there(&["a", "b", "e", "g", "h", "i"]), [false, false, false, true, true, true]);
    assert!(cache.counters().bytes <= size * 3);
}

#[tokio::test]
async fn a_smaller_limit_holds_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    for text in ["a", "b", "c"] {
        render(&cache, text).await;
    }
    let size = cache.counters().bytes / 3;
    assert_eq!(open(folder.path(), size).counters().clips, 1);
}

#[tokio::test]
async fn what_is_deleted_is_gone_even_if_it_is_pinned_or_under_way() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    let pins = cache.pin(vec![key("a")]);
    let clip = render(&cache, "a").await;
    assert_eq!(cache.delete(&[key("a"), key("never")]), 1);
    assert!(!clip.path().exists() && !cache.has(key("a")));
    drop(pins);

    let (release, wait) = oneshot::channel::<()>();
    let asking = cache.get_or_render(key("b"), move || {
        Box::pin(async move {
            wait.await.unwrap();
            Ok(sound())
        })
    });
    let (result, ()) = tokio::join!(asking, async {
        flights(&cache, 1).await;
        cache.delete(&[key("b")]);
        release.send(()).unwrap();
    });
    assert!(matches!(result, Err(Error::Deleted)));
    assert!(!cache.has(key("b")) && !folder.path().join(key("b").path()).exists());
}

#[tokio::test]
async fn a_file_that_was_cut_or_removed_is_rendered_again() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path(), u64::MAX);
    let path = render(&cache, "a").await.path().to_owned();
    fs::write(&path, b"RIFF").unwrap();
    let clip = render(&cache, "a").await;
    assert!(clip.samples().await.unwrap().len() > 3_000);
    fs::remove_file(&path).unwrap();
    render(&cache, "a").await;
    assert!(path.exists());
    assert_eq!((cache.counters().damaged, cache.counters().renders), (2, 3));
}

#[tokio::test]
async fn clips_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let cache = open(&folder.path().join("speech"), u64::MAX);
    let clip = render(&cache, "a").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(clip.path()), mode(&folder.path().join("speech"))), (0o600, 0o700));
}
