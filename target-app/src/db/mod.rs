//! Database connections: one interface over `SQLite` and PostgreSQL.
//!
//! A [`Lease`] holds a connection of a [`Pool`] and runs [`Statement`]s on it. `SQLite` has one writing and one reading
//! pool; PostgreSQL has a primary and up to two reading replicas. This module knows no tables.

mod advisor;
mod connection;
mod error;
mod guard;
mod index_list;
mod indexes;
mod lag;
mod lease;
mod maintenance;
mod migrations;
mod optimizer;
mod pool;
mod postgres;
mod row;
mod sqlite;
mod statement;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::AbortHandle;

pub(crate) use error::{DbError, DriverError};
pub(crate) use lease::{DbRow, Lease};
pub(crate) use migrations::sqlite as sqlite_migrations;
pub(crate) use pool::Pool;
pub(crate) use row::from_row;
pub(crate) use sqlite::{DatabaseDirectory, options as sqlite_options};
pub(crate) use statement::{Dialect, SqlValue, Statement, values};

pub(crate) use advisor::{ExplainMode, Recorder};
pub(crate) use index_list::IndexBuild;
pub(crate) use maintenance::MaintenanceAction;

use guard::DatabaseGuard;
use lag::Lag;
use pool::{PoolMetrics, Sizing};

use crate::breaker::Breaker;
use crate::config::{Config, Profile};
use crate::metrics::Metrics;
use crate::settings::{Live, PoolSettings};

