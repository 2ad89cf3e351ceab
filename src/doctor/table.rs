//! A checkup as a table for the terminal.

use super::{Checkup, Judgement, Row};
use crate::report::{Colour, Paint, Tone, text};
use crate::units::ByteSize;

/// The minimum and maximum width of the table, in columns.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=100;
/// The columns of the judgement and of the name.
const JUDGEMENT: usize = 7;
const NAME: usize = 24;

impl Checkup {
    /// The checkup in lines of at most `width` columns (between 60 and 100).
    pub fn table(&self, width: usize, colour: Colour) -> String {
        let width = width.clamp(*WIDTHS.start(), *WIDTHS.end());
        let paint = Paint::new(colour);
        let machine = &self.machine;
        let facts = [
            machine.platform.clone(),
            machine.kernel.clone(),
            machine.cpu.clone(),
            format!("{} of memory", ByteSize(machine.memory_bytes)),
            format!("Gander {}", env!("CARGO_PKG_VERSION")),
        ];
        let facts = facts.into_iter().filter(|fact| !fact.is_empty());
        let facts = text::clean(&facts.collect::<Vec<_>>().join(", "));
        let mut lines = vec![
            String::new(),
            format!(
                "  {}",
                paint.bold(Tone::Plain, "This machine as a load generator")
            ),
        ];
        lines.extend(indented(&facts, 2, width).map(|line| paint.with(Tone::Soft, &line)));
        lines.push(String::new());
        for row in &self.rows {
            lines.extend(row_lines(row, width, paint));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// Judgement, name and figure; the meaning below them, and the advice below that.
fn row_lines(row: &Row, width: usize, paint: Paint) -> Vec<String> {
    let (word, tone) = match row.judgement {
        Judgement::Ok => ("ok", Tone::Good),
        Judgement::Note => ("note", Tone::Care),
        Judgement::Limit => ("limit", Tone::Bad),
    };
    let place = 2 + JUDGEMENT;
    let value = text::clean(&row.value);
    let mut lines = vec![format!(
        "  {}{}{}",
        paint.with(tone, &text::column(word, JUDGEMENT)),
        text::column(row.name, NAME),
        paint.bold(Tone::Plain, &text::shorten(&value, width - place - NAME)),
    )];
    let soft = indented(&row.meaning, place, width);
    lines.extend(soft.map(|line| paint.with(Tone::Soft, &line)));
    if let Some(advice) = &row.advice {
        lines.extend(indented(&format!("→ {advice}"), place, width));
    }
    lines
}

/// Text in as many lines as it needs, each after this many spaces.
fn indented(words: &str, place: usize, width: usize) -> impl Iterator<Item = String> {
    let lines = text::wrap(words, width - place).into_iter();
    lines.map(move |line| format!("{:place$}{line}", ""))
}
