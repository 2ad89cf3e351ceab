//! Feeders by their source: files in each format, standard input, rows in the scenario, generated rows; filters, and rows
//! that users keep.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use gander::plan::Segment;
use gander::scenario::{Overrides, Scenario, load};
use serde_json::{Value, json};

use crate::secrets::target;
use crate::support::{Bench, gander};

/// A scenario with this feeder, whose columns are `a` and `b`.
fn bench(feeder: &str) -> Bench {
    Bench::with(&format!(
        "name: rows\nkind: custom\ntarget: http://127.0.0.1:1\nload: {{ iterations: 12, users: 3 }}\n\
         data:\n  rows: {feeder}\nflows: [ {{ name: f, steps: [ {{ get: '/${{rows.a}}/${{rows.b}}' }} ] }} ]\n"
    ))
}

fn read(bench: &Bench) -> Result<Scenario, String> {
    let overrides = Overrides::default();
    load(&bench.path("scenario.yaml"), &overrides).map_err(|diagnostics| diagnostics.to_string())
}

/// The rows of a scenario's only feeder.
fn rows(scenario: &Scenario) -> Value {
    let feed = &scenario.feeds[0];
    let row = |row: usize| -> Value {
        let values = feed.rows.row(row).expect("a row");
        let texts = values.map(|value| value.into_value().to_string());
        let values: Vec<Value> = texts
            .map(|text| serde_json::from_str(&text).expect("JSON"))
            .collect();
        json!(values)
    };
    (0..feed.rows.len()).map(row).collect()
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(text).expect("written");
    out.finish().expect("finished")
}

