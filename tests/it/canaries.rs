//! Named secrets, and no trace of one in anything that Gander writes or prints, however a command ends.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::secrets::target;
use crate::support::{Bench, gander};

/// Each comes from another place, and has characters that encodings change.
const OF_ENVIRONMENT: &str = "canary-env/41=\"&x";
const OF_FILE: &str = "canary-file<42>'+y";
const OF_COMMAND: &str = "canary command 43%\\z";
const OF_LINES: &str = "canary-44\nof-lines";
const ALL: [&str; 4] = [OF_ENVIRONMENT, OF_FILE, OF_COMMAND, OF_LINES];

/// Files that the test writes itself, and the output of a target, which is kept as it is.
const OWN: [&str; 3] = ["token.txt", "print.sh", "target.log"];

/// Texts that show a secret in an encoding, each without the parts that depend on its neighbours.
fn traces(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).expect("JSON");
    let each = |form: fn(u8) -> String| secret.bytes().map(form).collect::<Vec<_>>().concat();
    let mut traces = vec![
        secret.to_owned(),
        json[1..json.len() - 1].to_owned(),
        url::form_urlencoded::byte_serialize(secret.as_bytes()).collect(),
        percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC)
            .to_string(),
        each(|byte| format!("{byte:02x}")),
        each(|byte| format!("{byte:02X}")),
        "canary".to_owned(),
    ];
    for before in ["", "a", "ab"] {
        let encoded = STANDARD.encode(format!("{before}{secret}"));
        traces.push(encoded[4..encoded.len() - 4].to_owned());
    }
    traces
}

/// Everything that a command printed, and every file below the folder, inflated.
fn told(folder: &Path, outputs: &[&Output]) -> Vec<(String, Vec<u8>)> {
    let mut told = Vec::new();
    for (number, output) in outputs.iter().enumerate() {
        told.push((format!("stdout {number}"), output.stdout.clone()));
        told.push((format!("stderr {number}"), output.stderr.clone()));
    }
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path: PathBuf = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if path.is_dir() {
                folders.push(path);
            } else if !OWN.contains(&&*name) {
                let mut bytes = fs::read(&path).expect("a file");
                if bytes.starts_with(&[0x1f, 0x8b]) {
                    let mut inflated = Vec::new();
                    flate2::read::MultiGzDecoder::new(&*bytes)
                        .read_to_end(&mut inflated)
                        .ok();
                    bytes = inflated;
                }
                told.push((path.display().to_string(), bytes));
            }
        }
    }
    told
}

#[track_caller]
fn no_trace(folder: &Path, outputs: &[&Output]) {
    for (name, bytes) in told(folder, outputs) {
        for secret in ALL {
            for trace in traces(secret) {
                let found = bytes
                    .windows(trace.len())
                    .any(|window| window == trace.as_bytes());
                assert!(
                    !found,
                    "{trace:?} in {name}: {}",
                    String::from_utf8_lossy(&bytes)
                );
            }
        }
    }
}

/// A scenario with three secrets and these steps, in a folder with what they come from.
fn bench(target: &str, more: &str, steps: &str) -> Bench {
    let bench = Bench::with(&format!(
        "name: canaries\nkind: custom\ntarget: {target}\nload: {{ iterations: 2, users: 1 }}\non_error: continue\n\
         secrets:\n  api_key: \"${{API_KEY}}\"\n  lines: \"${{LINES}}\"\n  token: {{ file: token.txt }}\n  \
         printed: {{ command: [ sh, ./print.sh ] }}\n{more}flows:\n  - name: f\n    steps:\n{steps}"
    ));
    fs::write(bench.path("token.txt"), format!("{OF_FILE}\r\n")).expect("written");
    fs::write(
        bench.path("print.sh"),
        format!("cat <<'END'\n{OF_COMMAND}\nEND\n"),
    )
    .expect("written");
    bench
}

/// `gander …` with the environment of the secrets.
fn told_by(bench: &Bench, words: &[&str]) -> Output {
    gander()
        .args(words)
        .env("API_KEY", OF_ENVIRONMENT)
        .env("LINES", OF_LINES)
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs")
}

#[track_caller]
fn ends_with(output: &Output, codes: &[i32]) {
    let says = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code().expect("an exit code");
    assert!(codes.contains(&code), "{code}: {says}");
}

