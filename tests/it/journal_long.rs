//! The costs of writing a journal of a long run with many series, and of its report.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use gander::outcome::Outcome;
use gander::plan::{Series, SeriesId, Subject};
use gander::record::journal::{RunHeader, Writer};
use gander::record::{LoadCounts, LostUsers, Recorder, Sample};
use gander::units::Micros;

use crate::journal::header;
use crate::support::gander;

const SECOND: u64 = 1_000_000;

fn env(name: &str, usual: u64) -> u64 {
    let set = std::env::var(name).ok();
    set.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn header_of(series: u64) -> RunHeader {
    let one = |number| Series {
        name: format!("GET /page/{number}"),
        flow: "browse".to_owned(),
        subject: Subject::Requests,
        tags: BTreeMap::default(),
    };
    RunHeader {
        series: (0..series).map(one).collect(),
        checks: Vec::new(),
        ..header()
    }
}

/// Requests as an open load makes them: times spread over a decade and more, some of them started a little late.
fn write_journal(dir: &Path, seconds: u64, series: u64, rate: u64) {
    let header = header_of(series);
    let mut writer = Writer::create(dir, &header).expect("a journal");
    let recorder = Recorder::new(&header.metrics, &header.series, 0, 4);
    let mut bits = 1_u64;
    let mut random = move || {
        bits ^= bits << 13;
        bits ^= bits >> 7;
        bits ^= bits << 17;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    };
    for second in 0..seconds {
        for number in 0..series {
            for _ in 0..rate {
                let spread = (random() + random() + random() - 1.5) * 1.2;
                let service = (20_000.0 * spread.exp()) as u64;
                let intended = second * SECOND + (random() * SECOND as f64) as u64;
                let started = intended + (random() * 80.0) as u64;
                let sample = Sample {
                    series: SeriesId(number as u32),
                    intended: Micros(intended),
                    started: Micros(started),
                    first_byte: Some(Micros(started + service * 9 / 10)),
                    finished: Micros(started + service),
                    outcome: Outcome::Ok,
                    status: Some(200),
                    ..crate::record::request(Outcome::Ok, 0, 0)
                };
                recorder.record(number as usize, |shard| shard.request(&sample));
            }
        }
        let load = LoadCounts {
            offered: series * rate,
            started: series * rate,
            ..LoadCounts::default()
        };
        let interval = recorder.rotate(Micros((second + 1) * SECOND), false, load, None);
        writer.append(&interval).expect("room on the disk");
    }
    writer
        .finish(Micros(seconds * SECOND), 0, 0, LostUsers::default())
        .expect("room on the disk");
}

/// `cargo test --release --test it journal_long -- --ignored --nocapture`; `SECONDS`, `SERIES` and `RATE` (requests a
/// second of each series) make it longer or wider.
#[test]
#[ignore = "writes and reads hundreds of megabytes; meant for a release build on a quiet machine"]
#[expect(clippy::print_stdout, reason = "it is run for what it prints")]
fn a_report_of_two_hours_and_fifty_series() {
    let (seconds, series, rate) = (env("SECONDS", 7_200), env("SERIES", 50), env("RATE", 100));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let begun = Instant::now();
    write_journal(dir.path(), seconds, series, rate);
    println!("written in {:.1?}", begun.elapsed());
    for file in fs::read_dir(dir.path()).expect("a directory") {
        let file = file.expect("a file");
        let bytes = file.metadata().expect("a file").len();
        println!("{:?}: {:.1} MB", file.file_name(), bytes as f64 / 1e6);
    }
    let begun = Instant::now();
    let output = gander()
        .arg("report")
        .arg(dir.path())
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert!(dir.path().join("report.html").exists(), "{says}");
    println!("reported in {:.1?}", begun.elapsed());
}
