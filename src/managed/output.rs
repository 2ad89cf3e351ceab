//! Runs a command to its end for what it prints.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::CHECK_INTERVAL;
use crate::probe;
use crate::units::{ByteSize, show_duration};

/// The most that a command may print to standard output.
const MOST: ByteSize = ByteSize(64 << 10);
/// The part of standard error that an error shows, in characters.
const SHOWN: usize = 500;

/// The reason why a command has no usable output.
#[derive(Debug, thiserror::Error)]
pub enum NoOutput {
    /// The program does not exist or cannot be executed.
    #[error("cannot start: {0}")]
    Program(#[source] io::Error),
    /// It ended with another status than 0.
    #[error("ended with {status}{errors}")]
    Failed {
        /// Its exit status.
        status: String,
        /// The end of its standard error, as a clause.
        errors: String,
    },
    /// It did not end in time.
    #[error("did not end within {}{errors}", show_duration(*limit))]
    TooLate {
        /// The time limit.
        limit: Duration,
        /// The end of its standard error, as a clause.
        errors: String,
    },
    /// It printed too much.
    #[error("printed more than {MOST}")]
    TooMuch,
    /// Its output is not UTF-8.
    #[error("printed bytes that are not UTF-8")]
    NotText,
    /// The system refused a part of it.
    #[error("cannot be watched: {0}")]
    System(#[source] io::Error),
}

/// Runs a command without input and returns what it printed to standard output, without the line breaks at its end.
///
/// It stays in Gander's process group, so that Ctrl-C ends both. After the time limit it and its descendants are killed.
pub fn output_of(words: &[String], folder: &Path, limit: Duration) -> Result<String, NoOutput> {
    let deadline = Instant::now() + limit;
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| NoOutput::Program(io::Error::from(io::ErrorKind::NotFound)))?;
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(NoOutput::Program)?;
    let output = read(child.stdout.take());
    let errors = read(child.stderr.take());
    let result = wait(&mut child, &output, deadline);
    let errors = || {
        // The pipe of a process that has ended is at its end at once.
        let told = errors.recv_timeout(CHECK_INTERVAL * 10).unwrap_or_default();
        clause(&String::from_utf8_lossy(&told))
    };
    let bytes = match result.map_err(NoOutput::System)? {
        None => {
            return Err(NoOutput::TooLate {
                limit,
                errors: errors(),
            });
        }
        Some(Ended { status, .. }) if !status.success() => {
            return Err(NoOutput::Failed {
                status: status.to_string(),
                errors: errors(),
            });
        }
        Some(Ended { output, .. }) => output,
    };
    if bytes.len() as u64 > MOST.0 {
        return Err(NoOutput::TooMuch);
    }
    let text = String::from_utf8(bytes).map_err(|_| NoOutput::NotText)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

struct Ended {
    status: std::process::ExitStatus,
    output: Vec<u8>,
}

/// The end of the command and of its output; `None` if the time is over, and then it is killed.
fn wait(
    child: &mut Child,
    output: &Receiver<Vec<u8>>,
    deadline: Instant,
) -> io::Result<Option<Ended>> {
    let left = || deadline.saturating_duration_since(Instant::now());
    loop {
        if let Some(status) = child.try_wait()? {
            return match output.recv_timeout(left()) {
                Ok(output) => Ok(Some(Ended { status, output })),
                // A descendant that the command left behind holds the pipe.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Ok(None),
            };
        }
        if left().is_zero() {
            for descendant in probe::descendants(child.id()) {
                if let Some(pid) = Pid::from_raw(descendant.pid as i32) {
                    // One that has ended needs no signal.
                    let _ = kill_process(pid, Signal::KILL);
                }
            }
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(CHECK_INTERVAL);
    }
}

/// Reads a pipe to its end on a thread of its own, and sends the first part of it.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (tell, told) = sync_channel(1);
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = (&mut pipe).take(MOST.0 + 1).read_to_end(&mut bytes);
            // The rest is read too, so that the command does not wait for a reader.
            let _ = io::copy(&mut pipe, &mut io::sink());
        }
        // The receiver is gone after the time limit.
        let _ = tell.send(bytes);
    });
    told
}

/// The end of standard error as a clause.
fn clause(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|c| *c == '\n' || *c == '\t' || !c.is_control())
        .collect();
    let plain = plain.trim();
    if plain.is_empty() {
        return ", and wrote nothing to standard error".to_owned();
    }
    let skipped = plain.chars().count().saturating_sub(SHOWN);
    let end: String = plain.chars().skip(skipped).collect();
    format!(": {}", end.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<String, String> {
        let words = ["sh", "-c", script].map(str::to_owned);
        output_of(&words, Path::new("/"), limit).map_err(|error| error.to_string())
    }

    #[test]
    fn the_output_comes_without_the_line_breaks_at_its_end() {
        let long = Duration::from_secs(30);
        for (script, expected) in [
            ("printf 'a b\\nc\\r\\n\\n'", Ok("a b\nc")),
            ("true", Ok("")),
            ("pwd", Ok("/")),
            (
                "printf 'no \\033[31mkey\\n' >&2; printf abc; exit 3",
                Err("ended with exit status: 3: no [31mkey"),
            ),
            (
                "exit 1",
                Err("ended with exit status: 1, and wrote nothing to standard error"),
            ),
            ("printf '\\377'", Err("printed bytes that are not UTF-8")),
            ("head -c 70000 /dev/zero", Err("printed more than 64 KiB")),
        ] {
            let found = shell(script, long);
            let found = found.as_deref().map_err(String::as_str);
            assert_eq!(found, expected, "{script}");
        }
        let none = output_of(&["./no-such-program".to_owned()], Path::new("/"), long);
        assert!(matches!(none, Err(NoOutput::Program(_))), "{none:?}");
    }

    #[test]
    fn a_command_that_takes_too_long_is_killed_with_its_children() {
        let script = "sleep 600 & echo $! >&2; wait";
        let found = shell(script, Duration::from_millis(500));
        let text = found.expect_err("it is too late");
        let (message, pid) = text.rsplit_once(": ").expect("its child");
        assert_eq!(message, "did not end within 500ms");
        // The end of a killed process takes a moment; one without a parent that waits stays as a zombie.
        let runs = || {
            std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.contains(") Z "))
        };
        let deadline = Instant::now() + Duration::from_mins(1);
        while runs() && Instant::now() < deadline {
            thread::sleep(CHECK_INTERVAL);
        }
        assert!(!runs(), "{pid}");
    }
}
