//! All transitions of a breaker, at times that the tests choose.

use super::*;
use crate::settings::{Settings, Span};

const MILLISECOND: u64 = 1_000_000;
/// Time when the breaker of these tests, opened at zero, admits probes.
const REOPENS: u64 = 2_000 * MILLISECOND;

fn breaker_with(change: impl FnOnce(&mut Settings)) -> (Breaker, Arc<Live>, Metrics) {
    let mut settings = Settings::default();
    settings.breaker.least_calls = 4;
    settings.breaker.probes = 2;
    change(&mut settings);
    let live = Arc::new(Live::new(settings));
    let metrics = Metrics::new().expect("metrics");
    let breaker = Breaker::new("db", Arc::clone(&live), &metrics).expect("a breaker");
    (breaker, live, metrics)
}

fn resolve(breaker: &Breaker, at: u64, outcome: CallOutcome) {
    breaker.admit_at(at).expect("admitted").resolve(outcome, at);
}

fn opened() -> (Breaker, Arc<Live>, Metrics) {
    let parts = breaker_with(|_| {});
    for _ in 0..4 {
        resolve(&parts.0, 0, CallOutcome::Failed);
    }
    assert_eq!(parts.0.state(), BreakerState::Open);
    parts
}

#[test]
fn it_opens_exactly_at_the_failure_ratio() {
    let (breaker, _, metrics) = breaker_with(|_| {});
    for outcome in [
        CallOutcome::Succeeded,
        CallOutcome::Succeeded,
        CallOutcome::Failed,
        CallOutcome::Cancelled,
        CallOutcome::Cancelled,
    ] {
        resolve(&breaker, 0, outcome);
    }
    assert_eq!(
        breaker.state(),
        BreakerState::Closed,
        "three outcomes are fewer than four"
    );
    resolve(&breaker, 0, CallOutcome::Failed);
    assert_eq!(breaker.state(), BreakerState::Open, "two of four failed");
    let refused = breaker.admit_at(500 * MILLISECOND).err().expect("refused");
    assert_eq!(refused.retry_after, Duration::from_millis(1_500));
    metrics.assert_line(r#"folio_breaker_state{name="db"} 2"#);
    metrics.assert_line(r#"folio_breaker_refused_total{name="db"} 1"#);
    metrics.assert_line(r#"folio_breaker_transitions_total{name="db",to="open"} 1"#);
}

#[test]
fn failures_that_left_the_window_do_not_open_it() {
    let (breaker, ..) = breaker_with(|_| {});
    for second in 0..20 {
        // One failure in four seconds: three in a window of ten, never four.
        resolve(&breaker, second * 4_000 * MILLISECOND, CallOutcome::Failed);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn probes_that_all_succeed_close_it() {
    let (breaker, _, metrics) = opened();
    assert!(breaker.admit_at(REOPENS - 1).is_err());
    let one = breaker.admit_at(REOPENS).expect("a probe");
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    metrics.assert_line(r#"folio_breaker_state{name="db"} 1"#);
    let other = breaker.admit_at(REOPENS).expect("another probe");
    let refused = breaker.admit_at(REOPENS).err().expect("no third probe");
    assert_eq!(refused.retry_after, Duration::ZERO);
    one.resolve(CallOutcome::Succeeded, REOPENS);
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert!(
        breaker.admit_at(REOPENS).is_err(),
        "two probes are asked for, and both are spoken for"
    );
    other.resolve(CallOutcome::Succeeded, REOPENS);
    assert_eq!(breaker.state(), BreakerState::Closed);
    metrics.assert_line(r#"folio_breaker_state{name="db"} 0"#);
    for _ in 0..3 {
        resolve(&breaker, REOPENS, CallOutcome::Failed);
    }
    assert_eq!(
        breaker.state(),
        BreakerState::Closed,
        "the failures that opened it are forgotten"
    );
}

#[test]
fn one_probe_that_fails_opens_it_again() {
    let (breaker, ..) = opened();
    let one = breaker.admit_at(REOPENS).expect("a probe");
    let late = breaker.admit_at(REOPENS).expect("another probe");
    one.resolve(CallOutcome::Failed, REOPENS);
    assert_eq!(breaker.state(), BreakerState::Open);
    late.resolve(CallOutcome::Succeeded, REOPENS);
    assert!(breaker.admit_at(2 * REOPENS - 1).is_err());
    let probes = [(); 2].map(|()| breaker.admit_at(2 * REOPENS).expect("a probe"));
    assert!(
        breaker.admit_at(2 * REOPENS).is_err(),
        "the late success of the round before is not counted in this one"
    );
    for probe in probes {
        probe.resolve(CallOutcome::Succeeded, 2 * REOPENS);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_cancelled_probe_releases_its_permit() {
    let (breaker, ..) = opened();
    for _ in 0..10 {
        let probes = [(); 2].map(|()| breaker.admit_at(REOPENS).expect("a probe"));
        assert!(breaker.admit_at(REOPENS).is_err());
        drop(probes);
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
    }
}

#[test]
fn calls_from_before_it_opened_do_not_count_after() {
    let (breaker, ..) = breaker_with(|_| {});
    let slow = [(); 9].map(|()| breaker.admit_at(0).expect("admitted"));
    for _ in 0..4 {
        resolve(&breaker, 0, CallOutcome::Failed);
    }
    for _ in 0..2 {
        resolve(&breaker, REOPENS, CallOutcome::Succeeded);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    for call in slow {
        call.resolve(CallOutcome::Failed, REOPENS);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_disabled_breaker_admits_everything_and_restarts_when_enabled() {
    let (breaker, live, metrics) = opened();
    let mut off = Settings::clone(&live.load());
    let on = off.clone();
    off.breaker.enabled = false;
    live.replace(off);
    for _ in 0..20 {
        resolve(&breaker, 0, CallOutcome::Failed);
    }
    metrics.assert_line(r#"folio_breaker_state{name="db"} 0"#);
    live.replace(on);
    resolve(&breaker, REOPENS * 100, CallOutcome::Failed);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn fewer_probes_than_came_back_close_it_with_the_next_call() {
    let (breaker, live, _) = opened();
    resolve(&breaker, REOPENS, CallOutcome::Succeeded);
    let mut settings = Settings::clone(&live.load());
    settings.breaker.probes = 1;
    live.replace(settings);
    resolve(&breaker, REOPENS, CallOutcome::Succeeded);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[test]
fn a_forced_state_overrides_the_outcomes() {
    let (breaker, ..) = breaker_with(|settings| settings.breaker.open_for = Span::seconds(1));
    breaker.force(BreakerRule::Open);
    let refused = breaker.admit_at(1 << 60).err().expect("refused");
    assert_eq!(refused.retry_after, Duration::from_secs(1));
    breaker.force(BreakerRule::Closed);
    for _ in 0..20 {
        resolve(&breaker, 0, CallOutcome::Failed);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    breaker.force(BreakerRule::Auto);
    for _ in 0..4 {
        resolve(&breaker, 0, CallOutcome::Failed);
    }
    assert_eq!(
        (breaker.state(), breaker.rule()),
        (BreakerState::Open, BreakerRule::Auto)
    );
}

#[test]
fn concurrent_probes_never_exceed_the_limit() {
    use std::sync::atomic::AtomicU32;

    let (breaker, ..) = opened();
    let held = AtomicU32::new(0);
    let most = AtomicU32::new(0);
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    let Ok(probe) = breaker.admit_at(REOPENS) else {
                        std::thread::yield_now();
                        continue;
                    };
                    let now = held.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    admitted.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    held.fetch_sub(1, Ordering::SeqCst);
                    drop(probe);
                }
            });
        }
    });
    assert!(admitted.into_inner() > 0);
    assert!((1..=2).contains(&most.into_inner()));
    let probes = [(); 2].map(|()| breaker.admit_at(REOPENS).expect("no slot was lost"));
    for probe in probes {
        probe.resolve(CallOutcome::Succeeded, REOPENS);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}
