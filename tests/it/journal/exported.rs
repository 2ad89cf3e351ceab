//! A journal's histograms as a log for other tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gander::record::Timing;
use gander::record::journal::Journal;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::{intervals, write};
use crate::support::gander;

/// The log that `gander report` makes of the run in a folder, in that folder.
pub(crate) fn export(run: &Path) -> PathBuf {
    let log = run.join("out.hlog");
    let output = gander()
        .args(["report", "--quiet", "--hlog"])
        .args([&log, run])
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert!(log.exists(), "{says}");
    log
}

/// Each time that was recorded, and how often.
fn recorded(histogram: &Histogram<u64>) -> Vec<(u64, u64)> {
    let bins = histogram.iter_recorded();
    bins.map(|bin| (bin.value_iterated_to(), bin.count_at_value()))
        .collect()
}

#[test]
fn the_interval_log_holds_what_the_journal_holds() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &intervals(4));
    let text = fs::read(export(dir.path())).expect("a log");
    let mut deserializer = Deserializer::new();
    let mut read = Vec::new();
    for entry in IntervalLogIterator::new(&text) {
        let LogEntry::Interval(line) = entry.expect("it is a log") else {
            continue;
        };
        let packed = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            line.encoded_histogram(),
        );
        let histogram: Histogram<u64> = deserializer
            .deserialize(&mut packed.expect("base64").as_slice())
            .expect("a histogram");
        let tag = line.tag().expect("a tag").as_str().to_owned();
        let milliseconds = |time: Duration| ((time.as_micros() + 500) / 1_000) as u64;
        let start = milliseconds(line.start_timestamp());
        let length = milliseconds(line.duration());
        read.push((tag, start, length, recorded(&histogram)));
    }

    let journal = Journal::open(dir.path()).expect("it was just written");
    let mut expected = Vec::new();
    for interval in journal.intervals() {
        for (id, series) in &interval.series {
            let name = ["GET_/__then__more_", "browse"][id.0 as usize];
            for timing in Timing::ALL {
                if let Some(bins) = series.histogram(timing) {
                    let tag = format!("{}:{name}:{}", id.0, timing.name());
                    let milliseconds = |micros: u64| (micros + 500) / 1_000;
                    let start = milliseconds(interval.start.0);
                    let length = milliseconds(interval.end.0 - interval.start.0);
                    expected.push((tag, start, length, recorded(&bins.to_histogram())));
                }
            }
        }
    }
    assert_eq!(read.len(), 27);
    assert_eq!(read, expected);
}
