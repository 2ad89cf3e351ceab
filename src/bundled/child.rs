//! Folio as a child process: it is started, watched, and stopped with its owner.
//!
//! The child reads a pipe that only this process holds and exits when the pipe closes, so it cannot outlive a parent
//! that was killed.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::PathBuf;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use url::Url;

use super::{ProfileName, TargetError};
use crate::managed::ManagedProcess;

/// Bytes of standard error that are kept.
const TAIL: usize = 4 * 1024;

/// The setup of the child.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BundledOptions {
    /// The database and shared store.
    pub profile: ProfileName,
    /// Settings, each as `path=value`.
    pub assignments: Vec<String>,
    /// Variables of its environment, besides those of this process.
    pub environment: Vec<(String, String)>,
    /// The `gander` binary to run; `None` means the running one, which is right except in a test binary.
    pub executable: Option<PathBuf>,
}

/// A running child; dropping it stops it. It has two seconds, or twelve if it may have private services to stop; then
/// it is killed.
#[derive(Debug)]
pub struct BundledTarget {
    child: ManagedProcess,
    url: Url,
    stderr: Tail,
}

impl BundledTarget {
    /// Starts `gander target serve` on a free port and returns when it accepts requests; blocks the thread meanwhile.
    pub fn start(options: &BundledOptions) -> Result<Self, TargetError> {
        let spawn_error =
            |executable: String| move |source: io::Error| TargetError::Spawn { executable, source };
        let executable = match &options.executable {
            Some(path) => path.clone(),
            None => std::env::current_exe().map_err(spawn_error("this binary".to_owned()))?,
        };
        let mut command = Command::new(&executable);
        command
            .args(["target", "serve", "--port", "0", "--until-input-ends"])
            .args(arguments(options))
            .envs(
                options
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = ManagedProcess::spawn(&mut command, stop_within(options.profile))
            .map_err(spawn_error(executable.display().to_string()))?;
        let first_line = child.take_stdout().map(first_line);
        let stderr = Tail::follow(child.take_stderr());
        let began = Instant::now();
        let said = first_line.map_or(Err(RecvTimeoutError::Disconnected), |line| {
            line.recv_timeout(ready_within(options.profile))
        });
        match said {
            Ok(line) => match address(&line) {
                Some(url) => Ok(Self { child, url, stderr }),
                None => Err(not_started(child, &line, stderr)),
            },
            Err(RecvTimeoutError::Disconnected) => Err(not_started(child, "", stderr)),
            Err(RecvTimeoutError::Timeout) => {
                // Only its words are needed.
                let _ = child.kill();
                Err(TargetError::NotReady {
                    waited: began.elapsed(),
                    stderr: stderr.read_to_end(),
                })
            }
        }
    }

    /// The base URL: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The process id, for measuring its resource usage.
    pub fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// The exit status and the end of standard error if the child has exited; `None` while it runs.
    pub fn has_exited(&mut self) -> Option<String> {
        let status = match self.child.try_wait() {
            Ok(status) => status?,
            Err(error) => return Some(format!("the bundled target cannot be watched: {error}")),
        };
        Some(format!(
            "the bundled target ended with {status}{}",
            super::said(&self.stderr.text())
        ))
    }
}

/// The default catalogue is created in well under a second; a slow disk, a debug build or the first start of
/// PostgreSQL needs more.
const fn ready_within(profile: ProfileName) -> Duration {
    match profile {
        ProfileName::Embedded => Duration::from_secs(30),
        ProfileName::Full => Duration::from_secs(90),
    }
}

/// Time between closing the pipe and SIGKILL.
const fn stop_within(profile: ProfileName) -> Duration {
    match profile {
        ProfileName::Embedded => Duration::from_secs(2),
        ProfileName::Full => Duration::from_secs(12),
    }
}

/// The command-line options for the requested setup.
fn arguments(options: &BundledOptions) -> Vec<String> {
    let profile = format!("--profile={}", options.profile);
    let assignments = options.assignments.iter();
    let assignments = assignments.map(|assignment| format!("--set={assignment}"));
    std::iter::once(profile).chain(assignments).collect()
}

/// The address in the line that announces it.
fn address(line: &str) -> Option<Url> {
    let (url, _profile) = line
        .trim_end()
        .strip_prefix("folio listening on ")?
        .split_once(" (")?;
    Url::parse(url).ok()
}

/// Reads the first line and then all other output on a separate thread: a full pipe would block the child.
fn first_line(stdout: ChildStdout) -> Receiver<String> {
    let (say, said) = sync_channel(1);
    thread::spawn(move || {
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        if stdout.read_line(&mut line).is_ok_and(|length| length > 0) {
            // The receiver may have given up; the pipe must still be read.
            let _ = say.send(line);
        }
        drop(say);
        let _ = io::copy(&mut stdout, &mut io::sink());
    });
    said
}

fn not_started(mut child: ManagedProcess, found: &str, stderr: Tail) -> TargetError {
    match child.end() {
        Ok(status) => TargetError::NotStarted {
            found: found.trim().to_owned(),
            status,
            stderr: stderr.read_to_end(),
        },
        Err(error) => TargetError::Runtime(error),
    }
}

/// The end of the child's standard error, read continuously.
#[derive(Debug)]
struct Tail {
    text: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Tail {
    fn follow(stderr: Option<ChildStderr>) -> Self {
        let text = Arc::<Mutex<Vec<u8>>>::default();
        let written = Arc::clone(&text);
        let reader = stderr.map(|mut stderr| {
            thread::spawn(move || {
                let mut part = [0; 1024];
                while let Ok(length @ 1..) = stderr.read(&mut part) {
                    let mut text = written.lock().unwrap_or_else(PoisonError::into_inner);
                    text.extend_from_slice(&part[..length]);
                    let excess = text.len().saturating_sub(TAIL);
                    text.drain(..excess);
                }
            })
        });
        Self { text, reader }
    }

    /// The text received so far.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }

    /// The complete text, once the child has exited.
    fn read_to_end(mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // The reader does not panic; even if it did, its buffer is still valid.
            let _ = reader.join();
        }
        self.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_the_line_that_folio_prints() {
        let url =
            address("folio listening on http://127.0.0.1:4711 (embedded)\n").expect("an address");
        assert_eq!(url.as_str(), "http://127.0.0.1:4711/");
        for line in [
            "",
            "folio listening on",
            "folio listening on nowhere (embedded)",
            "http://127.0.0.1:1",
        ] {
            assert_eq!(address(line), None, "{line:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_child_that_does_not_start_is_told_with_its_last_words() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("broken");
        std::fs::write(&script, "#!/bin/sh\necho no room left >&2\nexit 3\n").expect("a script");
        let runnable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, runnable).expect("a runnable script");
        let options = BundledOptions {
            executable: Some(script),
            ..BundledOptions::default()
        };
        let error = BundledTarget::start(&options)
            .expect_err("it does not start")
            .to_string();
        assert!(
            error.contains("exit status: 3") && error.contains("no room left"),
            "{error}"
        );
    }
}
