//! The temporary directory of a private server, removed after both this process and the server have ended.
//!
//! A shell waits for the end of a pipe whose other end only this process and the server's watchdog hold, so the
//! directory exists exactly as long as the server may need it. Rejects paths that are too long for a Unix socket and
//! parents that the server's account cannot enter.

use std::fs::{self, Permissions};
use std::io::{self, PipeWriter};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::ServicesError;
use super::account::ServerAccount;
use super::server::wait;

/// The path of a Unix socket has at most 107 bytes on Linux and 103 elsewhere; the names of the directory and the
/// socket need some of them.
const LONGEST_BASE: usize = 60;
/// Ends when its input ends; remaining processes of the server may still write for a moment.
const SWEEP: &str = "trap '' HUP INT TERM; cat >/dev/null; tries=0; \
    until rm -rf \"$1\" || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.05; done";
/// The sweeper tries for 5 s.
const SWEPT_WITHIN: Duration = Duration::from_secs(6);

/// A directory with mode 0700, owned by the server's account; dropping it removes it.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    account: ServerAccount,
    /// The pipe whose end the sweeper waits for.
    lease: Option<PipeWriter>,
    sweeper: Child,
}

impl Directory {
    /// Creates `PREFIX…` in the temporary directory; `fill` may write into it before its owner changes.
    pub(super) fn new(
        prefix: &str,
        fill: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<Self, ServicesError> {
        let account = ServerAccount::of_servers()?;
        let made = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(base(account)?)
            .map_err(ServicesError::Directory)?;
        let give = || {
            fill(made.path())?;
            for entry in fs::read_dir(made.path())? {
                account.own(&entry?.path())?;
            }
            account.own(made.path())
        };
        give().map_err(ServicesError::Directory)?;
        let (watched, lease) = io::pipe().map_err(ServicesError::Directory)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SWEEP, "sh"])
            .arg(made.path())
            .stdin(watched)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        prepare(&mut command, account);
        let sweeper = command.spawn().map_err(|source| ServicesError::Run {
            program: "/bin/sh",
            source,
        })?;
        Ok(Self {
            path: made.keep(),
            account,
            lease: Some(lease),
            sweeper,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn account(&self) -> ServerAccount {
        self.account
    }

    /// Another holder of the directory: it is not removed before this one is closed too.
    pub(super) fn lease(&self) -> io::Result<PipeWriter> {
        match &self.lease {
            Some(lease) => lease.try_clone(),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        drop(self.lease.take());
        if !wait(&mut self.sweeper, SWEPT_WITHIN) {
            // A watchdog that does not end keeps its server and the directory; nothing more can be done.
            let _ = self.sweeper.kill();
            let _ = self.sweeper.wait();
        }
    }
}

/// Makes `command` run as `account`, unaffected by Ctrl-C and by this process's environment.
pub(super) fn prepare(command: &mut Command, account: ServerAccount) {
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C")
        .current_dir("/")
        .process_group(0);
    account.apply_to(command);
}

/// The first suitable temporary directory.
fn base(account: ServerAccount) -> Result<PathBuf, ServicesError> {
    let wanted = std::env::temp_dir();
    [wanted.clone(), PathBuf::from("/tmp")]
        .into_iter()
        .find(|path| is_suitable(path, account))
        .ok_or(ServicesError::NoPlace(wanted))
}

/// Whether the path is short, needs no escaping in a URL, and can be entered by the account.
fn is_suitable(path: &Path, account: ServerAccount) -> bool {
    let is_plain = |text: &str| {
        text.starts_with('/')
            && text.len() <= LONGEST_BASE
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte))
    };
    let is_reachable = match account {
        ServerAccount::Own { .. } => path.is_dir(),
        ServerAccount::Other { .. } => is_open_to_all(path),
    };
    is_reachable && path.to_str().is_some_and(is_plain)
}

/// Whether every user can enter all of it, and create files in the last directory.
fn is_open_to_all(path: &Path) -> bool {
    let mode = |path: &Path| fs::metadata(path).map_or(0, |found| found.mode());
    mode(path) & 0o003 == 0o003 && path.ancestors().all(|part| mode(part) & 0o001 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_short_plain_open_directories_are_used() {
        let own = ServerAccount::Own { uid: 1 };
        let lent = ServerAccount::Other { uid: 1, gid: 1 };
        let place = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in("/tmp")
            .expect("a directory");
        let place = fs::canonicalize(place.path()).expect("its path");
        assert!(is_suitable(Path::new("/tmp"), lent));
        assert!(is_suitable(&place, own));
        assert!(!is_suitable(&place, lent), "mode 0700 keeps others out");
        let below = place.join("open");
        fs::create_dir(&below).expect("a directory");
        fs::set_permissions(&below, Permissions::from_mode(0o1777)).expect("its mode");
        assert!(!is_suitable(&below, lent), "what is above keeps others out");
        for unsuited in ["with space", &"x".repeat(60)] {
            let unsuited = place.join(unsuited);
            fs::create_dir(&unsuited).expect("a directory");
            assert!(!is_suitable(&unsuited, own), "{}", unsuited.display());
        }
    }
}
