//! The summary on the terminal after a run: verdict, thresholds, steps, errors, and the path of the files.

mod slowest;

use std::fmt::Write as _;
use std::path::Path;

use super::analysis::{self, Topic};
use super::compare::console_table as compare_table;
use super::html::conclusion;
use super::html::{signed_percent, standing};
use super::model::{Report, Stats, StepRow};
use super::paint::{Colour, Paint, Tone};
use super::text;
use crate::record::{Counts, LevelResult, Timing};
use crate::units::{Micros, show_count, show_counted, show_number, show_rate, show_share};

/// The minimum and maximum width of the summary, in columns.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=100;

/// The maximum number of steps shown.
const MOST_STEPS: usize = 20;

/// The maximum number of texts of the log shown.
const MOST_LOG_LINES: usize = 5;

/// The maximum number of failure groups shown.
const MOST_FAILURES: usize = 20;

/// The summary of a run, in lines of at most `width` columns (between 60 and 100); `place` is the folder of its
/// files.
pub fn summary(report: &Report, place: Option<&Path>, width: usize, colour: Colour) -> String {
    let page = ConsoleReport {
        report,
        width: width.clamp(*WIDTHS.start(), *WIDTHS.end()),
        paint: Paint::new(colour),
    };
    let mut lines = page.verdict();
    lines.extend(page.analysis());
    lines.extend(page.thresholds());
    lines.extend(page.capacity());
    lines.extend(page.baseline());
    lines.extend(page.figures());
    lines.extend(page.steps());
    lines.extend(page.groups());
    lines.extend(page.custom());
    lines.extend(page.kept());
    lines.extend(page.failures());
    lines.extend(page.slowest());
    lines.extend(page.log());
    lines.extend(page.warnings());
    if let Some(place) = place {
        let path = text::clean(&place.join("report.html").display().to_string());
        lines.push(String::new());
        // A path is never shortened, because readers copy it.
        lines.push(format!(
            "  {} {path}",
            page.paint.with(Tone::Soft, "Report")
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The verdict and the main figures in one line.
pub fn line(report: &Report) -> String {
    let (word, mark, _) = conclusion(report.verdict.conclusion);
    let response = report.time(Timing::ResponseTime);
    let times = match response.recorded() {
        Some(times) => format!(", p50 {}, p95 {}", times.p50, times.p95),
        None => String::new(),
    };
    format!(
        "{mark} {word}: {}, {} failed{times}",
        show_counted(report.requests.ended, "request"),
        show_count(report.requests.failed)
    )
}

struct ConsoleReport<'a> {
    report: &'a Report,
    width: usize,
    paint: Paint,
}

impl ConsoleReport<'_> {
    fn verdict(&self) -> Vec<String> {
        let verdict = &self.report.verdict;
        let (word, mark, tone) = conclusion(verdict.conclusion);
        let head = format!("{mark} {word}: {}", self.report.header.scenario);
        let mut lines = vec![
            String::new(),
            format!(
                "  {}",
                self.paint
                    .bold(tone.into(), &text::shorten(&head, self.width - 2))
            ),
        ];
        lines.extend(self.wrapped(&verdict.reason));
        lines
    }

    /// The first findings of the analysis, if anything stood out.
    fn analysis(&self) -> Vec<String> {
        let findings = analysis::analyse(self.report);
        let found = findings
            .iter()
            .filter(|found| found.topic != Topic::Nothing);
        let sentences = found.take(analysis::MOST_IN_SHORT);
        let sentences: Vec<String> = sentences
            .flat_map(|found| self.wrapped(&found.text))
            .collect();
        if sentences.is_empty() {
            return sentences;
        }
        let mut lines = self.heading("Analysis");
        lines.extend(sentences);
        lines
    }

    fn thresholds(&self) -> Vec<String> {
        if self.report.thresholds.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Thresholds");
        let numbers = 30;
        let room = self.width - 4 - numbers;
        for row in &self.report.thresholds {
            let (_, mark, tone) = standing(row, self.report);
            let observed = row
                .observed
                .map_or_else(|| "no data".to_owned(), |value| row.unit.show(value));
            let margin = row
                .margin()
                .map(|margin| format!("margin {}", signed_percent(margin)))
                .unwrap_or_default();
            lines.push(format!(
                "  {} {} {} {}",
                self.paint.with(tone.into(), mark),
                text::column(&row.expression, room),
                text::column_right(&observed, 12),
                self.paint
                    .with(Tone::Soft, &text::column_right(&margin, numbers - 14)),
            ));
            if let Some((from, to)) = row.interval {
                let (from, to) = (row.unit.show(from), row.unit.show(to));
                let line = format!("    95 % interval: {from} to {to}");
                lines.push(
                    self.paint
                        .with(Tone::Soft, &text::shorten(&line, self.width)),
                );
            }
        }
        lines
    }

    /// The comparison with the baseline: the figures that decide, and the steps that changed.
    fn baseline(&self) -> Vec<String> {
        let Some(comparison) = &self.report.baseline else {
            return Vec::new();
        };
        let runs = comparison.a.len();
        let word = if runs == 1 { "run" } else { "runs" };
        let mut lines = self.heading(&format!("Against the baseline of {runs} {word} (A)"));
        if let Some((_, reason)) = &comparison.conditions.void {
            lines.extend(self.wrapped(reason));
            return lines;
        }
        lines.extend(compare_table(
            &comparison.gates,
            usize::MAX,
            self.width,
            self.paint,
        ));
        let changed = comparison.changed_steps();
        if !changed.is_empty() {
            lines.extend(compare_table(&changed, MOST_STEPS, self.width, self.paint));
        }
        lines
    }

    fn capacity(&self) -> Vec<String> {
        let Some(search) = &self.report.capacity else {
            return Vec::new();
        };
        let mut lines = self.heading("Capacity");
        for level in &search.levels {
            let (mark, tone) = match level.result {
                LevelResult::Held => ("✓", Tone::Good),
                LevelResult::Broke => ("✗", Tone::Bad),
                LevelResult::Invalid => ("–", Tone::Care),
            };
            let p95 = level
                .p95
                .map_or_else(|| "–".to_owned(), |p95| Micros(p95).to_string());
            lines.push(format!(
                "  {} {} {}  completed {}  in flight {}  p95 {p95}",
                self.paint.with(tone, mark),
                text::column_right(&show_rate(level.rate), 10),
                text::column(level.purpose.word(), 8),
                text::column_right(&show_rate(level.completed_per_second()), 10),
                text::column_right(&show_number(level.in_flight), 7),
            ));
        }
        lines.extend(self.wrapped(&search.law_in_words()));
        lines
    }

    fn figures(&self) -> Vec<String> {
        let report = self.report;
        let response = report.time(Timing::ResponseTime);
        let time = |time: Micros| match response.recorded() {
            Some(_) => time.to_string(),
            None => "–".to_owned(),
        };
        let drain = report.measured.saturating_sub(report.load_time);
        let mut measured = text::duration(report.load_time);
        if drain >= Micros(500_000) {
            let _ = write!(measured, " and {} of drain", text::duration(drain));
        }
        let mut lines = self.heading("Run");
        lines.extend(self.wrapped(&format!(
            "{} in {measured} ({}), {} failed ({})",
            show_counted(report.requests.ended, "request"),
            show_rate(report.requests_per_second()),
            show_count(report.requests.failed),
            show_share(report.requests.failed, report.requests.ended),
        )));
        if report.requests.after_load.ended > 0 {
            lines.extend(self.wrapped(&text::after_load(report.requests.after_load.ended)));
        }
        if report.requests.unsent > 0 {
            lines.extend(self.wrapped(text::unsent(report.requests.unsent).trim_start()));
        }
        let timed_out = report.time(Timing::TimedOut).recorded();
        let timed_out = timed_out.map_or_else(String::new, |times| {
            format!(" {}", text::timed_out(times.count, times.min))
        });
        lines.extend(self.wrapped(&format!(
            "response time p50 {}, p95 {}, p99 {}, max {}{timed_out}",
            time(response.p50),
            time(response.p95),
            time(response.p99),
            time(response.max),
        )));
        let iterations = &report.iterations;
        let failed = iterations.failed_iterations();
        let failed = format!(
            "{} failed ({})",
            show_count(failed),
            show_share(failed, iterations.judged_iterations())
        );
        let mut notes = report.iteration_notes().join("; ");
        if !notes.is_empty() {
            notes.insert_str(0, "; ");
        }
        if report.is_closed() {
            lines.extend(self.wrapped(&format!(
                "iterations: {} started, {failed}, {} never started{notes}",
                show_count(report.load.started),
                show_count(report.load.unstarted),
            )));
            lines.extend(self.wrapped(&self.closed_model()));
        } else {
            lines.extend(self.wrapped(&format!(
                "iterations: {} of {} offered were started ({}), {} late, {} never started; {failed}{notes}",
                show_count(report.load.started),
                show_count(report.load.offered),
                show_share(report.load.started, report.load.offered),
                show_count(report.load.late),
                show_count(report.load.unstarted),
            )));
        }
        lines
    }

    fn groups(&self) -> Vec<String> {
        let groups = &self.report.groups;
        if groups.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Groups");
        let room = self.width - 2 - 10 - 4 * 10;
        let head = ["ended", "failed", "p50", "p95", "p99"];
        lines.push(self.paint.with(Tone::Soft, &step_line("", room, &head)));
        for group in groups.iter().take(MOST_STEPS) {
            let name = format!("{} / {}", group.flow, group.name);
            let times = group.times.of_metric(Timing::GroupTime);
            lines.push(step_line(&name, room, &counted_times(&group.counts, times)));
        }
        if groups.len() > MOST_STEPS {
            let more = format!("  and {} more in the report", groups.len() - MOST_STEPS);
            lines.push(self.paint.with(Tone::Soft, &more));
        }
        lines
    }

    fn custom(&self) -> Vec<String> {
        let rows = &self.report.custom;
        if rows.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Custom metrics");
        for row in rows.iter().take(MOST_STEPS) {
            lines.extend(self.wrapped(&format!("{}: {}", row.label(), row.told())));
        }
        if rows.len() > MOST_STEPS {
            let more = format!("  and {} more in the report", rows.len() - MOST_STEPS);
            lines.push(self.paint.with(Tone::Soft, &more));
        }
        lines
    }

    /// The metrics that are kept of the target.
    fn kept(&self) -> Vec<String> {
        let rows = &self.report.kept;
        if rows.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Target");
        for row in rows.iter().take(MOST_STEPS) {
            lines.extend(self.wrapped(&format!("{}: {}", row.name(), row.told())));
        }
        if rows.len() > MOST_STEPS {
            let more = format!("  and {} more in the report", rows.len() - MOST_STEPS);
            lines.push(self.paint.with(Tone::Soft, &more));
        }
        lines
    }

    /// The meaning of response times in a closed model.
    fn closed_model(&self) -> String {
        if self.report.has_one_time() {
            return "closed model: users wait while the target stalls, so stalls are under-counted"
                .to_owned();
        }
        let service = self.report.time(Timing::ServiceTime);
        format!(
            "closed model with pacing: response time counts from the scheduled start; service time p50 {}, p95 {}, p99 {}, \
             max {}",
            service.p50, service.p95, service.p99, service.max
        )
    }

    fn steps(&self) -> Vec<String> {
        let steps = &self.report.steps;
        if steps.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Steps");
        let room = self.width - 2 - 10 - 4 * 10;
        let head = ["requests", "failed", "p50", "p95", "p99"];
        lines.push(self.paint.with(Tone::Soft, &step_line("", room, &head)));
        for step in steps.iter().take(MOST_STEPS) {
            let is_alone = steps.iter().filter(|other| other.name == step.name).count() == 1;
            let name = if is_alone {
                step.name.clone()
            } else {
                format!("{} / {}", step.flow, step.name)
            };
            lines.push(step_line(&name, room, &cells(step)));
        }
        if steps.len() > MOST_STEPS {
            let more = format!("  and {} more in the report", steps.len() - MOST_STEPS);
            lines.push(self.paint.with(Tone::Soft, &more));
        }
        lines
    }

    fn failures(&self) -> Vec<String> {
        let report = self.report;
        if report.failures.is_empty()
            && report.failed_iterations.is_empty()
            && report.unmeasured_failures.is_empty()
        {
            return Vec::new();
        }
        let mut lines = self.heading("Errors");
        for group in report.failures.iter().take(MOST_FAILURES) {
            lines.push(format!(
                "  {}{}  {}  {}",
                self.paint
                    .with(Tone::Bad, &text::column(&group.class(), 17)),
                text::column_right(
                    &match group.count {
                        0 => "warm-up".to_owned(),
                        count => show_count(count),
                    },
                    10
                ),
                text::column(&group.step, self.width - 49),
                self.paint.with(
                    Tone::Soft,
                    &format!(
                        "{} – {}",
                        text::clock(group.first_seen),
                        text::clock(group.last_seen)
                    )
                ),
            ));
            if let Some(example) = &group.example {
                let words = format!("{}: {}", example.request, example.detail);
                lines.push(format!("    {}", text::shorten(&words, self.width - 4)));
            }
        }
        let more = report.failures.iter().skip(MOST_FAILURES);
        let (groups, requests) = more
            .fold((report.failures_left_out, 0), |(groups, sum), group| {
                (groups + 1, sum + group.count)
            });
        if groups > 0 {
            let more = format!(
                "  and {} more groups with {} requests in the report",
                show_count(groups),
                show_count(requests)
            );
            lines.push(self.paint.with(Tone::Soft, &more));
        }
        for group in &report.failed_iterations {
            let words = format!(
                "{} of flow {}: {}",
                group.iterations(),
                group.flow,
                group.reason()
            );
            lines.push(format!("  {}", text::shorten(&words, self.width - 2)));
        }
        for failure in &report.unmeasured_failures {
            let words = format!(
                "outside iterations: {}: {}",
                failure.example.request, failure.example.detail
            );
            lines.push(format!("  {}", text::shorten(&words, self.width - 2)));
        }
        lines
    }

    fn log(&self) -> Vec<String> {
        let all = &self.report.log;
        if all.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Log");
        for line in all.iter().take(MOST_LOG_LINES) {
            let (at, by) = (text::clock(line.at), text::log_writer(line));
            let words = format!("{at}  {by}: {}", text::clean(&line.text));
            lines.push(format!("  {}", text::shorten(&words, self.width - 2)));
        }
        let more = all.len().saturating_sub(MOST_LOG_LINES);
        if more > 0 {
            let more = format!("  and {} more in the report", show_count(more as u64));
            lines.push(self.paint.with(Tone::Soft, &more));
        }
        lines
    }

    fn warnings(&self) -> Vec<String> {
        let verdict = &self.report.verdict;
        let warnings: Vec<_> = verdict
            .generator_warnings
            .iter()
            .chain(&verdict.warnings)
            .collect();
        if warnings.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Warnings");
        for warning in warnings {
            lines.extend(self.wrapped(&format!("! {warning}")));
        }
        lines
    }

    fn heading(&self, words: &str) -> Vec<String> {
        self.paint.heading(words)
    }

    /// Text in as many lines as it needs.
    fn wrapped(&self, words: &str) -> Vec<String> {
        text::paragraph(words, self.width)
    }
}

fn step_line(name: &str, room: usize, cells: &[impl AsRef<str>]) -> String {
    let mut line = format!("  {}", text::column(name, room));
    for cell in cells {
        line.push_str(&text::column_right(cell.as_ref(), 10));
    }
    line
}

fn cells(step: &StepRow) -> [String; 5] {
    counted_times(&step.counts, step.times.of_metric(Timing::ResponseTime))
}

fn counted_times(counts: &Counts, times: &Stats) -> [String; 5] {
    let time = |time: Micros| match times.recorded() {
        Some(_) => time.to_string(),
        None => "–".to_owned(),
    };
    [
        show_count(counts.ended),
        show_count(counts.failed),
        time(times.p50),
        time(times.p95),
        time(times.p99),
    ]
}
