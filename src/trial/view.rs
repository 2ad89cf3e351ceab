//! A trial as text, event by event.

use std::fmt::Write as _;

use super::body::Extent;
use super::lines::Lines;
use super::tally::Tally;
use crate::engine::trial::event::{
    CaptureResult, Event, Exchanged, Happening, Note, Part, PartEnd, StepName, Tone,
};
use crate::mask::Mask;
use crate::outcome::Outcome;
use crate::report::text::clean;
use crate::report::{self, Colour, Paint};
use crate::scenario::{Sources, Span};

/// Shows the events of a trial, and counts them.
#[derive(Debug)]
pub struct TrialView {
    sources: Sources,
    lines: Lines,
    tally: Tally,
    /// The last failure in this part, in words.
    last_failure: Option<String>,
    /// What a failure in this part ends.
    part: &'static str,
}

impl TrialView {
    /// A view of a trial of these files; with `is_full`, bodies are shown to their end.
    pub fn new(sources: Sources, colour: Colour, is_full: bool) -> Self {
        Self {
            sources,
            lines: Lines {
                paint: Paint::new(colour),
                extent: if is_full {
                    Extent::Whole
                } else {
                    Extent::Beginning
                },
            },
            tally: Tally::default(),
            last_failure: None,
            part: "",
        }
    }

    /// True if a request or a step failed, and the scenario does not react to it.
    pub const fn has_failed(&self) -> bool {
        self.tally.has_failed()
    }

    /// The lines of an event.
    pub fn event(&mut self, event: &Event) -> String {
        self.tally.add(&event.happening);
        match &event.happening {
            Happening::Begin(part) => self.begin(part),
            Happening::Note(note) => self.note(note, event.at, &event.mask),
            Happening::Exchange(exchange) => self.exchange(exchange, event.at, &event.mask),
            Happening::End(end) => self.end(end),
        }
    }

    /// The last lines.
    pub fn summary(&self, reason: Option<&str>, not_begun: &[&str]) -> String {
        let mut out = String::from("\n");
        if !not_begun.is_empty() {
            let because = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let flows = not_begun.join(", ");
            let text = format!("flows that did not run{because}: {flows}");
            out.push_str(&self.lines.soft(&clean(&text)));
            out.push('\n');
        }
        let words = self.tally.words();
        let line = if self.has_failed() {
            self.lines.bad(&words)
        } else {
            let paint = self.lines.paint;
            paint.bold(report::Tone::Good, &format!("✓ {words}: all good"))
        };
        out.push_str(&line);
        out.push('\n');
        out
    }

    fn begin(&mut self, part: &Part) -> String {
        self.last_failure = None;
        self.part = match part {
            Part::Setup => "setup",
            Part::Start(_) | Part::Flow(..) => "the iteration",
            Part::Stop(_) => "`stop`",
            Part::Teardown => "teardown",
        };
        let words = match part {
            Part::Setup => "setup".to_owned(),
            Part::Start(flow) => format!("start of flow {flow}"),
            Part::Flow(flow, user) => format!("flow {flow}, one iteration of user {user}"),
            Part::Stop(flow) => format!("stop of flow {flow}"),
            Part::Teardown => "teardown".to_owned(),
        };
        let words = clean(&words);
        format!(
            "\n{}\n",
            self.lines
                .paint
                .bold(report::Tone::Plain, &format!("── {words}"))
        )
    }

    fn note(&mut self, note: &Note, at: Span, mask: &Mask) -> String {
        let text = clean(&mask.exchange(&note.text));
        let kind = clean(&note.kind);
        let line = match note.tone {
            Tone::Failed => {
                self.last_failure = Some(format!("`{kind}` failed"));
                self.lines.bad(&format!("{kind}: {text}"))
            }
            Tone::Log => format!("  {kind}: {text}"),
            Tone::Plain | Tone::Handled => format!("· {kind}: {text}"),
            Tone::Skipped => self.lines.soft(&format!("· {kind}: {text}")),
        };
        let space = if note.tone == Tone::Failed { "\n" } else { "" };
        format!("{space}{line}{}\n", self.place(at))
    }

    fn exchange(&mut self, exchange: &Exchanged, at: Span, mask: &Mask) -> String {
        let is_good = !exchange.outcome.is_failure();
        let (sign, tone) = if is_good {
            ("✓", report::Tone::Good)
        } else {
            self.last_failure = Some(why(exchange));
            ("✗", report::Tone::Bad)
        };
        let paint = self.lines.paint;
        let (sign, name) = (
            paint.bold(tone, sign),
            paint.bold(report::Tone::Plain, &clean(&mask.exchange(&exchange.step))),
        );
        let mut out = format!("\n{sign} {name}{}\n", self.place(at));
        for line in self.lines.exchange(exchange, mask) {
            let _ = writeln!(out, "{}", format!("  {line}").trim_end());
        }
        out
    }

    fn end(&mut self, end: &PartEnd) -> String {
        if end.not_run.is_empty() {
            return String::new();
        }
        let part = self.part;
        let because = match (&self.last_failure, end.outcome) {
            (_, Outcome::Ok) => format!("the scenario ended {part} before them"),
            (_, Outcome::Interrupted) => "it was stopped before them".to_owned(),
            (Some(failure), _) => format!("{failure}, which ended {part}"),
            (None, outcome) => format!("{part} ended with {outcome}"),
        };
        let heading = format!("These steps did not run, because {}:", clean(&because));
        let mut out = format!(
            "\n{}\n",
            self.lines.paint.with(report::Tone::Care, &heading)
        );
        for StepName { name, at, depth } in &end.not_run {
            let indent = "  ".repeat(*depth);
            let _ = writeln!(out, "  {indent}- {}{}", clean(name), self.place(*at));
        }
        out
    }

    /// The place of a step: `  shop.yaml:12`.
    fn place(&self, at: Span) -> String {
        let file = self.sources.get(at.file).filter(|_| at.is_in_file());
        file.map_or_else(String::new, |file| {
            let place = format!("  {}:{}", file.path.display(), at.line);
            self.lines.soft(&clean(&place))
        })
    }
}

/// The failure of a request, as the reason for what follows: a missing value, or its outcome.
fn why(exchange: &Exchanged) -> String {
    let mut captures = exchange.captures.iter();
    let missing = captures.find(|one| matches!(one.result, CaptureResult::Missing(_)));
    match missing {
        Some(capture) => format!("`{}` captured no `{}`", exchange.step, capture.name),
        None => format!("`{}` failed ({})", exchange.step, exchange.outcome),
    }
}
