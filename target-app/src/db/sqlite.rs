//! `SQLite`: where its file lives and what every connection to it has in common.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;

use super::OpenError;
use super::connection::Address;

/// Where the database file lives.
pub(crate) enum DatabaseDirectory {
    /// Kept for the next start.
    Chosen(PathBuf),
    /// Removed when dropped; while its owner lives, the lock says that somebody does.
    Temporary { directory: TempDir, _lock: File },
}

/// What the lock of a temporary directory is called in it.
const LOCK: &str = "lock";
/// How the names of temporary directories begin.
const PREFIX: &str = "folio-";

impl DatabaseDirectory {
    /// The directory, made if need be.
    pub(crate) fn of(directory: Option<&Path>) -> Result<Self, OpenError> {
        let (path, made) = match directory {
            Some(path) => (
                path.to_path_buf(),
                fs::create_dir_all(path).map(|()| Self::Chosen(path.to_path_buf())),
            ),
            None => (std::env::temp_dir(), Self::temporary()),
        };
        made.map_err(|source| OpenError::Directory { path, source })
    }

    fn temporary() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        // Under another name until it is locked, or who sweeps meanwhile would take it for a dead one's.
        let unlocked = directory.path().join("unlocked");
        let lock = File::create(&unlocked)?;
        lock.lock()?;
        fs::rename(unlocked, directory.path().join(LOCK))?;
        if let Some(parent) = directory.path().parent() {
            sweep(parent, fs::metadata(directory.path())?.uid());
        }
        Ok(Self::Temporary {
            directory,
            _lock: lock,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Chosen(path) => path,
            Self::Temporary { directory, .. } => directory.path(),
        }
    }

    /// The database in it.
    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("folio.db")
    }
}

/// Removes from `parent` the temporary directories of `owner` in which nobody lives: their owners were killed. What cannot be
/// removed is left for the next start.
fn sweep(parent: &Path, owner: u32) {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    for entry in entries {
        let is_ours = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
            && entry
                .metadata()
                .is_ok_and(|found| found.is_dir() && found.uid() == owner);
        if is_ours
            && let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// How the writer and the readers connect.
pub(super) fn addresses(home: &DatabaseDirectory) -> (Address, Address) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_owner_left_is_removed_and_what_lives_stays() {
        let living = DatabaseDirectory::of(None).expect("a directory");
        let dead = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .expect("a directory");
        fs::write(dead.path().join(LOCK), "").expect("a file");
        fs::write(dead.path().join("folio.db"), "pages").expect("a file");
        let beginning = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir()
            .expect("a directory");
        let next = DatabaseDirectory::of(None).expect("a directory");
        assert!(!dead.path().exists());
        assert!(living.path().exists() && next.path().exists());
        assert!(beginning.path().exists(), "it is not locked yet");
    }
}
