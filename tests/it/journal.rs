//! The journal: what is written is read back the same, and a journal cut short anywhere is a prefix.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gander::outcome::Outcome;
use gander::plan::schedule::Model;
use gander::plan::threshold::Standing;
use gander::plan::{CheckEntry, CheckId, Segment, Series, Subject};
use gander::probe::{TargetHealth, machine};
use gander::record::journal::{
    EVENTS_FILE, Event, FailureExample, HISTOGRAMS_FILE, Journal, JournalError, JournalWarning,
    RUN_FILE, RunHeader, SCHEMA, StageMark, StopReason, Writer,
};
use gander::record::{
    Counts, Interval, IterationSample, LoadCounts, Recorder, Sample, SeriesInterval,
};
use gander::scenario::Kind;
use gander::units::Micros;

use crate::record::{FLOW, STEP, request};

fn header() -> RunHeader {
    let series = |name: &str, subject| Series {
        name: name.to_owned(),
        flow: "browse".to_owned(),
        subject,
        tags: BTreeMap::from([("page".to_owned(), "home".to_owned())]),
    };
    RunHeader {
        schema: SCHEMA.to_owned(),
        gander: "0.1.0".to_owned(),
        run_id: "20261120T110000Z-baseline-1a2b".to_owned(),
        scenario: "baseline".to_owned(),
        kind: Kind::Baseline,
        description: None,
        scenario_path: "scenarios/baseline.yaml".to_owned(),
        scenario_sha256: "00".repeat(32),
        plan_hash: "11".repeat(32),
        seed: u64::MAX,
        segment: Segment::WHOLE,
        target: "http://127.0.0.1:8080".to_owned(),
        target_is_bundled: true,
        model: Model::Open,
        load: "20/s for 3s".to_owned(),
        stages: vec![StageMark {
            start: Micros::ZERO,
            end: Micros(3_000_000),
            from: 20.0,
            to: 20.0,
        }],
        planned_duration: Some(Micros(3_000_000)),
        planned_iterations: Some(60),
        warm_up: Micros(1_000_000),
        peak_users: 20,
        series: vec![
            series("GET /, then \"more\"", Subject::Requests),
            series("browse", Subject::Iterations),
        ],
        checks: vec![CheckEntry {
            name: "status is 200".to_owned(),
            step: "home".to_owned(),
            flow: "browse".to_owned(),
        }],
        thresholds: Vec::new(),
        overrides: vec!["load.rate = 20/s".to_owned()],
        machine: machine(),
        git_commit: None,
        started_at: "2026-11-20T11:00:00.123Z".to_owned(),
    }
}

/// Seconds with good, failed, timed-out and interrupted requests, one of them with nothing at all.
fn intervals(count: u64) -> Vec<Interval> {
    let recorder = Recorder::new(2, 1, 2);
    (0..count)
        .map(|second| {
            if second != 1 {
                recorder.record(0, |shard| fill(shard, second));
            }
            let load = LoadCounts {
                offered: 20,
                started: 19,
                active_users: 4,
                ..LoadCounts::default()
            };
            let target = TargetHealth {
                cpu: 0.1234,
                rss_bytes: 1 << 24,
            };
            let end = Micros((second + 1) * 1_000_000 + 137);
            recorder.rotate(end, second == 0, load, (second == 2).then_some(target))
        })
        .collect()
}

fn fill(shard: &mut gander::record::Shard, second: u64) {
    for (outcome, time) in [
        (Outcome::Ok, 0),
        (Outcome::Ok, 1_234 + 1_000 * second),
        (Outcome::Reset, 70),
        (Outcome::Timeout, 3_000_000),
        (Outcome::Interrupted, 10),
    ] {
        shard.request(&Sample {
            redirects: &[301],
            connect: (time > 100).then_some(Micros(42)),
            ..request(outcome, time, 5)
        });
    }
    shard.iteration(&IterationSample {
        series: FLOW,
        intended: Micros(10),
        free_since: Micros(0),
        started: Micros(12),
        finished: Micros(9_000 * second),
        outcome: Outcome::Ok,
    });
    shard.check(CheckId(0), true);
}

