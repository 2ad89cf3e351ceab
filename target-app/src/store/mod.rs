//! The database: one connection that writes, several that read, and every statement Folio makes.
//!
//! `SQLite` lets one writer in at a time; a pool of one makes the others wait in turn instead of failing as busy. Readers
//! see a snapshot (WAL) and never wait for it.

mod accounts;
mod documents;
mod orders;
mod seed;
mod text;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use tempfile::TempDir;

pub(crate) use accounts::{NewSession, TokenHash};
pub(crate) use documents::Sort;
pub(crate) use orders::{NewOrder, Order};

use crate::config::Config;
use crate::metrics::Metrics;
use crate::observe::note_query;

/// Handles on the database file.
pub(crate) struct Store {
    writer: SqlitePool,
    readers: SqlitePool,
    metrics: Arc<Metrics>,
    /// Last, so that the pools are gone before the directory goes.
    _home: Home,
}

/// Where the database file lives.
enum Home {
    /// Kept for the next start.
    Chosen(PathBuf),
    /// Removed when dropped.
    Temporary(TempDir),
}

/// Why the database did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was asked for does not exist.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The statement or the connection failed.
    #[error("the database refused a statement")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the schema cannot be migrated")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// An answer could not be written as JSON.
    #[error("an answer cannot be encoded")]
    Encode(#[from] serde_json::Error),
    /// The directory of the database could not be used.
    #[error("the database directory cannot be used: {path}", path = .path.display())]
    Directory {
        /// The directory, or the file in it.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The directory holds a catalogue that was seeded otherwise.
    #[error("the database in {path} was seeded with {found}, not with {expected}; use another directory", path = .path.display())]
    SeededOtherwise {
        /// The directory that was asked for.
        path: PathBuf,
        /// What its catalogue was seeded with.
        found: String,
        /// What the configuration asks for.
        expected: String,
    },
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageOf {
    /// Counted from one.
    pub(crate) page: u32,
    /// Items on a page.
    pub(crate) limit: u32,
}

/// One page of a list, as lists are answered.
#[derive(Debug, serde::Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the fields in every list that clients read"
)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    total: i64,
    page: u32,
    limit: u32,
}

impl StoreError {
    /// The whole chain of causes in one line, for the log.
    pub(crate) fn with_sources(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl Home {
    fn of(config: &Config) -> Result<Self, StoreError> {
        let (path, made) = match &config.directory {
            Some(path) => (
                path.clone(),
                fs::create_dir_all(path).map(|()| Self::Chosen(path.clone())),
            ),
            None => (
                std::env::temp_dir(),
                tempfile::Builder::new()
                    .prefix("folio-")
                    .tempdir()
                    .map(Self::Temporary),
            ),
        };
        made.map_err(|source| StoreError::Directory { path, source })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Chosen(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }
}

impl PageOf {
    fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.limit)
    }

    fn with<T>(self, items: Vec<T>, total: i64) -> Page<T> {
        Page {
            items,
            total,
            page: self.page,
            limit: self.limit,
        }
    }
}

impl Store {
    /// Opens the database of `config`, seeding it first when it is new.
    pub(crate) async fn open(
        config: &Config,
        password_hash: &str,
        metrics: Arc<Metrics>,
    ) -> Result<Self, StoreError> {
        let home = Home::of(config)?;
        let file = home.path().join("folio.db");
        if !file.exists() {
            seed::build(&file, config, password_hash).await?;
        }
        let options = connection(&file)
            .journal_mode(SqliteJournalMode::Wal)
            // Safe against a crash of the process; only a loss of power can take the last commits.
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(5))
            .statement_cache_capacity(64);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .connect_with(options.clone())
            .await?;
        sqlx::migrate!().run(&writer).await?;
        seed::confirm(&writer, home.path(), config).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(config.readers)
            .min_connections(config.readers)
            .test_before_acquire(false)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            writer,
            readers,
            metrics,
            _home: home,
        })
    }

    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Whether a statement can be answered now.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.timed("ping", sqlx::query("SELECT 1").execute(&self.readers))
            .await
            .map(drop)
    }

    /// Awaits one statement and puts its time on the account of the request and of its name.
    async fn timed<T>(
        &self,
        name: &'static str,
        statement: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let answer = statement.await;
        let took = began.elapsed();
        note_query(took);
        self.metrics
            .query_seconds
            .with_label_values(&[name])
            .observe(took.as_secs_f64());
        Ok(answer?)
    }
}

/// What every connection has in common.
fn connection(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        // A document of 1 to 3 KB fills half of a page of the default 4 KiB and wastes the rest.
        .page_size(8_192)
        .pragma("cache_size", "-16384")
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "memory")
        .foreign_keys(true)
}
