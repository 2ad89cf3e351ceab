//! Metrics that a plan declares: one that is not recorded costs nothing, and a journal identifies each by its name.

use std::fs;
use std::path::Path;

use gander::outcome::Outcome;
use gander::plan::{MetricEntry, MetricId, Metrics, SeriesId, Timing};
use gander::record::journal::{
    EVENTS_FILE, HISTOGRAMS_FILE, Journal, JournalWarning, RUN_FILE, RunHeader, Writer,
};
use gander::record::{Bins, Health, Interval, LostUsers, Recorder};
use gander::report::{Renderer, Report, ReportHtml};
use gander::units::Micros;

use crate::journal::{export, header};
use crate::plan::plan;
use crate::record::{request, rotate};

fn declared(name: &str) -> MetricEntry {
    MetricEntry {
        name: name.to_owned(),
        ..Timing::Ttfb.into()
    }
}

fn write(dir: &Path, header: &RunHeader, intervals: &[Interval]) {
    let mut writer = Writer::create(dir, header).expect("an empty directory");
    for interval in intervals {
        writer.append(interval).expect("there is room");
    }
    writer
        .finish(Micros(9_000_000), 0, 0, LostUsers::default())
        .expect("there is room");
}

#[test]
fn two_metrics_that_nobody_records_cost_nothing() {
    let plan = plan(
        "{ users: 2, for: 10s }",
        "flows: [{ name: browse, steps: [{ get: / }, { get: /more }] }]",
    );
    let mut more = plan.workload.metrics.clone();
    for name in ["queue_time", "render_time"] {
        more.declare(declared(name));
    }
    assert_eq!(more.declared().count(), 2);
    let intervals = |metrics: &Metrics| {
        let recorder = Recorder::new(
            metrics,
            &plan.workload.series,
            plan.workload.checks.len(),
            2,
        );
        let second = |second| {
            for (user, outcome) in Outcome::ALL.into_iter().enumerate() {
                let mut sample = request(outcome, 70 * second, 5);
                sample.series = SeriesId(1 + user as u32 % 2);
                recorder.record(user, |shard| shard.request(&sample));
            }
            Interval {
                health: Health::default(),
                ..rotate(&recorder, second)
            }
        };
        (1..4).map(second).collect::<Vec<_>>()
    };
    let folders = [&plan.workload.metrics, &more].map(|metrics| {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let header = RunHeader {
            metrics: metrics.clone(),
            series: plan.workload.series.clone(),
            ..header()
        };
        write(folder.path(), &header, &intervals(metrics));
        folder
    });
    let [without, with] = folders;
    for file in [HISTOGRAMS_FILE, EVENTS_FILE] {
        let read = |folder: &Path| fs::read(folder.join(file)).expect("it was just written");
        assert_eq!(read(without.path()), read(with.path()), "{file}");
    }
    for (without, with) in intervals(&plan.workload.metrics)
        .iter()
        .zip(&intervals(&more))
    {
        assert_eq!(format!("{without:?}"), format!("{with:?}"));
    }
}

/// An interval in which the first step has one time of `metric`, and one response time.
fn interval(metric: MetricId) -> Interval {
    let bins = |time| {
        let mut bins = Bins::default();
        bins.record(Micros(time));
        bins
    };
    let mut interval = Interval {
        end: Micros(1_000_000),
        ..Interval::default()
    };
    let step = interval.series.entry(SeriesId(0)).or_default();
    step.counts.ended = 1;
    for timing in [Timing::ResponseTime, Timing::ServiceTime] {
        step.histograms.insert(timing.into(), bins(900));
    }
    step.histograms.insert(metric, bins(77_000));
    interval
}

#[test]
fn a_metric_that_this_version_does_not_have_keeps_its_name() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut header = header();
    let metric = header.metrics.declare(declared("queue\u{1b} time"));
    write(dir.path(), &header, &[interval(metric)]);

    let journal = Journal::open(dir.path()).expect("it was just written");
    assert_eq!(journal.header, header);
    assert_eq!(journal.warnings, []);
    let log = fs::read_to_string(export(dir.path())).expect("a log");
    assert!(
        log.contains("Tag=0:GET_/__then__more_:queue__time,"),
        "{log}"
    );
    let report = Report::build(&journal).expect("the report is built");
    assert_eq!(report.time(metric).count, 1);
    let page = ReportHtml.render(&report).expect("a page");
    let page = String::from_utf8(page).expect("a page is text");
    assert!(page.contains("queue") && !page.contains('\u{1b}'));
}

#[test]
fn a_journal_numbers_its_metrics_itself() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    // As written by a version that has another metric before those of this one.
    let mut metrics = Metrics::of([]);
    metrics.declare(declared("queue_time"));
    for timing in Timing::ALL.into_iter().rev() {
        metrics.declare(timing.into());
    }
    let written = interval(MetricId(0));
    let mut renumbered = written.clone();
    for part in renumbered.series.values_mut() {
        let names = Metrics::built_in();
        let histograms = std::mem::take(&mut part.histograms);
        for (id, bins) in histograms {
            let name = |metrics: &Metrics, id| metrics.get(id).map(|metric| metric.name.clone());
            let mut numbers = metrics.iter().map(|(id, _)| id);
            let number = numbers.find(|&number| name(&metrics, number) == name(&names, id));
            part.histograms
                .insert(number.expect("it is declared"), bins);
        }
    }
    let header = RunHeader {
        metrics,
        ..header()
    };
    write(dir.path(), &header, &[renumbered]);

    let journal = Journal::open(dir.path()).expect("it was just written");
    assert_eq!(journal.warnings, []);
    let read = journal.intervals().next().expect("an interval");
    assert_eq!(
        read.series[&SeriesId(0)].histograms,
        written.series[&SeriesId(0)].histograms
    );
    let others = journal.header.metrics.declared();
    let others: Vec<_> = others.map(|(_, metric)| metric.name.as_str()).collect();
    assert_eq!(others, ["queue_time"]);
}

#[test]
fn a_metric_that_the_header_does_not_name_is_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &header(), &[interval(MetricId(11))]);
    let journal = Journal::open(dir.path()).expect("it was just written");
    assert_eq!(
        (journal.interval_count(), journal.intervals().count()),
        (0, 0)
    );
    let [
        JournalWarning::SeriesCorrupt {
            interval: 0,
            reason,
        },
    ] = &journal.warnings[..]
    else {
        panic!("one warning: {:?}", journal.warnings);
    };
    assert_eq!(reason, "metric 11 is not in the header");
}

#[test]
fn a_header_without_metrics_is_that_of_an_older_version() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write(dir.path(), &header(), &[interval(Timing::Tls.into())]);
    let path = dir.path().join(RUN_FILE);
    let text = fs::read(&path).expect("it was just written");
    let mut header: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let named = header.as_object_mut().and_then(|it| it.remove("metrics"));
    assert_eq!(
        named.map(|named| named[0]["name"].clone()),
        Some("response_time".into())
    );
    fs::write(&path, header.to_string()).expect("it can be changed");
    let journal = Journal::open(dir.path()).expect("it was just changed");
    assert_eq!(journal.warnings, []);
    assert_eq!(journal.header.metrics, Metrics::built_in());
    let read = journal.intervals().next().expect("an interval");
    let times = read.series[&SeriesId(0)].histogram(Timing::Tls);
    assert_eq!(times.map(Bins::len), Some(1));
}
