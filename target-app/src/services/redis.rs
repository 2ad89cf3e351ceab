//! A private Redis server without persistence: its data ends with it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::directory::Directory;
use super::programs;
use super::server::{Server, ServerCommand};
use super::{PrivateOptions, Reach, ServicesError, free_port, password};
use crate::config::Secret;

/// Maximum time to start; it takes a few milliseconds, except on a loaded machine.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// A free port can be taken between its selection and the start.
const PORT_TRIES: u32 = 5;

/// A running Redis; dropping it stops it.
#[derive(Debug)]
pub struct PrivateRedis {
    /// `None` while it is stopped. Declared before the directory, which must be dropped after it.
    pub(super) server: Option<Server>,
    pub(super) directory: Directory,
    program: PathBuf,
    loopback: Option<RedisLoopback>,
}

#[derive(Debug)]
struct RedisLoopback {
    port: u16,
    password: Secret,
}

impl PrivateRedis {
    /// Starts a server and returns when it answers.
    pub async fn start(options: &PrivateOptions) -> Result<Self, ServicesError> {
        let program = programs::redis_server()?;
        let mut tries = 1;
        loop {
            let loopback = match options.reach {
                Reach::Socket => None,
                Reach::Loopback => Some(RedisLoopback {
                    port: free_port().map_err(ServicesError::Directory)?,
                    password: password(),
                }),
            };
            let directory = Directory::new("folio-redis-", |path| {
                std::fs::write(
                    path.join("redis.conf"),
                    configuration(path, loopback.as_ref()),
                )
            })?;
            let mut redis = Self {
                server: None,
                directory,
                program: program.clone(),
                loopback,
            };
            match redis.start_again().await {
                Ok(()) => return Ok(redis),
                Err(ServicesError::NotStarted { said, .. })
                    if said.contains("listening socket") && tries < PORT_TRIES =>
                {
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// `redis+unix://…`
    pub fn url(&self) -> Secret {
        let password = match &self.loopback {
            None => String::new(),
            Some(RedisLoopback { password, .. }) => format!("?pass={}", password.reveal()),
        };
        Secret::new(format!(
            "redis+unix://{}{password}",
            self.socket().display()
        ))
    }

    /// `redis://…` through the port on 127.0.0.1, if it was started with [`Reach::Loopback`].
    pub fn loopback_url(&self) -> Option<Secret> {
        let RedisLoopback { port, password } = self.loopback.as_ref()?;
        let password = password.reveal();
        Some(Secret::new(format!(
            "redis://:{password}@127.0.0.1:{port}/0"
        )))
    }

    /// The reason if the server ended by itself.
    pub fn has_exited(&mut self) -> Option<String> {
        self.server.as_mut()?.exit_reason()
    }

    /// Sends SIGKILL, like a crash: returns when it is gone.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    /// Stops it gracefully; [`PrivateRedis::start_again`] starts an empty one at the same address.
    pub async fn halt(&mut self) {
        if let Some(server) = self.server.take() {
            server.end().await;
        }
    }

    /// Sends SIGSTOP. Redis keeps its connections but does not answer until [`PrivateRedis::thaw`].
    pub fn freeze(&mut self) {
        self.signal("STOP");
    }

    /// Sends SIGCONT: it answers again.
    pub fn thaw(&mut self) {
        self.signal("CONT");
    }

    /// Restarts it, empty, at the same address; returns when it answers.
    pub async fn start_again(&mut self) -> Result<(), ServicesError> {
        self.halt().await;
        let mut server = Server::start(
            &self.directory,
            &ServerCommand {
                name: "Redis",
                program: &self.program,
                arguments: vec![self.directory.path().join("redis.conf").into()],
                end_signals: &["TERM"],
            },
        )?;
        server
            .ready(READY_WITHIN, || answers(self.socket()))
            .await?;
        self.server = Some(server);
        Ok(())
    }

    /// Stops it and removes its directory.
    pub async fn stop(mut self) {
        self.halt().await;
        // Removing the directory takes a moment and would block this thread.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    fn signal(&mut self, signal: &str) {
        if let Some(server) = &mut self.server {
            // A server that has ended needs no signal.
            let _ = server.signal(signal);
        }
    }

    fn socket(&self) -> PathBuf {
        self.directory.path().join("redis.sock")
    }
}

/// Written to a file, because every user can read the arguments of a process.
fn configuration(directory: &Path, loopback: Option<&RedisLoopback>) -> String {
    let directory = directory.display();
    let port = loopback.map_or(0, |loopback| loopback.port);
    let mut text = format!(
        "port {port}\nbind 127.0.0.1\nprotected-mode yes\nunixsocket {directory}/redis.sock\nunixsocketperm 700\n\
         dir {directory}\ndaemonize no\nloglevel warning\nsave \"\"\nappendonly no\n"
    );
    if let Some(RedisLoopback { password, .. }) = loopback {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "requirepass {}", password.reveal());
    }
    text
}

/// Whether a server answers there, even if only with a request for a password.
async fn answers(socket: PathBuf) -> bool {
    let ask = async {
        let mut connection = UnixStream::connect(&socket).await?;
        connection.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        connection.read_exact(&mut answer).await?;
        std::io::Result::Ok(&answer == b"+PONG\r\n" || &answer == b"-NOAUTH")
    };
    ask.await.unwrap_or(false)
}
