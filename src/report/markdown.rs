//! A summary in Markdown, short enough for a comment on a pull request and for the summary of a CI job.
//!
//! Names and sentences come from a scenario's author and from a target, so each is written as text or as code: it cannot
//! become markup, mention a person, refer to an issue or be a link, neither on GitHub nor on GitLab.

use std::fmt::Write as _;

use super::analysis::{self, Topic};
use super::html::{conclusion, signed_percent, standing};
use super::model::{Report, StepRow, ThresholdRow};
use super::{RenderError, Renderer, text};
use crate::record::{Standing, Timing};
use crate::units::{Micros, show_count, show_rate, show_share};

/// The maximum number of thresholds and of steps shown.
const MOST_THRESHOLDS: usize = 40;
const MOST_STEPS: usize = 20;

/// The maximum length of a name and of a sentence, in columns.
const LONGEST_NAME: usize = 120;
const LONGEST_SENTENCE: usize = 1_000;

/// An invisible space: what stands on both sides of it is not one word.
const BREAK: char = '\u{200b}';

/// Writes `summary.md`.
#[derive(Debug)]
pub struct SummaryMarkdown;

impl Renderer for SummaryMarkdown {
    fn file_name(&self) -> &'static str {
        "summary.md"
    }

    fn render(&self, report: &Report) -> Result<Vec<u8>, RenderError> {
        Ok(document(report).into_bytes())
    }
}

fn document(report: &Report) -> String {
    let (word, mark, _) = conclusion(report.verdict.conclusion);
    let mut page = format!(
        "### {mark} {word}: {}\n\nExit code {}: {}\n",
        code(&report.header.scenario),
        report.verdict.exit.code(),
        prose(&report.verdict.reason)
    );
    analysed(report, &mut page);
    thresholds(report, &mut page);
    figures(report, &mut page);
    steps(report, &mut page);
    custom(report, &mut page);
    page
}

/// The first findings of the analysis, if anything stood out.
fn analysed(report: &Report, page: &mut String) {
    let findings = analysis::analyse(report);
    let found = findings
        .iter()
        .filter(|found| found.topic != Topic::Nothing);
    for (index, found) in found.take(analysis::MOST_IN_SHORT).enumerate() {
        let gap = if index == 0 { "\n" } else { "" };
        let _ = writeln!(page, "{gap}- {}", prose(&found.text));
    }
}

/// The thresholds, those first that do not hold.
fn thresholds(report: &Report, page: &mut String) {
    if report.thresholds.is_empty() {
        return;
    }
    page.push_str("\n| Verdict | Threshold | Observed | Limit | Margin |\n|---|---|--:|--:|--:|\n");
    let mut rows: Vec<&ThresholdRow> = report.thresholds.iter().collect();
    rows.sort_by_key(|row| row.standing == Standing::Pass);
    for row in rows.iter().take(MOST_THRESHOLDS) {
        let (word, mark, _) = standing(row, report);
        let observed = row.shown_observed();
        let margin = row.margin().map(signed_percent);
        let limit = row.shown_limit();
        let _ = writeln!(
            page,
            "| {mark} {word} | {} | {} | {} | {} |",
            code(&row.expression),
            prose(&observed.unwrap_or_else(dash)),
            prose(&limit),
            prose(&margin.unwrap_or_else(dash)),
        );
    }
    more(
        rows.len().saturating_sub(MOST_THRESHOLDS),
        "thresholds",
        page,
    );
}

fn figures(report: &Report, page: &mut String) {
    let (requests, response) = (&report.requests, report.time(Timing::ResponseTime));
    let times = response.recorded().map_or_else(dash, |times| {
        format!("{} / {} / {}", times.p50, times.p95, times.p99)
    });
    let _ = write!(
        page,
        "\n| Requests | Rate | Response time p50 / p95 / p99 | Failed |\n|--:|--:|--:|--:|\n| {} | {} | {times} | {} ({}) |\n",
        show_count(requests.ended),
        show_rate(report.requests_per_second()),
        show_count(requests.failed),
        show_share(requests.failed, requests.ended),
    );
}

fn steps(report: &Report, page: &mut String) {
    if report.steps.is_empty() {
        return;
    }
    page.push_str(
        "\n<details>\n<summary>Steps</summary>\n\n\
         | Step | Requests | Failed | p50 | p95 | p99 |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for step in report.steps.iter().take(MOST_STEPS) {
        page.push_str(&step_line(step));
    }
    more(report.steps.len().saturating_sub(MOST_STEPS), "steps", page);
    page.push_str("\n</details>\n");
}

fn step_line(step: &StepRow) -> String {
    let response = step.times.of_metric(Timing::ResponseTime);
    let time = |time: Micros| match response.recorded() {
        Some(_) => time.to_string(),
        None => dash(),
    };
    format!(
        "| {} | {} | {} | {} | {} | {} |\n",
        code(&format!("{} / {}", step.flow, step.name)),
        show_count(step.counts.ended),
        show_count(step.counts.failed),
        time(response.p50),
        time(response.p95),
        time(response.p99),
    )
}

fn custom(report: &Report, page: &mut String) {
    if report.custom.is_empty() {
        return;
    }
    page.push_str("\n| Custom metric | Values |\n|---|---|\n");
    for row in report.custom.iter().take(MOST_STEPS) {
        let _ = writeln!(page, "| {} | {} |", code(&row.label()), prose(&row.told()));
    }
    more(
        report.custom.len().saturating_sub(MOST_STEPS),
        "custom metrics",
        page,
    );
}

fn more(left_out: usize, of_what: &str, page: &mut String) {
    if left_out > 0 {
        let count = show_count(left_out as u64);
        let _ = write!(page, "\nand {count} more {of_what} in the report\n");
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// Text as code. A backtick would end a code span and a pipe a cell of a table, so a text with one of them becomes an
/// element whose punctuation is written as character references.
pub(super) fn code(raw: &str) -> String {
    let text = text::shorten(raw.trim(), LONGEST_NAME);
    if text.is_empty() {
        return dash();
    }
    if !text.contains(['`', '|', '\\']) {
        return format!("`{text}`");
    }
    let mut out = String::from("<code>");
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            let _ = write!(out, "&#{};", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push_str("</code>");
    out
}

/// A sentence as text.
pub(super) fn prose(raw: &str) -> String {
    let text = text::shorten(raw, LONGEST_SENTENCE);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let is_joined = chars.peek().is_some_and(|next| !next.is_whitespace());
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '$' => out.extend(['\\', c]),
            // `www.` begins a link, as `://` does.
            '.' if is_after_www(&out) => out.extend([BREAK, c]),
            c => out.push(c),
        }
        // Each begins a reference to a person, an issue, a label, a snippet or an epic; a colon, the rest of a URL.
        if is_joined && matches!(c, '@' | '#' | '!' | '~' | '$' | '%' | '&' | ':') {
            out.push(BREAK);
        }
    }
    out
}

fn is_after_www(text: &str) -> bool {
    let mut last = text.chars().rev();
    (0..3).all(|_| last.next().is_some_and(|c| matches!(c, 'w' | 'W')))
}
