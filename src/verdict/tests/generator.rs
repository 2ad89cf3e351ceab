//! What is said of the generator.

use super::*;

/// The warnings of a run of this length, changed second by second.
fn warnings(length: usize, change: impl Fn(usize, &mut Interval)) -> Vec<Warning> {
    let mut intervals = seconds(&vec![good(100, 100); length]);
    for (number, interval) in intervals.iter_mut().enumerate() {
        // 100 a second of 0.1 s each: ten in flight.
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