/// Sends every secret in several encodings and places; the target returns what it is sent.
const STEPS: &str = "
      - post: /echo?key=${api_key}
        headers: { x-mine: '${token}' }
        auth: { basic: { user: '${printed}', password: '${api_key}' } }
        json: { a: '${api_key}', t: '${token}', p: '${printed}', l: '${lines}', e: '${base64(printed)}' }
        check: [ { json: $.a, exists: true } ]
";
/// As above, but each step fails in another way and tells why.
const FAILING: &str = "
      - post: /echo
        name: checks
        json: { a: '${api_key}', t: '${token}', p: '${printed}', l: '${lines}' }
        check:
          - { json: $.a, equals: nothing }
          - { json: $, equals: nothing }
          - { body: { contains: '${printed}-' } }
          - { body: { equals: 'ab${token}' } }
        capture: { never: { json: $.never } }
      - post: /echo
        name: encoded
        body: \"${base64(token)} ${base64('a' ~ api_key)} ${base64('ab' ~ printed)} ${json(lines)}\"
        check: [ { body: { equals: nothing } } ]
      - get: /unsendable
        headers: { x-lines: '${lines}' }
      - get: '${api_key}'
        name: no address
      - get: /leak/7/0?token=${token}
";

#[test]
fn a_run_that_passes_shows_no_secret_and_the_target_gets_each() {
    let more = "thresholds: [ 'ratio(failed) < 1%', 'ratio(checks) >= 100%' ]\n";
    let bench = bench(&target(), more, STEPS);
    let run = [
        "run",
        "scenario.yaml",
        "--allow-command",
        "--json",
        "-",
        "--junit",
        "copy.xml",
        "--summary-markdown",
        "summary.md",
        "--gitlab-metrics",
        "metrics.txt",
        "--out",
        "out",
    ];
    let output = told_by(&bench, &run);
    // On a busy machine the run may be invalid (94), with the same outputs.
    ends_with(&output, &[0, 94]);
    let again = told_by(
        &bench,
        &["report", "out", "--out", "again", "--hlog", "times.hlog"],
    );
    ends_with(&again, &[0, 94]);
    no_trace(bench.folder.path(), &[&output, &again]);
}

#[test]
fn failures_show_no_secret() {
    let bench = bench(&target(), "", FAILING);
    let run = [
        "run",
        "scenario.yaml",
        "--allow-command",
        "--quiet",
        "--out",
    ];
    let first = told_by(&bench, &[&run[..], &["a"]].concat());
    ends_with(&first, &[94, 99]);
    let second = told_by(&bench, &[&run[..], &["b"]].concat());
    let compared = told_by(&bench, &["compare", "a", "b", "--out", "compared"]);
    let pairs = [
        "ab",
        "scenario.yaml",
        "--allow-command",
        "--pairs",
        "1",
        "--out",
        "sat",
    ];
    let pairs = told_by(
        &bench,
        &[&pairs[..], &["--a", "set.http.resend=false"]].concat(),
    );
    no_trace(bench.folder.path(), &[&first, &second, &compared, &pairs]);
    let events = fs::read_to_string(bench.path("a/events.jsonl")).expect("events");
    let failures = events.matches("\"event\":\"failure\"").count();
    // One of each series: a check, the encoded body, two requests that cannot be sent, and a status.
    assert!(failures >= 5, "{events}");
    assert!(events.contains("[redacted]"), "{events}");
}

#[test]
fn a_scenario_that_is_refused_shows_no_secret() {
    let more = "warm_up: \"${API_KEY}\"\npacing: \"a${LINES}\"\n";
    let bench = bench("http://127.0.0.1:1", more, STEPS);
    for words in [
        &[
            "run",
            "scenario.yaml",
            "--allow-command",
            "--junit",
            "a.xml",
            "--out",
            "out",
        ][..],
        &["check", "scenario.yaml"],
        &["plan", "scenario.yaml"],
    ] {
        let output = told_by(&bench, words);
        ends_with(&output, &[104]);
        no_trace(bench.folder.path(), &[&output]);
    }
}

