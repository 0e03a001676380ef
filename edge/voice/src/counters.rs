use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Clips that were there already.
    pub hits: u64,
    /// Milliseconds of sound in them.
    pub hit_millis: u64,
    /// Clips that had to be rendered, and were.
    pub renders: u64,
    /// Milliseconds of sound in them.
    pub rendered_millis: u64,
    /// Microseconds that rendering took, waiting for a worker included.
    pub render_micros: u64,
    /// Of those, the longest.
    pub slowest_micros: u64,
    /// Clips that could not be rendered.
    pub failures: u64,
    /// Clips that gave way to newer ones.
    pub evicted: u64,
    /// Clips that were found damaged and rendered again.
    pub damaged: u64,
    /// Renders under way or waiting.
    pub under_way: u64,
    /// Clips on disk.
    pub clips: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// The counters while they count.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    pub(crate) hits: AtomicU64,
    pub(crate) hit_millis: AtomicU64,
    pub(crate) renders: AtomicU64,
    pub(crate) rendered_millis: AtomicU64,
    pub(crate) render_micros: AtomicU64,
    pub(crate) slowest_micros: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) damaged: AtomicU64,
}

impl Counting {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Relaxed);
    }

    /// `under_way`, `clips` and `bytes` are known elsewhere.
    pub(crate) fn read(&self) -> Counters {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        Counters {
            hits: of(&self.hits),
            hit_millis: of(&self.hit_millis),
            renders: of(&self.renders),
            rendered_millis: of(&self.rendered_millis),
            render_micros: of(&self.render_micros),
            slowest_micros: of(&self.slowest_micros),
            failures: of(&self.failures),
            evicted: of(&self.evicted),
            damaged: of(&self.damaged),
            under_way: 0,
            clips: 0,
            bytes: 0,
        }
    }
}
