//! Folio, the bundled target: run in this process for `gander target serve`, or as a child for `target: bundled`.
//!
//! The child runs the same binary, so nothing has to be installed. It is a separate process, so that its resource
//! usage can be measured apart from the generator's.

mod child;
mod environment;
mod serve;
mod services;

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

pub use child::{BundledOptions, BundledTarget};
pub use environment::{ADMIN_TOKEN, Environment, Faults};
pub use serve::{ServeOptions, Until, serve};
pub use services::ServiceConfig;
pub use target_app::{Config, LabMode, Secret, Settings, Stack};

use crate::units::show_duration;

/// The database and shared store of Folio, as in `--profile`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProfileName {
    /// SQLite and an in-process shared store; needs no other service
    #[value(help = "SQLite and a shared store in the process; needs no other service")]
    #[default]
    Embedded,
    /// PostgreSQL and Redis from `DATABASE_URL` and `REDIS_URL`, or private ones from local binaries
    #[value(
        help = "PostgreSQL and Redis at DATABASE_URL and REDIS_URL, or private servers started from local programs"
    )]
    Full,
}

impl fmt::Display for ProfileName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Embedded => "embedded",
            Self::Full => "full",
        })
    }
}

/// The reason why Folio could not start or keep running.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The runtime's threads or the signal handlers could not be created.
    #[error("cannot start Folio: the operating system refused a thread or a signal handler")]
    Runtime(#[source] io::Error),
    /// The configuration is invalid.
    #[error("invalid configuration of Folio:{0}")]
    Arguments(Faults),
    /// A private server could not be started.
    #[error("cannot start PostgreSQL or Redis for Folio")]
    Services(#[from] target_app::ServicesError),
    /// A private server exited while Folio was running.
    #[error("Folio stopped: {0}")]
    ServiceGone(String),
    /// The configuration, the database or the metrics failed to start.
    #[error("cannot start Folio")]
    Start(#[from] target_app::StartError),
    /// Folio could not listen on the port.
    #[error("Folio cannot listen on 127.0.0.1:{port}: choose another --port, or 0 for a free one")]
    Listen {
        /// The requested port.
        port: u16,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The line with the address could not be written.
    #[error("Folio cannot write its address to standard output")]
    Announce(#[source] io::Error),
    /// A second signal stopped Folio before the work in progress was finished.
    #[error(
        "a second signal stopped Folio at once: requests, tasks and queued writes in progress may be lost"
    )]
    Hurried,
    /// The child process could not be started.
    #[error("cannot start the bundled target from {executable}")]
    Spawn {
        /// The binary.
        executable: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The child did not announce its address in time.
    #[error("the bundled target was not ready after {}{}", show_duration(*waited), said(stderr))]
    NotReady {
        /// The time limit.
        waited: Duration,
        /// The end of its standard error.
        stderr: String,
    },
    /// The child exited, or wrote something else, before it announced its address.
    #[error(
        "the bundled target did not start: {status}{}{}",
        unexpected(found),
        said(stderr)
    )]
    NotStarted {
        /// The first line of its standard output.
        found: String,
        /// Its exit status.
        status: ExitStatus,
        /// The end of its standard error.
        stderr: String,
    },
}

/// An unexpected first line as a clause; empty if there was no line.
fn unexpected(line: &str) -> String {
    if line.is_empty() {
        return String::new();
    }
    format!("; expected \"folio listening on URL (PROFILE)\", found \"{line}\"")
}

/// The end of the child's standard error as a clause; empty if there was no output.
fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        words => format!("; its standard error: {words}"),
    }
}
