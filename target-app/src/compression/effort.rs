//! The compression effort, by the process's CPU usage.
//!
//! The usage is measured between two samples at least a second apart, and a sample is taken only when a body is to be
//! compressed: an idle service costs nothing.

use std::num::NonZero;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Minimum time between two samples.
const EVERY: Duration = Duration::from_secs(1);
/// CPU usage from which compression is fast rather than strong.
const SHORT: f64 = 0.75;
/// CPU usage from which nothing is compressed.
const VERY_SHORT: f64 = 0.92;

/// The compression level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effort {
    /// Do not compress.
    None,
    /// Fast.
    Low,
    /// The default.
    Full,
}

/// Reads the CPU seconds used by the process; `None` where the system does not report them.
type CpuClock = Box<dyn Fn() -> Option<f64> + Send + Sync>;

/// The process's CPU usage as of the last sample.
pub(super) struct Processor {
    read: CpuClock,
    cores: f64,
    started: Instant,
    /// Milliseconds since `started` at which the next sample is due.
    due: AtomicU64,
    /// Thousandths of all cores.
    share: AtomicU32,
    last: Mutex<CpuSample>,
}

#[derive(Clone, Copy)]
struct CpuSample {
    at: Duration,
    used: Option<f64>,
}

impl Processor {
    /// Reads the CPU time from the kernel.
    pub(super) fn new() -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with_reading(Box::new(seconds_used), cores as f64)
    }

    fn with_reading(read: CpuClock, cores: f64) -> Self {
        let used = read();
        Self {
            read,
            cores,
            started: Instant::now(),
            due: AtomicU64::new(EVERY.as_millis() as u64),
            share: AtomicU32::new(0),
            last: Mutex::new(CpuSample {
                at: Duration::ZERO,
                used,
            }),
        }
    }

    /// The current effort.
    pub(super) fn effort(&self) -> Effort {
        self.effort_at(self.started.elapsed())
    }

    fn effort_at(&self, now: Duration) -> Effort {
        let milliseconds = now.as_millis() as u64;
        let due = self.due.load(Ordering::Relaxed);
        let next = milliseconds + EVERY.as_millis() as u64;
        if milliseconds >= due
            && self
                .due
                .compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.look(now);
        }
        match f64::from(self.share.load(Ordering::Relaxed)) / 1e3 {
            share if share >= VERY_SHORT => Effort::None,
            share if share >= SHORT => Effort::Low,
            _ => Effort::Full,
        }
    }

    fn look(&self, now: Duration) {
        let used = (self.read)();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(before), Some(used)) = (last.used, used) {
            let elapsed = (now.saturating_sub(last.at)).as_secs_f64();
            let share = (used - before) / (elapsed * self.cores);
            self.share
                .store((share.clamp(0.0, 1.0) * 1e3) as u32, Ordering::Relaxed);
        }
        *last = CpuSample { at: now, used };
    }
}

#[cfg(target_os = "linux")]
fn seconds_used() -> Option<f64> {
    let stat = procfs::process::Process::myself()
        .and_then(|process| process.stat())
        .ok()?;
    Some((stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64)
}

#[cfg(not(target_os = "linux"))]
fn seconds_used() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A processor of two cores whose used milliseconds a test sets, and the number of reads.
    fn processor() -> (Processor, Arc<AtomicU64>, Arc<AtomicUsize>) {
        let used = Arc::new(AtomicU64::new(0));
        let looks = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (Arc::clone(&used), Arc::clone(&looks));
        let read = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Some(seen.load(Ordering::Relaxed) as f64 / 1e3)
        });
        (Processor::with_reading(read, 2.0), used, looks)
    }

    #[test]
    fn effort_falls_as_the_cores_fill_and_rises_again() {
        let (processor, used, _) = processor();
        let mut now = Duration::ZERO;
        for (milliseconds, effort) in [
            (0, Effort::Full),
            (1_400, Effort::Full),
            (1_600, Effort::Low),
            (1_900, Effort::None),
            (2_000, Effort::None),
            (1_500, Effort::Low),
            (100, Effort::Full),
        ] {
            now += EVERY;
            used.fetch_add(milliseconds, Ordering::Relaxed);
            assert_eq!(processor.effort_at(now), effort, "{milliseconds} ms of 2 s");
        }
    }

    #[test]
    fn it_samples_at_most_once_a_second() {
        let (processor, _, looks) = processor();
        let before = looks.load(Ordering::Relaxed);
        for milliseconds in 0..3_500 {
            processor.effort_at(Duration::from_millis(milliseconds));
        }
        assert_eq!(looks.load(Ordering::Relaxed) - before, 3);
    }

    #[test]
    fn without_a_cpu_clock_the_effort_is_always_full() {
        let processor = Processor::with_reading(Box::new(|| None), 2.0);
        assert_eq!(processor.effort_at(EVERY * 2), Effort::Full);
        assert_eq!(processor.effort_at(EVERY * 4), Effort::Full);
    }
}
