//! Runs the complete files and the commands of the guide; each must pass against Folio.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Lab, gander};

const PAGES: [(&str, &str); 13] = [
    ("README", include_str!("../../docs/guide/README.md")),
    ("values", include_str!("../../docs/guide/values.md")),
    ("requests", include_str!("../../docs/guide/requests.md")),
    ("auth", include_str!("../../docs/guide/auth.md")),
    ("flow", include_str!("../../docs/guide/flow.md")),
    ("load", include_str!("../../docs/guide/load.md")),
    ("data", include_str!("../../docs/guide/data.md")),
    ("sharing", include_str!("../../docs/guide/sharing.md")),
    ("metrics", include_str!("../../docs/guide/metrics.md")),
    ("outputs", include_str!("../../docs/guide/outputs.md")),
    ("monitor", include_str!("../../docs/guide/monitor.md")),
    (
        "slow-requests",
        include_str!("../../docs/guide/slow-requests.md"),
    ),
    ("writing", include_str!("../../docs/guide/writing.md")),
];

/// The blocks of code of a page: the words of the fence, and the text.
pub(crate) fn blocks(page: &str) -> impl Iterator<Item = (&str, &str)> {
    page.split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.split_once('\n'))
}

/// Runs a command of `gander run` in a folder.
pub(crate) fn passes(folder: &Path, url: &str, arguments: &str) {
    let output = gander()
        .current_dir(folder)
        .args(["run", "--quiet", "--overwrite", "--out", "run"])
        .args(["--time-scale", "0.2", "--target", url])
        .args(arguments.split_whitespace())
        .output()
        .expect("gander runs");
    // A busy machine can make so short a run invalid; the target's answers count all the same.
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 94)),
        "gander run {arguments}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let summary = fs::read(folder.join("run/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let count = |pointer: &str| summary.pointer(pointer).and_then(Value::as_u64);
    assert_eq!(count("/totals/failed"), Some(0), "{arguments}: {summary:#}");
    assert!(count("/totals/requests") > Some(0), "{arguments}");
}

#[test]
fn every_complete_file_of_the_guide_passes() {
    let lab = Lab::start();
    for (name, page) in PAGES {
        let folder = tempfile::tempdir().expect("a folder");
        let mut scenarios = Vec::new();
        for (fence, text) in blocks(page) {
            let Some((_, file)) = fence.split_once(' ') else {
                continue;
            };
            fs::write(folder.path().join(file), text).expect("a file");
            if text.contains("\ntarget: ") {
                scenarios.push(file);
            }
        }
        assert!(!scenarios.is_empty(), "{name} has no scenario");
        for scenario in scenarios {
            passes(folder.path(), &lab.url(), scenario);
        }
        for (_, text) in blocks(page).filter(|(fence, _)| fence.is_empty()) {
            for line in text.lines() {
                let arguments = line.strip_prefix("gander run ").expect("a run");
                passes(folder.path(), &lab.url(), arguments);
            }
        }
    }
}
