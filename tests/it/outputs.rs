//! The outputs of a run: existing files stay, and write errors are reported before the load or at its end.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Bench, gander, send_signal};

/// A target that answers everything at once.
pub(crate) fn target() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut head = [0; 1024];
                while stream.read(&mut head).is_ok_and(|read| read > 0) {
                    if stream
                        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    url
}

pub(crate) fn bench(load: &str) -> Bench {
    Bench::with(&format!(
        "name: outputs\nkind: custom\ntarget: {}\nload: {load}\nthink_time: 10ms\nflows: [ {{ name: f, steps: [ {{ get: / }} ] }} ]\n",
        target()
    ))
}

fn pipe(path: &std::path::Path) {
    let made = Command::new("mkfifo").arg(path).status();
    assert!(made.expect("mkfifo runs").success());
}

#[test]
fn what_is_there_is_neither_overwritten_nor_followed_nor_waited_for() {
    let bench = bench("{ iterations: 1, users: 1 }");
    fs::create_dir(bench.path("out")).expect("a folder");
    fs::write(bench.path("precious"), "kept").expect("written");
    fs::create_dir(bench.path("elsewhere")).expect("a folder");
    symlink(bench.path("precious"), bench.path("link")).expect("a link");
    symlink(bench.path("elsewhere"), bench.path("linked")).expect("a link");
    pipe(&bench.path("pipe"));
    for (words, told) in [
        (&["--json", "precious"][..], "--overwrite"),
        (&["--junit", "precious"], "--overwrite"),
        (&["--json", "link"], "is a link"),
        (&["--json", "link", "--overwrite"], "is a link"),
        (&["--json", "pipe"], "is a pipe"),
        (&["--json", "elsewhere"], "is a folder"),
        (&["--json", "no/such/folder.json"], "choose another place"),
    ] {
        let run = bench.run(words).expect_code(104);
        assert!(run.stderr.contains(told), "{words:?}: {}", run.stderr);
    }
    for name in ["report.html", "journal.bins.gz", "run.json"] {
        let path = bench.path("out").join(name);
        pipe(&path);
        let run = bench.run(&[]).expect_code(104);
        let told = if name == "report.html" {
            "is a pipe"
        } else {
            "already holds a run"
        };
        assert!(run.stderr.contains(told), "{name}: {}", run.stderr);
        fs::remove_file(&path).expect("removed");
        symlink(bench.path("precious"), &path).expect("a link");
        drop(bench.run(&[]).expect_code(104));
        fs::remove_file(&path).expect("removed");
    }
    let linked = gander()
        .args(["run", "scenario.yaml", "--out", "linked/"])
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&linked.stderr);
    assert!(
        linked.status.code() == Some(104) && says.contains("link"),
        "{says}"
    );
    assert_eq!(
        fs::read_to_string(bench.path("precious")).expect("kept"),
        "kept"
    );
    for folder in ["out", "elsewhere"] {
        let left = fs::read_dir(bench.path(folder)).expect("a folder").count();
        assert_eq!(left, 0, "a refused run left something in {folder}");
    }
}

