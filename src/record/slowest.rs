//! The slowest requests: of each series, and of the run. Users offer requests; once a second the new ones go to the
//! journal; a report selects among them by the same rule.
//!
//! A request that is not slow costs a read and a comparison. Which one is slow changes with the logarithm of the number
//! of requests, as long as response times do not rise. If they do rise, the journal still stays small: see `BUDGET`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use super::shard::lock;
use super::slow_request::SlowRequest;
use crate::mask::Mask;
use crate::plan::{Series, SeriesId, Subject};
use crate::units::Micros;

/// The requests kept of a series: enough to tell a pattern from an accident.
pub const PER_SERIES: usize = 5;

/// The requests kept of the run: what a reader looks through.
pub const PER_RUN: usize = 20;

/// After each so many requests written, the time between two writes doubles, from one second. So their number grows with
/// the logarithm of the run's length, even if each request is slower than those before it. A run that is then killed
/// lacks at most those of the last such time.
const BUDGET: u64 = 2_000;

/// The longest time between two writes is this power of two, in seconds: an hour.
const MOST_DOUBLINGS: u64 = 12;

/// The most requests written in one second, so that redacting their texts takes no second.
const AT_ONCE: usize = 100;

/// The slowest requests of each series and of the run. Of two that took equally long the one that came first counts.
#[derive(Debug)]
pub struct Slowest<T> {
    series: BTreeMap<SeriesId, Vec<Ranked<T>>>,
    run: Vec<Ranked<T>>,
}

#[derive(Debug)]
struct Ranked<T> {
    time: Micros,
    item: Arc<T>,
}

impl<T> Default for Slowest<T> {
    fn default() -> Self {
        Self {
            series: BTreeMap::new(),
            run: Vec::new(),
        }
    }
}

impl<T> Slowest<T> {
    /// Adds a request of this response time, if it is among the slowest.
    pub fn add(&mut self, series: SeriesId, time: Micros, item: T) {
        let item = Arc::new(item);
        let of_series = self.series.entry(series).or_default();
        insert(of_series, PER_SERIES, time, &item);
        insert(&mut self.run, PER_RUN, time, &item);
    }

    /// Those of a series, the slowest first.
    pub fn of_series(&self, series: SeriesId) -> impl Iterator<Item = &Arc<T>> {
        let ranked = self.series.get(&series).into_iter().flatten();
        ranked.map(|ranked| &ranked.item)
    }

    /// Those of the run, the slowest first.
    pub fn of_run(&self) -> impl Iterator<Item = &Arc<T>> {
        self.run.iter().map(|ranked| &ranked.item)
    }

    /// A request of a series is among the slowest if it took longer than this.
    fn floor(&self, series: SeriesId) -> Micros {
        let last = |kept: &[Ranked<T>], most: usize| {
            let last = kept.get(most - 1);
            last.map_or(Micros::ZERO, |last| last.time)
        };
        let of_series = self.series.get(&series).map_or(&[][..], |kept| kept);
        last(of_series, PER_SERIES).min(last(&self.run, PER_RUN))
    }
}

/// Inserts into a list of at most this length, the slowest first.
fn insert<T>(kept: &mut Vec<Ranked<T>>, most: usize, time: Micros, item: &Arc<T>) {
    let place = kept.partition_point(|known| known.time >= time);
    if place < most {
        kept.truncate(most - 1);
        let item = Arc::clone(item);
        kept.insert(place, Ranked { time, item });
    }
}

/// A request that may be among the slowest, before its secrets are redacted.
#[derive(Debug, Clone)]
pub struct SlowCandidate {
    /// The request, with texts of any length.
    pub request: SlowRequest,
    /// Secrets of its user that are not known before the run.
    pub secrets: Vec<String>,
}

/// Selects the slowest requests while the load runs.
#[derive(Debug)]
pub(super) struct SlowestRequests {
    /// By series; a request that did not take longer is none of the slowest.
    floors: Box<[AtomicU64]>,
    /// The series whose requests may be kept.
    series: Box<[SeriesId]>,
    /// The end of the warm-up.
    from: Micros,
    kept: Mutex<Kept>,
}

