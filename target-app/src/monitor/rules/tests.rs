//! The conditions under which rules fire and are resolved.

use super::*;
use crate::monitor::sample::{Latency, Sample};
use crate::monitor::usage::{BreakerStatus, CacheUse, HitCount, PoolUse, ProcessUse};

fn settings() -> MonitorSettings {
    MonitorSettings {
        looks: 3,
        ..MonitorSettings::default()
    }
}

/// A window with this many responses and this 95th percentile in milliseconds.
fn traffic(count: f64, p95: f64) -> Sample {
    let mut sample = Sample::blank();
    sample.requests.count = count;
    sample.requests.error_ratio = Some(0.0);
    sample.requests.latency_ms = Some(Latency {
        p50: p95,
        p95,
        p99: p95,
    });
    sample
}

fn cached(lookups: f64, hits: f64) -> Sample {
    let hits = HitCount {
        lookups,
        hits,
        hit_ratio: Some(hits / lookups),
    };
    let mut sample = Sample::blank();
    sample.cache = Some(CacheUse {
        overall: hits,
        l1: hits,
        l2: HitCount::default(),
        caches: [].into(),
    });
    sample
}

fn pooled(asked: f64, wait_p95_ms: f64, timeouts: f64) -> Sample {
    let mut sample = Sample::blank();
    sample.pools = vec![PoolUse {
        asked,
        timeouts,
        wait_p95_ms: Some(wait_p95_ms),
        ..PoolUse::default()
    }];
    sample
}

fn lamps(states: &[BreakerMode]) -> Sample {
    let mut sample = Sample::blank();
    let lamps = states.iter().map(|&state| BreakerStatus {
        name: "db".to_owned(),
        state,
    });
    sample.breakers = lamps.collect();
    sample
}

/// The events over these windows, as (number of the window, rule, phase).
fn run(samples: &[Sample]) -> Vec<(usize, AlertRule, Phase)> {
    let metrics = Metrics::new().expect("metrics");
    let mut rules = AlertRules::new(&metrics).expect("rules");
    let looks = samples.iter().enumerate();
    looks
        .flat_map(|(number, sample)| {
            let news = rules.evaluate(sample, &settings()).into_iter();
            news.map(move |event| (number, event.alert.rule, event.phase))
        })
        .collect()
}

#[test]
fn an_alert_needs_several_consecutive_samples_to_fire_and_to_end() {
    let (slow, fast) = (traffic(100.0, 501.0), traffic(100.0, 500.0));
    let course = [
        &slow, &slow, &fast, // two in a row are not enough
        &slow, &slow, &slow, // fires with the third
        &slow, &fast, &fast, &slow, // two good ones are not enough
        &fast, &fast, &fast, // ends with the third
        &fast,
    ];
    let course: Vec<_> = course.into_iter().cloned().collect();
    assert_eq!(
        run(&course),
        [
            (5, AlertRule::Latency, Phase::Firing),
            (12, AlertRule::Latency, Phase::Resolved)
        ]
    );
}

#[test]
fn samples_without_a_rating_are_skipped() {
    let (slow, none) = (traffic(1.0, 900.0), Sample::blank());
    let course = [&slow, &none, &slow, &none, &none, &slow].map(Clone::clone);
    assert_eq!(run(&course), [(5, AlertRule::Latency, Phase::Firing)]);
}

#[test]
fn an_alert_ends_as_quiet_after_a_long_time_without_ratings() {
    let mut course = vec![traffic(100.0, 900.0); 3];
    course.extend(vec![Sample::blank(); 2 * QUIET_LOOKS as usize]);
    let ends = 2 + QUIET_LOOKS as usize;
    assert_eq!(
        run(&course),
        [
            (2, AlertRule::Latency, Phase::Firing),
            (ends, AlertRule::Latency, Phase::Quiet)
        ]
    );
}

#[test]
fn every_rule_is_violated_only_beyond_its_bound() {
    let errors = |ratio| {
        let mut sample = traffic(100.0, 1.0);
        sample.requests.error_ratio = Some(ratio);
        sample
    };
    let process = |cpu, open_files| {
        let mut sample = Sample::blank();
        sample.process = Some(ProcessUse {
            cpu,
            cores: 2,
            resident_bytes: 0.0,
            threads: 1.0,
            open_files,
            most_files: 100.0,
            uptime_s: 1.0,
        });
        sample
    };
    for (rule, holds, broken) in [
        (AlertRule::Errors, errors(0.01), errors(0.02)),
        (
            AlertRule::HitRatio,
            cached(100.0, 80.0),
            cached(100.0, 79.0),
        ),
        (AlertRule::HitRatio, cached(1.0, 1.0), cached(1.0, 0.0)),
        (AlertRule::Cpu, process(0.9, 1.0), process(0.91, 1.0)),
        (AlertRule::Files, process(0.1, 90.0), process(0.1, 91.0)),
        (
            AlertRule::Breaker,
            lamps(&[BreakerMode::Closed, BreakerMode::HalfOpen]),
            lamps(&[BreakerMode::Closed, BreakerMode::Open]),
        ),
        (
            AlertRule::PoolWait,
            pooled(20.0, 100.0, 0.0),
            pooled(20.0, 100.1, 0.0),
        ),
        (
            AlertRule::PoolWait,
            pooled(1.0, 100.0, 0.0),
            pooled(1.0, 0.0, 1.0),
        ),
    ] {
        assert_eq!(run(&vec![holds; 5]), [], "{rule:?}");
        assert_eq!(run(&vec![broken; 5]), [(2, rule, Phase::Firing)]);
    }
}

#[test]
fn absent_values_are_not_rated() {
    assert_eq!(run(&vec![Sample::blank(); 10]), []);
}

#[test]
fn alerts_are_counted_shown_and_remembered_the_newest_first() {
    let metrics = Metrics::new().expect("metrics");
    let mut rules = AlertRules::new(&metrics).expect("rules");
    let labels = ["latency"];
    for round in 1..=2 {
        for _ in 0..3 {
            rules.evaluate(&traffic(100.0, 812.25), &settings());
        }
        assert_eq!(rules.fired.with_label_values(&labels).get(), round);
        assert_eq!(rules.firing.with_label_values(&labels).get(), 1);
        let firing = rules.firing();
        assert_eq!(firing.len(), 1);
        assert_eq!(firing[0].message, "p95 latency is 812.2 ms, limit 500 ms");
        for _ in 0..3 {
            rules.evaluate(&traffic(100.0, 1.0), &settings());
        }
        assert_eq!(rules.firing.with_label_values(&labels).get(), 0);
        assert!(rules.firing().is_empty());
    }
    let phases: Vec<_> = rules.events().iter().map(|event| event.phase).collect();
    let pair = [Phase::Resolved, Phase::Firing];
    assert_eq!(phases, [pair, pair].concat());
}

#[test]
fn remembered_events_are_bounded() {
    let metrics = Metrics::new().expect("metrics");
    let mut rules = AlertRules::new(&metrics).expect("rules");
    let once = MonitorSettings {
        looks: 1,
        ..MonitorSettings::default()
    };
    for _ in 0..MOST_EVENTS {
        rules.evaluate(&traffic(100.0, 900.0), &once);
        rules.evaluate(&traffic(100.0, 1.0), &once);
    }
    assert_eq!(rules.events().len(), MOST_EVENTS);
}
