//! The histogram log of a journal is read by an independent tool: the package `hdrhistogram` of `PyPI`.

use std::fmt::Write as _;
use std::process::Command;

use gander::record::Timing;
use gander::record::journal::Journal;

use crate::journal::{export, intervals, write};

/// Prints a line a histogram: tag, start in ms, length in ms, and what it holds.
const SCRIPT: &str = r"
import sys
from hdrh.log import HistogramLogReader
from hdrh.histogram import HdrHistogram
reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3600000000, 3))
while True:
    h = reader.get_next_interval_histogram()
    if h is None:
        break
    start, end = h.get_start_time_stamp(), h.get_end_time_stamp()
    base = reader.base_time_sec * 1000
    print(h.get_tag(), round(start - base), round(end - start), h.get_total_count(),
          h.get_value_at_percentile(50), h.get_value_at_percentile(99), h.get_max_value())
";

/// `python3 -m venv venv && venv/bin/pip install hdrhistogram` and then
/// `PYTHON=venv/bin/python cargo test --test it journal_python -- --ignored`
#[test]
#[ignore = "needs Python with the package hdrhistogram; set PYTHON to its interpreter"]
fn another_tool_reads_the_same_from_the_histogram_log() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &intervals(4));
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(export(dir.path()))
        .output()
        .expect("Python starts");
    let found = String::from_utf8_lossy(&output.stdout);
    let problems = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{problems}");

    let journal = Journal::open(dir.path()).expect("it was just written");
    let mut expected = String::new();
    for interval in journal.intervals() {
        for (id, series) in &interval.series {
            let name = ["GET_/__then__more_", "browse"][id.0 as usize];
            for timing in Timing::ALL {
                let Some(times) = series.histogram(timing) else {
                    continue;
                };
                writeln!(
                    expected,
                    "{}:{name}:{} {} {} {} {} {} {}",
                    id.0,
                    timing.name(),
                    (interval.start.0 + 500) / 1_000,
                    ((interval.end.0 - interval.start.0) + 500) / 1_000,
                    times.len(),
                    times.value_at_quantile(0.5),
                    times.value_at_quantile(0.99),
                    times.max(),
                )
                .expect("a string takes any text");
            }
        }
    }
    assert!(!expected.is_empty());
    assert_eq!(found, expected);
}
