//! The journal: it is read back unchanged, and a truncated journal is a prefix of it.

mod exported;
mod made_up;

use std::fs;
use std::path::Path;

use gander::record::journal::{
    EVENTS_FILE, Event, HISTOGRAMS_FILE, Journal, JournalError, JournalWarning, RUN_FILE, SCHEMA,
    Writer,
};
use gander::record::{Counts, Interval, LoadCounts, LostUsers, SeriesInterval, StopReason};
use gander::units::Micros;

use crate::record::STEP;
use crate::support::gander;
pub(crate) use exported::export;
use made_up::other_events;
pub(crate) use made_up::{header, intervals, write};

/// An interval without its histograms, in a form that can be compared.
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
    // The interval without histograms does not need its place in their file.
    for (file, expected) in [
        (HISTOGRAMS_FILE, vec![3, 2, 0]),
        (EVENTS_FILE, vec![4, 3, 2, 1, 0]),
    ] {
        let path = dir.path().join(file);
        let whole = fs::read(&path).expect("it was just written");
        let cut = fs::File::options().write(true).open(&path);
        let cut = cut.expect("it was just written");
        let mut seen = Vec::new();
        for length in (0..whole.len()).rev() {
            cut.set_len(length as u64).expect("it can be cut");
            let journal = Journal::open(dir.path())
                .unwrap_or_else(|error| panic!("{file} cut at {length}: {error}"));
            assert!(!journal.ending().is_complete, "{file} cut at {length}");
            // Only after a cut between two event lines the run looks as if it were still in progress.
            let is_between_lines =
                file == EVENTS_FILE && matches!(whole[..length].last(), None | Some(b'\n'));
            let warnings = &journal.warnings;
            assert_eq!(
                warnings.is_empty(),
                is_between_lines,
                "{file} cut at {length}"
            );
            // The result changes only with the number of intervals.
            let count = journal.interval_count();
            if seen.last() == Some(&count) {
                continue;
            }
            seen.push(count);
            let read: Vec<_> = journal.intervals().collect();
            assert_eq!(read.len() as u64, count, "{file} cut at {length}");
            for (read, written) in read.iter().zip(&written) {
                assert_same(read, written);
            }
        }
        assert_eq!(seen, expected, "intervals as {file} gets shorter");
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
fn damage_within_a_journal_is_not_taken_for_the_end_of_a_run_that_was_killed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &intervals(4));
    let events = dir.path().join(EVENTS_FILE);
    let text = fs::read_to_string(&events).expect("it was just written");
    let is_end =
        |line: &&str| line.contains(r#""event":"stop""#) || line.contains(r#""event":"end""#);
    let kept: Vec<_> = text
        .split_inclusive('\n')
        .filter(|line| !is_end(line))
        .collect();
    assert_eq!(kept.len() + 2, text.lines().count());
    fs::write(&events, kept.concat()).expect("it can be cut");
    for file in [HISTOGRAMS_FILE, EVENTS_FILE] {
        let path = dir.path().join(file);
        let whole = fs::read(&path).expect("it was just written");
        let mut damaged = whole.clone();
        let middle = whole.len() / 2;
        damaged[middle..middle + 8].fill(0);
        fs::write(&path, &damaged).expect("it can be damaged");
        let report = gander().arg("report").arg(dir.path()).output();
        let report = report.expect("gander runs");
        assert_eq!(report.status.code(), Some(105), "{file}");
        let told = String::from_utf8_lossy(&report.stdout).replace('\n', " ");
        assert!(told.contains("the journal is damaged"), "{told}");
        assert!(told.contains(file) && !told.contains("killed"), "{told}");
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
    // Regardless of the other content of another version's header.
    let other = r#"{ "schema": "gander.run/9", "gander": "7.8.9" }"#;
    fs::write(&path, other).expect("it can be changed");
    let error = Journal::open(dir.path())
        .expect_err("another schema")
        .to_string();
    let says =
        error.contains("gander.run/9") && error.contains(SCHEMA) && error.contains("Gander 7.8.9");
    assert!(says, "{error}");
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
                recorded: 2,
                counted: 3,
                times: 2,
                ..
            }
        ),
        "{warning}"
    );
    // A reader knows a step by its name.
    assert!(warning.to_string().contains("step `"), "{warning}");
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

/// `mount -t tmpfs -o size=64k none DIR` and then
/// `SMALL_DISK=DIR cargo test --test it a_full_disk -- --ignored`
#[test]
#[ignore = "needs a small file system to fill; set SMALL_DISK to a directory on it"]
fn a_full_disk_ends_the_journal_but_not_what_is_in_it() {
    let disk = std::env::var("SMALL_DISK").expect("SMALL_DISK is a directory on a small disk");
    let dir = Path::new(&disk).join("run");
    let written = intervals(2_000);
    let mut writer = Writer::create(&dir, &header()).expect("it is empty");
    let fitted = written
        .iter()
        .take_while(|interval| writer.append(interval).is_ok())
        .count();
    assert!(fitted > 0 && fitted < written.len(), "{fitted} fitted");
    // The end event is shorter than the interval that did not fit, whose space was freed.
    writer
        .finish(Micros(1), 0, 0, LostUsers::default())
        .expect("the end fits");

    let journal = Journal::open(&dir).expect("the header is there");
    assert_eq!(journal.warnings, []);
    assert!(journal.ending().is_complete);
    assert_eq!(journal.interval_count(), fitted as u64);
    for (read, written) in journal.intervals().zip(&written) {
        assert_same(&read, written);
    }
}
