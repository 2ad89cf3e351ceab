//! A target's command: started on a free port under a supervisor, watched until it is ready and while it is loaded.

use std::env;
use std::fs::Metadata;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::time::sleep;
use url::Url;

use super::supervisor::{STARTED, STOP_WITHIN, SUBCOMMAND};
use super::{ManagedProcess, TargetLog, ready};
use crate::scenario::TargetCommand;
use crate::units::show_duration;

/// The environment variable with the port.
const PORT: &str = "PORT";
/// Time between two attempts to reach a target that is not ready.
const RETRY: Duration = Duration::from_millis(20);
/// Time for the supervisor to kill what is left after its own time limit.
const SLACK: Duration = Duration::from_secs(5);

/// The reason why a target's command cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum NoStart {
    /// The system refused a port, or the supervisor.
    #[error("cannot start the target `{command}`")]
    System {
        /// The command line.
        command: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The program does not exist or cannot be executed; nothing was started.
    #[error(
        "cannot start the target `{command}` in {cwd}: {reason}: a program with a `/` in its name is relative to `cwd`, \
         any other is searched in PATH"
    )]
    Program {
        /// The command line.
        command: String,
        /// The folder in which it was to run.
        cwd: String,
        /// The error of the operating system.
        reason: String,
    },
    /// The command ended before the target was ready.
    #[error(
        "the target `{command}` ended before it was ready ({status}): it must stay in the foreground until it is \
         stopped{output}"
    )]
    Ended {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// The end of its output, as a clause.
        output: String,
    },
    /// The target was not ready in time.
    #[error(
        "the target `{command}` was not ready after {}: {found}; raise `ready_within` of the target if it needs longer, \
         and check that it listens on the port that `${{port}}` or PORT gives it{output}",
        show_duration(*waited)
    )]
    NotReady {
        /// The command line.
        command: String,
        /// The time limit.
        waited: Duration,
        /// What the last attempt found.
        found: String,
        /// The end of its output, as a clause.
        output: String,
    },
}

/// A running command; dropping it ends it and all its descendants.
#[derive(Debug)]
pub struct CommandTarget {
    supervisor: ManagedProcess,
    reports: BufReader<ChildStdout>,
    log: TargetLog,
    command: TargetCommand,
    /// The command's process group.
    group: Pid,
    /// The exit status, once it has ended.
    ended: Option<String>,
    port: u16,
    url: Url,
}

impl CommandTarget {
    /// Looks for the program, without starting it, so that a wrong name is an error before anything is started.
    pub fn find(command: &TargetCommand) -> Result<(), NoStart> {
        let program = command.words[0].at(0);
        let places: Vec<PathBuf> = if program.contains('/') {
            vec![command.cwd.join(&program)]
        } else {
            let own = command.env.iter().find(|(name, _)| name == "PATH");
            let path = own
                .map(|(_, value)| value.at(0).into())
                .or_else(|| env::var_os("PATH"));
            let folders = path.unwrap_or_default();
            let folders = env::split_paths(&folders);
            folders
                .map(|folder| command.cwd.join(folder).join(&program))
                .collect()
        };
        let found: Vec<_> = places
            .iter()
            .filter_map(|place| place.metadata().ok())
            .collect();
        let is_program = |file: &Metadata| file.is_file() && file.mode() & 0o111 != 0;
        let reason = match found.as_slice() {
            [] => "there is no such program",
            found if found.iter().any(is_program) => return Ok(()),
            _ => "it is not an executable file",
        };
        Err(NoStart::Program {
            command: command.to_string(),
            cwd: command.cwd.display().to_string(),
            reason: reason.to_owned(),
        })
    }

