//! Runs every file of the cookbook against Folio, or against a small shop for what Folio lacks.

mod shop;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

use crate::support::{Lab, gander};
use shop::Shop;

/// How many files run at the same time: they pause most of the time.
const AT_ONCE: usize = 6;

fn cookbook() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/cookbook")
}

/// The names of the scenario files.
fn names() -> BTreeSet<String> {
    let files = fs::read_dir(cookbook()).expect("the cookbook");
    let paths = files.map(|file| file.expect("a file").path());
    let scenarios = paths.filter(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    let names = scenarios.map(|path| path.file_name().expect("a name").to_owned());
    names
        .map(|name| name.into_string().expect("UTF-8"))
        .collect()
}

/// The scenario file that a row of a table links.
fn file_of(row: &str) -> Option<&str> {
    let (_, link) = row.strip_prefix("| ")?.rsplit_once(" | [")?;
    let (text, address) = link.strip_suffix(") |")?.split_once("](")?;
    (text == address).then_some(address)
}

#[test]
fn the_tables_list_every_file_once() {
    let page = fs::read_to_string(cookbook().join("README.md")).expect("the list");
    let rows: Vec<&str> = page.lines().filter_map(file_of).collect();
    let listed: BTreeSet<String> = rows.iter().map(|&row| row.to_owned()).collect();
    assert_eq!(listed, names());
    assert_eq!(rows.len(), listed.len(), "a file is listed twice");
}

#[test]
fn every_file_runs_without_a_failure() {
    let lab = Lab::start();
    let shop = Shop::start();
    let files = names();
    assert!(files.len() >= 20, "{files:?}");
    let waiting = Mutex::new(VecDeque::from_iter(files));
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                let next = || waiting.lock().expect("no panic").pop_front();
                while let Some(name) = next() {
                    if let Err(fault) = run(&name, &lab.url(), &shop.url()) {
                        faults.lock().expect("no panic").push(fault);
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().expect("no panic");
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// Runs one file, and says what was not as it should be.
fn run(name: &str, folio: &str, shop: &str) -> Result<(), String> {
    let path = cookbook().join(name);
    let text = fs::read_to_string(&path).expect("a file");
    let folder = tempfile::tempdir().expect("a folder");
    let binary = Path::new(env!("CARGO_BIN_EXE_gander"));
    let mut folders = vec![binary.parent().expect("a folder").to_owned()];
    folders.extend(std::env::split_paths(
        &std::env::var_os("PATH").unwrap_or_default(),
    ));
    let mut command = gander();
    command
        .current_dir(&folder)
        .args(["run", "--quiet", "--seed", "1", "--out", "run"])
        .arg(&path)
        .env("PATH", std::env::join_paths(folders).expect("folders"))
        .env("SHOP_URL", shop)
        .env("CDN_URL", shop);
    if text.contains("\ntarget: bundled") {
        command.args(["--target", folio]);
    } else if text.contains("\ntarget:\n  command:") {
        command.arg("--allow-command");
    }
    if name == "breakpoint.yaml" {
        // Less than any machine holds: the search itself has tests of its own.
        command.args([
            "--set",
            "load.rate=20/s..80/s",
            "--set",
            "load.at_least=40/s",
        ]);
    }
    if name == "soak.yaml" {
        // Seconds of an hour have no slope.
        command.args(["--time-scale", "0.0005", "--no-thresholds"]);
    } else {
        command.args(["--time-scale", "0.05"]);
    }
    let output = command.output().expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    // On a busy machine a run may be invalid, or slower than its thresholds on times allow.
    if !matches!(output.status.code(), Some(0 | 94 | 99)) {
        return Err(format!("{name}: {}\n{says}", output.status));
    }
    let summary = fs::read(folder.path().join("run/summary.json")).expect("a summary");
    let summary: Value = serde_json::from_slice(&summary).expect("JSON");
    let count = |of: &Value, key: &str| of[key].as_u64().expect("a count");
    let totals = &summary["totals"];
    if count(totals, "failed") + count(totals, "failed_iterations") > 0 {
        return Err(format!("{name}: {totals:#}\n{:#}", summary["failures"]));
    }
    let list = |key: &str| summary[key].as_array().expect("a list");
    let broken = list("thresholds").iter().find(|rule| {
        rule["line"] != Value::Null && rule["unit"] != "us" && rule["verdict"] != "pass"
    });
    if let Some(rule) = broken {
        return Err(format!("{name}: {rule:#}"));
    }
    let has_thresholds = ["\nthresholds:", "\nuse:", "\n  until:"]
        .iter()
        .any(|key| text.contains(key));
    assert!(has_thresholds, "{name} has no threshold");
    let idle_flows = list("flows")
        .iter()
        .filter(|flow| count(flow, "iterations") == 0);
    // A challenge is sent only by a target that refuses a token.
    let unsent_steps = list("steps")
        .iter()
        .filter(|step| count(step, "sent") == 0 && step["name"] != "challenge (oauth2)");
    match idle_flows.chain(unsent_steps).next() {
        Some(idle) => Err(format!("{name}: {} was never used", idle["name"])),
        None => Ok(()),
    }
}
