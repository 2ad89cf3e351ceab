//! Tests of the warnings about the generator.

use super::*;

/// The warnings of a run of this length, changed second by second.
fn warnings(length: usize, change: impl Fn(usize, &mut Interval)) -> Vec<Warning> {
    let mut intervals = seconds(&vec![good(100, 100); length]);
    for (number, interval) in intervals.iter_mut().enumerate() {
        // 100 requests per second of 0.1 s each: ten in flight.
        interval.load.in_flight_milli = 10_000;
        change(number, interval);
    }
    let (judge, totals) = after(&[], &intervals);
    judge.conclude(&totals, &whole()).warnings
}

#[test]
fn a_healthy_generator_gives_no_warning() {
    assert_eq!(warnings(60, |_, _| {}), []);
}

#[test]
fn cpu_use_warns_and_then_invalidates() {
    let busy = |at: std::ops::Range<usize>, cpu| {
        warnings(60, move |number, interval| {
            if at.contains(&number) {
                interval.health.user_cores = cpu;
            }
        })
    };
    assert_eq!(busy(0..60, 0.79), []);
    assert_eq!(
        busy(3..5, 0.85),
        [Warning::CpuBusy {
            peak: 0.85,
            lasted: Micros(2 * SECOND)
        }]
    );
    assert_eq!(
        busy(3..7, 0.95),
        [Warning::CpuBusy {
            peak: 0.95,
            lasted: Micros(4 * SECOND)
        }]
    );
    let winding_up = warnings(60, |number, interval| {
        if number == 59 {
            interval.end = interval.start + Micros(5_000);
            interval.health.user_cores = 1.01;
        }
    });
    assert_eq!(winding_up, []);
    assert_eq!(
        busy(3..8, 0.95),
        [Warning::CpuSaturated {
            lasted: Micros(5 * SECOND)
        }]
    );
}

#[test]
fn scheduling_lag_warns_and_then_invalidates() {
    let lagging = |count: u64, of: u64, millis: u64| {
        let found = warnings(1, |_, interval| {
            let mut part = SeriesInterval::default();
            add(&mut part, Timing::SchedulingLag, of - count, Micros(100));
            add(
                &mut part,
                Timing::SchedulingLag,
                count,
                Micros(millis * 1_000),
            );
            interval.series.insert(ITERATIONS, part);
        });
        found
            .iter()
            .map(Warning::is_invalidating)
            .collect::<Vec<_>>()
    };
    assert_eq!(lagging(0, 1_000, 0), [false; 0]);
    assert_eq!(lagging(9, 1_000, 900), [false; 0], "fewer than 1 in 100");
    assert_eq!(lagging(20, 1_000, 10), [false]);
    assert_eq!(lagging(20, 1_000, 60), [true]);
    assert_eq!(lagging(20, 99, 60), [false; 0], "too few to say");
}

#[test]
fn a_machine_out_of_descriptors_or_ports_invalidates() {
    let found = warnings(10, |_, interval| {
        let part = interval.series.get_mut(&REQUESTS).expect("made above");
        part.counts.failed += 3;
        part.counts.outcomes.insert(Outcome::FdLimit, 2);
        part.counts.outcomes.insert(Outcome::PortLimit, 1);
    });
    assert_eq!(
        found,
        [
            Warning::FdLimit { requests: 20 },
            Warning::PortLimit { requests: 10 }
        ]
    );
    assert!(found.iter().all(Warning::is_invalidating));
    assert!(found[0].to_string().contains("ulimit -n"));
}

#[test]
fn littles_law_catches_times_that_cannot_be_true() {
    let in_flight = |milli| warnings(60, move |_, interval| interval.load.in_flight_milli = milli);
    assert_eq!(in_flight(10_300), [], "within 5 %");
    assert!(matches!(
        in_flight(12_000)[..],
        [Warning::LittlesLaw { .. }]
    ));
    assert!(matches!(in_flight(8_000)[..], [Warning::LittlesLaw { .. }]));
    assert_eq!(in_flight(500), [], "not asked below one request in flight");
}

#[test]
fn littles_law_allows_for_what_sampling_explains_and_for_a_handful_in_flight() {
    for (count, second, milli, length) in [
        // The number is so small that one request is a fifth of it.
        (good(40, 100), 60, 4_900, 60),
        // Samples within one request's 400 ms are nearly the same: 25 are independent.
        (good(100, 400), 20, 44_000, 20),
    ] {
        let mut intervals = seconds(&vec![count; second]);
        for interval in &mut intervals {
            interval.load.in_flight_milli = milli;
        }
        let (judge, totals) = after(&[], &intervals);
        assert_eq!(totals.duration(), Micros(length * SECOND));
        let found = judge.conclude(&totals, &whole()).warnings;
        assert_eq!(found, [], "{milli}");
    }
}

