//! The annotations for GitHub Actions, as its runner reads them.

use std::collections::BTreeMap;

use gander::exit::Exit;
use gander::record::Standing;
use gander::report::annotations;
use gander::scenario::Severity;
use gander::verdict::Conclusion;

use super::super::fixture::{self, Recipe, report};
use super::super::hostile::hostile;
use super::{MARKUP, named};

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
    assert_eq!(annotations(&fixture::report(&Recipe::SHORT), "x.yaml"), "");
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
