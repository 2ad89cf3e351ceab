//! The pool optimiser and the health checks of replicas: samples every pool twice a second.
//!
//! With `pool.auto`, a pool with waiting requests grows and a mostly idle one shrinks, between `auto_least` and
//! `auto_most`. Independently of that, a replica that does not answer, or answers far slower than the primary, gets no
//! reads until it recovers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use prometheus::IntCounterVec;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Dialect;
use super::pool::Pool;
use crate::metrics::Metrics;
use crate::settings::{Live, PoolSettings};

const EVERY: Duration = Duration::from_millis(500);
/// Time limit for a replica's health check.
const PATIENCE: Duration = Duration::from_millis(250);
/// A replica is slow if it takes longer than this, or than ten times the primary's time, whichever is longer.
const SLOW: Duration = Duration::from_millis(50);
/// Mean wait for a permit, in microseconds, above which a pool grows.
const LONG_WAIT: u64 = 1_000;
/// Consecutive samples in which a pool must be mostly idle before it shrinks: ten seconds.
const IDLE_LOOKS: u32 = 20;

/// Whether a pool receives reads.
#[derive(Debug, Default)]
pub(super) struct Health(AtomicU8);

/// The decision after a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    Keep,
    Grow(usize),
    Shrink(usize),
}

/// The state of a pool at the last sample.
#[derive(Debug, Default)]
struct PoolState {
    waits: u64,
    waited: u64,
    idle_looks: u32,
}

/// A sample of a pool.
struct PoolSample {
    size: usize,
    in_use: usize,
    waiting: usize,
    /// In microseconds, over the leases since the last sample.
    mean_wait: u64,
}

impl Health {
    pub(super) fn is_good(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Returns true if it changed.
    fn set(&self, is_good: bool) -> bool {
        let state = u8::from(!is_good);
        self.0.swap(state, Ordering::Relaxed) != state
    }
}

impl PoolState {
    fn decide(&mut self, look: &PoolSample, bounds: &PoolSettings) -> Decision {
        let (least, most) = (bounds.auto_least as usize, bounds.auto_most as usize);
        match look.size.max(least).min(most) {
            larger if larger > look.size => return Decision::Grow(larger),
            smaller if smaller < look.size => return Decision::Shrink(smaller),
            _ => {}
        }
        if look.waiting > 0 || look.mean_wait > LONG_WAIT {
            self.idle_looks = 0;
            // A quarter more: a few steps from the minimum to the maximum, with little overshoot.
            let larger = (look.size + (look.size / 4).max(2)).min(most);
            return if larger > look.size {
                Decision::Grow(larger)
            } else {
                Decision::Keep
            };
        }
        if look.in_use * 2 >= look.size {
            self.idle_looks = 0;
            return Decision::Keep;
        }
        self.idle_looks += 1;
        if self.idle_looks < IDLE_LOOKS {
            return Decision::Keep;
        }
        self.idle_looks = 0;
        let smaller = (look.size - look.size / 10 - 1).max(least).max(look.in_use);
        if smaller < look.size {
            Decision::Shrink(smaller)
        } else {
            Decision::Keep
        }
    }
}

/// Optimises and checks the pools until the task is aborted.
pub(super) async fn run(
    primary: Arc<Pool>,
    replicas: Vec<Arc<Pool>>,
    settings: Arc<Live>,
    decisions: IntCounterVec,
) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let pools: Vec<_> = replicas.iter().chain([&primary]).collect();
    let mut seen: Vec<_> = pools.iter().map(|_| PoolState::default()).collect();
    loop {
        ticks.tick().await;
        let wanted = settings.load().pool.clone();
        if primary.dialect() == Dialect::Postgres {
            let used = replicas.iter().take(wanted.replicas as usize);
            check(&primary, used, &decisions).await;
        }
        for (pool, seen) in pools.iter().zip(&mut seen) {
            pool.trim();
            pool.count_overflow();
            let (leases_so_far, in_all) = pool.waits();
            let leases = leases_so_far - seen.waits;
            let look = PoolSample {
                size: pool.kept(),
                in_use: pool.in_use(),
                waiting: pool.waiting(),
                mean_wait: (in_all - seen.waited) / leases.max(1),
            };
            (seen.waits, seen.waited) = (leases_so_far, in_all);
            if !wanted.auto || !pool.is_resizable() {
                continue;
            }
            let (name, size) = match seen.decide(&look, &wanted) {
                Decision::Keep => continue,
                Decision::Grow(size) => ("grow", size),
                Decision::Shrink(size) => ("shrink", size),
            };
            pool.resize(size, wanted.overflow as usize);
            decisions.with_label_values(&[pool.name, name]).inc();
            if name == "grow" {
                // A connection that cannot be opened now is opened on demand, or fails then.
                let _ = timeout(PATIENCE, pool.warm(look.in_use + look.waiting)).await;
            }
        }
    }
}