#[test]
fn plan_and_check_show_no_secret_and_run_no_command() {
    let bench = bench("http://127.0.0.1:1", "", STEPS);
    fs::write(bench.path("print.sh"), "touch has-run\necho key").expect("written");
    for words in [&["plan", "scenario.yaml"][..], &["check", "scenario.yaml"]] {
        let output = told_by(&bench, words);
        ends_with(&output, &[0]);
        no_trace(bench.folder.path(), &[&output]);
    }
    assert!(!bench.path("has-run").exists());
    let plan = told_by(&bench, &["plan", "scenario.yaml"]);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    for told in ["api_key", "token (a file)", "printed (a command"] {
        assert!(plan.contains(told), "{plan}");
    }
    // Not even its environment variables need to be set for a check.
    let output = gander()
        .args(["check", "scenario.yaml"])
        .env_remove("API_KEY")
        .env_remove("LINES")
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs");
    ends_with(&output, &[0]);
    let says = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(says.contains("API_KEY, LINES"), "{says}");
}

#[test]
fn a_command_runs_only_if_it_is_allowed() {
    let bench = bench("http://127.0.0.1:1", "", STEPS);
    fs::write(bench.path("print.sh"), "touch has-run\necho key").expect("written");
    let output = told_by(&bench, &["run", "scenario.yaml", "--out", "out"]);
    ends_with(&output, &[104]);
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        says.contains("add --allow-command") && says.contains("scenario.yaml:10:"),
        "{says}"
    );
    assert!(!bench.path("has-run").exists());
    let given = [
        "run",
        "scenario.yaml",
        "--out",
        "out",
        "--set",
        "secrets.printed=canary-set",
    ];
    let output = told_by(&bench, &given);
    ends_with(&output, &[107]);
    no_trace(bench.folder.path(), &[&output]);
}

#[test]
fn a_command_that_fails_is_told_with_its_status_and_its_errors_without_other_secrets() {
    for (script, expected) in [
        (
            format!("cat >&2 <<'END'\nno key for {OF_FILE}\nEND\nexit 3"),
            "ended with exit status: 3: no key for [redacted]",
        ),
        ("true".to_owned(), "printed nothing"),
        ("sleep 600".to_owned(), "did not end within"),
    ] {
        let bench = bench("http://127.0.0.1:1", "", STEPS);
        fs::write(bench.path("print.sh"), script).expect("written");
        let limit = "secrets.printed.timeout=200ms";
        let run = [
            "run",
            "scenario.yaml",
            "--allow-command",
            "--set",
            limit,
            "--junit",
            "a.xml",
        ];
        let output = told_by(&bench, &run);
        ends_with(&output, &[104]);
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(says.contains(expected), "{says}");
        no_trace(bench.folder.path(), &[&output]);
    }
}

#[test]
fn a_target_that_does_not_start_shows_no_secret() {
    let command = "{ command: [ sh, -c, 'echo \"$KEY\" \"$0\"; exit 4', \"${API_KEY}\" ], env: { KEY: \"${LINES}\" } }";
    let bench = bench(command, "", STEPS);
    let output = told_by(
        &bench,
        &[
            "run",
            "scenario.yaml",
            "--allow-command",
            "--out",
            "out",
            "--junit",
            "a.xml",
        ],
    );
    ends_with(&output, &[107]);
    no_trace(bench.folder.path(), &[&output]);
}

#[test]
fn a_secret_is_sent_as_the_text_that_it_is() {
    let more = "thresholds: [ 'ratio(checks) >= 100%' ]\n";
    let steps = "
      - post: /echo
        json: { a: '${api_key}', t: '${token}', p: '${printed}', n: '${lines}' }
        check:
          - { json: $.a, equals: '007' }
          - { json: $.t, equals: 'of $${a} file' }
          - { json: $.p, equals: 'printed key' }
          - { json: $.n, equals: '$${x}' }
";
    let bench = bench(&target(), more, steps);
    fs::write(bench.path("token.txt"), "of ${a} file\n\n").expect("written");
    fs::write(bench.path("print.sh"), "echo printed key").expect("written");
    let output = gander()
        .args(["run", "scenario.yaml", "--allow-command", "--out", "out"])
        .env("API_KEY", "007")
        .env("LINES", "${x}")
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs");
    ends_with(&output, &[0, 94]);
    let summary = fs::read_to_string(bench.path("out/summary.json")).expect("a summary");
    assert!(!summary.contains("\"passed\": false"), "{summary}");
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(says.contains("note: `api_key` has fewer than 4"), "{says}");
}
