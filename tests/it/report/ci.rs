//! The outputs for CI systems, each read by an independent reader of its format.

use std::collections::{BTreeMap, BTreeSet};

use gander::exit::Exit;
use gander::record::Standing;
use gander::report::{
    BenchmarkBigger, BenchmarkSmaller, GitlabMetrics, Renderer, Report, SummaryMarkdown,
    annotations,
};
use gander::scenario::Severity;
use gander::verdict::Conclusion;
use nom_openmetrics::{Family, MetricDescriptor, MetricType};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

use super::fixture::{Recipe, report, report_with};
use super::hostile::hostile;

/// Markup, links, mentions and references of Markdown as GitHub and GitLab read it.
const MARKUP: &str = "a|b `c` ``d`` *e* _f_ ~~g~~ \\| [h](http://i.test) ![j](k) <img src=l> <!-- m --> &amp; \
     @octocat @org/team #1 o/p#2 !3 $4 ~\"label\" www.q.test https://r.test $s$ - t";

fn text(renderer: &dyn Renderer, report: &Report) -> String {
    let bytes = renderer.render(report).expect("it renders");
    String::from_utf8(bytes).expect("UTF-8")
}

/// The same run, with these words wherever an author or a target chooses them.
fn named(words: &str) -> Report {
    let mut report = report_with(&Recipe::SMALL, |header, _| {
        words.clone_into(&mut header.scenario);
        for series in &mut header.series {
            series.flow = format!("{words} {}", series.flow);
            series.name = format!("{} {words}", series.name);
        }
        for threshold in &mut header.thresholds {
            threshold.expression = format!("{words} {}", threshold.expression);
        }
    });
    words.clone_into(&mut report.verdict.reason);
    report
}

/// A summary as a reader sees it: its tables by rows of cells, its other text, and its own markup.
#[derive(Debug, Default)]
struct Page {
    tables: Vec<Vec<Vec<String>>>,
    other: String,
    markup: Vec<String>,
}

/// Reads GitHub Flavored Markdown.
fn page(markdown: &str) -> Page {
    let mut page = Page::default();
    let mut in_cell = false;
    for event in Parser::new_ext(
        markdown,
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH,
    ) {
        match event {
            Event::Start(Tag::Table(_)) => page.tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                page.tables.last_mut().expect("a table").push(Vec::new());
            }
            Event::Start(Tag::TableCell) => {
                in_cell = true;
                let row = page.tables.last_mut().and_then(|table| table.last_mut());
                row.expect("a row").push(String::new());
            }
            Event::End(TagEnd::TableCell) => in_cell = false,
            Event::Text(words) | Event::Code(words) => {
                let cell = page.tables.last_mut().and_then(|table| table.last_mut());
                match cell.and_then(|row| row.last_mut()) {
                    Some(cell) if in_cell => cell.push_str(&words),
                    _ => page.other.push_str(&words),
                }
            }
            Event::Html(tag) | Event::InlineHtml(tag) => page.markup.push(tag.trim().to_owned()),
            Event::Start(Tag::Heading { .. } | Tag::Paragraph | Tag::HtmlBlock) | Event::End(_) => {
            }
            foreign => panic!("{foreign:?} in:\n{markdown}"),
        }
    }
    page
}

#[test]
fn the_summary_in_markdown() {
    insta::assert_snapshot!(text(&SummaryMarkdown, &report(&Recipe::SMALL)));
}

#[test]
fn the_summary_has_a_row_for_each_threshold_and_step_and_four_figures() {
    let report = report(&Recipe::SMALL);
    let page = page(&text(&SummaryMarkdown, &report));
    let [thresholds, figures, steps] = &page.tables[..] else {
        panic!("{page:?}");
    };
    assert_eq!(thresholds.len(), 1 + report.thresholds.len());
    assert_eq!(
        thresholds[0],
        ["Verdict", "Threshold", "Observed", "Limit", "Margin"]
    );
    assert_eq!(
        thresholds[1],
        [
            "✗ Failed",
            "p99(response_time{step=\"search\"}) < 250ms",
            "416 ms",
            "< 250 ms",
            "−66 %"
        ]
    );
    assert_eq!(figures.len(), 2);
    assert_eq!(figures[1][0], "480");
    assert_eq!(figures[1][1], "60/s");
    assert_eq!(steps.len(), 1 + report.steps.len());
    assert!(
        page.other
            .starts_with("✗ Failed: baselineExit code 99: p99("),
        "{}",
        page.other
    );
    let markup = ["<details>", "<summary>Steps</summary>", "</details>"];
    assert_eq!(page.markup, markup);
}

