//! The comparison on the terminal.

use std::path::Path;

use crate::compare::{Change, Comparison, Row};
use crate::report::paint::{Colour, Paint, Tone};
use crate::report::text;

use super::{Compared, words};

/// The minimum and maximum width, in columns.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=100;

/// The maximum number of rows of steps.
const MOST_STEPS: usize = 20;

/// The maximum number of errors.
const MOST_ERRORS: usize = 10;

/// The comparison in lines of at most `width` columns (between 60 and 100), and the path of its page.
pub fn summary(
    compared: &Compared,
    page_at: Option<&Path>,
    width: usize,
    colour: Colour,
) -> String {
    let page = Console {
        compared,
        comparison: &compared.comparison,
        width: width.clamp(*WIDTHS.start(), *WIDTHS.end()),
        paint: Paint::new(colour),
    };
    let mut lines = page.head();
    lines.extend(page.conditions());
    if page.comparison.conditions.void.is_none() {
        let rows = &page.comparison;
        lines.extend(page.rows("Figures that decide", &rows.gates, usize::MAX));
        lines.extend(page.rows("Other figures", &rows.others, usize::MAX));
        lines.extend(page.rows("Steps, the worst first", &rows.steps, MOST_STEPS));
        lines.extend(page.notes());
    }
    lines.extend(page.errors());
    if let Some(path) = page_at {
        let path = text::clean(&path.display().to_string());
        lines.push(String::new());
        lines.push(format!(
            "  {} {path}",
            page.paint.with(Tone::Soft, "Report")
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

struct Console<'a> {
    compared: &'a Compared,
    comparison: &'a Comparison,
    width: usize,
    paint: Paint,
}

impl Console<'_> {
    fn head(&self) -> Vec<String> {
        let (mark, word, tone) = words::answer(self.comparison.answer);
        let head = format!("{mark} {word}: {}", self.compared.title);
        let mut lines = vec![
            String::new(),
            format!(
                "  {}",
                self.paint
                    .bold(tone.into(), &text::shorten(&head, self.width - 2))
            ),
        ];
        lines.extend(self.wrapped(&self.comparison.reason));
        lines.push(String::new());
        for (letter, side, runs) in [
            ("A", &self.compared.a, &self.comparison.a),
            ("B", &self.compared.b, &self.comparison.b),
        ] {
            let size = Compared::size(runs);
            lines.extend(self.wrapped(&format!("{letter}  {}: {size}", side.name)));
        }
        lines
    }

    fn conditions(&self) -> Vec<String> {
        let differences = &self.comparison.conditions.differences;
        if differences.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("What else differs");
        for difference in differences {
            lines.extend(self.wrapped(&format!(
                "{}: A {}; B {}",
                difference.condition, difference.a, difference.b
            )));
        }
        lines
    }

    fn rows(&self, title: &str, rows: &[Row], most: usize) -> Vec<String> {
        if rows.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading(title);
        lines.extend(table(rows, most, self.width, self.paint));
        lines
    }

    /// Explanations of unclear gates, slot effects and the method.
    fn notes(&self) -> Vec<String> {
        let unclear = self
            .comparison
            .gates
            .iter()
            .filter(|row| row.change == Change::Inconclusive);
        let mut lines = vec![String::new()];
        for row in unclear {
            lines.extend(self.wrapped(&format!("? {}", row.explain())));
        }
        for slot in words::slots(self.comparison) {
            lines.extend(self.wrapped(&slot));
        }
        lines.extend(self.wrapped(&words::method(self.comparison)));
        lines
    }

    fn errors(&self) -> Vec<String> {
        let errors = self.compared.errors();
        let new: Vec<_> = errors.iter().filter(|row| row.is_new()).collect();
        if new.is_empty() {
            return Vec::new();
        }
        let mut lines = self.heading("Errors that only side B has");
        for row in new.iter().take(MOST_ERRORS) {
            let example = row
                .example
                .as_ref()
                .map_or_else(String::new, |example| format!(": {example}"));
            let line = format!("{} × {} in {}{example}", row.b, row.class, row.step);
            lines.push(format!("  {}", text::shorten(&line, self.width - 2)));
        }
        if new.len() > MOST_ERRORS {
            lines.push(format!("  and {} more kinds", new.len() - MOST_ERRORS));
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

/// Rows with their head, in lines of `width` columns.
pub(in crate::report) fn table(
    rows: &[Row],
    most: usize,
    width: usize,
    paint: Paint,
) -> Vec<String> {
    let room = width.saturating_sub(2 + 2 + 10 + 10 + 9 + 19 + 15).max(8);
    let head = format!(
        "    {}{}{}{}{}  {}",
        text::column("", room),
        text::column_right("A", 10),
        text::column_right("B", 10),
        text::column_right("change", 9),
        text::column_right("interval", 19),
        "verdict"
    );
    let mut lines = vec![paint.with(Tone::Soft, &head)];
    for row in rows.iter().take(most) {
        let tone = match row.change {
            Change::Regressed => Tone::Bad,
            Change::Improved => Tone::Good,
            Change::NoChange | Change::Changed => Tone::Plain,
            Change::Inconclusive => Tone::Soft,
        };
        lines.push(format!(
            "  {} {}{}{}{}{}  {}",
            paint.with(tone, words::mark(row.change)),
            text::column(&words::label(&row.figure), room),
            text::column_right(&words::value(&row.figure, row.a), 10),
            text::column_right(&words::value(&row.figure, row.b), 10),
            text::column_right(&words::change(row), 9),
            text::column_right(&words::bounds(row), 19),
            paint.with(tone, row.change.name()),
        ));
    }
    if rows.len() > most {
        let more = format!("    and {} more in compare.html", rows.len() - most);
        lines.push(paint.with(Tone::Soft, &more));
    }
    lines
}
