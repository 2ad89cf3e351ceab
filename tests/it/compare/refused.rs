//! What makes a comparison void, and what is only told.

use gander::compare::{
    Answer, Change, Comparison, Flaw, Gate, GateLimit, Options, Profile, Worse, compare,
};
use gander::exit::Exit;
use gander::plan::schedule::Model;
use gander::verdict::Conclusion;

use super::simulator::{Place, Simulator, Traffic};

const TRAFFIC: Traffic = Traffic {
    seconds: 40,
    rate: 50,
    between_runs: 0.0,
    unrest: 0.05,
    bursts: (0.02, 0.5),
};

/// Three runs a side; the last of side B is changed.
fn compared(options: &Options, change: impl Fn(&mut Profile)) -> Comparison {
    let mut simulator = Simulator::seeded(3);
    let mut side = || -> Vec<Profile> {
        (0..3)
            .map(|_| simulator.run(TRAFFIC, Place::default()))
            .collect()
    };
    let (a, mut b) = (side(), side());
    change(b.last_mut().expect("a run"));
    compare(&a, &b, options)
}

#[track_caller]
fn is_void(comparison: &Comparison, answer: Answer, exit: Exit, words: &str) {
    assert_eq!(
        (comparison.answer, comparison.answer.exit()),
        (answer, exit),
        "{}",
        comparison.reason
    );
    assert!(comparison.reason.contains(words), "{}", comparison.reason);
}

#[test]
fn half_the_offered_load_is_not_comparable() {
    let comparison = compared(&Options::default(), |run| {
        run.facts.model = Model::Open;
        run.facts.started = run.facts.offered / 2;
    });
    is_void(
        &comparison,
        Answer::NotComparable,
        Exit::Inconclusive,
        "started 50 % of the offered iterations",
    );
}

#[test]
fn different_rates_are_not_comparable() {
    let mut simulator = Simulator::seeded(4);
    let mut open = |rate| {
        let traffic = Traffic { rate, ..TRAFFIC };
        let mut run = simulator.run(traffic, Place::default());
        run.facts.model = Model::Open;
        run
    };
    let (a, b, near) = (open(100), open(103), open(101));
    let refused = compare(std::slice::from_ref(&a), &[b], &Options::default());
    is_void(
        &refused,
        Answer::NotComparable,
        Exit::Inconclusive,
        "differ by more than 1 %: 100/s on side A, 103/s on side B",
    );
    let allowed = compare(&[a], &[near], &Options::default());
    assert_eq!(allowed.conditions.void, None);
}

#[test]
fn an_invalid_run_makes_the_comparison_invalid() {
    let comparison = compared(&Options::default(), |run| {
        run.facts.verdict = Conclusion::Invalid;
        run.facts.reason = "the generator was the bottleneck".to_owned();
    });
    is_void(
        &comparison,
        Answer::Invalid,
        Exit::MeasurementInvalid,
        "the generator was the bottleneck",
    );
}

#[test]
fn a_stopped_run_and_failures_alone_are_not_comparable() {
    let stopped = compared(&Options::default(), |run| run.facts.is_whole = false);
    let words = "did not end as planned";
    is_void(&stopped, Answer::NotComparable, Exit::Inconclusive, words);
    let mut simulator = Simulator::seeded(8);
    let mut run = || simulator.run(TRAFFIC, Place::default());
    let (mut a, b) = (vec![run(), run()], vec![run(), run()]);
    a[0].facts.failed = a[0].facts.requests;
    let failed = compare(&a, &b, &Options::default());
    let words = "every request of run";
    is_void(&failed, Answer::NotComparable, Exit::Inconclusive, words);
}

#[test]
fn workloads_may_differ_only_on_request() {
    let change = |run: &mut Profile| run.facts.workload_hash = Some("07he7".to_owned());
    let refused = compared(&Options::default(), change);
    let words = "the workloads differ";
    is_void(&refused, Answer::NotComparable, Exit::Inconclusive, words);
    let options = Options {
        may_workloads_differ: true,
        ..Options::default()
    };
    let allowed = compared(&options, change);
    assert_eq!(allowed.conditions.void, None);
    assert_eq!(allowed.conditions.differences[0].condition, "workload");
}

#[test]
fn another_machine_or_version_is_told() {
    let comparison = compared(&Options::default(), |run| {
        run.facts.machine.cores = 64;
        run.facts.gander = "0.2.0".to_owned();
    });
    let told: Vec<&str> = comparison
        .conditions
        .differences
        .iter()
        .map(|difference| difference.condition)
        .collect();
    assert_eq!(told, ["Gander", "machine"]);
    assert_eq!(comparison.conditions.void, None);
}

