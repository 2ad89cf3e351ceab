//! Folio, the bundled target: run in this process for `gander target serve`, or as a child for `target: bundled`.
//!
//! The child is this same binary, so nothing has to be installed, and a process of its own, so that what it uses can
//! be told from what the generator uses.

mod child;
mod environment;
mod ground;
mod serve;

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

pub use child::{BundledOptions, BundledTarget};
pub use environment::{Environment, Faults};
pub use ground::Base;
pub use serve::{ServeOptions, Until, serve};
pub use target_app::{Config, LabMode, Secret, Settings, Stack};

/// Which database and shared store are under Folio, as `--profile` spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ProfileName {
    /// `SQLite`, and a shared store in the process: nothing else is needed
    #[value(help = "SQLite, and a shared store in the process: nothing else is needed")]
    #[default]
    Embedded,
    /// PostgreSQL and Redis, by `DATABASE_URL` and `REDIS_URL`, or private ones from local binaries
    #[value(
        help = "PostgreSQL and Redis, by DATABASE_URL and REDIS_URL, or private ones from local programs"
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

/// Why Folio could not be started or kept running.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The threads of the runtime or the signal handlers could not be had.
    #[error("folio cannot run: the operating system refused a resource")]
    Runtime(#[source] io::Error),
    /// What was asked for will not do.
    #[error("invalid configuration of Folio:{0}")]
    Arguments(Faults),
    /// A private server could not be started.
    #[error("cannot start PostgreSQL or Redis for Folio")]
    Services(#[from] target_app::ServicesError),
    /// A private server ended while Folio served.
    #[error("folio stopped serving: {0}")]
    ServiceGone(String),
    /// The configuration, the database or the metrics stand in the way.
    #[error("folio cannot start")]
    Start(#[from] target_app::StartError),
    /// The port could not be listened on.
    #[error("folio cannot listen on 127.0.0.1:{port}; choose another --port, or 0 for a free one")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the operating system said.
        source: io::Error,
    },
    /// The line that tells the address could not be written.
    #[error("folio cannot write its address to standard output")]
    Announce(#[source] io::Error),
    /// The user did not want to wait for what was under way.
    #[error(
        "folio was told a second time to stop: requests, tasks and queued writes that were under way may be lost"
    )]
    Hurried,
    /// The child process could not be made.
    #[error("the bundled target cannot be started from {executable}")]
    Spawn {
        /// The binary that was to be run.
        executable: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The child did not tell its address in time.
    #[error("the bundled target was not ready after {} s{}", waited.as_secs(), said(stderr))]
    NotReady {
        /// How long it was given.
        waited: Duration,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// The child ended, or wrote something else, instead of telling its address.
    #[error(
        "the bundled target did not start: {status}{}{}",
        unexpected(found),
        said(stderr)
    )]
    NotStarted {
        /// The first line of its standard output.
        found: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
}

/// The first line of a child that was not the one to come, as a clause, or nothing when there was none.
fn unexpected(line: &str) -> String {
    if line.is_empty() {
        return String::new();
    }
    format!("; expected \"folio listening on URL (PROFILE)\", found \"{line}\"")
}

/// The end of a child's standard error as a clause, or nothing when it was silent.
fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        words => format!("; it said: {words}"),
    }
}