/// Removes slow and silent replicas from the reads, and adds recovered ones again.
async fn check(
    primary: &Arc<Pool>,
    replicas: impl Iterator<Item = &Arc<Pool>>,
    decisions: &IntCounterVec,
) {
    let of_primary = match timed_ping(primary).await {
        PingResult::After(took) => took,
        PingResult::Busy | PingResult::None => Duration::ZERO,
    };
    let limit = SLOW.max(of_primary * 10);
    for replica in replicas {
        let is_good = match timed_ping(replica).await {
            PingResult::After(took) => took <= limit,
            PingResult::None => false,
            // All connections are in use, so the replica does answer.
            PingResult::Busy => continue,
        };
        if replica.health().set(is_good) {
            let decision = if is_good { "readmit" } else { "eject" };
            decisions.with_label_values(&[replica.name, decision]).inc();
        }
    }
}

enum PingResult {
    After(Duration),
    Busy,
    None,
}

async fn timed_ping(pool: &Arc<Pool>) -> PingResult {
    let began = Instant::now();
    match timeout(PATIENCE, pool.ping()).await {
        Ok(Ok(true)) => PingResult::After(began.elapsed()),
        Ok(Ok(false)) => PingResult::Busy,
        Ok(Err(_)) | Err(_) => PingResult::None,
    }
}

/// The metric family of decisions.
pub(super) fn decisions(metrics: &Metrics) -> Result<IntCounterVec, prometheus::Error> {
    metrics.counters(
        "folio_pool_decisions_total",
        "Decisions of the pool optimiser: grow, shrink, eject, readmit.",
        &["pool", "decision"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(size: usize, in_use: usize, waiting: usize, mean_wait: u64) -> PoolSample {
        PoolSample {
            size,
            in_use,
            waiting,
            mean_wait,
        }
    }

    #[test]
    fn a_pool_grows_while_requests_wait_up_to_its_maximum() {
        let bounds = PoolSettings::default();
        let mut seen = PoolState::default();
        let mut size = bounds.auto_least as usize;
        let mut steps = 0;
        while let Decision::Grow(larger) = seen.decide(&look(size, size, 3, 10_000), &bounds) {
            assert!(larger > size);
            size = larger;
            steps += 1;
        }
        assert_eq!(size, bounds.auto_most as usize);
        assert!(steps <= 16, "{steps}");
    }

    #[test]
    fn a_pool_out_of_bounds_is_resized_at_once() {
        let bounds = PoolSettings::default();
        let (least, most) = (bounds.auto_least as usize, bounds.auto_most as usize);
        let mut seen = PoolState::default();
        for (size, decision) in [
            (least - 1, Decision::Grow(least)),
            (least, Decision::Keep),
            (most, Decision::Keep),
            (most + 1, Decision::Shrink(most)),
        ] {
            assert_eq!(seen.decide(&look(size, size, 0, 0), &bounds), decision);
        }
    }

    #[test]
    fn a_pool_shrinks_only_after_a_long_idle_time() {
        let bounds = PoolSettings::default();
        let mut seen = PoolState::default();
        for _ in 1..IDLE_LOOKS {
            assert_eq!(seen.decide(&look(50, 10, 0, 0), &bounds), Decision::Keep);
        }
        assert_eq!(
            seen.decide(&look(50, 10, 0, 0), &bounds),
            Decision::Shrink(44)
        );
        for _ in 0..2 * IDLE_LOOKS {
            let at_least = seen.decide(&look(bounds.auto_least as usize, 0, 0, 0), &bounds);
            assert_eq!(at_least, Decision::Keep);
        }
        for _ in 0..2 * IDLE_LOOKS {
            assert_eq!(seen.decide(&look(50, 30, 0, 0), &bounds), Decision::Keep);
        }
    }
}
