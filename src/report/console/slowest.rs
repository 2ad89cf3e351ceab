//! The slowest requests of a run, on the terminal.

use super::ConsoleReport;
use crate::report::paint::Tone;
use crate::report::text;

/// The number of requests shown.
const MOST_SLOW: usize = 3;

impl ConsoleReport<'_> {
    pub(super) fn slowest(&self) -> Vec<String> {
        let rows = &self.report.slowest;
        if rows.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Slowest requests");
        for row in rows.iter().take(MOST_SLOW) {
            let request = &row.request;
            let tone = if request.outcome.is_failure() {
                Tone::Bad
            } else {
                Tone::Plain
            };
            let at = text::clock(request.intended);
            lines.push(format!(
                "  {}  {}  {}  {}",
                text::column_right(&request.response_time.to_string(), 9),
                self.paint
                    .with(tone, &text::column(&text::ended(request), 12)),
                text::column(&format!("{} / {}", row.flow, row.step), self.width - 38),
                self.paint.with(Tone::Soft, &text::column_right(&at, 9)),
            ));
            let parts = request.phases.each();
            let parts = parts.map(|(phase, time)| format!("{} {time}", phase.name()));
            let by = text::user_and_iteration(request.user, request.iteration);
            let trace = request.trace_id().map(|id| format!("trace {id}"));
            let facts: Vec<String> = parts.chain([by]).chain(trace).collect();
            for line in text::wrap(&facts.join(", "), self.width - 13) {
                let line = format!("             {line}");
                lines.push(self.paint.with(Tone::Soft, &line));
            }
        }
        lines
    }
}
