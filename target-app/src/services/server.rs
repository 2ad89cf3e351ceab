//! A server process under its own watchdog.
//!
//! The watchdog is a shell and the server's parent, so that the server's process id cannot be reused meanwhile. It
//! forwards the signals that are written to its input, and stops the server when its input ends, which happens when
//! this process ends in any way. The watchdog ends with the server.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::ServicesError;
use super::directory::{Directory, prepare};

/// Arguments: the signals that stop the server, each given 5 s before the next; the log; the command.
///
/// The log is a pipe that the server's children hold too, so that it ends with the last of them: children of a killed
/// postmaster live for a moment longer.
const WATCH: &str = r#"
trap '' HUP INT TERM
signals=$1 log=$2
shift 2
[ -p "$log.pipe" ] || mkfifo "$log.pipe"
exec 3<&0 4>&2 2>/dev/null
cat <"$log.pipe" >>"$log" 3<&- 4>&- &
logger=$!
"$@" 3<&- 4>&- </dev/null >"$log.pipe" 2>&1 &
server=$!
{
  trap exit USR1
  while read -r signal; do
    kill -s "$signal" "$server"
    echo sent >&4
  done
  for signal in $signals KILL; do
    kill -s "$signal" "$server"
    kill -s CONT "$server"
    tries=0
    while [ $tries -lt 100 ]; do
      tries=$((tries + 1))
      sleep 0.05
    done
  done
} <&3 3<&- &
orders=$!
exec 3<&- 4>&-
wait "$server"
status=$?
kill -s USR1 "$orders"
wait "$orders" "$logger"
exit "$status"
"#;
/// Time the watchdog gives the server per signal, with a margin.
const SIGNAL_WITHIN: Duration = Duration::from_millis(5_500);
/// Bytes of the log shown in errors.
const TAIL: u64 = 2 * 1024;
/// Interval of checking a process that is about to end.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running server; dropping it stops the server and blocks until it is gone.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    watchdog: Child,
    orders: Option<ChildStdin>,
    /// A line for every executed command.
    answers: Option<BufReader<ChildStderr>>,
    ends_within: Duration,
    log: PathBuf,
    /// Position of this start in the log.
    log_start: u64,
}

/// The command of a server and the way to stop it.
pub(super) struct ServerCommand<'a> {
    /// Its name in errors.
    pub(super) name: &'static str,
    pub(super) program: &'a Path,
    pub(super) arguments: Vec<OsString>,
    /// Signals that stop it, the gentlest first; SIGKILL follows in any case.
    pub(super) end_signals: &'static [&'static str],
}

impl Server {
    /// Starts it in `directory`, which also gets its log.
    pub(super) fn start(
        directory: &Directory,
        server: &ServerCommand<'_>,
    ) -> Result<Self, ServicesError> {
        let log = directory.path().join("log");
        let log_start = fs::metadata(&log).map_or(0, |found| found.len());
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", WATCH, "sh", &server.end_signals.join(" ")])
            .arg(&log)
            .arg(server.program)
            .args(&server.arguments)
            .stdin(Stdio::piped())
            // Nothing is written there; it keeps the directory until the server has ended.
            .stdout(directory.lease().map_err(ServicesError::Directory)?)
            .stderr(Stdio::piped());
        prepare(&mut command, directory.account());
        let mut watchdog = command.spawn().map_err(|source| ServicesError::Run {
            program: "/bin/sh",
            source,
        })?;
        let orders = watchdog.stdin.take();
        let answers = watchdog.stderr.take().map(BufReader::new);
        let signals = server.end_signals.len() as u32 + 1;
        Ok(Self {
            name: server.name,
            watchdog,
            orders,
            answers,
            ends_within: SIGNAL_WITHIN * signals,
            log,
            log_start,
        })
    }

    /// Sends `signal` (a name without SIG) to the server; returns when it was sent, in less than a millisecond.
    pub(super) fn signal(&mut self, signal: &str) -> io::Result<()> {
        if let (Some(orders), Some(answers)) = (&mut self.orders, &mut self.answers) {
            writeln!(orders, "{signal}")?;
            // If the watchdog ends meanwhile, this read ends too.
            answers.read_line(&mut String::new())?;
        }
        Ok(())
    }

    /// Its exit status, if it has ended.
    pub(super) fn status(&mut self) -> Option<ExitStatus> {
        self.watchdog.try_wait().ok().flatten()
    }

    /// The reason if the server ended by itself.
    pub(super) fn exit_reason(&mut self) -> Option<String> {
        let status = self.status()?;
        let (name, said) = (self.name, self.said());
        Some(format!(
            "the private {name} ended, {status}; its log: {said}"
        ))
    }

    /// Waits at most `limit` until it has ended; returns whether it has.
    pub(super) async fn ended(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.status().is_none() {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        true
    }

    /// Stops it gracefully, waits until it is gone and returns its exit status.
    pub(super) async fn end(mut self) -> Option<ExitStatus> {
        drop(self.orders.take());
        self.ended(self.ends_within).await;
        self.status()
    }

    /// Kills it and waits until it is gone.
    pub(super) async fn kill(mut self) {
        // After the server's end, no watchdog reads the signal.
        let _ = self.signal("KILL");
        self.ended(SIGNAL_WITHIN).await;
    }

    /// The end of its log since this start.
    pub(super) fn said(&self) -> String {
        let read = || {
            let mut file = fs::File::open(&self.log)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(
                self.log_start.max(length.saturating_sub(TAIL)),
            ))?;
            let mut text = Vec::new();
            file.take(TAIL).read_to_end(&mut text)?;
            io::Result::Ok(text)
        };
        let text = read().unwrap_or_default();
        match String::from_utf8_lossy(&text).trim() {
            "" => "nothing".to_owned(),
            words => words.to_owned(),
        }
    }

    /// Waits until `is_ready` returns true, the server ends or `limit` has passed.
    pub(super) async fn ready<F: Future<Output = bool>>(
        &mut self,
        limit: Duration,
        mut is_ready: impl FnMut() -> F,
    ) -> Result<(), ServicesError> {
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            if let Some(status) = self.status() {
                return Err(ServicesError::NotStarted {
                    server: self.name,
                    status,
                    said: self.said(),
                });
            }
            // A server that accepts and never answers must not exceed the limit.
            if matches!(
                tokio::time::timeout_at(deadline, is_ready()).await,
                Ok(true)
            ) {
                return Ok(());
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(ServicesError::NotReady {
                    server: self.name,
                    waited: limit,
                    said: self.said(),
                });
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.orders.take());
        wait(&mut self.watchdog, self.ends_within);
    }
}

/// Waits at most `limit` for a child to end; returns whether it has.
pub(super) fn wait(child: &mut Child, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    true
}
