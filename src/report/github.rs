//! Annotations for GitHub Actions: workflow commands that show each threshold that did not hold beside its line in the
//! scenario.
//!
//! The form and the escapes are those of `@actions/core` (actions/toolkit, `packages/core/src/command.ts`). GitHub shows
//! ten annotations of a kind for each step of a job, so the tenth says how many there are besides.

use std::fmt;

use super::html::conclusion;
use super::model::{Report, ThresholdRow};
use super::text;
use crate::exit::Exit;
use crate::record::Standing;
use crate::scenario::Severity;
use crate::units::show_count;
use crate::verdict::Conclusion;

/// The maximum number of annotations before the one that counts the rest.
const MOST: usize = 9;

/// The annotations of a run, one command a line; `scenario` is the path of its file in the repository.
pub fn annotations(report: &Report, scenario: &str) -> String {
    let run = (!is_explained(report)).then(|| of_run(report, scenario));
    let broken = |severity| {
        let rows = report.thresholds.iter();
        rows.filter(move |row| row.standing != Standing::Pass && row.effect() == severity)
    };
    let rows = broken(Severity::Fail).chain(broken(Severity::Warn));
    let all: Vec<Annotation> = run
        .into_iter()
        .chain(rows.map(|row| of_threshold(row, scenario)))
        .collect();
    let mut lines: String = all.iter().take(MOST).map(Annotation::to_string).collect();
    if let Some(rest) = all.get(MOST..).filter(|rest| !rest.is_empty()) {
        let count = show_count(rest.len() as u64);
        let line = Annotation {
            level: rest[0].level,
            file: scenario,
            line: None,
            title: format!("Gander: {count} more"),
            message: format!(
                "{count} more annotations of this run are left out; its report has all"
            ),
        };
        lines.push_str(&line.to_string());
    }
    lines
}

/// A workflow command.
struct Annotation<'a> {
    level: &'static str,
    file: &'a str,
    line: Option<u32>,
    title: String,
    message: String,
}

impl fmt::Display for Annotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "::{} file={}", self.level, property(self.file))?;
        if let Some(line) = self.line {
            write!(f, ",line={line}")?;
        }
        writeln!(
            f,
            ",title={}::{}",
            property(&self.title),
            message(&self.message)
        )
    }
}

/// True if the run passed, or if the thresholds below say why it did not.
fn is_explained(report: &Report) -> bool {
    let verdict = &report.verdict;
    match verdict.conclusion {
        Conclusion::Pass | Conclusion::NoVerdict => true,
        Conclusion::Invalid
        | Conclusion::Interrupted
        | Conclusion::Regressed
        | Conclusion::Inconclusive => false,
        Conclusion::Fail | Conclusion::NoData => {
            let is_broken = |row: &ThresholdRow| {
                row.standing != Standing::Pass && row.effect() == Severity::Fail
            };
            verdict.exit == Exit::ThresholdFailed
                && report.stop.is_none()
                && report.thresholds.iter().any(is_broken)
        }
    }
}

fn of_run<'a>(report: &Report, scenario: &'a str) -> Annotation<'a> {
    let (word, ..) = conclusion(report.verdict.conclusion);
    Annotation {
        level: "error",
        file: scenario,
        line: None,
        title: format!("{word}: {}", report.header.scenario),
        message: report.verdict.reason.clone(),
    }
}

fn of_threshold<'a>(row: &ThresholdRow, scenario: &'a str) -> Annotation<'a> {
    Annotation {
        level: match row.effect() {
            Severity::Fail => "error",
            Severity::Warn => "warning",
        },
        file: scenario,
        line: row.line,
        title: row.expression.clone(),
        message: text::measured(row),
    }
}

fn message(raw: &str) -> String {
    raw.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(raw: &str) -> String {
    message(raw).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_stays_one_line_with_its_own_properties() {
        let annotation = Annotation {
            level: "error",
            file: "a,line=9:\r\nb.yaml",
            line: Some(3),
            title: "p95 < 5%::error::".to_owned(),
            message: "100%\r\n::error::,".to_owned(),
        };
        assert_eq!(
            annotation.to_string(),
            "::error file=a%2Cline=9%3A%0D%0Ab.yaml,line=3,title=p95 < 5%25%3A%3Aerror%3A%3A::100%25%0D%0A::error::,\n"
        );
    }
}