/// The slowest requests so far, and those of them that are written.
#[derive(Debug, Default)]
struct Kept {
    slowest: Slowest<Numbered>,
    /// The number of candidates so far.
    count: u64,
    /// Candidates before this number are written, if they were still kept then.
    next: u64,
    /// The number of requests written.
    written: u64,
    /// Nothing is written before this time.
    quiet_until: Micros,
}

/// A candidate with its number in the order of recording.
#[derive(Debug)]
struct Numbered {
    number: u64,
    candidate: SlowCandidate,
}

impl SlowestRequests {
    /// Keeps requests of these series that end after the warm-up.
    pub(super) fn after(warm_up: Micros, series: &[Series]) -> Self {
        let requests = (0..)
            .map(SeriesId)
            .zip(series)
            .filter(|(_, series)| series.subject == Subject::Requests);
        Self {
            series: requests.map(|(id, _)| id).collect(),
            from: warm_up,
            ..Self::none(series.len())
        }
    }

    /// Keeps none.
    pub(super) fn none(series: usize) -> Self {
        Self {
            floors: (0..series).map(|_| AtomicU64::new(u64::MAX)).collect(),
            series: Box::default(),
            from: Micros(u64::MAX),
            kept: Mutex::default(),
        }
    }

    /// An interval begins; returns whether its requests may be kept.
    pub(super) fn begin_interval(&self, start: Micros) -> bool {
        let is_measured = start >= self.from;
        if is_measured {
            let kept = lock(&self.kept);
            for series in &self.series {
                self.raise_floor(&kept.slowest, *series);
            }
        }
        is_measured
    }

    /// True if a request of a series may be among the slowest.
    pub(super) fn may_keep(&self, series: SeriesId, time: Micros) -> bool {
        let floor = self.floors.get(series.0 as usize);
        floor.is_some_and(|floor| time.0 > floor.load(Relaxed))
    }

    /// Keeps a request, if it is among the slowest.
    pub(super) fn offer(&self, candidate: SlowCandidate) {
        let (series, time) = (candidate.request.series, candidate.request.response_time);
        let mut kept = lock(&self.kept);
        if time > kept.slowest.floor(series) {
            let number = kept.count;
            kept.count += 1;
            let item = Numbered { number, candidate };
            kept.slowest.add(series, time, item);
        }
        // The floor of the run may have risen for other series too: each learns it with its next candidate, or its next
        // interval.
        self.raise_floor(&kept.slowest, series);
    }

    /// The requests to write at this time, without secrets: those not written yet that are still among the slowest, in the
    /// order of recording. At the end of the load these are all of them, before it some may wait for a later time.
    pub(super) fn take(&self, at: Micros, is_last: bool, mask: &Mask) -> Vec<SlowRequest> {
        let taken = lock(&self.kept).take(at, is_last);
        let without_secrets = |candidate: SlowCandidate| match &*candidate.secrets {
            [] => candidate.request.hidden(mask),
            secrets => candidate.request.hidden(&mask.with(secrets)),
        };
        taken.into_iter().map(without_secrets).collect()
    }

    fn raise_floor(&self, slowest: &Slowest<Numbered>, series: SeriesId) {
        let floor = slowest.floor(series).0;
        self.floors[series.0 as usize].store(floor, Relaxed);
    }
}

impl Kept {
    fn take(&mut self, at: Micros, is_last: bool) -> Vec<SlowCandidate> {
        if at < self.quiet_until && !is_last {
            return Vec::new();
        }
        let of_series = self.slowest.series.values().flatten();
        let all = of_series
            .chain(&self.slowest.run)
            .map(|ranked| &ranked.item);
        let new = all.filter(|item| item.number >= self.next);
        let new: BTreeMap<u64, &Arc<Numbered>> = new.map(|item| (item.number, item)).collect();
        let most = if is_last { usize::MAX } else { AT_ONCE };
        let taken: Vec<SlowCandidate> = new
            .values()
            .take(most)
            .map(|item| item.candidate.clone())
            .collect();
        self.next = new.keys().nth(most).copied().unwrap_or(self.count);
        self.written += taken.len() as u64;
        let doublings = (self.written / BUDGET).min(MOST_DOUBLINGS);
        if doublings > 0 && !taken.is_empty() {
            self.quiet_until = at + Micros(1_000_000 << doublings);
        }
        taken
    }
}

#[cfg(test)]
mod tests;