/// The reason why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The database directory cannot be used.
    #[error("cannot use the database directory {path}", path = .path.display())]
    Directory {
        /// The directory, or the file in it.
        path: std::path::PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// `DATABASE_URL` or `DATABASE_REPLICA_URL` is invalid.
    #[error("invalid {variable}; expected postgres://user:password@host:port/name")]
    Url {
        /// The variable.
        variable: &'static str,
        /// The parse error.
        source: DriverError,
    },
    /// The server at `DATABASE_URL` does not answer or rejects the login.
    #[error(
        "cannot connect to the database at DATABASE_URL; check the URL and that its server is running"
    )]
    Away(#[source] DbError),
    /// The server at `DATABASE_REPLICA_URL` does not answer or rejects the login.
    #[error(
        "cannot connect to the database at DATABASE_REPLICA_URL; check the URL and that its server is running"
    )]
    ReplicaAway(#[source] DbError),
    /// The schema migration failed.
    #[error("cannot migrate the database schema")]
    Migrate(#[source] DriverError),
    /// The database is unreachable or rejected a statement.
    #[error("the database does not answer")]
    Database(#[from] DbError),
    /// A pool could not be created.
    #[error("cannot create a connection pool")]
    Pool(#[from] deadpool::managed::BuildError),
    /// A metric was registered twice.
    #[error("cannot register the database metrics")]
    Metrics(#[from] prometheus::Error),
}

/// The pools of a database.
pub(crate) struct Database {
    dialect: Dialect,
    primary: Arc<Pool>,
    readers: Vec<Arc<Pool>>,
    /// Selects the next reading pool.
    turn: AtomicUsize,
    /// Set when the reading pools are replicas.
    lag: Option<Arc<Lag>>,
    settings: Arc<Live>,
    guard: Arc<DatabaseGuard>,
    /// The tasks that resize and check the pools.
    tasks: [AbortHandle; 2],
    /// Declared last, so that connections close before a temporary directory is removed.
    _home: Option<Arc<DatabaseDirectory>>,
}

impl Database {
    /// Opens the pools of `config` and migrates the schema. `home` is the directory of the `SQLite` file.
    pub(crate) async fn open(
        config: &Config,
        home: Option<Arc<DatabaseDirectory>>,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, OpenError> {
        let instruments = PoolMetrics::new(metrics)?;
        let guard = Arc::new(DatabaseGuard::new(settings, metrics)?);
        let pool = |name, address, sizing| {
            Pool::new(name, address, sizing, settings, &instruments, &guard)
        };
        let (primary, readers, lag) = match (&config.profile, &home) {
            (Profile::Full(services), _) => {
                let primary = postgres::address("DATABASE_URL", &services.database_url)?;
                let replica = match &services.replica_url {
                    Some(url) => postgres::address("DATABASE_REPLICA_URL", url)?,
                    None => primary.clone(),
                };
                let readers = vec![
                    pool("replica1", replica.clone(), Sizing::Set)?,
                    pool("replica2", replica, Sizing::Set)?,
                ];
                let primary = pool("primary", primary, Sizing::Set)?;
                let lag = services.replica_url.is_some().then(|| Arc::new(Lag::new()));
                (primary, readers, lag)
            }
            (Profile::Embedded { .. }, Some(home)) => {
                let (writer, reader) = sqlite::addresses(home);
                let readers = vec![pool("reader", reader, Sizing::Set)?];
                (pool("writer", writer, Sizing::One)?, readers, None)
            }
            (Profile::Embedded { .. }, None) => {
                return Err(OpenError::Database(DbError::Unreachable(
                    sqlx::Error::PoolClosed.into(),
                )));
            }
        };
        let pools: Vec<_> = readers.iter().chain([&primary]).cloned().collect();
        let mut changes = settings.changes();
        let resizing = tokio::spawn(async move {
            let mut before = changes.borrow().pool.clone();
            while changes.changed().await.is_ok() {
                let wanted = changes.borrow_and_update().pool.clone();
                // A size found by the optimiser stays when other settings change.
                let sizes = |pool: &PoolSettings| (pool.size, pool.overflow, pool.auto);
                if sizes(&wanted) != sizes(&before) {
                    for pool in &pools {
                        pool.resize_to(&wanted);
                    }
                    before = wanted;
                }
            }
        });
        let looking = tokio::spawn(optimizer::run(
            Arc::clone(&primary),
            readers.clone(),
            Arc::clone(settings),
            optimizer::decisions(metrics)?,
        ));
        let database = Self {
            dialect: primary.dialect(),
            primary,
            readers,
            turn: AtomicUsize::new(0),
            lag,
            settings: Arc::clone(settings),
            guard,
            tasks: [resizing.abort_handle(), looking.abort_handle()],
            _home: home,
        };
        database.migrate().await?;
        if let (Some(_), [replica, ..]) = (&database.lag, &*database.readers) {
            replica.ping().await.map_err(OpenError::ReplicaAway)?;
        }
        Ok(database)
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The recorded statements.
    pub(crate) fn recorder(&self) -> &Recorder {
        self.guard.recorder()
    }

    /// The circuit breaker in front of the database.
    pub(crate) fn breaker(&self) -> &Breaker {
        self.guard.breaker()
    }

    /// Every pool.
    pub(crate) fn pools(&self) -> impl Iterator<Item = &Arc<Pool>> {
        std::iter::once(&self.primary).chain(&self.readers)
    }

    /// A connection for writing.
    pub(crate) async fn write(&self) -> Result<Lease, DbError> {
        let lease = self.primary.lease().await?;
        Ok(match &self.lag {
            Some(lag) => lease.for_writing(Arc::clone(lag)),
            None => lease,
        })
    }

    /// A connection for reading: from the readers in turn, or from the primary while a replica may lag behind a write.
    pub(crate) async fn read(&self) -> Result<Lease, DbError> {
        match &self.lag {
            Some(lag) if lag.is_possible() => self.primary.lease().await,
            _ => self.reader().lease().await,
        }
    }

    /// Treats a write of another instance like one of this instance.
    pub(crate) fn note_remote_write(&self) {
        if let Some(lag) = &self.lag {
            lag.wrote();
        }
    }

    /// A connection for reading that sees every acknowledged write.
    pub(crate) async fn read_fresh(&self) -> Result<Lease, DbError> {
        match self.lag {
            Some(_) => self.primary.lease().await,
            None => self.read().await,
        }
    }

    /// Runs `work` on a writing connection to its end, even if its caller is dropped: interrupted work would leave the
    /// database in an intermediate state.
    async fn run_to_end<T, W>(
        &self,
        work: impl FnOnce(Lease) -> W + Send + 'static,
    ) -> Result<T, DbError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, DbError>> + Send,
    {
        let primary = Arc::clone(&self.primary);
        let work = tokio::spawn(async move { work(primary.lease().await?).await });
        work.await
            .unwrap_or(Err(DbError::Unreachable(sqlx::Error::WorkerCrashed.into())))
    }

    fn reader(&self) -> &Arc<Pool> {
        let count = match self.dialect {
            Dialect::Sqlite => self.readers.len(),
            Dialect::Postgres => self.settings.load().pool.replicas as usize,
        };
        let readers = &self.readers[..count.min(self.readers.len())];
        let turn = match readers.len() {
            0 | 1 => 0,
            _ => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        let (before, after) = readers.split_at(turn.checked_rem(readers.len()).unwrap_or(0));
        let in_turn = after.iter().chain(before);
        in_turn
            .into_iter()
            .find(|pool| pool.health().is_good())
            .unwrap_or(&self.primary)
    }

    /// Closes the idle connections; returns how many.
    pub(crate) fn clear_idle(&self) -> u64 {
        self.pools().map(|pool| pool.clear_idle() as u64).sum()
    }

    /// Checks that the database answers a statement.
    pub(crate) async fn ping(&self) -> Result<(), DbError> {
        const PING: Statement = Statement::same("ping", "SELECT 1");
        self.read().await?.execute(&PING, &[]).await.map(drop)
    }

    /// Closes every connection; statements in progress fail.
    pub(crate) async fn close(&self) {
        self.end_tasks();
        for pool in self.pools() {
            pool.close().await;
        }
    }

    fn end_tasks(&self) {
        for task in &self.tasks {
            task.abort();
        }
    }

    async fn migrate(&self) -> Result<(), OpenError> {
        let mut lease = self.write().await.map_err(|error| match self.dialect {
            Dialect::Postgres => OpenError::Away(error),
            Dialect::Sqlite => OpenError::Database(error),
        })?;
        match lease.bare()? {
            connection::Connection::Sqlite(connection) => {
                migrations::sqlite().run(&mut **connection).await
            }
            connection::Connection::Postgres(connection) => {
                migrations::postgres().run(&mut **connection).await
            }
        }
        .map_err(|error| OpenError::Migrate(error.into()))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.end_tasks();
    }
}
