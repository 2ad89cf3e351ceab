//! `junit.xml` read by an XML parser, as CI systems read it.
//!
//! The rules are those of `junit-10.xsd`, with which the xUnit plugin of Jenkins validates a file before it reads it
//! (jenkinsci/xunit-plugin, `types/model/xsd`), and of GitLab, which knows a test by its class name and name.

use gander::outcome::Outcome;
use gander::record::Standing;
use gander::record::journal::Event;
use gander::report::{JunitXml, Renderer, Report, refusal};
use gander::scenario::Window;
use gander::verdict::Conclusion;
use roxmltree::{Document, Node};

use super::fixture::{Recipe, report, report_with};
use super::hostile::{PAYLOADS, hostile};

fn rendered(report: &Report) -> String {
    let bytes = JunitXml.render(report).expect("it renders");
    String::from_utf8(bytes).expect("UTF-8")
}

/// The elements that an element may contain, and its attributes; those before `|` must be there.
const RULES: [(&str, &[&str], &str); 9] = [
    (
        "testsuites",
        &["testsuite"],
        "| name time tests failures errors",
    ),
    (
        "testsuite",
        &[
            "testsuite",
            "properties",
            "testcase",
            "system-out",
            "system-err",
        ],
        "name tests failures errors | group time skipped timestamp hostname id package file log url",
    ),
    ("properties", &["property"], "|"),
    ("property", &[], "name value |"),
    (
        "testcase",
        &["skipped", "error", "failure", "system-out", "system-err"],
        "name | time classname group",
    ),
    ("skipped", &[], "| type message"),
    ("error", &[], "| type message"),
    ("failure", &[], "| type message"),
    ("system-out", &[], "|"),
];

fn check_rules(element: Node<'_, '_>) {
    let name = element.tag_name().name();
    let rule = RULES.iter().find(|(known, ..)| *known == name);
    let (_, children, attributes) = rule.unwrap_or_else(|| panic!("<{name}> is not known"));
    let (required, optional) = attributes.split_once('|').expect("a rule");
    for attribute in element.attributes() {
        let known = required.split(' ').chain(optional.split(' '));
        assert!(
            known.clone().any(|known| known == attribute.name()),
            "<{name} {}>",
            attribute.name()
        );
    }
    for attribute in required.split_whitespace() {
        assert!(
            element.has_attribute(attribute),
            "<{name}> has no {attribute}"
        );
    }
    for child in element.children().filter(Node::is_element) {
        assert!(
            children.contains(&child.tag_name().name()),
            "<{}> in <{name}>",
            child.tag_name().name()
        );
        check_rules(child);
    }
}

/// Each case: its name, the element that gives its result (`passed` without one), and its message.
fn cases(xml: &str) -> Vec<(String, String, String)> {
    let document = Document::parse(xml).expect("well-formed XML");
    check_rules(document.root_element());
    let cases = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"));
    let cases: Vec<_> = cases
        .map(|case| {
            let name = case.attribute("name").expect("a name").to_owned();
            let result = case.first_element_child();
            let word = result.map_or("passed", |result| result.tag_name().name());
            let message = result.map(|result| {
                let message = result.attribute("message").or(result.text());
                message.unwrap_or_default().to_owned()
            });
            (name, word.to_owned(), message.unwrap_or_default())
        })
        .collect();
    let suites = document
        .descendants()
        .filter(|node| node.has_tag_name("testsuites") || node.has_tag_name("testsuite"));
    for suite in suites {
        let count = |word: &str| cases.iter().filter(|(_, found, _)| found == word).count();
        for (attribute, counted) in [
            ("tests", cases.len()),
            ("failures", count("failure")),
            ("errors", count("error")),
            ("skipped", count("skipped")),
        ] {
            let told = suite.attribute(attribute).map(str::parse);
            assert!(
                told.is_none() || told == Some(Ok(counted)),
                "{attribute}: {told:?}, counted {counted}"
            );
        }
    }
    cases
}

#[test]
fn every_junit_file_follows_the_rules_of_its_readers() {
    let refused = refusal(
        &PAYLOADS.concat(),
        gander::exit::Exit::InvalidInput,
        PAYLOADS[0],
    );
    cases(&String::from_utf8(refused).expect("UTF-8"));
    for report in [
        report(&Recipe::SMALL),
        report(&Recipe::SHORT),
        report(&Recipe::EMPTY),
        hostile(),
    ] {
        let cases = cases(&rendered(&report));
        assert_eq!(cases.len(), report.thresholds.len() + 1);
    }
}

