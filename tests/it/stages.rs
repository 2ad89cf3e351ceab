//! Stages of a load: their ends end intervals, and thresholds select by them.

use gander::record::journal::Journal;
use gander::units::Micros;

use crate::support::{Bench, Lab};

#[test]
fn no_interval_contains_the_end_of_a_stage() {
    let lab = Lab::start();
    let bench = Bench::with(&format!(
        "name: stages\ntarget: {}\nload: {{ stages: [ {{ name: before, users: 1, for: 1300ms }}, {{ users: 3, for: 900ms }}, \
         {{ name: after, users: 1, for: 1400ms }} ] }}\nwarm_up: 200ms\nthink_time: 20ms\nflows: [ {{ name: a, steps: [ {{ get: \
         /health }} ] }} ]\nthresholds:\n  - p95(response_time{{stage=\"after\"}}) < 1000 * p95(response_time{{stage=\"before\"}})\n  \
         - max(active_users{{stage=\"2\"}}) == 3\n",
        lab.url()
    ));
    let run = bench.run(&[]).expect_code(0);
    let journal = Journal::open(&bench.path("out")).expect("a journal");
    let names: Vec<_> = journal
        .header
        .stages
        .iter()
        .map(|stage| stage.name.as_deref())
        .collect();
    assert_eq!(names, [Some("before"), None, Some("after")]);
    let intervals: Vec<_> = journal.intervals().collect();
    for end in [200_000, 1_300_000, 2_200_000] {
        let ends = intervals.iter().any(|interval| interval.end == Micros(end));
        assert!(ends, "no interval ends at {end} µs");
    }
    // The samples of a stage are those of its intervals.
    let during = |from: u64, to: u64| -> u64 {
        let within = |start: Micros| (from..to).contains(&start.0);
        let part = intervals.iter().filter(|interval| within(interval.start));
        part.flat_map(|interval| interval.series.values())
            .filter_map(|series| series.histogram(gander::record::Timing::ResponseTime))
            .map(gander::record::Bins::len)
            .sum()
    };
    assert_eq!(
        run.count("/thresholds/0/samples"),
        during(2_200_000, u64::MAX)
    );
    assert!(during(200_000, 1_300_000) > 0);
}