#[test]
fn a_run_is_replaced_where_that_is_asked_for() {
    let bench = bench("{ iterations: 1, users: 1 }");
    let words = ["--json", "copy.json"];
    let first = bench.run(&words).expect_code(0);
    drop(bench.run(&words).expect_code(104));
    let again = bench
        .run(&["--json", "copy.json", "--overwrite"])
        .expect_code(0);
    assert_ne!(again.summary["run_id"], first.summary["run_id"]);
    let copy = fs::read(bench.path("copy.json")).expect("a copy");
    assert_eq!(
        copy,
        fs::read(bench.path("out/summary.json")).expect("a summary")
    );
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let bench = bench("{ users: 1, for: 60s }");
    let first = bench.spawn(&[]);
    let deadline = Instant::now() + Duration::from_mins(1);
    while !bench.path("out").exists() {
        assert!(Instant::now() < deadline, "the run never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    for words in [&[][..], &["--overwrite"]] {
        let second = bench.run(words).expect_code(104);
        assert!(second.stderr.contains("--out"), "{}", second.stderr);
    }
    send_signal(&first, "TERM");
    drop(bench.wait(first));
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_none() {
    let bench = bench("{ iterations: 1, users: 1 }");
    let full = || {
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("a full device")
    };
    let run = |words: &[&str], stdout: Stdio| {
        let child = bench.command(words).stdout(stdout).output();
        let output = child.expect("gander runs");
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), says)
    };
    let (code, says) = run(&["--json", "-"], full().into());
    assert!(
        code == Some(104) && says.contains("standard output"),
        "{code:?} {says}"
    );
    let (code, says) = run(&["--overwrite", "--json", "/dev/full"], Stdio::null());
    assert!(
        code == Some(104) && says.contains("/dev/full"),
        "{code:?} {says}"
    );
    let (code, says) = run(&["--overwrite", "--json", "/dev/null"], Stdio::null());
    assert_eq!(code, Some(0), "{says}");

    let mut closed = bench.spawn(&["--overwrite", "--json", "-"]);
    drop(closed.stdout.take());
    assert_eq!(bench.wait(closed).code, Some(0));
}

#[test]
fn a_journal_that_is_a_pipe_is_not_waited_for() {
    let bench = bench("{ iterations: 1, users: 1 }");
    drop(bench.run(&[]).expect_code(0));
    for name in ["events.jsonl", "journal.bins.gz", "run.json"] {
        let path = bench.path("out").join(name);
        fs::remove_file(&path).expect("removed");
        pipe(&path);
        let output = gander()
            .args(["report", "out"])
            .current_dir(&bench.folder)
            .output();
        let output = output.expect("gander runs");
        let says = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(104) && says.contains(name),
            "{says}"
        );
    }
}

#[test]
fn junit_says_why_there_was_no_run() {
    let bench = Bench::with("name: x\nload: { users: 0 }\n");
    let junit = |place: &str| fs::read_to_string(bench.path(place)).unwrap_or_default();
    drop(bench.run(&["--junit", "a.xml"]).expect_code(104));
    drop(
        bench
            .run(&["--junit=b.xml", "--rate", "12"])
            .expect_code(104),
    );
    for (place, told) in [("a.xml", "flows"), ("b.xml", "a rate such as")] {
        let text = junit(place);
        assert!(
            text.contains("errors=\"1\"") && text.contains("<error"),
            "{text}"
        );
        assert!(text.contains("104") && text.contains(told), "{text}");
    }
    let in_ci = bench
        .command(&[])
        .env("CI", "true")
        .output()
        .expect("gander runs");
    assert_eq!(in_ci.status.code(), Some(104));
    assert!(junit("out/junit.xml").contains("<error"));
}

#[test]
fn a_report_leaves_a_run_that_is_not_over_alone() {
    let bench = bench("{ users: 1, for: 60s }");
    let run = bench.spawn(&[]);
    let deadline = Instant::now() + Duration::from_mins(1);
    while !bench.path("out/run.json").exists() {
        assert!(Instant::now() < deadline, "the run never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    let report = |words: &[&str]| {
        let output = gander()
            .args(["report", "out"])
            .args(words)
            .current_dir(&bench.folder)
            .output()
            .expect("gander runs");
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), says)
    };
    let (code, says) = report(&[]);
    assert_eq!(code, Some(104), "{says}");
    assert!(
        says.contains("wait until it has ended") && says.contains("--out"),
        "{says}"
    );
    let (_, says) = report(&["--out", "elsewhere"]);
    assert!(bench.path("elsewhere/report.html").exists(), "{says}");
    send_signal(&run, "TERM");
    drop(bench.wait(run).expect_code(105));
    assert!(bench.path("out/report.html").exists());
    let (_, says) = report(&[]);
    assert!(!says.contains("another run"), "{says}");
}

