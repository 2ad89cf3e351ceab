//! `SQLite`: where its file lives and what every connection to it has in common.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;

use super::OpenError;
use super::connection::Address;

/// Where the database file lives.
pub(crate) enum Home {
    /// Kept for the next start.
    Chosen(PathBuf),
    /// Removed when dropped.
    Temporary(TempDir),
}

impl Home {
    /// The directory, made if need be.
    pub(crate) fn of(directory: Option<&Path>) -> Result<Self, OpenError> {
        let (path, made) = match directory {
            Some(path) => (
                path.to_path_buf(),
                fs::create_dir_all(path).map(|()| Self::Chosen(path.to_path_buf())),
            ),
            None => (
                std::env::temp_dir(),
                tempfile::Builder::new()
                    .prefix("folio-")
                    .tempdir()
                    .map(Self::Temporary),
            ),
        };
        made.map_err(|source| OpenError::Directory { path, source })
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Chosen(path) => path,
            Self::Temporary(directory) => directory.path(),
        }
    }

    /// The database in it.
    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("folio.db")
    }
}

/// How the writer and the readers connect.
pub(super) fn addresses(home: &Home) -> (Address, Address) {
    let options = options(&home.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Safe against a crash of the process; only a loss of power can take the last commits.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(64);
    let readers = options.clone().read_only(true);
    (
        Address::Sqlite(Box::new(options)),
        Address::Sqlite(Box::new(readers)),
    )
}

/// What every connection has in common.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        // A document of 1 to 3 KB fills half of a page of the default 4 KiB and wastes the rest.
        .page_size(8_192)
        // For each of many connections; the mapped file is shared by all.
        .pragma("cache_size", "-4096")
        .pragma("mmap_size", "268435456")
        .pragma("temp_store", "memory")
        .foreign_keys(true)
}
