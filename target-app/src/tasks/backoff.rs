//! The wait between two attempts: exponential backoff with full jitter.
//!
//! wait = random(0, min(`most`, `base` · 2^(attempt − 1))), after "Exponential Backoff And Jitter", AWS Architecture
//! Blog, 2015: of the variants compared there, the one with the least total work when many clients fail together.

use std::time::Duration;

use crate::settings::TaskSettings;

/// Maximum wait after attempt number `attempt`, from 1.
pub(super) fn ceiling(settings: &TaskSettings, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(31);
    let grown = settings.backoff.0.saturating_mul(1 << doublings);
    grown.min(settings.backoff_most.0)
}

/// The wait after attempt number `attempt`, from 1; `draw` is uniform in [0, 1).
pub(super) fn wait(settings: &TaskSettings, attempt: u32, draw: f64) -> Duration {
    ceiling(settings, attempt).mul_f64(draw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Span;

    #[test]
    fn the_ceiling_doubles_until_it_is_reached() {
        let settings = TaskSettings {
            backoff: Span::milliseconds(100),
            backoff_most: Span::seconds(1),
            ..TaskSettings::default()
        };
        for (attempt, milliseconds) in [
            (1, 100),
            (2, 200),
            (3, 400),
            (4, 800),
            (5, 1_000),
            (1_000, 1_000),
        ] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(ceiling(&settings, attempt), expected, "{attempt}");
        }
        assert_eq!(wait(&settings, 3, 0.0), Duration::ZERO);
        assert_eq!(wait(&settings, 3, 0.25), Duration::from_millis(100));
    }
}
