//! A target that Gander starts, and ends when it ends itself.
//!
//! The started process reads a pipe that only Gander holds, and ends when the pipe closes: so nothing outlives a Gander
//! that was killed. A parent-death signal is not used: Linux sends it when the *thread* that started the child ends,
//! and here that thread may belong to a pool. Folio reads the pipe itself (`bundled`); any other program has a
//! [`supervisor`] that reads it.

mod command;
mod log;
mod output;
mod ready;
pub mod supervisor;

pub use command::{CommandTarget, NoStart};
pub use log::{LOG_FILE, TargetLog};
pub use output::{NoOutput, output_of};

use std::io;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Time between two looks at a process that is ending.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// A child process that ends when its standard input closes; dropping it ends it.
#[derive(Debug)]
pub struct ManagedProcess {
    child: Child,
    /// Time between closing the pipe and SIGKILL.
    stop_within: Duration,
}

impl ManagedProcess {
    /// Starts the process in a process group of its own: Ctrl-C goes to the whole foreground group, but the target must
    /// answer until the run has stopped.
    pub fn spawn(command: &mut Command, stop_within: Duration) -> io::Result<Self> {
        command.stdin(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        let child = command.spawn()?;
        Ok(Self { child, stop_within })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output, if it is a pipe that was not taken yet.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Its standard error, if it is a pipe that was not taken yet.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// The exit status of the process; `None` while the process runs.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Closes its input, which ends it, and kills it if it still runs after the time limit; blocks until it has ended.
    pub fn end(&mut self) -> io::Result<ExitStatus> {
        self.end_within(self.stop_within)
    }

    /// Kills it at once; blocks until it has ended.
    pub fn kill(&mut self) -> io::Result<ExitStatus> {
        self.end_within(Duration::ZERO)
    }

    fn end_within(&mut self, patience: Duration) -> io::Result<ExitStatus> {
        drop(self.child.stdin.take());
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                // If it has already exited, that is fine too.
                let _ = self.child.kill();
                return self.child.wait();
            }
            thread::sleep(CHECK_INTERVAL);
        }
    }
}

impl Drop for ManagedProcess {
    fn drop(&mut self) {
        // A process that cannot be waited for has ended.
        let _ = self.end();
    }
}
