//! The figures for GitLab and for github-action-benchmark, as those read them.

use std::collections::{BTreeMap, BTreeSet};

use gander::record::Timing;
use gander::report::{BenchmarkBigger, BenchmarkSmaller, GitlabMetrics, Renderer, Report};
use nom_openmetrics::{Family, MetricDescriptor, MetricType};
use serde_json::Value;

use super::super::fixture::{Recipe, report};
use super::super::hostile::hostile;
use super::{MARKUP, named, text};

/// As `OpenMetrics` 1.0 reads it, with the rules that a grammar does not hold.
fn open_metrics(text: &str) -> BTreeMap<String, f64> {
    let (rest, families) = nom_openmetrics::parser::openmetrics(text)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(rest, "");
    let mut samples = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for Family {
        descriptors,
        samples: found,
    } in &families
    {
        let family = descriptors.first().expect("a description").metric();
        assert!(seen.insert(family), "{family} is there twice");
        let mut suffix = "";
        for descriptor in descriptors {
            match descriptor {
                MetricDescriptor::Type { r#type, .. } => {
                    if *r#type == MetricType::Counter {
                        suffix = "_total";
                    }
                }
                MetricDescriptor::Unit { unit, .. } => {
                    assert!(family.ends_with(&format!("_{unit}")), "{family} {unit}");
                }
                MetricDescriptor::Help { .. } => {}
            }
        }
        for sample in found {
            assert_eq!(sample.name(), format!("{family}{suffix}"));
            let labels: Vec<_> = sample
                .labels()
                .iter()
                .map(|label| format!("{}={}", label.name, label.value))
                .collect();
            let key = format!("{}{{{}}}", sample.name(), labels.join(","));
            let before = samples.insert(key, sample.number());
            assert_eq!(before, None, "a sample is there twice");
        }
    }
    samples
}

/// As GitLab reads it (`ee/lib/gitlab/ci/parsers/metrics/generic.rb`): a line up to `#`, split as a shell does; the
/// first word is the name and the second the value.
fn gitlab(text: &str) -> BTreeMap<String, String> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    lines
        .map(shell_words)
        .filter(|words| words.len() > 1)
        .map(|words| (words[0].clone(), words[1].clone()))
        .collect()
}

/// Words with double quotes and backslashes.
fn shell_words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            '\\' => word.extend(chars.next()),
            ' ' if !is_quoted => words.push(std::mem::take(&mut word)),
            '\'' if !is_quoted => panic!("a quote outside a label: {line}"),
            c => word.push(c),
        }
    }
    assert!(!is_quoted, "unmatched quotes: {line}");
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn the_metrics_for_gitlab() {
    insta::assert_snapshot!(text(&GitlabMetrics, &report(&Recipe::SMALL)));
}

#[test]
fn the_metrics_for_gitlab_are_the_figures_of_the_run() {
    let report = report(&Recipe::SMALL);
    let samples = open_metrics(&text(&GitlabMetrics, &report));
    let of = |key: &str| {
        *samples
            .get(key)
            .unwrap_or_else(|| panic!("{key} in {samples:#?}"))
    };
    let p95 = report.time(Timing::ResponseTime).p95.as_secs_f64();
    let told = of("gander_response_time_seconds{scenario=baseline,quantile=0.95}");
    assert!((told / p95 - 1.0).abs() < 0.005, "{told} {p95}");
    for (key, exact) in [
        ("gander_exit_code{scenario=baseline}", 99.0),
        ("gander_requests_total{scenario=baseline}", 480.0),
        ("gander_requests_failed_total{scenario=baseline}", 4.0),
        ("gander_failed_ratio{scenario=baseline}", 0.008_33),
        ("gander_requests_per_second{scenario=baseline}", 60.0),
    ] {
        assert!((of(key) - exact).abs() < 1e-9, "{key}: {}", of(key));
    }
    let steps = samples.keys().filter(|key| key.contains("step=")).count();
    assert_eq!(steps, report.steps.len() * 3);
}

#[test]
fn gitlab_reads_every_metric_whatever_its_labels_are() {
    for report in [
        named(MARKUP),
        named("a#b 'c' \"d\" \\ e\\\\"),
        hostile(),
        report(&Recipe::SHORT),
        report(&Recipe::EMPTY),
    ] {
        let text = text(&GitlabMetrics, &report);
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        let samples = open_metrics(&text);
        assert_eq!(gitlab(&text).len(), samples.len(), "{text}");
        assert!(
            gitlab(&text)
                .values()
                .all(|value| value.parse::<f64>().is_ok())
        );
    }
}

#[test]
fn steps_of_the_same_name_are_one_sample() {
    let mut report = report(&Recipe::SHORT);
    report.steps[1] = report.steps[0].clone();
    let samples = open_metrics(&text(&GitlabMetrics, &report));
    let steps = samples.keys().filter(|key| key.contains("step=")).count();
    assert_eq!(steps, (report.steps.len() - 1) * 3);
}

/// The entries of a file: its shape is that of `customSmallerIsBetter` and `customBiggerIsBetter` in the README of
/// github-action-benchmark.
fn benchmark(renderer: &dyn Renderer, report: &Report) -> BTreeMap<String, (f64, String)> {
    let entries: Value = serde_json::from_str(&text(renderer, report)).expect("JSON");
    let entries = entries.as_array().expect("a list").iter().map(|entry| {
        let entry = entry.as_object().expect("an object");
        let word = |key: &str| entry[key].as_str().expect("text").to_owned();
        let known = ["name", "unit", "value", "range", "extra"];
        assert!(
            entry.keys().all(|key| known.contains(&key.as_str())),
            "{entry:?}"
        );
        let value = entry["value"].as_f64().expect("a number");
        assert!(!word("name").is_empty() && !word("extra").is_empty());
        (word("name"), (value, word("unit")))
    });
    let entries: Vec<_> = entries.collect();
    let count = entries.len();
    let named: BTreeMap<_, _> = entries.into_iter().collect();
    assert_eq!(named.len(), count, "two entries have one name");
    named
}

#[test]
fn the_benchmark_files_part_what_should_be_small_from_what_should_be_large() {
    let report = report(&Recipe::SMALL);
    let small = benchmark(&BenchmarkSmaller, &report);
    let large = benchmark(&BenchmarkBigger, &report);
    let p95 = report.time(Timing::ResponseTime).p95;
    assert_eq!(
        small["baseline: response time p95"],
        (p95.0 as f64 / 1e3, "ms".to_owned())
    );
    assert_eq!(small["baseline: failed requests"], (0.833, "%".to_owned()));
    assert!(small.contains_key("baseline: browse / search: response time p95"));
    assert_eq!(small.len(), 3 + report.steps.len() + 1);
    assert_eq!(
        large["baseline: requests per second"],
        (60.0, "requests/s".to_owned())
    );
    assert_eq!(large.len(), 1);
    for renderer in [&BenchmarkSmaller as &dyn Renderer, &BenchmarkBigger] {
        benchmark(renderer, &hostile());
        let empty = benchmark(renderer, &self::report(&Recipe::EMPTY));
        assert!(
            empty.is_empty(),
            "a run without requests has no figure: {empty:?}"
        );
    }
}
