//! `junit.xml`: one test case for the run and one for each threshold, for the test views of CI systems.
//!
//! A case's name is the threshold as written, without measured values, so that CI systems can follow its history. No
//! data and an invalid measurement are errors; a failed threshold and a failed run are failures; a threshold of severity
//! `warn` passes, and its message is in the output. Only the case of the run has a time, because CI systems add the times
//! of all cases.

use std::fmt::Write as _;
use std::{iter, slice};

use super::model::{Report, ThresholdRow};
use super::{RenderError, Renderer, text};
use crate::exit::Exit;
use crate::record::Standing;
use crate::scenario::{Severity, Window};
use crate::units::{show_count, show_duration};
use crate::verdict::Conclusion;

/// Writes `junit.xml`.
#[derive(Debug)]
pub struct JunitXml;

impl Renderer for JunitXml {
    fn file_name(&self) -> &'static str {
        "junit.xml"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        Ok(document(report).into_bytes())
    }
}

/// The element of one run, and its counts.
#[derive(Debug, Clone)]
pub(super) struct JunitSuite {
    counts: Counts,
    xml: String,
}

/// The counts of test cases.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
    seconds: f64,
}

impl Counts {
    /// The attributes that both elements have. Jenkins accepts `skipped` only at the inner one.
    fn attributes(&self) -> String {
        let Self {
            tests,
            failures,
            errors,
            seconds,
            ..
        } = self;
        format!(
            "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" time=\"{seconds:.3}\""
        )
    }
}

impl JunitSuite {
    /// The element of a run, under this name.
    pub(super) fn of(report: &Report, name: &str) -> Self {
        element_of(report, &escape(name))
    }

    /// The element of a run that could not start, or did not end.
    pub(super) fn broken(name: &str, exit: Exit, words: &str) -> Self {
        let words = format!("exit code {} ({exit}): {words}", exit.code());
        Self::of_run(name, CaseResult::Broken("refused", words))
    }

    /// The element of a run that was left out.
    pub(super) fn left_out(name: &str, words: &str) -> Self {
        Self::of_run(name, CaseResult::Skipped(words.to_owned()))
    }

    fn of_run(name: &str, result: CaseResult) -> Self {
        let suite = escape(name);
        let case = Case {
            name: THE_RUN.to_owned(),
            seconds: 0.0,
            result,
        };
        let (counts, open) = open(&suite, slice::from_ref(&case), 0.0, "");
        let xml = format!("{open}{}{CLOSE}", case.element(&suite));
        Self { counts, xml }
    }

    /// The document of these elements.
    pub(super) fn document<'a>(suites: impl IntoIterator<Item = &'a Self>) -> String {
        let mut all = Counts::default();
        let mut inside = String::new();
        for Self { counts, xml } in suites {
            all.tests += counts.tests;
            all.failures += counts.failures;
            all.errors += counts.errors;
            all.seconds += counts.seconds;
            inside.push_str(xml);
        }
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"gander\" {}>\n{inside}</testsuites>\n",
            all.attributes()
        )
    }
}

fn document(report: &Report) -> String {
    JunitSuite::document([&JunitSuite::of(report, &report.header.scenario)])
}

fn element_of(report: &Report, suite: &str) -> JunitSuite {
    let seconds = report.measured.as_secs_f64();
    let mut cases = vec![Case {
        name: THE_RUN.to_owned(),
        seconds,
        result: result_of_run(report),
    }];
    let names = names(&report.thresholds);
    cases.extend(
        names
            .into_iter()
            .zip(&report.thresholds)
            .map(|(name, row)| Case {
                name,
                seconds: 0.0,
                result: result_of(row),
            }),
    );
    let started_at = format!(" timestamp=\"{}\"", escape(&report.header.started_at));
    let (counts, mut xml) = open(suite, &cases, seconds, &started_at);
    xml.push_str("    <properties>\n");
    for (name, value) in [
        ("run_id", report.header.run_id.clone()),
        ("seed", report.header.seed.to_string()),
        ("target", report.header.target.clone()),
        ("verdict", report.verdict.reason.clone()),
    ] {
        let _ = writeln!(
            xml,
            "      <property name=\"{name}\" value=\"{}\"/>",
            escape(&value)
        );
    }
    xml.push_str("    </properties>\n");
    for case in &cases {
        xml.push_str(&case.element(suite));
    }
    xml.push_str(&failed_requests(report));
    xml.push_str(CLOSE);
    JunitSuite { counts, xml }
}

/// The file for a run that could not start: one test case with an error.
pub fn refusal(scenario: &str, exit: Exit, words: &str) -> Vec<u8> {
    JunitSuite::document([&JunitSuite::broken(scenario, exit, words)]).into_bytes()
}

/// The maximum number of failure groups listed.
const MOST_FAILURES: usize = 200;