#[test]
fn no_name_and_no_sentence_becomes_markup_of_the_summary() {
    let report = named(MARKUP);
    let markdown = text(&SummaryMarkdown, &report);
    let page = page(&markdown);
    let said = page.other.replace('\u{200b}', "");
    assert!(said.contains(&format!("Exit code 99: {MARKUP}")), "{said}");
    let [thresholds, _, steps] = &page.tables[..] else {
        panic!("{page:?}");
    };
    for rows in [thresholds, steps] {
        let width = rows[0].len();
        assert!(rows.iter().all(|row| row.len() == width), "{rows:?}");
    }
    // Names are shortened to 120 columns.
    let shown: String = MARKUP.chars().take(119).collect();
    assert!(thresholds[1][1].starts_with(&shown), "{:?}", thresholds[1]);
    assert!(said.contains(&format!("Failed: {shown}…")), "{said}");
    let own = [
        "<details>",
        "<summary>Steps</summary>",
        "</details>",
        "<code>",
        "</code>",
    ];
    for tag in &page.markup {
        assert!(own.contains(&tag.as_str()), "{tag}");
    }
    // CommonMark knows neither mentions nor bare links, so each is looked for in the text itself: a name is code, in
    // which they are nothing, and in a sentence they are broken.
    let reason = markdown.lines().nth(2).expect("the reason");
    for reference in ["@o", "#1", "#2", "!3", "$4", "~\"", "www.", "://", "$s"] {
        assert!(!reason.contains(reference), "{reference} in {reason}");
    }
    page_is_small(&markdown);
}

fn page_is_small(markdown: &str) {
    // A comment on GitHub has at most 65,536 characters.
    assert!(markdown.chars().count() < 60_000, "{}", markdown.len());
}

#[test]
fn the_summary_of_a_large_run_still_fits_a_comment() {
    let mut report = named(&"`|<".repeat(200));
    let (row, step) = (report.thresholds[0].clone(), report.steps[0].clone());
    report.thresholds = vec![row; 500];
    report.thresholds[499].standing = Standing::Fail;
    report.steps = vec![step; 500];
    let markdown = text(&SummaryMarkdown, &report);
    page_is_small(&markdown);
    let page = page(&markdown);
    assert_eq!(page.tables[0].len(), 1 + 40);
    assert_eq!(page.tables[0][1][0], "✗ Failed", "what failed comes first");
    assert_eq!(page.tables[2].len(), 1 + 20);
    assert!(page.other.contains("and 460 more thresholds in the report"));
    assert!(page.other.contains("and 480 more steps in the report"));
}

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
    let p95 = report
        .time(gander::record::Timing::ResponseTime)
        .p95
        .as_secs_f64();
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
    let p95 = report.time(gander::record::Timing::ResponseTime).p95;
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
        let empty = benchmark(renderer, &super::fixture::report(&Recipe::EMPTY));
        assert!(
            empty.is_empty(),
            "a run without requests has no figure: {empty:?}"
        );
    }
}

/// A workflow command as the runner of GitHub Actions reads it (actions/runner, `ActionCommand.cs`): its name, its
/// properties and its message.
fn command(line: &str) -> (String, BTreeMap<String, String>, String) {
    let line = line.strip_prefix("::").expect("a command");
    let (head, message) = line.split_once("::").expect("a message");
    let (name, properties) = head.split_once(' ').expect("properties");
    let plain = |text: &str| {
        text.replace("%0D", "\r")
            .replace("%0A", "\n")
            .replace("%3A", ":")
            .replace("%2C", ",")
            .replace("%25", "%")
    };
    let properties = properties
        .split(',')
        .map(|property| property.split_once('=').expect("a value"))
        .map(|(key, value)| (key.to_owned(), plain(value)))
        .collect();
    (name.to_owned(), properties, plain(message))
}

