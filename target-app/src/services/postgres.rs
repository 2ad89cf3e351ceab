//! A private PostgreSQL server.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use super::directory::Directory;
use super::server::{Server, ServerCommand};
use super::{Durability, PrivateOptions, Reach, ServicesError, free_port, password};
use super::{programs, template};
use crate::config::Secret;

/// Recovery after a kill takes far less, except on a loaded machine.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// A free port can be taken between its selection and the start.
const PORT_TRIES: u32 = 5;
/// PostgreSQL's default port.
const SOCKET_PORT: u16 = 5_432;
/// Authentication: without a password on the socket, whose directory only this account can enter; with a password on
/// loopback.
const WHO_MAY_ENTER: &str = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
/// A busy child of a killed postmaster holds its shared memory until it notices.
const STILL_HELD: &str = "pre-existing shared memory block";

/// A running PostgreSQL with an empty database; dropping it stops the server and removes the database.
#[derive(Debug)]
pub struct PrivatePostgres {
    /// `None` while it is stopped. Declared before the directory, which must be dropped after it.
    pub(super) server: Option<Server>,
    pub(super) directory: Directory,
    programs: PathBuf,
    durability: Durability,
    loopback: Option<PostgresLoopback>,
}

#[derive(Debug)]
struct PostgresLoopback {
    port: u16,
    password: Secret,
}

impl PrivatePostgres {
    /// Starts a server and returns when it answers.
    pub async fn start(options: &PrivateOptions) -> Result<Self, ServicesError> {
        let programs = programs::postgres_directory()?;
        let directory = Directory::new("folio-postgres-", |path| {
            std::fs::write(path.join("hba.conf"), WHO_MAY_ENTER)
        })?;
        template::cluster(&programs, &directory).await?;
        let mut postgres = Self {
            server: None,
            directory,
            programs,
            durability: options.durability,
            loopback: None,
        };
        let mut tries = 1;
        loop {
            if options.reach == Reach::Loopback {
                postgres.loopback = Some(PostgresLoopback {
                    port: free_port().map_err(ServicesError::Directory)?,
                    password: password(),
                });
            }
            match postgres.start_again().await {
                Err(ServicesError::NotStarted { said, .. })
                    if said.contains("TCP/IP") && tries < PORT_TRIES =>
                {
                    tries += 1;
                }
                other => break other?,
            }
        }
        if let Some(PostgresLoopback { password, .. }) = &postgres.loopback {
            // Generated from letters and digits only.
            let statement = format!("ALTER ROLE folio PASSWORD '{}'", password.reveal());
            let set_up = async {
                let mut connection = postgres.socket().connect().await?;
                sqlx::raw_sql(AssertSqlSafe(statement))
                    .execute(&mut connection)
                    .await?;
                connection.close().await
            };
            set_up.await.map_err(ServicesError::SetUp)?;
        }
        Ok(postgres)
    }

    /// `postgres://…` of a superuser and an empty database, through the socket.
    pub fn url(&self) -> Secret {
        Secret::new(format!(
            "postgres:///postgres?host={}&port={}&user=folio",
            self.directory.path().display(),
            self.port()
        ))
    }

    /// The URL of the port on 127.0.0.1, if the server was started with [`Reach::Loopback`].
    pub fn loopback_url(&self) -> Option<Secret> {
        let PostgresLoopback { port, password } = self.loopback.as_ref()?;
        let password = password.reveal();
        Some(Secret::new(format!(
            "postgres://folio:{password}@127.0.0.1:{port}/postgres"
        )))
    }

    /// Part of the socket's name even without a TCP port.
    pub(super) fn port(&self) -> u16 {
        self.loopback
            .as_ref()
            .map_or(SOCKET_PORT, |loopback| loopback.port)
    }

    /// The reason if the server ended by itself.
    pub fn has_exited(&mut self) -> Option<String> {
        self.server.as_mut()?.exit_reason()
    }

    /// Sends SIGKILL, like a crash: returns when the postmaster and its children are gone, or after 5 s if one is too
    /// busy.
    pub async fn kill(&mut self) {
        if let Some(server) = self.server.take() {
            server.kill().await;
        }
    }

    /// Stops it gracefully; its data stays for [`PrivatePostgres::start_again`].
    pub async fn halt(&mut self) {
        if let Some(server) = self.server.take() {
            server.end().await;
        }
    }

    /// Restarts it with the same address and databases; returns when it answers.
    pub async fn start_again(&mut self) -> Result<(), ServicesError> {
        self.halt().await;
        let deadline = tokio::time::Instant::now() + READY_WITHIN;
        loop {
            let mut server = self.spawn()?;
            let ready = server.ready(READY_WITHIN, || answers(self.socket())).await;
            match ready {
                Ok(()) => {
                    self.server = Some(server);
                    return Ok(());
                }
                Err(ServicesError::NotStarted { said, .. })
                    if said.contains(STILL_HELD) && tokio::time::Instant::now() < deadline =>
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Stops it and removes its data.
    pub async fn stop(mut self) {
        self.halt().await;
        // Removing the directory takes a moment and would block this thread.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    fn spawn(&self) -> Result<Server, ServicesError> {
        let path = self.directory.path();
        let mut arguments: Vec<OsString> = vec![
            "-D".into(),
            path.join("data").into(),
            "-k".into(),
            path.into(),
        ];
        let mut set = |setting: &str| arguments.extend(["-c".into(), setting.into()]);
        let port = self.port();
        let address = if self.loopback.is_some() {
            "127.0.0.1"
        } else {
            ""
        };
        set(&format!("hba_file={}", path.join("hba.conf").display()));
        set(&format!("listen_addresses={address}"));
        set(&format!("port={port}"));
        set("unix_socket_permissions=0700");
        set("max_connections=300");
        // Statement errors would fill a log that has no size limit and no reader.
        set("log_min_messages=fatal");
        set("log_checkpoints=off");
        if self.durability == Durability::Fast {
            for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
                set(&format!("{setting}=off"));
            }
        }
        Server::start(
            &self.directory,
            &ServerCommand {
                name: "PostgreSQL",
                program: &self.programs.join("postgres"),
                arguments,
                end_signals: &["INT", "QUIT"],
            },
        )
    }

    /// The connection options of its superuser, independent of the network.
    fn socket(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(self.directory.path())
            .port(self.port())
            .username("folio")
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
    }
}

async fn answers(server: PgConnectOptions) -> bool {
    match server.connect().await {
        Ok(connection) => connection.close().await.is_ok(),
        Err(_) => false,
    }
}