/// The failure groups, one per line; empty without failures.
fn failed_requests(report: &Report) -> String {
    if report.failures.is_empty() {
        return String::new();
    }
    let mut lines = String::new();
    for group in report.failures.iter().take(MOST_FAILURES) {
        let (class, requests) = (group.class(), group.requests());
        let _ = write!(lines, "{}: {class}: {requests}", group.step);
        if let Some(example) = &group.example {
            let _ = write!(lines, "; {}: {}", example.request, example.detail);
        }
        lines.push('\n');
    }
    let more = report.failures.len().saturating_sub(MOST_FAILURES) as u64;
    match more + report.failures_left_out {
        0 => {}
        more => {
            let _ = writeln!(lines, "and {} more groups", show_count(more));
        }
    }
    let lines: Vec<String> = lines.lines().map(escape).collect();
    format!("    <system-out>{}</system-out>\n", lines.join("\n"))
}

/// The name of the case of the run.
const THE_RUN: &str = "the run";

/// A test case.
struct Case {
    name: String,
    seconds: f64,
    result: CaseResult,
}

/// The result of a test case: the type of a failure or an error, and its message.
enum CaseResult {
    Passed,
    Warned(String),
    Skipped(String),
    Failed(&'static str, String),
    Broken(&'static str, String),
}

impl Case {
    /// As XML, in the suite of this name, which is already escaped.
    fn element(&self, suite: &str) -> String {
        let open = format!(
            "    <testcase classname=\"gander.{suite}\" name=\"{}\" time=\"{:.3}\"",
            escape(&self.name),
            self.seconds
        );
        let inside = match &self.result {
            CaseResult::Passed => return format!("{open}/>\n"),
            CaseResult::Warned(words) => format!("<system-out>{}</system-out>", escape(words)),
            CaseResult::Skipped(words) => format!("<skipped message=\"{}\"/>", escape(words)),
            CaseResult::Failed(kind, words) => element("failure", kind, words),
            CaseResult::Broken(kind, words) => element("error", kind, words),
        };
        format!("{open}>\n      {inside}\n    </testcase>\n")
    }
}

/// The counts of these cases, and the opened element of their suite.
fn open(suite: &str, cases: &[Case], seconds: f64, more: &str) -> (Counts, String) {
    let count = |is_counted: fn(&CaseResult) -> bool| {
        cases.iter().filter(|case| is_counted(&case.result)).count()
    };
    let counts = Counts {
        tests: cases.len(),
        failures: count(|result| matches!(result, CaseResult::Failed(..))),
        errors: count(|result| matches!(result, CaseResult::Broken(..))),
        skipped: count(|result| matches!(result, CaseResult::Skipped(_))),
        seconds,
    };
    let open = format!(
        "  <testsuite name=\"gander.{suite}\" {} skipped=\"{}\"{more}>\n",
        counts.attributes(),
        counts.skipped
    );
    (counts, open)
}

const CLOSE: &str = "  </testsuite>\n";

/// The expression of each threshold, with its window if it has one, and a number if another has the same name: CI
/// systems know a case by its name.
fn names(rows: &[ThresholdRow]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for row in rows {
        let expression = &row.expression;
        let base = match row.window {
            Window::Total => expression.clone(),
            Window::Rolling(length) => format!("{expression} in every {}", show_duration(length)),
            Window::Sustained(length) => {
                format!("{expression} (fails after {})", show_duration(length))
            }
        };
        let numbered = (2_u32..).map(|number| format!("{base} #{number}"));
        let mut candidates = iter::once(base.clone()).chain(numbered);
        names.extend(candidates.find(|name| name != THE_RUN && !names.contains(name)));
    }
    names
}

/// A run without a verdict is skipped. An error is a run that could not measure what the thresholds are about.
fn result_of_run(report: &Report) -> CaseResult {
    let verdict = &report.verdict;
    let reason = verdict.reason.clone();
    match verdict.conclusion {
        Conclusion::Pass => CaseResult::Passed,
        Conclusion::NoVerdict | Conclusion::Inconclusive => CaseResult::Skipped(reason),
        Conclusion::Regressed => CaseResult::Failed("regressed", reason),
        Conclusion::Fail if verdict.exit == Exit::ThresholdFailed => {
            CaseResult::Failed("run", reason)
        }
        Conclusion::Fail => CaseResult::Broken("run", reason),
        Conclusion::NoData => CaseResult::Broken("no_data", reason),
        Conclusion::Invalid => CaseResult::Broken("invalid", reason),
        Conclusion::Interrupted => CaseResult::Broken("interrupted", reason),
    }
}

fn result_of(row: &ThresholdRow) -> CaseResult {
    let words = || text::measured(row);
    match (row.standing, row.severity) {
        (Standing::Pass, _) => CaseResult::Passed,
        (Standing::Inconclusive, _) => CaseResult::Skipped(words()),
        (Standing::Fail | Standing::NoData, Severity::Warn) => CaseResult::Warned(words()),
        (Standing::Fail, Severity::Fail) => CaseResult::Failed("threshold", words()),
        (Standing::NoData, Severity::Fail) => CaseResult::Broken("no_data", words()),
    }
}

/// The words are the message that CI systems show, and also the text, because some systems shorten the message.
fn element(tag: &str, kind: &str, words: &str) -> String {
    let words = escape(words);
    let message = words.replace('\n', "&#10;");
    format!("<{tag} message=\"{message}\" type=\"{kind}\">{words}</{tag}>")
}

/// Escapes text for XML 1.0 and removes forbidden characters.
fn escape(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in text::clean(raw).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            c => out.push(c),
        }
    }
    out
}