#[test]
fn one_run_a_side_proves_nothing_without_a_noise_floor() {
    let mut simulator = Simulator::seeded(5);
    let (a, b) = (
        simulator.run(TRAFFIC, Place::default()),
        simulator.run(
            TRAFFIC,
            Place {
                change: 0.5,
                ..Place::default()
            },
        ),
    );
    let comparison = compare(&[a], &[b], &Options::default());
    assert_eq!(comparison.answer, Answer::Inconclusive);
    assert_eq!(comparison.gates[0].flaw, Some(Flaw::NoNoiseFloor));
    assert!(
        comparison.reason.contains("gander calibrate"),
        "{}",
        comparison.reason
    );
    let change = comparison.gates[0].told_change().expect("a change");
    assert!((0.3..0.7).contains(&change), "{change}");
}

#[test]
fn a_tail_of_few_requests_is_told() {
    let traffic = Traffic { rate: 5, ..TRAFFIC };
    let mut simulator = Simulator::seeded(6);
    let mut side = || -> Vec<Profile> {
        (0..3)
            .map(|_| simulator.run(traffic, Place::default()))
            .collect()
    };
    let comparison = compare(&side(), &side(), &Options::default());
    let row = |name: &str| {
        let mut rows = comparison.gates.iter().chain(&comparison.others);
        rows.find(|row| row.figure.name == name).expect("a row")
    };
    // 200 requests: 100 beyond the median, 2 beyond p99.
    assert_eq!(row("p50(response_time)").flaw, None);
    assert_eq!(row("p99(response_time)").flaw, Some(Flaw::ThinTail));
}

#[test]
fn a_side_b_that_only_fails_is_worse() {
    let mut simulator = Simulator::seeded(12);
    let mut side = || -> Vec<Profile> {
        (0..3)
            .map(|_| simulator.run(TRAFFIC, Place::default()))
            .collect()
    };
    let (a, mut b) = (side(), side());
    for run in &mut b {
        run.facts.failed = run.facts.requests;
        for (figure, reading) in &mut run.figures {
            match reading {
                Some(reading) if figure.name == "ratio(failed)" => reading.value = 1.0,
                _ if figure.name.contains("response_time") => *reading = None,
                _ => {}
            }
        }
    }
    let comparison = compare(&a, &b, &Options::default());
    assert_eq!(
        comparison.answer,
        Answer::Regressed,
        "{}",
        comparison.reason
    );
}

#[test]
fn a_gate_that_only_warns_does_not_decide() {
    let mut simulator = Simulator::seeded(14);
    let mut side = |change| -> Vec<Profile> {
        let place = Place {
            change,
            ..Place::default()
        };
        (0..3).map(|_| simulator.run(TRAFFIC, place)).collect()
    };
    let (a, b) = (side(0.0), side(1.0));
    let gate = |figure: &str, decides| Gate {
        decides,
        ..Gate::named(figure)
    };
    let options = Options {
        gates: vec![
            gate("p50(response_time)", false),
            gate("ratio(failed)", true),
        ],
        ..Options::default()
    };
    // One run a side proves nothing.
    for (runs, change) in [(3, Change::Regressed), (1, Change::Inconclusive)] {
        let comparison = compare(&a[..runs], &b[..runs], &options);
        assert_eq!(comparison.gates[0].change, change);
        let answer = (comparison.answer, comparison.reason);
        assert_eq!(answer.0, Answer::NothingWorse, "{}", answer.1);
    }
}

#[test]
fn a_share_without_any_failure_did_not_change() {
    let traffic = Traffic { rate: 3, ..TRAFFIC };
    let mut simulator = Simulator::seeded(13);
    let mut side = || -> Vec<Profile> {
        (0..3)
            .map(|_| simulator.run(traffic, Place::default()))
            .collect()
    };
    let comparison = compare(&side(), &side(), &Options::default());
    let mut gates = comparison.gates.iter();
    let row = gates
        .find(|row| row.figure.name == "ratio(failed)")
        .expect("a gate");
    assert!(row.is_not_worse() && !row.is_worse(), "{row:?}");
    let bounds = row.told_bounds().expect("bounds");
    // 3 / 360 requests, told as an interval of 95 %.
    assert!((bounds.high - 3.0 / 360.0).abs() < 1e-4, "{bounds:?}");
}

#[test]
fn no_failure_on_either_side_is_no_improvement() {
    let mut simulator = Simulator::seeded(15);
    let mut side = || -> Vec<Profile> {
        (0..3)
            .map(|_| simulator.run(TRAFFIC, Place::default()))
            .collect()
    };
    let options = Options {
        gates: vec![Gate {
            limit: Some(GateLimit {
                change: -0.01,
                worse: Worse::More,
            }),
            ..Gate::named("ratio(failed)")
        }],
        ..Options::default()
    };
    let comparison = compare(&side(), &side(), &options);
    assert_eq!(
        comparison.answer,
        Answer::Regressed,
        "{}",
        comparison.reason
    );
}
