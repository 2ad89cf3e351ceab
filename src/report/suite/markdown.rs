//! A short summary of a suite in Markdown.

use std::fmt::Write as _;

use super::{Cells, Suite};
use crate::exit::Exit;
use crate::report::markdown::{code, prose};

pub(super) fn render(suite: &Suite) -> String {
    let exit = suite.exit();
    let mark = if exit == Exit::Passed { "✓" } else { "✗" };
    let mut page = format!(
        "### {mark} {}\n\nExit code {} ({exit})\n\n\
         | Scenario | Verdict | Requests | Rate | p50 | p95 | p99 | Failed |\n|---|---|--:|--:|--:|--:|--:|--:|\n",
        suite.words(),
        exit.code()
    );
    for entry in &suite.entries {
        let (word, mark, _) = entry.result.verdict();
        let cells = Cells::of(&entry.result);
        let cell = |text: &str| match text {
            "" => "–".to_owned(),
            text => prose(text),
        };
        let _ = writeln!(
            page,
            "| {} | {mark} {word} | {} | {} | {} | {} | {} | {} |",
            code(&entry.name),
            cell(&cells.requests),
            cell(&cells.rate),
            cell(&cells.p50),
            cell(&cells.p95),
            cell(&cells.p99),
            cell(&cells.failed),
        );
    }
    let told = |entry: &&super::SuiteEntry| entry.result.exit() != Some(Exit::Passed);
    for (number, entry) in suite.entries.iter().filter(told).enumerate() {
        let space = if number == 0 { "\n" } else { "" };
        let (name, reason) = (code(&entry.name), prose(entry.result.reason()));
        let _ = writeln!(page, "{space}- {name}: {reason}");
    }
    page
}
