//! The comparison as Markdown, short enough for a comment on a change.

use std::fmt::Write as _;

use crate::compare::{Change, Row};
use crate::report::markdown::{code, prose};

use super::{Compared, words};

/// The maximum number of rows of steps.
const MOST_STEPS: usize = 30;

/// The comparison as Markdown: the answer, the figures that decide, the steps in a fold.
pub fn markdown(compared: &Compared) -> String {
    let comparison = &compared.comparison;
    let (mark, word, _) = words::answer(comparison.answer);
    let mut text = format!(
        "### {mark} {word}: {}\n\n{}\n\n",
        code(&compared.title),
        prose(&comparison.reason)
    );
    for (letter, side, runs) in [
        ("A", &compared.a, &comparison.a),
        ("B", &compared.b, &comparison.b),
    ] {
        let _ = writeln!(
            text,
            "- **{letter}** {}: {}",
            prose(&side.name),
            Compared::size(runs)
        );
    }
    for difference in &comparison.conditions.differences {
        let _ = writeln!(
            text,
            "- {}: A {}; B {}",
            difference.condition,
            prose(&difference.a),
            prose(&difference.b)
        );
    }
    if comparison.conditions.void.is_some() {
        return text;
    }
    text.push('\n');
    text.push_str(&table(comparison.gates.iter().chain(&comparison.others)));
    if !comparison.steps.is_empty() {
        let _ = write!(
            text,
            "\n<details><summary>Steps, the worst first</summary>\n\n{}",
            table(comparison.steps.iter().take(MOST_STEPS))
        );
        if comparison.steps.len() > MOST_STEPS {
            let _ = writeln!(text, "\nand {} more", comparison.steps.len() - MOST_STEPS);
        }
        text.push_str("\n</details>\n");
    }
    let errors = compared.errors();
    for row in errors.iter().filter(|row| row.is_new()) {
        let _ = writeln!(
            text,
            "\nNew on side B: {} × {} in {}",
            row.b,
            prose(&row.class),
            code(&row.step)
        );
    }
    let unclear = comparison.gates.iter();
    for row in unclear.filter(|row| row.change == Change::Inconclusive) {
        let _ = writeln!(text, "\n{}", prose(&row.explain()));
    }
    for slot in words::slots(comparison) {
        let _ = writeln!(text, "\n{}", prose(&slot));
    }
    let _ = writeln!(text, "\n<sub>{}</sub>", prose(&words::method(comparison)));
    text
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    let mut text =
        "| | figure | A | B | change | interval | verdict |\n|---|---|---:|---:|---:|---:|---|\n"
            .to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            words::mark(row.change),
            code(&words::label(&row.figure)),
            words::value(&row.figure, row.a),
            words::value(&row.figure, row.b),
            words::change(row),
            words::bounds(row),
            words::verdict(row)
        );
    }
    text
}
