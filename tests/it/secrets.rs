//! No secret leaves a run, in whatever form a target returns it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::{Bench, gander};

/// Each secret enters the run in another way; only the target knows the last one.
const CANARIES: [&str; 8] = [
    "canary-env/41=",
    "canary-set&42\"x",
    "canary-header-43",
    "canary-bearer-44",
    "canary-token-45",
    "canary-row-46",
    "canary-cookie-47",
    "canary-unknown-48",
];

/// The forms in which a target may return a value.
fn forms(value: &str) -> [String; 6] {
    let json = serde_json::to_string(value).expect("JSON");
    let hex = value.bytes().map(|byte| format!("{byte:02x}"));
    let hex = hex.collect::<Vec<_>>().concat();
    [
        value.to_owned(),
        json[1..json.len() - 1].to_owned(),
        url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
        hex,
        STANDARD.encode(value),
        STANDARD.encode(format!("me:{value}")),
    ]
}

pub(crate) fn target() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || stream.map(|stream| answer(&stream)));
        }
    });
    url
}

fn answer(mut stream: &TcpStream) {
    let mut lines = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            if lines.read_line(&mut head).is_ok_and(|read| read == 0) {
                return;
            }
            let line = head[start..].to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut sent = vec![0; length];
        lines.read_exact(&mut sent).expect("a body");
        let path = head.split(' ').nth(1).expect("a path");
        let parts: Vec<&str> = path.split(['/', '?']).collect();
        let (status, more, body) = match parts[1] {
            "leak" => {
                let number = |part: &str| part.parse::<usize>().expect("a number");
                let form = &forms(CANARIES[number(parts[2])])[number(parts[3])];
                let body = if number(parts[2]) == 7 {
                    format!("{{\"access_token\": \"{form}\"}}")
                } else {
                    format!("<p>{form}</p>")
                };
                ("500 No", String::new(), body)
            }
            "login" => (
                "200 OK",
                format!("set-cookie: id={}\r\n", CANARIES[6]),
                format!("{{\"t\": \"{}\"}}", CANARIES[4]),
            ),
            "away" => (
                "302 Found",
                format!("location: ftp://me:{0}@host/{0}?code={0}\r\n", CANARIES[7]),
                String::new(),
            ),
            _ => (
                "200 OK",
                String::new(),
                String::from_utf8(sent).expect("UTF-8"),
            ),
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\n{more}content-length: {length}\r\n\r\n{body}");
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn steps() -> String {
    let mut steps = String::from(
        "      - post: /login\n        capture: { t: { json: $.t }, sid: { cookie: id } }\n\
         \x20     - get: /away\n\
         \x20     - get: /as-token\n        auth: { bearer: '${t}' }\n\
         \x20     - get: /as-literal\n        auth: { bearer: canary-bearer-44 }\n\
         \x20     - post: /echo\n        name: a check\n        auth: { basic: { user: me, password: '${v}' } }\n\
         \x20       json: { password: '${rows.password}', key: '${CANARY}', v: '${v}' }\n\
         \x20       check: [ { json: $.password, equals: nothing } ]\n\
         \x20     - post: /echo\n        name: a capture\n        json: { key: '${CANARY}', v: '${v}', r: '${rows.password}', t: '${t}' }\n\
         \x20       capture: { never: { json: $.never } }\n",
    );
    for (number, canary) in CANARIES.iter().enumerate() {
        for form in 0..forms(canary).len() {
            let path = format!("/leak/{number}/{form}?row=${{rows.password}}");
            steps.extend(["      - get: ", path.as_str(), "\n"]);
        }
    }
    steps
}

#[test]
fn no_artefact_has_a_secret_in_any_form() {
    let bench = Bench::with(&format!(
        "name: canary\nkind: custom\ntarget: {}\nload: {{ iterations: 1, users: 1 }}\non_error: continue\n\
         vars: {{ v: none }}\ndata: {{ rows: {{ file: rows.csv }} }}\nflows:\n  - name: read\n    steps:\n{}\
         thresholds: [ ratio(failed) < 1% ]\n",
        target(),
        steps()
    ));
    std::fs::write(
        bench.path("rows.csv"),
        format!("password\n{}\n", CANARIES[5]),
    )
    .expect("written");
    let words = [
        "--set",
        &format!("vars.v='{}'", CANARIES[1]),
        "--set",
        &format!("http.headers.x-mine={}", CANARIES[2]),
        "--junit",
        "copy.xml",
    ];
    let output = bench.command(&words).env("CANARY", CANARIES[0]).output();
    let output = output.expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr).into_owned();
    // On a busy machine the run may be invalid (94), with the same outputs.
    assert!(matches!(output.status.code(), Some(94 | 99)), "{says}");

    let read = |path: &Path| {
        let bytes = std::fs::read(path).expect("an output");
        (
            path.display().to_string(),
            String::from_utf8_lossy(&bytes).into_owned(),
        )
    };
    let files = std::fs::read_dir(bench.path("out")).expect("outputs");
    let mut artefacts: Vec<_> = files
        .map(|file| read(&file.expect("a file").path()))
        .collect();
    assert_eq!(artefacts.len(), 7, "run.json, the journal and four outputs");
    artefacts.push(read(&bench.path("copy.xml")));
    artefacts.push((
        "stdout".to_owned(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ));
    artefacts.push(("stderr".to_owned(), says));
    for (name, text) in &artefacts {
        for canary in CANARIES {
            for form in forms(canary) {
                // Base64 of the user before it differs only in its beginning.
                let form = form[form.len().min(8)..].trim_end_matches('=');
                let form = if form.len() < 6 { canary } else { form };
                let at = text.find(form);
                let around = at.map(|at| {
                    text.chars()
                        .skip(text[..at].chars().count().saturating_sub(60))
                        .take(160)
                        .collect::<String>()
                });
                assert_eq!(around, None, "{canary} as {form} in {name}");
            }
        }
    }
    let header = &artefacts
        .iter()
        .find(|(name, _)| name.ends_with("run.json"))
        .expect("a header")
        .1;
    assert!(
        header.contains("vars.v (its value is not kept)"),
        "{header}"
    );
    let events = &artefacts
        .iter()
        .find(|(name, _)| name.ends_with("events.jsonl"))
        .expect("events")
        .1;
    // 8 canaries in 6 forms, the redirect, the check and the capture.
    assert_eq!(
        events.matches("\"event\":\"failure\"").count(),
        51,
        "{events}"
    );
    assert!(events.contains("[redacted]"), "{events}");
}

/// The error about an override does not show its value.
#[test]
fn a_refusal_does_not_show_the_value_of_an_override() {
    for (words, path) in [
        (
            ["--set", "flows[0].steps[0].auth={ bearer: [canary] }"],
            "auth",
        ),
        (["--set", "vars.pw='canary"], "vars.pw"),
        (["--target", "http://me:canary@host"], "credentials"),
        (
            ["--target", "http://127.0.0.1:1/?token=canary"],
            "`?` or `#`",
        ),
        (["--set", "http.header.x-key=canary"], "http.header.x-key"),
        (["--set", "flows.headers=canary"], "flows.headers"),
        (["--set", "vars.pw: canary"], "PATH=VALUE"),
        (["--sett=vars.pw=canary", "--quiet"], "--sett"),
        (["vars.pw=canary", "--quiet"], "vars.pw"),
        (
            ["--allow-host", "http://host/?token=canary"],
            "--allow-host",
        ),
    ] {
        let bench = Bench::with(
            "name: x\nkind: custom\ntarget: http://127.0.0.1:1\nload: { iterations: 1, users: 1 }\nvars: { pw: a }\n\
             flows: [ { name: f, steps: [ { get: / } ] } ]\n",
        );
        let output = gander()
            .args(["run", "scenario.yaml", "--junit", "junit.xml"])
            .args(words)
            .current_dir(&bench.folder)
            .output()
            .expect("gander runs");
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(104), "{says}");
        let junit = std::fs::read_to_string(bench.path("junit.xml")).expect("a refusal");
        for told in [says, junit] {
            assert!(told.contains(path) && !told.contains("canary"), "{told}");
        }
    }
}

/// A base URL of the environment may have a secret in its path, as those of webhooks have.
#[test]
fn the_path_of_a_target_of_the_environment_is_shown_nowhere() {
    let target = target();
    let bench = Bench::with(
        "name: hook\nkind: custom\ntarget: ${HOOK}\nload: { iterations: 2, users: 1 }\n\
         flows: [ { name: f, steps: [ { get: /leak/7/0 } ] } ]\n",
    );
    let output = bench
        .command(&["--junit", "copy.xml"])
        .env("HOOK", format!("{target}/leak/canary-path-49/?"))
        .output()
        .expect("gander runs");
    assert_eq!(output.status.code(), Some(104), "a target with a query");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("canary"));

    let output = bench
        .command(&["--overwrite"])
        .env("HOOK", format!("{target}/echo/canary-path-49"))
        .output()
        .expect("gander runs");
    let mut told = vec![output.stdout, output.stderr];
    for file in std::fs::read_dir(bench.path("out")).expect("outputs") {
        told.push(std::fs::read(file.expect("a file").path()).expect("an output"));
    }
    assert!(told.len() > 6);
    let told: Vec<_> = told
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes))
        .collect();
    assert!(told.iter().all(|text| !text.contains("canary")), "{told:?}");
    let shown = format!("{target}/[redacted]");
    assert!(told.iter().any(|text| text.contains(&shown)), "{told:?}");
}
