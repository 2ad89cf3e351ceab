//! The table of a suite on the terminal.

use std::fmt::Write as _;

use super::{Cells, EntryResult, Suite};
use crate::exit::Exit;
use crate::report::text::{column, column_right, paragraph};
use crate::report::{Colour, Paint, Tone};

/// The widest column of names.
const WIDEST_NAME: usize = 32;

/// The table and the end of a suite, for a terminal of this width.
pub fn table(suite: &Suite, folder: &str, width: usize, colour: Colour) -> String {
    let paint = Paint::new(colour);
    let longest = suite.entries.iter().map(|entry| entry.name.chars().count());
    let name = longest.max().unwrap_or(0).clamp(8, WIDEST_NAME);
    let mut out = format!(
        "\n  {}\n\n  {}  {:<14}{:>10}{:>12}{:>10}{:>10}{:>9}{:>8}\n",
        paint.bold(Tone::Plain, &suite.words()),
        column("scenario", name),
        "verdict",
        "requests",
        "rate",
        "p50",
        "p95",
        "failed",
        "time"
    );
    for entry in &suite.entries {
        let (word, mark, tone) = entry.result.verdict();
        let verdict = paint.with(tone.into(), &column(&format!("{mark} {word}"), 14));
        let cells = Cells::of(&entry.result);
        let _ = write!(out, "  {}  {verdict}", column(&entry.name, name));
        for (text, width) in [
            (&cells.requests, 10),
            (&cells.rate, 12),
            (&cells.p50, 10),
            (&cells.p95, 10),
            (&cells.failed, 9),
            (&cells.time, 8),
        ] {
            out.push_str(&column_right(text, width));
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out.push('\n');
    for entry in &suite.entries {
        let is_told = match &entry.result {
            EntryResult::Ran(figures) => figures.exit != Exit::Passed,
            EntryResult::Broken(..) | EntryResult::NotRun(_) => true,
        };
        if is_told {
            let sentence = format!("{}: {}", entry.name, entry.result.reason());
            for line in paragraph(&sentence, width) {
                out.push_str(&line);
                out.push('\n');
            }
        }
    }
    let exit = suite.exit();
    let _ = writeln!(out, "\n  exit code {} ({exit})\n  {folder}", exit.code());
    out
}
