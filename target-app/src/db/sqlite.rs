//! `SQLite`: the location of its file, and the options of every connection.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tempfile::TempDir;

use super::OpenError;
use super::connection::Address;

/// The directory of the database file.
pub(crate) enum DatabaseDirectory {
    /// A chosen directory, kept for the next start.
    Chosen(PathBuf),
    /// Removed when dropped; the lock shows other processes that the owner is alive.
    Temporary { directory: TempDir, _lock: File },
}

/// File name of the lock in a temporary directory.
const LOCK: &str = "lock";
/// Prefix of temporary directory names.
const PREFIX: &str = "folio-";

impl DatabaseDirectory {
    /// Opens the directory, creating it if needed.
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
        // Named differently until it is locked; otherwise a concurrent sweep would consider its owner dead.
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

    /// Path of the database file.
    pub(crate) fn file(&self) -> PathBuf {
        self.path().join("folio.db")
    }
}

/// Removes from `parent` the temporary directories of `owner` whose owning process was killed. A directory that cannot
/// be removed is left for the next start.
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

/// The addresses of the writer and the readers.
pub(super) fn addresses(home: &DatabaseDirectory) -> (Address, Address) {
    let options = options(&home.file())
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Safe against a crash of the process; only a power failure can lose the last commits.
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(Duration::from_secs(5))
        .statement_cache_capacity(64);
    let readers = options.clone().read_only(true);
    (
        Address::Sqlite(Box::new(options)),
        Address::Sqlite(Box::new(readers)),
    )
}

/// Options of every connection.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        // A document of 1 to 3 KB fills half of a default page of 4 KiB and wastes the rest.
        .page_size(8_192)
        // Per connection, of many, in KiB: the upper pages of the indexes; the kernel keeps the others. The file is not
        // mapped: each connection's mapped pages would count as resident memory until the connection is replaced.
        .pragma("cache_size", "-1024")
        .pragma("temp_store", "memory")
        .foreign_keys(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_killed_owners_are_removed_and_others_stay() {
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