fn other_events() -> Vec<Event> {
    vec![
        Event::Failure(FailureExample {
            at: Micros(5),
            series: Some(STEP),
            outcome: Outcome::Reset,
            status: None,
            request: "GET http://127.0.0.1:8080/".to_owned(),
            detail: "connection reset by peer".to_owned(),
        }),
        Event::Threshold {
            at: Micros(2_000_000),
            threshold: 0,
            standing: Standing::Fail,
            observed: Some(0.25),
        },
        Event::Warning {
            at: Micros(2_000_000),
            text: "one line\nonly, whatever it says".to_owned(),
        },
        Event::Stop {
            at: Micros(2_500_000),
            reason: StopReason::Threshold { threshold: 0 },
        },
    ]
}

/// Writes these intervals, the other events after the first of them, and the end.
fn write(dir: &Path, intervals: &[Interval]) {
    let mut writer = Writer::create(dir, &header()).expect("an empty directory");
    for (number, interval) in intervals.iter().enumerate() {
        writer.append(interval).expect("there is room");
        if number == 0 {
            for event in other_events() {
                writer.event(&event).expect("there is room");
            }
        }
    }
    writer
        .finish(Micros(3_100_000), 0, 2)
        .expect("there is room");
}

/// Everything of an interval but its histograms, in a form that can be compared.
type Rest = ([u64; 3], bool, LoadCounts, Vec<Counts>, String);

fn rest(interval: &Interval) -> Rest {
    (
        [interval.number, interval.start.0, interval.end.0],
        interval.is_warm_up,
        interval.load,
        interval
            .series
            .values()
            .map(|series| series.counts.clone())
            .collect(),
        format!(
            "{:?} {:?} {:?} {:?}",
            interval.series.keys(),
            interval.checks,
            interval.health,
            interval.target
        ),
    )
}

fn assert_same(read: &Interval, written: &Interval) {
    assert_eq!(rest(read), rest(written));
    for (id, series) in &written.series {
        // Comparing histograms is one-sided in their lengths, so it is done from both sides.
        assert_eq!(read.series[id].histograms, series.histograms);
        assert_eq!(series.histograms, read.series[id].histograms);
    }
}

#[test]
fn what_is_written_is_read_back_the_same() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let dir = dir.path().join("reports/run-1");
    let written = intervals(4);
    write(&dir, &written);

    let journal = Journal::open(&dir).expect("it was just written");
    assert_eq!(journal.header, header());
    assert_eq!(journal.events[..4], other_events());
    assert_eq!(journal.events.len(), 5);
    assert_eq!(journal.warnings, []);
    assert_eq!(journal.interval_count(), 4);
    let ending = journal.ending();
    assert_eq!((ending.at, ending.interrupted), (Micros(3_100_000), 2));
    assert_eq!(ending.stop, Some(StopReason::Threshold { threshold: 0 }));
    assert!(ending.is_complete);
    for _ in 0..2 {
        let read: Vec<_> = journal.intervals().collect();
        assert_eq!(read.len(), written.len());
        for (read, written) in read.iter().zip(&written) {
            assert_same(read, written);
        }
    }
}

#[test]
fn a_second_run_does_not_overwrite_the_first() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &intervals(1));
    let second = Writer::create(dir.path(), &header());
    assert!(matches!(second, Err(JournalError::Occupied(_))));
    let journal = Journal::open(dir.path()).expect("the first is untouched");
    assert_eq!(journal.interval_count(), 1);
}