    /// Starts the command on a free port of 127.0.0.1. Its output goes to the log.
    ///
    /// The port is free when it is chosen; nothing holds it until the command listens.
    pub fn start(command: &TargetCommand, log: TargetLog) -> Result<Self, NoStart> {
        let failed = |source| NoStart::System {
            command: command.to_string(),
            source,
        };
        let port = free_port().map_err(failed)?;
        let mut supervisor = supervisor(command, port, &log).map_err(failed)?;
        let stdout = supervisor.take_stdout().map(BufReader::new);
        let mut reports = stdout
            .ok_or_else(|| io::Error::other("the supervisor has no output"))
            .map_err(failed)?;
        let mut first = String::new();
        reports.read_line(&mut first).map_err(failed)?;
        let pid = first
            .strip_prefix(STARTED)
            .and_then(|pid| pid.trim().parse().ok());
        let group = pid
            .and_then(Pid::from_raw)
            .ok_or_else(|| NoStart::Program {
                command: command.to_string(),
                cwd: command.cwd.display().to_string(),
                reason: first.trim().to_owned(),
            })?;
        let url = Url::parse(&format!("http://127.0.0.1:{port}"))
            .map_err(|error| failed(io::Error::other(error)))?;
        Ok(Self {
            supervisor,
            reports,
            log,
            command: command.clone(),
            group,
            ended: None,
            port,
            url,
        })
    }

    /// Returns when the target is ready, or why it is not. Dropping the future stops the waiting, not the target.
    pub async fn ready(&mut self) -> Result<(), NoStart> {
        let began = Instant::now();
        loop {
            let found = ready::attempt(self.port, self.command.ready.as_deref()).await;
            // Asked after the attempt: another program may have answered on the port of one that has ended.
            if let Some(status) = self.status() {
                return Err(NoStart::Ended {
                    command: self.command.to_string(),
                    status,
                    output: self.log.end(),
                });
            }
            let Err(found) = found else {
                return Ok(());
            };
            if began.elapsed() >= self.command.ready_within {
                // Ended first, so that its last words are in the log.
                let _ = self.supervisor.end();
                return Err(NoStart::NotReady {
                    command: self.command.to_string(),
                    waited: self.command.ready_within,
                    found,
                    output: self.log.end(),
                });
            }
            sleep(RETRY).await;
        }
    }

    /// The base URL: `http://127.0.0.1:PORT/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The process id of the supervisor: the command and its children are its descendants.
    pub fn pid(&self) -> u32 {
        self.supervisor.pid()
    }

    /// The exit status and the end of the output if the command has ended; `None` while it runs.
    pub fn has_exited(&mut self) -> Option<String> {
        let status = self.status()?;
        Some(format!(
            "the target's command ended with {status}{}",
            self.log.end()
        ))
    }

    /// The exit status of the command, once it and its descendants have ended.
    fn status(&mut self) -> Option<String> {
        if self.ended.is_none() {
            self.ended = match self.supervisor.try_wait() {
                Ok(status) => {
                    let status = status?;
                    // The supervisor has ended, so this does not block.
                    let mut told = String::new();
                    let _ = self.reports.read_to_string(&mut told);
                    let line = told.lines().last().map(str::to_owned);
                    Some(line.unwrap_or_else(|| {
                        format!("no status: its supervisor ended with {status}")
                    }))
                }
                Err(error) => Some(format!("a status that cannot be read: {error}")),
            };
        }
        self.ended.clone()
    }
}

impl Drop for CommandTarget {
    fn drop(&mut self) {
        // A supervisor that was killed could not end the command.
        let was_killed = self
            .supervisor
            .end()
            .is_ok_and(|status| status.signal().is_some());
        if was_killed {
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}

fn supervisor(command: &TargetCommand, port: u16, log: &TargetLog) -> io::Result<ManagedProcess> {
    let mut process = Command::new(env::current_exe()?);
    process
        .arg(SUBCOMMAND)
        .arg("--")
        .args(command.words_at(port))
        .current_dir(&command.cwd)
        .env(PORT, port.to_string())
        .stdout(Stdio::piped())
        .stderr(log.writer()?);
    for (name, value) in &command.env {
        process.env(name, value.at(port));
    }
    ManagedProcess::spawn(&mut process, STOP_WITHIN + SLACK)
}

/// A port that nothing listens on.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}
