//! Private PostgreSQL and Redis servers, started from local binaries when none are configured, and removed with their
//! owner.
//!
//! Each server has its own temporary directory and listens on a Unix socket in it, which no other user can open. A
//! shell reads a pipe held only by this process; when the pipe ends, it stops the server and removes the directory, so
//! that nothing remains even if this process is killed. No data is kept: the databases are removed with their owner.

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

/// Options of a private server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrivateOptions {
    /// Whether commits wait for the disk.
    pub durability: Durability,
    /// The way to reach the server.
    pub reach: Reach,
}

/// Whether PostgreSQL waits for the disk; Redis stores nothing on disk in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The default of PostgreSQL: an acknowledged commit survives a crash.
    #[default]
    Durable,
    /// For tests: no waiting for the disk; a killed server may lose its last commits.
    Fast,
}

/// The addresses of a private server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// A Unix socket in a directory that only its owner can enter.
    #[default]
    Socket,
    /// Also a port on 127.0.0.1 with a random password, for proxies in between.
    Loopback,
}

/// A private PostgreSQL and a private Redis; dropping them stops both.
#[derive(Debug)]
pub struct PrivateServices {
    postgres: PrivatePostgres,
    redis: PrivateRedis,
}

/// The reason why a private server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// A program of the server is not installed.
    #[error(transparent)]
    Absent(#[from] MissingPrograms),
    /// PostgreSQL refuses to run as root, and there is no other account.
    #[error(
        "cannot start PostgreSQL: it refuses to run as root, and /etc/passwd has neither a user postgres nor \
         nobody; run gander as another user"
    )]
    NoAccount,
    /// No directory has a path short enough for a socket and can be entered by the server's account.
    #[error(
        "cannot find a directory for PostgreSQL and Redis: {} (TMPDIR) and /tmp must be short, plain paths that \
         every user can enter; set TMPDIR", .0.display()
    )]
    NoPlace(PathBuf),
    /// The private directory could not be created or written to.
    #[error("cannot prepare the directory of PostgreSQL or Redis")]
    Directory(#[source] io::Error),
    /// A program could not be started.
    #[error("cannot run {program}")]
    Run {
        /// The program.
        program: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// A preparing program failed.
    #[error("{program} failed, {status}; its output: {said}")]
    Preparation {
        /// The program.
        program: &'static str,
        /// Its exit status.
        status: ExitStatus,
        /// The end of its output.
        said: String,
    },
    /// The server ended before it answered.
    #[error("cannot start {server}: it ended, {status}; its log: {said}")]
    NotStarted {
        /// PostgreSQL or Redis.
        server: &'static str,
        /// Its exit status.
        status: ExitStatus,
        /// The end of its log since this start.
        said: String,
    },
    /// The server runs but did not answer in time.
    #[error("cannot start {server}: no answer within {} s; its log: {said}", waited.as_secs())]
    NotReady {
        /// PostgreSQL or Redis.
        server: &'static str,
        /// The time limit.
        waited: Duration,
        /// The end of its log since this start.
        said: String,
    },
    /// PostgreSQL answered but could not be configured.
    #[error("cannot set up the private PostgreSQL")]
    SetUp(#[source] sqlx::Error),
}

impl PrivateServices {
    /// Starts both servers and returns when both answer: under a second, or longer the first time on a machine.
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

    /// The private PostgreSQL.
    pub fn postgres(&self) -> &PrivatePostgres {
        &self.postgres
    }

    /// The private PostgreSQL, to stop, start or kill it separately.
    pub fn postgres_mut(&mut self) -> &mut PrivatePostgres {
        &mut self.postgres
    }

    /// The private Redis.
    pub fn redis(&self) -> &PrivateRedis {
        &self.redis
    }

    /// The private Redis, to stop, start or kill it separately.
    pub fn redis_mut(&mut self) -> &mut PrivateRedis {
        &mut self.redis
    }

    /// Both servers, separately.
    pub fn into_parts(self) -> (PrivatePostgres, PrivateRedis) {
        (self.postgres, self.redis)
    }

    /// Stops both with a grace period, and removes their directories.
    pub async fn stop(self) {
        let Self { postgres, redis } = self;
        tokio::join!(postgres.stop(), redis.stop());
    }
}

/// A free port of 127.0.0.1.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Thirty-two random hexadecimal digits.
fn password() -> Secret {
    Secret::new(format!("{:032x}", rand::random::<u128>()))
}