#[test]
fn a_journal_cut_at_any_byte_of_either_file_is_a_prefix() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let written = intervals(4);
    write(dir.path(), &written);
    for file in [HISTOGRAMS_FILE, EVENTS_FILE] {
        let path = dir.path().join(file);
        let whole = fs::read(&path).expect("it was just written");
        let mut most = 0;
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).expect("it can be cut");
            let journal = Journal::open(dir.path())
                .unwrap_or_else(|error| panic!("{file} cut at {length}: {error}"));
            let count = journal.interval_count();
            assert!(
                count >= most,
                "{file} cut at {length}: {count} after {most}"
            );
            most = count;
            let read: Vec<_> = journal.intervals().collect();
            assert_eq!(read.len() as u64, count, "{file} cut at {length}");
            for (read, written) in read.iter().zip(&written) {
                assert_same(read, written);
            }
            assert!(!journal.ending().is_complete, "{file} cut at {length}");
            // Only a cut between two lines of the events is not to be told from a run that is still going on.
            let is_between_lines =
                file == EVENTS_FILE && matches!(whole[..length].last(), None | Some(b'\n'));
            assert_eq!(
                journal.warnings.is_empty(),
                is_between_lines,
                "{file} cut at {length}"
            );
        }
        let expected = if file == EVENTS_FILE { 4 } else { 3 };
        assert_eq!(most, expected, "the longest prefix of {file}");
        fs::write(&path, &whole).expect("it can be made whole");
    }
}

#[test]
fn a_damaged_byte_is_noticed_or_harmless_but_never_a_panic() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &intervals(3));
    for file in [HISTOGRAMS_FILE, EVENTS_FILE, RUN_FILE] {
        let path = dir.path().join(file);
        let whole = fs::read(&path).expect("it was just written");
        for place in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[place] ^= 0x15;
            fs::write(&path, &damaged).expect("it can be damaged");
            if let Ok(journal) = Journal::open(dir.path()) {
                let read = journal.intervals().count() as u64;
                assert_eq!(read, journal.interval_count(), "{file} at {place}");
            }
        }
        fs::write(&path, &whole).expect("it can be repaired");
    }
}

#[test]
fn without_a_whole_header_there_is_no_journal_and_the_error_says_so() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let error = Journal::open(dir.path()).expect_err("there is nothing");
    assert!(matches!(error, JournalError::NoRun(_)), "{error}");

    write(dir.path(), &intervals(1));
    let path = dir.path().join(RUN_FILE);
    let whole = fs::read(&path).expect("it was just written");
    // The last byte is only the end of the line.
    for length in 0..whole.len() - 1 {
        fs::write(&path, &whole[..length]).expect("it can be cut");
        let error = Journal::open(dir.path()).expect_err("the header is cut");
        assert!(matches!(error, JournalError::Header { .. }), "{error}");
        assert!(error.to_string().contains("run.json"), "{error}");
    }
    let text = String::from_utf8_lossy(&whole).replace(SCHEMA, "gander.run/9");
    fs::write(&path, text).expect("it can be changed");
    let error = Journal::open(dir.path()).expect_err("another schema");
    assert!(error.to_string().contains("gander.run/9"), "{error}");
}

#[test]
fn counts_that_disagree_with_histograms_are_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut written = intervals(3);
    for interval in [0, 2] {
        if let Some(SeriesInterval { counts, .. }) = written[interval].series.get_mut(&STEP) {
            counts.connections += 1;
        }
    }
    write(dir.path(), &written);
    let journal = Journal::open(dir.path()).expect("it was just written");
    assert_eq!(journal.interval_count(), 3);
    let [warning] = &journal.warnings[..] else {
        panic!("one warning for all: {:?}", journal.warnings);
    };
    assert!(
        matches!(
            warning,
            JournalWarning::Disagreement {
                interval: 0,
                series: 0,
                recorded: 2,
                counted: 3,
                times: 2,
                ..
            }
        ),
        "{warning}"
    );
}

#[test]
fn the_first_reason_to_stop_is_the_cause_but_a_second_signal_is_told() {
    let signal = || StopReason::Signal;
    let threshold = || StopReason::Threshold { threshold: 1 };
    for (reasons, expected) in [
        (vec![], None),
        (vec![threshold(), signal()], Some(threshold())),
        (
            vec![signal(), StopReason::SecondSignal],
            Some(StopReason::SecondSignal),
        ),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut writer = Writer::create(dir.path(), &header()).expect("an empty directory");
        for reason in reasons {
            let at = Micros(1);
            writer
                .event(&Event::Stop { at, reason })
                .expect("there is room");
        }
        let journal = Journal::open(dir.path()).expect("a journal may be read while it is written");
        assert_eq!(journal.ending().stop, expected);
        assert!(!journal.ending().is_complete);
    }
}