#[test]
fn a_generator_that_stood_still_is_told() {
    let found = warnings(10, |number, interval| {
        interval.health.loop_delay_max = Micros(if number == 4 { 250_000 } else { 9_000 });
    });
    assert_eq!(
        found,
        [Warning::LoopDelay {
            longest: Micros(250_000)
        }]
    );
}

/// Seconds of 100 wake-ups each, of which `late` are late by `millis`.
fn waking(late: u32, millis: u64) -> Vec<Warning> {
    warnings(10, |_, interval| {
        let mut counts = [0; WakeUps::CLASSES];
        counts[WakeUps::class(Micros(500))] = 100 - late;
        counts[WakeUps::class(Micros(millis * 1_000))] += late;
        interval.health.wake_ups = WakeUps::of(counts);
    })
}

#[test]
fn timers_that_wake_up_late_warn_and_then_invalidate_in_every_model() {
    assert_eq!(waking(1, 900), [], "no more than 1 in 100");
    let later_than = Micros(5_000);
    assert_eq!(waking(2, 8), [Warning::WakeUpsHigh { later_than }]);
    let later_than = Micros(50_000);
    assert_eq!(waking(2, 80), [Warning::WakeUpsInvalid { later_than }]);
    assert!(waking(2, 80)[0].is_invalidating());
}

#[test]
fn a_late_start_and_a_late_timer_are_one_finding() {
    let both = warnings(10, |_, interval| {
        let mut part = SeriesInterval::default();
        add(&mut part, Timing::SchedulingLag, 100, Micros(60_000));
        interval.series.insert(ITERATIONS, part);
        let mut counts = [0; WakeUps::CLASSES];
        counts[WakeUps::class(Micros(60_000))] = 100;
        interval.health.wake_ups = WakeUps::of(counts);
    });
    assert!(matches!(both[..], [Warning::LagInvalid { .. }]), "{both:?}");
}

#[test]
fn standstills_invalidate_by_their_length_or_together() {
    let standing = |each: u64, seconds: usize| {
        warnings(10, move |number, interval| {
            if number < seconds {
                interval.health.loop_delay_max = Micros(each * 1_000);
                interval.health.stood_still = Micros(each.min(1_000) * 1_000);
            }
        })
    };
    assert!(matches!(standing(500, 1)[..], [Warning::LoopDelay { .. }]));
    let of = |longest: u64, together: u64| Warning::Standstill {
        longest: Micros(longest * 1_000),
        together: Micros(together * 1_000),
        measured: Micros(10 * SECOND),
    };
    assert_eq!(standing(1_001, 1), [of(1_001, 1_000)]);
    assert_eq!(standing(120, 5), [of(120, 600)]);
    let sentence = standing(2_500, 3)[0].to_string();
    assert!(sentence.contains("the generator stalled"), "{sentence}");
}

#[test]
fn what_took_the_cpu_away_is_told_beside_what_came_of_it() {
    let taken = |throttled: u64, stolen: f64, late: u32| {
        let mut intervals = seconds(&vec![good(100, 100); 10]);
        for interval in &mut intervals {
            interval.load.in_flight_milli = 10_000;
            interval.health.throttled = Micros(throttled * 1_000);
            interval.health.stolen = stolen;
            let mut counts = [0; WakeUps::CLASSES];
            counts[WakeUps::class(Micros(80_000))] = late;
            counts[0] = 100 - late;
            interval.health.wake_ups = WakeUps::of(counts);
        }
        let (judge, totals) = after(&[], &intervals);
        judge.conclude(&totals, &whole())
    };
    let slowed = taken(9, 0.04, 0);
    assert_eq!((slowed.exit, slowed.warnings.len()), (Exit::Passed, 0));
    let quota = taken(300, 0.0, 0);
    assert_eq!(quota.exit, Exit::Passed);
    assert!(matches!(quota.warnings[..], [Warning::CpuThrottled { .. }]));
    for (throttled, stolen, expected) in [
        (300, 0.0, "a CPU quota throttled"),
        (0, 0.4, "40 % of this"),
    ] {
        let invalid = taken(throttled, stolen, 50);
        assert_eq!(invalid.exit, Exit::MeasurementInvalid);
        assert!(
            invalid.reason.contains("fired more than 50"),
            "{}",
            invalid.reason
        );
        assert!(invalid.reason.contains(expected), "{}", invalid.reason);
    }
}
