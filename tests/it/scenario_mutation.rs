//! Mutated scenario files: any content is read or refused, and nothing panics.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use gander::scenario::{Overrides, load};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Inserted texts: pieces of the format, of YAML, and texts that often break parsers.
const TOKENS: [&str; 56] = [
    "${",
    "}",
    "{",
    "[",
    "]",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\t",
    "'",
    "\"",
    "|\n",
    ">\n",
    "&a ",
    "*a",
    "<<: ",
    "? ",
    "!!str ",
    "#",
    "%",
    "---\n",
    "...\n",
    "\\",
    "\0",
    "\u{feff}",
    "é",
    "\u{1f980}",
    "\u{202e}",
    "~",
    "null",
    "true",
    "0",
    "-1",
    "99999999999999999999",
    "1e308",
    "0x",
    ".inf",
    "1h",
    "..",
    "500ms",
    "1d",
    "$.a[*]",
    "$..",
    "(",
    "a{999}",
    "${random(1,",
    "${users.",
    "steps:",
    "users:",
    "rate:",
    "if: ",
    "repeat: ",
    "capture: ",
    "check: ",
    "==",
];

fn sources(folder: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    files
        .iter()
        .map(|path| fs::read(path).expect("a file"))
        .collect()
}

fn mutate(text: &mut Vec<u8>, others: &[Vec<u8>], random: &mut impl Rng) {
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..=text.len());
        let end = (at + random.random_range(0..=12)).min(text.len());
        match random.random_range(0..7) {
            0 if at < text.len() => text[at] = random.random(),
            1 => drop(text.drain(at..end)),
            2 => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                text.splice(at..at, token.bytes());
            }
            3 => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                text.splice(at..end, token.bytes());
            }
            4 => {
                let copy = text[at..end].to_vec();
                let to = random.random_range(0..=text.len());
                text.splice(to..to, copy);
            }
            5 => {
                let other = &others[random.random_range(0..others.len())];
                let from = random.random_range(0..=other.len());
                let until = (from + random.random_range(0..=80)).min(other.len());
                text.splice(at..end, other[from..until].iter().copied());
            }
            _ => text.truncate(at),
        }
    }
}

#[test]
fn mutated_scenarios_are_read_or_refused_without_a_panic() {
    hold(2_000);
}

#[test]
#[ignore = "takes minutes in a debug build; the same as above, fifty times over"]
fn a_hundred_thousand_mutated_scenarios_are_read_or_refused_without_a_panic() {
    hold(100_000);
}

fn hold(rounds: u32) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = sources(&root.join("scenarios"));
    let mut seeds = sources(&root.join("fixtures/invalid"));
    // As many valid files as invalid ones, so that mutations reach the code behind the first check.
    seeds.extend(shipped.iter().cycle().take(seeds.len()).cloned());
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["scenarios", "fixtures"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    fs::write(folder.path().join("gander.toml"), "").expect("a root");
    let flows = folder.path().join("scenarios/flows");
    fs::create_dir(&flows).expect("a folder");
    for file in fs::read_dir(root.join("scenarios/flows")).expect("shared flows") {
        let file = file.expect("a file");
        fs::copy(file.path(), flows.join(file.file_name())).expect("a copy");
    }
    for name in ["users.csv", "queries.csv"] {
        // A few rows are enough, and read faster.
        let text = fs::read_to_string(root.join("fixtures").join(name)).expect("a feeder");
        let rows: Vec<&str> = text.lines().take(4).collect();
        fs::write(folder.path().join("fixtures").join(name), rows.join("\n")).expect("a feeder");
    }
    let path = folder.path().join("scenarios/mutated.yaml");
    let mut random = Pcg64Mcg::seed_from_u64(7);
    let (mut read, mut refused) = (0_u32, 0_u32);
    for round in 0..rounds {
        let mut text = seeds[random.random_range(0..seeds.len())].clone();
        mutate(&mut text, &seeds, &mut random);
        fs::write(&path, &text).expect("a mutated file");
        let outcome = catch_unwind(AssertUnwindSafe(|| load(&path, &Overrides::default())));
        let Ok(outcome) = outcome else {
            panic!(
                "round {round} panics on:\n{}",
                String::from_utf8_lossy(&text)
            );
        };
        match outcome {
            Ok(_) => read += 1,
            Err(diagnostics) => {
                refused += 1;
                let shown = diagnostics.to_string();
                assert!(!diagnostics.list.is_empty(), "round {round}");
                assert!(
                    shown.chars().all(|c| c == '\n' || !c.is_control()),
                    "round {round} shows control characters"
                );
            }
        }
    }
    // Both must happen; otherwise the mutations are too weak or too strong to test anything.
    assert!(read > rounds / 100, "{read} read, {refused} refused");
    assert!(refused > rounds / 4, "{read} read, {refused} refused");
}