#[test]
fn no_output_takes_the_place_of_a_file_that_is_read_or_written_anyway() {
    let bench = bench("{ iterations: 1, users: 1 }");
    let scenario = fs::read_to_string(bench.path("scenario.yaml")).expect("a scenario");
    let scenario = format!("{scenario}data: {{ d: {{ file: rows.csv }} }}\n");
    fs::write(bench.path("scenario.yaml"), &scenario).expect("written");
    fs::write(bench.path("rows.csv"), "n\n1\n").expect("written");
    fs::create_dir(bench.path("folder")).expect("a folder");
    symlink(bench.path("folder"), bench.path("linked")).expect("a link");
    for (words, told) in [
        (&["--json", "scenario.yaml"][..], "is an input file"),
        (&["--junit", "folder/../rows.csv"], "is an input file"),
        (
            &["--json", "out/run.json"],
            "is a file that the run writes anyway",
        ),
        (
            &["--junit", "out/events.jsonl"],
            "is a file that the run writes anyway",
        ),
        (
            &["--json", "folder/a", "--junit", "linked/a"],
            "name the same file",
        ),
    ] {
        for more in [&[][..], &["--overwrite"]] {
            let run = bench.run(&[words, more].concat()).expect_code(104);
            assert!(run.stderr.contains(told), "{words:?}: {}", run.stderr);
        }
    }
    // An invalid scenario is not a reason to overwrite it with the error.
    let refused = [
        "--set",
        "load=none",
        "--junit",
        "scenario.yaml",
        "--overwrite",
    ];
    drop(bench.run(&refused).expect_code(104));
    for (name, text) in [("scenario.yaml", &*scenario), ("rows.csv", "n\n1\n")] {
        assert_eq!(fs::read_to_string(bench.path(name)).expect("kept"), text);
    }
    assert!(!bench.path("out").exists());

    fs::rename(bench.path("scenario.yaml"), bench.path("run.json")).expect("renamed");
    let here = gander()
        .args(["run", "run.json", "--out", ".", "--overwrite"])
        .current_dir(&bench.folder)
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&here.stderr);
    assert!(
        here.status.code() == Some(104) && says.contains("is where run.json is"),
        "{says}"
    );
    assert_eq!(
        fs::read_to_string(bench.path("run.json")).expect("kept"),
        scenario
    );
}

/// The command's arguments, in a shell with a file size limit of this many blocks of 512 or 1,024 bytes.
fn limited(bench: &Bench, blocks: u32, words: &str) -> (Option<i32>, String, String) {
    let command = format!(
        "ulimit -f {blocks}; exec {} {words}",
        gander().get_program().display()
    );
    let output = Command::new("sh")
        .args(["-c", &command])
        .env_remove("CI")
        .current_dir(&bench.folder)
        .output()
        .expect("a shell");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_journal_that_cannot_begin_leaves_nothing_behind() {
    let bench = bench("{ iterations: 1, users: 1 }");
    let (code, _, says) = limited(&bench, 1, "run scenario.yaml --out out");
    assert_eq!(code, Some(104), "{says}");
    assert!(
        says.contains("cannot create the journal") && says.contains("--out"),
        "{says}"
    );
    let out = bench.path("out");
    assert!(
        !out.exists(),
        "{:?}",
        fs::read_dir(out).map(Iterator::count)
    );
}

#[test]
fn a_run_whose_outputs_do_not_fit_tells_its_verdict_all_the_same() {
    let bench = bench("{ iterations: 1, users: 1 }");
    let (code, stdout, says) = limited(&bench, 24, "run scenario.yaml --out out");
    assert_eq!(code, Some(104), "{says}");
    assert!(stdout.contains("No verdict"), "{stdout}");
    assert!(
        says.contains("report.html: File too large") && says.contains("exit code 0"),
        "{says}"
    );
    assert!(says.contains("`gander report out --out FOLDER`"), "{says}");
    let (code, stdout, says) = limited(&bench, 24, "report out");
    assert_eq!(code, Some(104), "{says}");
    assert!(stdout.contains("No verdict"), "{stdout}");
}
