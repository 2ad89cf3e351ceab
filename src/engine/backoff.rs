//! The wait of a closed load's user after a failure to connect.
//!
//! Without the wait, each user would try an absent target tens of thousands of times a second.

use std::time::Duration;

use crate::outcome::Outcome;

/// The wait after the first failure to connect; it doubles with each further one.
const FIRST: Duration = Duration::from_millis(100);

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(1);

/// One user's backoff.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// Failures to connect since the last connection.
    failures: u32,
    is_due: bool,
}

impl Backoff {
    /// Takes the outcome of a request, as the transport reports it.
    pub(super) fn note(&mut self, outcome: Outcome) {
        self.is_due = outcome.is_unconnected() || outcome.is_generator_limit();
        self.failures = if self.is_due { self.failures + 1 } else { 0 };
    }

    /// The wait before the next request; given once after each failure to connect.
    pub(super) fn take(&mut self) -> Option<Duration> {
        std::mem::take(&mut self.is_due).then(|| self.wait())
    }

    /// The user pauses for this long, which may make the wait unnecessary.
    pub(super) fn rest(&mut self, pause: Duration) {
        self.is_due = self.is_due && pause < self.wait();
    }

    fn wait(&self) -> Duration {
        // Ten doublings are far beyond the longest wait, and the factor does not overflow.
        let doublings = self.failures.saturating_sub(1).min(10);
        (FIRST * (1 << doublings)).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_to_a_second_and_begins_anew_after_a_connection() {
        let mut backoff = Backoff::default();
        let mut waits = |outcome, times| {
            let one = |_| {
                backoff.note(outcome);
                backoff.take().map_or(0, |wait| wait.as_millis())
            };
            (0..times).map(one).collect::<Vec<_>>()
        };
        assert_eq!(
            waits(Outcome::ConnectRefused, 6),
            [100, 200, 400, 800, 1_000, 1_000]
        );
        assert_eq!(waits(Outcome::Ok, 1), [0]);
        assert_eq!(waits(Outcome::FdLimit, 2), [100, 200]);
        assert_eq!(waits(Outcome::Reset, 1), [0]);
    }

    #[test]
    fn a_pause_that_is_as_long_replaces_the_wait() {
        for (pause, wait) in [(99, Some(100)), (100, None)] {
            let mut backoff = Backoff::default();
            backoff.note(Outcome::ConnectRefused);
            backoff.rest(Duration::from_millis(pause));
            assert_eq!(backoff.take(), wait.map(Duration::from_millis));
        }
    }
}
