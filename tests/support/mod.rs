//! Helpers of several tests: a lab to load, and runs of the real command against it.
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Folio with its lab open, in this process, on a free port.
pub(crate) struct Lab {
    address: String,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Lab {
    pub(crate) fn start() -> Self {
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let server = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async move {
                let config = target_app::Config {
                    lab: target_app::LabMode::Open,
                    documents: 200,
                    users: 20,
                    ..target_app::Config::default()
                };
                let state = target_app::State::open(&config).await.expect("Folio opens");
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a free port");
                tell.send(listener.local_addr().expect("bound").to_string())
                    .expect("the test waits");
                let shutdown = async {
                    stopped.await.ok();
                };
                target_app::serve(listener, state, shutdown).await;
            });
        });
        let address = told.recv().expect("the lab is ready");
        Self {
            address,
            stop: Some(stop),
            server: Some(server),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sends a request to the lab, such as `POST /lab/stall?for=1s`, and returns the answer's body.
    pub(crate) fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("the lab listens");
        write!(stream, "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", self.address)
            .expect("the lab reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the lab answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(
            head.starts_with("HTTP/1.1 2"),
            "{method} {path}: {head}\n{body}"
        );
        body.to_owned()
    }

    /// The lab's own counts.
    pub(crate) fn counters(&self) -> Value {
        serde_json::from_str(&self.ask("GET", "/lab/counters")).expect("JSON")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.join().expect("the lab ends well");
        }
    }
}

/// The command, in a folder of its own.
pub(crate) struct Bench {
    pub(crate) folder: TempDir,
}

impl Bench {
    /// A scenario file to run.
    pub(crate) fn with(scenario: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("scenario.yaml"), scenario).expect("written");
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `gander run scenario.yaml --out out …`, not started yet.
    pub(crate) fn command(&self, more: &[&str]) -> Command {
        let mut command = gander();
        command
            .current_dir(self.folder.path())
            .args([
                "run",
                "scenario.yaml",
                "--out",
                "out",
                "--seed",
                "1",
                "--no-color",
            ])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs to the end; up to two more times if the run is INVALID, as on a busy machine.
    pub(crate) fn run(&self, more: &[&str]) -> Run {
        let mut run = self.wait(self.spawn(more));
        let mut again = more.to_vec();
        if !again.contains(&"--overwrite") {
            again.push("--overwrite");
        }
        for _ in 0..2 {
            if run.code == Some(94) {
                run = self.wait(self.spawn(&again));
            }
        }
        run
    }

    pub(crate) fn spawn(&self, more: &[&str]) -> Child {
        self.command(more).spawn().expect("gander runs")
    }

    /// The outcome of a run that was started with [`Bench::spawn`].
    pub(crate) fn wait(&self, child: Child) -> Run {
        Run::of(
            child.wait_with_output().expect("gander ends"),
            self.folder.path(),
        )
    }
}

/// A run that has ended.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// `summary.json`, or null if there is none.
    pub(crate) summary: Value,
}

impl Run {
    fn of(output: Output, folder: &Path) -> Self {
        let summary = std::fs::read_to_string(folder.join("out/summary.json")).unwrap_or_default();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
            summary: serde_json::from_str(&summary).unwrap_or(Value::Null),
        }
    }

    /// Fails the test, showing what the command said, unless it ended with `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// The run, unless it reports that the generator was the bottleneck, as on a busy machine.
    #[track_caller]
    pub(crate) fn valid(self) -> Result<Self, String> {
        match self.code {
            Some(94) => Err(format!("INVALID:\n{}", self.stderr)),
            _ => Ok(self.expect_code(0)),
        }
    }

    /// A whole number of the summary, by its JSON pointer.
    #[track_caller]
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        let value = self.summary.pointer(pointer).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("no count at {pointer} in {:#}", self.summary))
    }

    /// A number of the summary, by its JSON pointer.
    #[track_caller]
    pub(crate) fn number(&self, pointer: &str) -> f64 {
        let value = self.summary.pointer(pointer).and_then(Value::as_f64);
        value.unwrap_or_else(|| panic!("no number at {pointer} in {:#}", self.summary))
    }
}

/// The command, as outside a CI job, where it would leave a `junit.xml` also after a refusal, and annotations.
pub(crate) fn gander() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gander"));
    command.env_remove("CI").env_remove("GITHUB_ACTIONS");
    command
}

/// Sends a signal, such as `INT` or `KILL`, to a process this test started.
pub(crate) fn send_signal(child: &Child, signal: &str) {
    let sent = Command::new("kill")
        .arg(format!("-{signal}"))
        .arg(child.id().to_string())
        .status();
    assert!(sent.expect("kill runs").success(), "cannot send {signal}");
}

/// Repeats a measurement that misses its tolerance, four times at most: machines are shared, and a neighbour can
/// disturb one run. A systematic error fails every time.
#[track_caller]
pub(crate) fn undisturbed(measure: impl Fn() -> Result<(), String>) {
    let mut misses = Vec::new();
    while misses.len() < 5 {
        match measure() {
            Ok(()) => return,
            Err(miss) => misses.push(miss),
        }
        wait_for_a_quiet_machine();
    }
    panic!("missed five times:\n{}", misses.join("\n"));
}

/// Returns when both of two threads woke on time for a second, or after a minute.
fn wait_for_a_quiet_machine() {
    const TIMER: Duration = Duration::from_millis(5);
    const LATE: Duration = Duration::from_millis(2);
    let is_punctual = || (0..200).filter(|_| lateness_of(TIMER) > LATE).count() <= 2;
    let limit = Instant::now() + Duration::from_mins(1);
    while Instant::now() < limit {
        let other = std::thread::spawn(is_punctual);
        if is_punctual() & other.join().expect("a probe does not panic") {
            return;
        }
    }
}

/// The delay of this thread's wake-up.
fn lateness_of(timer: Duration) -> Duration {
    let began = Instant::now();
    std::thread::sleep(timer);
    began.elapsed().saturating_sub(timer)
}

/// Runs one at a time: tests that measure time cannot share the machine's cores.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
