//! `gander target serve` and the bundled target of a run: their words, their services, and that nothing stays behind.

use std::fs::Permissions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Bench, Lab, gander, send_signal};

/// Far more time than stopping takes on a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// A small catalogue on a free port.
const SMALL: [&str; 6] = [
    "target",
    "serve",
    "--port=0",
    "--documents=50",
    "--users=5",
    "--seed=1",
];

/// `gander target serve`, answering.
pub(super) struct Served {
    pub(super) child: Child,
    pub(super) address: String,
    profile: String,
    stdout: BufReader<ChildStdout>,
}

impl Served {
    /// Of a small catalogue.
    pub(super) fn start(more: &[&str], adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = folio();
        command.args(more);
        adjust(&mut command);
        Self::run(command)
    }

    pub(super) fn run(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("gander runs");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut served = Self {
            child,
            address: String::new(),
            profile: String::new(),
            stdout,
        };
        let mut line = String::new();
        served.stdout.read_line(&mut line).expect("text");
        let (address, profile) = line
            .trim_end()
            .strip_prefix("folio listening on http://")
            .and_then(|rest| rest.split_once(' '))
            .unwrap_or_else(|| panic!("not an address: {line:?}"));
        (served.address, served.profile) = (address.to_owned(), profile.to_owned());
        served
    }

    /// The head of the answer to a GET.
    fn head(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let address = &self.address;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let answer = String::from_utf8_lossy(&answer);
        let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
        head.to_owned()
    }

    /// Stops it and returns its exit code and its remaining output.
    pub(super) fn end(mut self, signal: &str) -> (Option<i32>, String) {
        send_signal(&self.child, signal);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("text");
        (self.child.wait().expect("it ends").code(), rest)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A process that has ended cannot be killed, and need not be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `gander target serve` of a small catalogue, without what the environment of the tests may say.
fn folio() -> Command {
    let mut command = gander();
    command
        .args(SMALL)
        .stdin(Stdio::null())
        .stderr(Stdio::null());
    clean(&mut command);
    command
}

pub(super) fn clean(command: &mut Command) {
    for variable in [
        "DATABASE_URL",
        "DATABASE_REPLICA_URL",
        "REDIS_URL",
        "FOLIO_ADMIN_TOKEN",
        "FOLIO_CONFIG",
    ] {
        command.env_remove(variable);
    }
}

/// A directory for temporary files that every account can use and whose path fits a socket's.
pub(super) fn temporary() -> TempDir {
    let directory = tempfile::tempdir_in("/tmp").expect("a directory");
    let open = Permissions::from_mode(0o1777);
    std::fs::set_permissions(directory.path(), open).expect("its mode");
    directory
}

/// The remaining files of private services.
fn left_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("folio-templates-"))
        .collect()
}

#[test]
fn switches_come_from_the_file_the_environment_and_the_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("folio.yaml");
    std::fs::write(&file, "cache: { mode: off }\n").expect("written");
    let file = file.to_str().expect("text");
    for (more, variable, expected) in [
        (&[][..], None, "desc=l1"),
        (&["--stack=before"], None, "desc=off"),
        (&["--config", file], None, "desc=off"),
        (&[], Some(("FOLIO_CONFIG", file)), "desc=off"),
        (&[], Some(("FOLIO_CACHE_MODE", "off")), "desc=off"),
        (
            &["--set", "cache.mode=l1"],
            Some(("FOLIO_CACHE_MODE", "off")),
            "desc=l1",
        ),
    ] {
        let folio = Served::start(more, |command| {
            command.envs(variable);
        });
        assert_eq!(folio.profile, "(embedded)");
        folio.head("/api/v1/documents/5");
        let again = folio.head("/api/v1/documents/5");
        assert!(
            again.contains(expected),
            "{more:?} {variable:?}: no {expected} in\n{again}"
        );
        assert_eq!(folio.end("TERM"), (Some(0), String::new()));
    }
}

#[test]
fn everything_wrong_with_a_target_is_said_at_once() {
    let output = folio()
        .args(["--profile=full", "--data=/tmp/kept", "--set=cache.mod=off"])
        .env("FOLIO_POOL_SIZE", "many")
        .env("DATABASE_REPLICA_URL", "postgres://replica/folio")
        .stderr(Stdio::piped())
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(104), "{says}");
    for part in [
        "did you mean cache.mode?",
        "FOLIO_POOL_SIZE",
        "--data",
        "DATABASE_REPLICA_URL",
    ] {
        assert!(says.contains(part), "no {part} in\n{says}");
    }
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_started() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = other.local_addr().expect("bound").port().to_string();
    let mut command = gander();
    clean(&mut command);
    let output = command
        .args(["target", "serve", "--profile=full", "--port", &port])
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(104), "{says}");
    assert!(
        says.starts_with(&format!("error: Folio cannot listen on 127.0.0.1:{port}")),
        "{says}"
    );
}

#[test]
fn faults_of_a_file_have_its_name_and_their_lines() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("folio.yaml");
    std::fs::write(&file, "pool:\n  size: many\n  overflow: -1\n").expect("written");
    let output = folio()
        .arg("--config")
        .arg(&file)
        .stderr(Stdio::piped())
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(104), "{says}");
    let file = file.display();
    for line in [
        format!("  {file}:2: pool.size: expected a whole number from 1 to 1000, found \"many\"\n"),
        format!("  {file}:3: pool.overflow: expected a whole number from 0 to 1000, found -1\n"),
    ] {
        assert!(says.contains(&line), "no {line} in\n{says}");
    }
}

