//! The probe on the users' own threads: a periodic timer that measures how late wake-ups are, in every load model.
//!
//! A generator that is stopped, starved or busy wakes its users late, and adds that delay to their measurements. A tick that
//! is missed because an earlier one was late counts as late too, so that a standstill weighs as much as it lasted.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::{Handle, RuntimeMetrics};

use super::timer::PreciseTimer;
use crate::record::{Clock, Recorder};
use crate::units::Micros;

/// The interval at which the event loop and the requests in flight are sampled: short enough to see every standstill, and
/// long enough to cost only a millisecond of CPU a second on an idle thread. It is not a multiple of the time between
/// arrivals at any usual rate: such a tick would always count the requests in flight just after an arrival.
const TICK: Duration = Duration::from_micros(41_300);

/// Probes the event loop of the users and each of its threads; never returns. The first tick is expected from this call
/// on, so that a stall before it is noticed too.
pub(super) fn tick(
    recorder: Arc<Recorder>,
    clock: Clock,
) -> impl Future<Output = ()> + Send + 'static {
    let due = clock.base() + TICK;
    recorder.expect_tick(clock.at(due));
    ticks(recorder, clock, due)
}

async fn ticks(recorder: Arc<Recorder>, clock: Clock, mut due: Instant) {
    let mut threads = Threads::of(Handle::current().metrics(), Instant::now());
    // tokio's timer wakes the thread twice for each wait, and rounds to milliseconds.
    let mut timer = PreciseTimer::new();
    loop {
        timer.sleep_until(due).await;
        let now = Instant::now();
        let first = due;
        let missed = now.saturating_duration_since(due).as_nanos() / TICK.as_nanos();
        for _ in 0..missed {
            let late = Micros::from(now - due);
            threads.each(|_| recorder.observe_wake_up(late));
            due += TICK;
        }
        let late = Micros::from(now.saturating_duration_since(due));
        threads.look(now);
        threads.each(|thread| {
            recorder.observe_wake_up(late.max(thread.still.into()));
            if let Some((from, to)) = thread.woke {
                recorder.observe_standstill(clock.at(from), clock.at(to));
            }
        });
        due += TICK;
        recorder.observe_loop(clock.at(first), clock.at(now), clock.at(due));
    }
}

/// The users' threads. A timer on one thread cannot observe another, but the runtime reports which threads wait for
/// work and the total busy time of each. It updates these figures every few tasks, so a thread that neither waits nor
/// makes progress is blocked in a task, or was taken off its core.
#[derive(Debug)]
struct Threads {
    metrics: RuntimeMetrics,
    seen: Vec<Thread>,
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    busy: Duration,
    parked: u64,
    /// When it last made progress.
    since: Instant,
    /// The time since then without progress.
    still: Duration,
    /// The standstill that has just ended, if any.
    woke: Option<(Instant, Instant)>,
}

impl Threads {
    fn of(metrics: RuntimeMetrics, now: Instant) -> Self {
        let unseen = Thread {
            busy: Duration::ZERO,
            parked: 0,
            since: now,
            still: Duration::ZERO,
            woke: None,
        };
        Self {
            seen: vec![unseen; metrics.num_workers()],
            metrics,
        }
    }

    fn look(&mut self, now: Instant) {
        for (worker, thread) in self.seen.iter_mut().enumerate() {
            let busy = self.metrics.worker_total_busy_duration(worker);
            let parked = self.metrics.worker_park_unpark_count(worker);
            // The number is odd while the thread waits for work.
            let is_waiting = parked % 2 == 1;
            thread.woke = None;
            if !is_waiting && (busy, parked) == (thread.busy, thread.parked) {
                thread.still = now - thread.since;
                continue;
            }
            let still = std::mem::take(&mut thread.still);
            thread.woke = (!still.is_zero()).then_some((thread.since, now));
            (thread.busy, thread.parked, thread.since) = (busy, parked, now);
        }
    }

    fn each(&self, look: impl FnMut(&Thread)) {
        self.seen.iter().for_each(look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_is_stuck_is_seen_from_another() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .expect("a runtime");
        let mut threads = Threads::of(runtime.metrics(), Instant::now());
        let begun = Instant::now();
        let (tell, told_begun) = std::sync::mpsc::channel();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let stuck = runtime.spawn(async move {
            tell.send(()).expect("the test waits");
            released.recv().ok();
        });
        told_begun.recv().expect("it begins");
        let longest = |threads: &Threads| threads.seen.iter().map(|thread| thread.still).max();
        let enough = Some(Duration::from_millis(50));
        while longest(&threads) < enough && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(5));
            threads.look(Instant::now());
        }
        assert!(longest(&threads) >= enough, "{threads:?}");
        let idle = threads.seen.iter().filter(|thread| thread.still.is_zero());
        assert_eq!(idle.count(), 1, "the other waits for work: {threads:?}");
        release.send(()).expect("it waits");
        runtime.block_on(stuck).expect("it ends");
        let mut told = None;
        while told.is_none() && begun.elapsed() < Duration::from_secs(40) {
            std::thread::sleep(Duration::from_millis(1));
            threads.look(Instant::now());
            told = threads.seen.iter().find_map(|thread| thread.woke);
        }
        let (from, to) = told.expect("it is told when it gets on again");
        assert!(to - from >= Duration::from_millis(50));
    }
}
