//! The time to live of entries, and probabilistic early renewal.

use std::time::Duration;

use super::key::KeyClass;
use crate::settings::CacheSettings;

/// The configured time to live of a key class.
pub(super) fn time_to_live(class: KeyClass, settings: &CacheSettings) -> Duration {
    match class {
        KeyClass::Documents => settings.ttl.0,
        KeyClass::Pages | KeyClass::Searches => settings.list_ttl.0,
        KeyClass::Totals | KeyClass::Courses => settings.long_ttl.0,
    }
}

/// `ttl · (1 − jitter · draw)`, with `draw` in [0, 1), so that entries created together do not expire together.
///
/// At least one millisecond, the minimum of the second level.
pub(super) fn jittered(ttl: Duration, jitter: f64, draw: f64) -> Duration {
    ttl.mul_f64((1.0 - jitter * draw).clamp(0.0, 1.0))
        .max(Duration::from_millis(1))
}

/// Whether to reload an entry with `remaining` time left: `−cost · β · ln(draw) ≥ remaining`, with `draw` in (0, 1].
///
/// `XFetch`, from Vattani, Chierichetti and Lowenstein, "Optimal Probabilistic Cache Stampede Prevention" (2015): the
/// probability rises towards expiry and with the `cost` of a load, so that most likely one reader renews an entry
/// before it expires.
pub(super) fn is_due(cost: Duration, beta: f64, remaining: Duration, draw: f64) -> bool {
    -cost.as_secs_f64() * beta * draw.ln() >= remaining.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_times_to_live_of_their_settings() {
        let settings = CacheSettings::default();
        let seconds = |class| time_to_live(class, &settings).as_secs();
        assert_eq!(seconds(KeyClass::Documents), 900);
        assert_eq!(seconds(KeyClass::Searches), 300);
        assert_eq!(seconds(KeyClass::Courses), 3_600);
    }

    #[test]
    fn jitter_shortens_by_at_most_its_ratio_and_never_to_zero() {
        let ttl = Duration::from_secs(100);
        assert_eq!(jittered(ttl, 0.1, 0.0), ttl);
        assert_eq!(jittered(ttl, 0.1, 0.5), Duration::from_secs(95));
        assert_eq!(jittered(ttl, 0.0, 0.9), ttl);
        assert_eq!(jittered(ttl, 1.0, 1.0), Duration::from_millis(1));
    }

    #[test]
    fn the_probability_of_an_early_load_rises_towards_expiry_with_cost_and_beta() {
        let [cost, left] = [Duration::from_millis(100), Duration::from_millis(300)];
        // Due exactly when draw ≤ exp(−remaining / (cost · β)) = exp(−3) ≈ 0.0498.
        assert!(is_due(cost, 1.0, left, 0.049));
        assert!(!is_due(cost, 1.0, left, 0.051));
        assert!(is_due(cost, 2.0, left, 0.22));
        assert!(is_due(3 * cost, 1.0, left, 0.36));
        assert!(is_due(cost, 1.0, Duration::ZERO, 1.0));
        assert!(!is_due(cost, 0.0, left, 1e-300));
    }
}