#[test]
fn each_broken_threshold_is_annotated_at_its_line() {
    let report = report(&Recipe::SMALL);
    let text = annotations(&report, "scenarios/baseline.yaml");
    let commands: Vec<_> = text.lines().map(command).collect();
    let [first, second, third] = &commands[..] else {
        panic!("{text}");
    };
    for ((name, properties, message), (level, line, title, told)) in [
        (
            first,
            (
                "error",
                "32",
                "p99(response_time{step=\"search\"}) < 250ms",
                "observed 416 ms, expected < 250 ms",
            ),
        ),
        (
            second,
            (
                "error",
                "33",
                "ratio(failed) < 0.5%",
                "observed 0.83 %, expected < 0.5 %",
            ),
        ),
        (
            third,
            (
                "warning",
                "34",
                "rate(requests) > 150/s",
                "observed 60/s, expected > 150/s",
            ),
        ),
    ] {
        assert_eq!(name, level);
        assert_eq!(properties["file"], "scenarios/baseline.yaml");
        assert_eq!(properties["line"], line);
        assert_eq!(properties["title"], title);
        assert!(message.starts_with(told), "{message}");
    }
    assert_eq!(
        annotations(&super::fixture::report(&Recipe::SHORT), "x.yaml"),
        ""
    );
}

#[test]
fn a_run_that_no_threshold_explains_has_an_annotation_of_its_own() {
    let mut report = report(&Recipe::SHORT);
    for (conclusion, exit) in [
        (Conclusion::Invalid, Exit::MeasurementInvalid),
        (Conclusion::Interrupted, Exit::Stopped),
        (Conclusion::Fail, Exit::TargetUnreachable),
        (Conclusion::Fail, Exit::ThresholdFailed),
    ] {
        report.verdict.conclusion = conclusion;
        report.verdict.exit = exit;
        "because: 100%".clone_into(&mut report.verdict.reason);
        let text = annotations(&report, "x.yaml");
        let (name, properties, message) = command(text.trim_end());
        assert_eq!(
            (name.as_str(), message.as_str()),
            ("error", "because: 100%")
        );
        assert!(!properties.contains_key("line"), "{properties:?}");
    }
}

#[test]
fn the_tenth_annotation_counts_the_rest() {
    let mut report = report(&Recipe::SHORT);
    let mut row = report.thresholds[0].clone();
    row.standing = Standing::Fail;
    row.severity = Severity::Fail;
    for (count, told) in [(9, None), (10, Some("1 more")), (1_200, Some("1,191 more"))] {
        report.thresholds = vec![row.clone(); count];
        report.verdict.conclusion = Conclusion::Fail;
        report.verdict.exit = Exit::ThresholdFailed;
        let text = annotations(&report, "x.yaml");
        assert_eq!(text.lines().count(), 9 + usize::from(told.is_some()));
        let (_, _, message) = command(text.lines().last().expect("a line"));
        assert_eq!(
            told.is_some_and(|told| message.starts_with(told)),
            told.is_some(),
            "{message}"
        );
    }
}

#[test]
fn an_annotation_says_what_its_author_wrote_and_nothing_else() {
    for words in [MARKUP, "100%0A::error::, a=b,line=3", "%25%3A"] {
        let report = named(words);
        let text = annotations(&report, words);
        assert_eq!(text.lines().count(), 3, "{text}");
        for line in text.lines() {
            let (_, properties, _) = command(line);
            let keys: Vec<_> = properties.keys().map(String::as_str).collect();
            assert_eq!(keys, ["file", "line", "title"]);
            assert_eq!(properties["file"], words);
            assert!(properties["title"].starts_with(words), "{line}");
        }
    }
    assert!(!annotations(&hostile(), "x\ny").contains("\n::error file=x\n"));
}