fn run(bench: &Bench, words: &[&str], input: &[u8]) -> Output {
    let mut command = gander();
    let mut child = command
        .args(words)
        .current_dir(&bench.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("gander runs");
    // A command that does not read its input closes the pipe.
    child.stdin.take().expect("a pipe").write_all(input).ok();
    child.wait_with_output().expect("gander ends")
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_file_of_each_format_gives_the_same_rows_plain_and_compressed() {
    for (name, text, expected) in [
        (
            "r.csv",
            "a,b\n1,\"x,y\"\n2,\n",
            json!([["1", "x,y"], ["2", ""]]),
        ),
        (
            "r.tsv",
            "a\tb\n1\tx,y\n2\t\"t\tu\"\n",
            json!([["1", "x,y"], ["2", "t\tu"]]),
        ),
        (
            "r.jsonl",
            "{\"a\":1,\"b\":null}\n{\"b\":[2],\"a\":3}\n",
            json!([[1, null], [3, [2]]]),
        ),
        ("r.json", "[{\"a\":1,\"b\":true}]", json!([[1, true]])),
    ] {
        let plain = bench(&format!("{{ file: {name} }}"));
        fs::write(plain.path(name), text).expect("written");
        assert_eq!(rows(&read(&plain).expect(name)), expected, "{name}");
        let packed = bench(&format!("{{ file: {name}.gz }}"));
        fs::write(
            packed.path(&format!("{name}.gz")),
            compressed(text.as_bytes()),
        )
        .expect("written");
        assert_eq!(rows(&read(&packed).expect(name)), expected, "{name}.gz");
        // Another name, with the format beside it.
        let format = name.split_once('.').expect("an extension").1;
        let other = bench(&format!("{{ file: rows.txt, format: {format} }}"));
        fs::write(other.path("rows.txt"), text).expect("written");
        assert_eq!(rows(&read(&other).expect(name)), expected, "{name} as .txt");
    }
}

#[test]
fn a_file_without_a_header_has_the_given_columns() {
    let bench = bench("{ file: r.csv, columns: [ a, b ] }");
    fs::write(bench.path("r.csv"), "1,x\n2,y\n").expect("written");
    assert_eq!(
        rows(&read(&bench).expect("rows")),
        json!([["1", "x"], ["2", "y"]])
    );
    fs::write(bench.path("r.csv"), "1,x\n2\n").expect("written");
    let told = read(&bench).expect_err("a row is short");
    assert!(
        told.contains("row 2 has 1 fields, but there are 2 columns"),
        "{told}"
    );
}

#[test]
fn rows_in_the_scenario_keep_their_types() {
    let bench = bench("{ rows: [ { a: 1, b: [ x ] }, { b: '2', a: null } ] }");
    assert_eq!(
        rows(&read(&bench).expect("rows")),
        json!([[1, ["x"]], [null, "2"]])
    );
}

#[test]
fn a_filter_keeps_the_rows_for_which_it_is_true() {
    let bench = bench("{ file: r.csv, filter: \"b == 'NL' and a != '3'\" }");
    fs::write(bench.path("r.csv"), "a,b\n1,NL\n2,DE\n3,NL\n4,NL\n").expect("written");
    assert_eq!(
        rows(&read(&bench).expect("rows")),
        json!([["1", "NL"], ["4", "NL"]])
    );
    fs::write(bench.path("r.csv"), "a,b\n2,DE\n").expect("written");
    let told = read(&bench).expect_err("no row is left");
    assert!(
        told.contains("has no row that the filter keeps, of 1"),
        "{told}"
    );
}

#[test]
fn generated_rows_are_the_same_in_every_run_and_use_earlier_columns() {
    let feeder = "{ generate: 200, columns: { n: '${row}', a: '${random(1, 1000000)}', b: 'user${row}-${a}', c: 7 } }";
    let bench = bench(feeder);
    let first = rows(&read(&bench).expect("rows"));
    let list = first.as_array().expect("rows");
    assert_eq!(list.len(), 200);
    for (number, row) in (1..).zip(list) {
        assert_eq!(row[0], json!(number));
        assert_eq!(row[2], json!(format!("user{number}-{}", row[1])));
        assert_eq!(row[3], json!(7));
    }
    let mut drawn: Vec<String> = list.iter().map(|row| row[1].to_string()).collect();
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() > 190, "{drawn:?}");
    assert_eq!(rows(&read(&bench).expect("rows")), first);
}

#[test]
fn a_user_keeps_its_row() {
    let steps = "
    start: [ { set: { mine: '${rows.a}' } } ]
    steps:
      - post: /echo
        json: { a: '${rows.a}' }
        check: [ { json: $.a, equals: '${mine}' } ]
thresholds: [ 'ratio(checks) >= 100%' ]
";
    let with = |more: &str, users: u32| {
        let bench = Bench::with(&format!(
            "name: kept\nkind: custom\ntarget: {}\nload: {{ iterations: 30, users: {users} }}\n\
             data:\n  rows: {{ rows: [ {{ a: x }}, {{ a: y }}, {{ a: z }} ], {more} }}\nflows:\n  - name: f{steps}",
            target()
        ));
        let output = run(
            &bench,
            &["run", "scenario.yaml", "--out", "out", "--seed", "3"],
            b"",
        );
        let events = fs::read_to_string(bench.path("out/events.jsonl")).unwrap_or_default();
        (output.status.code(), says(&output) + &events)
    };
    let (code, told) = with("per: user, pick: shuffled", 3);
    assert!(matches!(code, Some(0 | 94)), "{told}");
    let (code, told) = with("per: user, pick: unique", 3);
    assert!(matches!(code, Some(0 | 94)), "{told}");
    // Each iteration has another row.
    let (_, told) = with("per: iteration", 3);
    assert!(told.contains("\"event\":\"failure\""), "{told}");
    // The fourth user has no row.
    let (_, told) = with("per: user, pick: unique", 4);
    assert!(told.contains("\"out_of_rows\":1"), "{told}");
}

#[test]
fn a_unique_row_is_used_once_over_all_machines() {
    let bench = bench("{ generate: 100, columns: { a: '${row}', b: x }, pick: unique }");
    let scenario = read(&bench).expect("rows");
    let feed = &scenario.feeds[0];
    let segments = (0..3).map(|index| Segment { index, count: 3 });
    let dealt = segments
        .flat_map(|segment| (0..50).filter_map(move |draw| feed.row(segment.global(draw), 9)));
    let mut dealt: Vec<usize> = dealt.collect();
    dealt.sort_unstable();
    assert_eq!(dealt, (0..100).collect::<Vec<_>>());
}

#[test]
fn standard_input_is_read_once_and_not_by_a_check() {
    let bench = bench("{ file: '-', format: csv, filter: \"a != '2'\" }");
    let input = b"a,b\n1,x\n2,y\n3,z\n";
    let output = run(&bench, &["plan", "scenario.yaml"], input);
    assert_eq!(output.status.code(), Some(0), "{}", says(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("rows                         2"), "{told}");
    let output = run(&bench, &["plan", "scenario.yaml"], b"");
    assert_eq!(output.status.code(), Some(104));
    assert!(
        says(&output).contains("`standard input` has no rows"),
        "{}",
        says(&output)
    );
    let output = run(&bench, &["check", "scenario.yaml"], b"");
    assert_eq!(output.status.code(), Some(0), "{}", says(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        told.contains("except for standard input, which a check does not read"),
        "{told}"
    );
    // Both arms have the rows.
    let words = [
        "ab",
        "scenario.yaml",
        "--pairs",
        "1",
        "--out",
        "sat",
        "--target",
    ];
    let url = target();
    let output = run(&bench, &[&words[..], &[&url]].concat(), input);
    assert!(
        matches!(output.status.code(), Some(0 | 94..=96)),
        "{}",
        says(&output)
    );
}

#[test]
fn a_small_file_that_inflates_to_a_large_one_is_refused() {
    let bench = bench("{ file: r.csv.gz }");
    let mut text = b"a,b\n".to_vec();
    text.resize(70 << 20, b'\n');
    fs::write(bench.path("r.csv.gz"), compressed(&text)).expect("written");
    let told = read(&bench).expect_err("a bomb");
    assert!(told.contains("inflates to more than 64 MiB"), "{told}");
    fs::write(bench.path("r.csv.gz"), "a,b\n1,2\n").expect("written");
    let told = read(&bench).expect_err("not compressed");
    assert!(told.contains("`r.csv.gz` cannot be read: "), "{told}");
}

#[test]
fn the_hash_of_the_workload_knows_the_rows_and_how_they_are_given() {
    let hash = |feeder: &str| {
        let bench = bench(feeder);
        let url = target();
        let output = run(
            &bench,
            &["run", "scenario.yaml", "--out", "out", "--target", &url],
            b"",
        );
        let told = says(&output);
        let header = fs::read_to_string(bench.path("out/run.json")).expect(&told);
        let header: Value = serde_json::from_str(&header).expect("JSON");
        header["workload_hash"].as_str().expect("a hash").to_owned()
    };
    let plain = hash("{ rows: [ { a: 1, b: 2 }, { a: 3, b: 4 } ] }");
    assert_eq!(
        plain,
        hash("{ rows: [ { a: 1, b: 2 }, { a: 3, b: 4 } ], per: iteration }")
    );
    for other in [
        "{ rows: [ { a: 1, b: 2 }, { a: 3, b: 5 } ] }",
        "{ rows: [ { a: 1, b: 2 } ] }",
        "{ rows: [ { a: 1, b: 2 }, { a: 3, b: '4' } ] }",
        "{ rows: [ { a: 1, b: 2 }, { a: 3, b: 4 } ], per: user }",
        "{ rows: [ { a: 1, b: 2 }, { a: 3, b: 4 } ], filter: a == 1 }",
    ] {
        assert_ne!(plain, hash(other), "{other}");
    }
}
