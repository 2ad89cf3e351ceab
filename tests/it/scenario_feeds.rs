//! The memory of feeders: a value takes its own length and a few bytes.

use std::fmt::Write as _;
use std::process::Command;

use crate::support::Bench;

/// The limit on the address space of a process that checks a scenario. Without a feeder it needs some 100 MiB; these
/// rows as separate values would need more than 100 MiB besides.
const LIMIT_KIB: u64 = 190 * 1024;

/// A process with limited memory reads half a million rows of four values in every format.
#[test]
fn a_feeder_of_half_a_million_rows_fits_into_little_memory() {
    let bench = Bench::with("unused: true");
    let rows = 0..500_000_u32;
    let csv = rows.clone().fold("a,b,c,d\n".to_owned(), |mut text, row| {
        let _ = writeln!(text, "{},{},x,", row % 10, row % 7);
        text
    });
    let jsonl = rows.fold(String::new(), |mut text, row| {
        let _ = writeln!(text, r#"{{"a":{},"b":null,"c":"x","d":true}}"#, row % 10);
        text
    });
    for (name, text) in [("rows.csv", csv), ("rows.jsonl", jsonl)] {
        std::fs::write(bench.path(name), text).expect("written");
        let scenario = format!(
            "name: rows\nkind: custom\ntarget: http://127.0.0.1:1\nload: {{ users: 1, for: 1s }}\ndata:\n  rows: {{ file: {name}, \
             pick: shuffled }}\nflows:\n  - name: read\n    steps:\n      - get: /${{rows.a}}\n"
        );
        std::fs::write(bench.path("scenario.yaml"), scenario).expect("written");
        let output = Command::new("sh")
            .arg("-c")
            .arg(format!(
                "ulimit -v {LIMIT_KIB}; exec \"$0\" check scenario.yaml"
            ))
            .arg(env!("CARGO_BIN_EXE_gander"))
            .current_dir(bench.folder.path())
            .output()
            .expect("a shell");
        let says = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {}\n{says}", output.status);
    }
}