#[test]
fn a_message_has_the_measured_value_and_a_name_has_none() {
    let report = report(&Recipe::SMALL);
    let cases = cases(&rendered(&report));
    let of = |expression: &str| {
        let case = cases.iter().find(|(name, ..)| name == expression);
        let (_, word, message) = case.expect("a case named as the threshold is written");
        (word.as_str(), message.as_str())
    };
    for (expression, word, parts) in [
        ("p95(response_time) < 500ms", "passed", &[][..]),
        (
            "p99(response_time{step=\"search\"}) < 250ms",
            "failure",
            &[
                "observed 416 ms",
                "expected < 250 ms",
                "from 80 samples",
                "line 32",
            ],
        ),
        (
            "rate(requests) > 150/s",
            "system-out",
            &["observed 60/s", "expected > 150/s"],
        ),
    ] {
        let (found, message) = of(expression);
        assert_eq!(found, word, "{expression}");
        for part in parts {
            assert!(message.contains(part), "{expression}: {message}");
        }
    }
}

#[test]
fn the_first_case_is_the_run_and_says_why_it_ended_so() {
    for (conclusion, exit, word) in [
        (Conclusion::Pass, gander::exit::Exit::Passed, "passed"),
        (Conclusion::NoVerdict, gander::exit::Exit::Passed, "skipped"),
        (
            Conclusion::Fail,
            gander::exit::Exit::ThresholdFailed,
            "failure",
        ),
        (
            Conclusion::Fail,
            gander::exit::Exit::TargetUnreachable,
            "error",
        ),
        (Conclusion::Fail, gander::exit::Exit::Internal, "error"),
        (
            Conclusion::NoData,
            gander::exit::Exit::ThresholdFailed,
            "error",
        ),
        (
            Conclusion::Invalid,
            gander::exit::Exit::MeasurementInvalid,
            "error",
        ),
        (
            Conclusion::Interrupted,
            gander::exit::Exit::Stopped,
            "error",
        ),
    ] {
        let mut report = report(&Recipe::SHORT);
        report.verdict.conclusion = conclusion;
        report.verdict.exit = exit;
        "because".clone_into(&mut report.verdict.reason);
        let cases = cases(&rendered(&report));
        let (name, found, message) = &cases[0];
        assert_eq!(
            (name.as_str(), found.as_str()),
            ("the run", word),
            "{conclusion:?}"
        );
        let told = if word == "passed" { "" } else { "because" };
        assert_eq!(message, told, "{conclusion:?}");
    }
}

#[test]
fn thresholds_of_the_same_words_have_different_names() {
    let mut report = report(&Recipe::SHORT);
    let mut row = report.thresholds[0].clone();
    row.standing = Standing::Pass;
    let ten = std::time::Duration::from_secs(10);
    let windows = [
        Window::Total,
        Window::Rolling(ten),
        Window::Sustained(ten),
        Window::Total,
    ];
    report.thresholds = windows
        .map(|window| {
            row.window = window;
            row.clone()
        })
        .into();
    row.expression = "the run".to_owned();
    report.thresholds.push(row);
    let names: Vec<_> = cases(&rendered(&report))
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(
        names,
        [
            "the run",
            "p95(response_time) < 500ms",
            "p95(response_time) < 500ms in every 10s",
            "p95(response_time) < 500ms (fails after 10s)",
            "p95(response_time) < 500ms #2",
            "the run #2",
        ]
    );
}

/// Reading the file gives the texts back as they were written into it.
#[test]
fn text_of_an_author_or_a_target_is_read_as_it_was() {
    let words = "<b>&amp;\"'`]]> ünïcode 漢字";
    let report = report_with(&Recipe::SMALL, |header, events| {
        words.clone_into(&mut header.scenario);
        for threshold in &mut header.thresholds {
            words.clone_into(&mut threshold.expression);
        }
        events.retain(
            |event| !matches!(event, Event::Failure(failure) if failure.outcome == Outcome::Status),
        );
    });
    let xml = rendered(&report);
    let document = Document::parse(&xml).expect("well-formed XML");
    let case = document
        .descendants()
        .filter(|node| node.has_tag_name("testcase"))
        .nth(1)
        .expect("a threshold");
    assert_eq!(case.attribute("name"), Some(words));
    assert_eq!(
        case.attribute("classname"),
        Some(&*format!("gander.{words}"))
    );
}
