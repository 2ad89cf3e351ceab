//! Private PostgreSQL and Redis servers for who has none running: started from local binaries, gone with their owner.
//!
//! Each server lives in a temporary directory of its own and is reachable through a Unix socket in it, which nobody else
//! can open. A shell that reads a pipe held only by this process stops the server and removes the directory when the
//! pipe ends, so that nothing is left behind even by a process that was killed. Refuses to keep anything: the databases
//! go when their owner does.

mod account;
mod directory;
mod postgres;
mod programs;
mod redis;
mod server;
mod template;
#[cfg(test)]
mod tests;

use std::io;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::config::Secret;

pub use postgres::PrivatePostgres;
pub use programs::{MissingProgram, MissingPrograms};
pub use redis::PrivateRedis;

/// How a private server is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrivateOptions {
    /// Whether commits wait for the disk.
    pub durability: Durability,
    /// How it can be reached.
    pub reach: Reach,
}

/// Whether PostgreSQL waits for the disk; Redis keeps nothing on disk either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// As PostgreSQL comes: a commit that was answered survives a crash.
    #[default]
    Durable,
    /// For tests: no waiting for the disk, and a killed server may lose its last commits.
    Fast,
}

/// How a private server can be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Through a Unix socket in a directory that only its owner can enter.
    #[default]
    Socket,
    /// Through a port on 127.0.0.1 too, with a random password, for proxies that stand between.
    Loopback,
}

/// A private PostgreSQL and a private Redis; dropping them stops both.
#[derive(Debug)]
pub struct PrivateServices {
    postgres: PrivatePostgres,
    redis: PrivateRedis,
}

/// Why a private server is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// A server's programs are not installed.
    #[error(transparent)]
    Absent(#[from] MissingPrograms),
    /// PostgreSQL refuses to run as root, and there is nobody else to run it as.
    #[error(
        "cannot start PostgreSQL: it refuses to run as root, and /etc/passwd has neither a user postgres nor \
         nobody; run gander as another user"
    )]
    NoAccount,
    /// No directory was found whose path is short enough for a socket and that the server's account can enter.
    #[error(
        "cannot find a directory for PostgreSQL and Redis: {} (TMPDIR) and /tmp must be short, plain paths that \
         every user can enter; set TMPDIR", .0.display()
    )]
    NoPlace(PathBuf),
    /// The private directory could not be made or written to.
    #[error("cannot prepare the directory of PostgreSQL or Redis")]
    Directory(#[source] io::Error),
    /// A program could not be run at all.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program that prepares the server ended with a failure.
    #[error("{program} failed, {status}; its output: {said}")]
    Preparation {
        /// The program.
        program: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote.
        said: String,
    },
    /// The server ended instead of answering.
    #[error("cannot start {server}: it ended, {status}; its log: {said}")]
    NotStarted {
        /// PostgreSQL or Redis.
        server: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of its log since this start.
        said: String,
    },
    /// The server runs but did not answer in time.
    #[error("cannot start {server}: no answer within {} s; its log: {said}", waited.as_secs())]
    NotReady {
        /// PostgreSQL or Redis.
        server: &'static str,
        /// How long it was given.
        waited: Duration,
        /// The end of its log since this start.
        said: String,
    },
    /// PostgreSQL answered but would not be set up.
    #[error("cannot set up the private PostgreSQL")]
    SetUp(#[source] sqlx::Error),
}

impl PrivateServices {
    /// Starts both and returns when both answer: under a second, some more the first time on a machine.
    pub async fn start(options: &PrivateOptions) -> Result<Self, ServicesError> {
        programs::find_all()?;
        let (postgres, redis) = tokio::try_join!(
            PrivatePostgres::start(options),
            PrivateRedis::start(options)
        )?;
        Ok(Self { postgres, redis })
    }

    /// `postgres://…` of a superuser and an empty database.
    pub fn database_url(&self) -> Secret {
        self.postgres.url()
    }

    /// `redis+unix://…`
    pub fn redis_url(&self) -> Secret {
        self.redis.url()
    }

    /// The PostgreSQL of the two.
    pub fn postgres(&self) -> &PrivatePostgres {
        &self.postgres
    }

    /// The PostgreSQL of the two, to stop, start or kill it alone.
    pub fn postgres_mut(&mut self) -> &mut PrivatePostgres {
        &mut self.postgres
    }

    /// The Redis of the two.
    pub fn redis(&self) -> &PrivateRedis {
        &self.redis
    }

    /// The Redis of the two, to stop, start or kill it alone.
    pub fn redis_mut(&mut self) -> &mut PrivateRedis {
        &mut self.redis
    }

    /// Each by itself.
    pub fn into_parts(self) -> (PrivatePostgres, PrivateRedis) {
        (self.postgres, self.redis)
    }

    /// Stops both, lets them finish for some seconds, and removes what they kept.
    pub async fn stop(self) {
        let Self { postgres, redis } = self;
        tokio::join!(postgres.stop(), redis.stop());
    }
}

/// A port of 127.0.0.1 that nobody listens on now.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Thirty-two random hexadecimal digits.
fn password() -> Secret {
    Secret::new(format!("{:032x}", rand::random::<u128>()))
}
