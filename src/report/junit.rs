//! `junit.xml`: one test case per threshold, for the test views of CI systems.
//!
//! A case's name is the threshold as written, without measured values, so that CI systems can follow its history. No
//! data and an invalid measurement are errors; a failed threshold is a failure; a threshold of severity `warn`
//! passes, and its message is in the output.

use std::fmt::Write as _;

use super::model::{Report, ThresholdRow};
use super::{RenderError, Renderer, text};
use crate::exit::Exit;
use crate::record::{Standing, StopReason};
use crate::scenario::Severity;
use crate::units::show_count;
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

fn document(report: &Report) -> String {
    let suite = escape(&report.header.scenario);
    let seconds = report.measured.as_secs_f64();
    let run = run_case(report);
    let is_failure =
        |row: &&ThresholdRow| row.standing == Standing::Fail && row.severity == Severity::Fail;
    let failures = report.thresholds.iter().filter(is_failure).count();
    let is_error =
        |row: &&ThresholdRow| row.standing == Standing::NoData && row.severity == Severity::Fail;
    let is_broken = matches!(run, Some(Case::Broken(..)));
    let is_skipped = matches!(run, Some(Case::Skipped(_)));
    let errors = usize::from(is_broken) + report.thresholds.iter().filter(is_error).count();
    let tests = report.thresholds.len() + usize::from(run.is_some());
    let counts = format!(
        "tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{}\" time=\"{seconds:.3}\"",
        u8::from(is_skipped)
    );
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"gander\" {counts}>\n  \
         <testsuite name=\"gander.{suite}\" {counts} timestamp=\"{}\">\n    <properties>\n",
        escape(&report.header.started_at)
    );
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
    for row in &report.thresholds {
        let outcome = threshold_outcome(row);
        xml.push_str(&case(&suite, &row.expression, seconds, &outcome));
    }
    if let Some(outcome) = run {
        xml.push_str(&case(&suite, "the run", seconds, &outcome));
    }
    xml.push_str(&failed_requests(report));
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// The file for a run that could not start: one test case with an error.
pub fn refusal(scenario: &str, exit: Exit, words: &str) -> Vec<u8> {
    let suite = escape(scenario);
    let counts = "tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0.000\"";
    let case = case(
        &suite,
        "the run",
        0.0,
        &Case::Broken(
            "refused",
            format!("exit code {} ({exit}): {words}", exit.code()),
        ),
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"gander\" {counts}>\n  \
         <testsuite name=\"gander.{suite}\" {counts}>\n{case}  </testsuite>\n</testsuites>\n"
    )
    .into_bytes()
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

/// The content of a test case.
enum Case {
    Passed,
    Warned(String),
    Skipped(String),
    Failed(&'static str, String),
    Broken(&'static str, String),
}

/// The result of the run itself, without regard to thresholds; a run without a verdict is skipped.
fn run_case(report: &Report) -> Option<Case> {
    let reason = report.verdict.reason.clone();
    let kind = match report.verdict.conclusion {
        Conclusion::Invalid => "invalid",
        Conclusion::Interrupted => "interrupted",
        Conclusion::NoVerdict => return Some(Case::Skipped(reason)),
        // No threshold explains why the run did not pass.
        Conclusion::Fail | Conclusion::NoData
            if is_cut_short(report)
                || report.thresholds.iter().all(|row| {
                    row.standing == Standing::Pass || row.severity == Severity::Warn
                }) =>
        {
            "run"
        }
        Conclusion::Pass | Conclusion::Fail | Conclusion::NoData => return None,
    };
    Some(Case::Broken(kind, reason))
}

/// True if the run failed for a reason other than a threshold.
fn is_cut_short(report: &Report) -> bool {
    let is_by_stop = report.stop.as_ref().is_some_and(|stop| match stop {
        StopReason::SetupFailed { .. }
        | StopReason::StepFailed { .. }
        | StopReason::TargetGone { .. }
        | StopReason::Panic { .. } => true,
        StopReason::Signal | StopReason::SecondSignal | StopReason::Threshold { .. } => false,
    });
    is_by_stop || report.verdict.exit != Exit::ThresholdFailed
}

fn threshold_outcome(row: &ThresholdRow) -> Case {
    match (row.standing, row.severity) {
        (Standing::Pass, _) => Case::Passed,
        (Standing::NoData, severity) => {
            let words = format!("not enough samples: {}", show_count(row.samples));
            match severity {
                Severity::Warn => Case::Warned(words),
                Severity::Fail => Case::Broken("no_data", words),
            }
        }
        (Standing::Fail, Severity::Warn) => Case::Warned(breach(row)),
        (Standing::Fail, Severity::Fail) => Case::Failed("threshold", breach(row)),
    }
}

fn breach(row: &ThresholdRow) -> String {
    let observed = row
        .observed
        .map_or_else(|| "nothing".to_owned(), |value| row.unit.show(value));
    let mut words = format!(
        "observed {observed}, expected {} {}, from {} samples",
        row.comparator.symbol(),
        row.unit.show(row.limit),
        show_count(row.samples)
    );
    if let Some(at) = row.first_violation {
        let _ = write!(words, "; broken since {}", text::clock(at));
    }
    if let Some(line) = row.line {
        let _ = write!(words, "; line {line} of the scenario");
    }
    words
}

fn case(suite: &str, name: &str, seconds: f64, outcome: &Case) -> String {
    let open = format!(
        "    <testcase classname=\"gander.{suite}\" name=\"{}\" time=\"{seconds:.3}\"",
        escape(name)
    );
    let inside = match outcome {
        Case::Passed => return format!("{open}/>\n"),
        Case::Warned(words) => format!("<system-out>{}</system-out>", escape(words)),
        Case::Skipped(words) => format!("<skipped message=\"{}\"/>", escape(words)),
        Case::Failed(kind, words) => element("failure", kind, words),
        Case::Broken(kind, words) => element("error", kind, words),
    };
    format!("{open}>\n      {inside}\n    </testcase>\n")
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