#[test]
fn servers_that_are_not_installed_are_named_with_what_installs_them() {
    let nothing = tempfile::tempdir().expect("a folder");
    let output = folio()
        .arg("--profile=full")
        .env("PATH", nothing.path())
        .env("DATABASE_URL", "postgres://127.0.0.1:1/none")
        .stderr(Stdio::piped())
        .output()
        .expect("gander runs");
    let says = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(104), "{says}");
    assert!(
        says.contains("cannot find redis-server in PATH")
            && says.contains("apt-get install redis-server"),
        "{says}"
    );
}

#[test]
fn the_full_profile_needs_no_running_server_and_leaves_none() {
    let folder = temporary();
    for (signal, code) in [("INT", Some(0)), ("TERM", Some(0)), ("KILL", None)] {
        let folio = Served::start(&["--profile=full"], |command| {
            command.env("TMPDIR", folder.path());
        });
        assert_eq!(folio.profile, "(full)");
        let answer = folio.head("/api/v1/documents/5");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(left_in(folder.path()).len(), 2, "one for each server");
        assert_eq!(folio.end(signal).0, code, "{signal}");
        let deadline = Instant::now() + GONE_WITHIN;
        while code.is_none() && !left_in(folder.path()).is_empty() {
            assert!(Instant::now() < deadline, "{:?}", left_in(folder.path()));
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(left_in(folder.path()), [""; 0], "{signal}");
    }
}

#[test]
fn a_run_sets_its_target_up_and_says_so() {
    let folder = temporary();
    let bench = Bench::with(
        "name: cli\nkind: custom\ntarget: bundled\nload: { iterations: 4, users: 2 }\nflows:\n  - name: read\n    \
         steps:\n\x20     - get: /api/v1/documents/5\n        check: [ { status: 200 } ]\n",
    );
    let mut command = bench.command(&[
        "--target-profile=full",
        "--target-set=cache.mode=off",
        "--target-set",
        "db.hold_ms = 1",
        "--target-set=admission.api_keys=[\"canary\"]",
    ]);
    clean(&mut command);
    command
        .env("TMPDIR", folder.path())
        .env("FOLIO_POOL_SIZE", "7");
    let output = command.output().expect("gander runs");
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let header = std::fs::read_to_string(bench.path("out/run.json")).expect("a journal");
    let header: Value = serde_json::from_str(&header).expect("JSON");
    assert_eq!(
        header["overrides"],
        serde_json::json!([
            "target profile = full",
            "target FOLIO_POOL_SIZE = 7",
            "target cache.mode = off",
            "target db.hold_ms = 1",
            "target admission.api_keys = [redacted]",
        ])
    );
    let report = std::fs::read_to_string(bench.path("out/report.html")).expect("a report");
    assert!(report.contains("target profile = full") && !report.contains("canary"));
    assert_eq!(left_in(folder.path()), [""; 0], "the run has ended them");
}

#[test]
fn the_shipped_administrator_does_its_work_on_folio() {
    let bench = Bench::with(
        "name: cli\nkind: custom\ntarget: bundled\nload: { iterations: 3, users: 1 }\n\
         use: scenarios/flows/administrators.yaml\nthresholds: [ count(failed) < 1 ]\n",
    );
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in [
        "scenarios/flows/administrators.yaml",
        "scenarios/flows/shop.yaml",
        "fixtures/users.csv",
    ] {
        let copy = bench.path(file);
        std::fs::create_dir_all(copy.parent().expect("a folder")).expect("made");
        std::fs::copy(shipped.join(file), copy).expect("copied");
    }
    let run = bench.run(&[]).expect_code(0);
    let steps = run.summary["steps"].as_array().expect("steps");
    let counts = steps.iter().map(|step| {
        let name = step["name"].as_str().expect("a name");
        (name, step["requests"].as_u64().expect("a count"))
    });
    let counts: Vec<_> = counts.collect();
    for name in [
        "cache statistics",
        "slow queries",
        "change document",
        "invalidate",
        "warm",
        "log out",
    ] {
        assert!(counts.contains(&(name, 3)), "{name}: {counts:?}");
    }
}

#[test]
fn setting_up_a_target_that_is_not_bundled_or_badly_is_refused() {
    let lab = Lab::start();
    let scenario = |target: &str| {
        format!(
            "name: cli\nkind: custom\ntarget: {target}\nload: {{ iterations: 1, users: 1 }}\nflows:\n  - name: read\n\
             \x20   steps:\n      - get: /health\n"
        )
    };
    for words in [
        &["--target-profile", "full"][..],
        &["--target-set", "cache.mode=off"],
    ] {
        let bench = Bench::with(&scenario(&lab.url()));
        let run = bench.run(words).expect_code(104);
        assert!(
            run.stderr.contains(&lab.url()) && run.stderr.contains("--target bundled"),
            "{}",
            run.stderr
        );
        assert!(!bench.path("out").exists(), "nothing was begun");
    }
    let bench = Bench::with(&scenario("bundled"));
    let run = bench
        .run(&[
            "--target-set",
            "cache.mod=off",
            "--target-set",
            "pool.size=none",
        ])
        .expect_code(104);
    assert!(
        run.stderr.contains("did you mean cache.mode?") && run.stderr.contains("pool.size"),
        "{}",
        run.stderr
    );
}
