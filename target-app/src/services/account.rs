//! The operating-system account of the private servers: PostgreSQL refuses to run as root, so root starts them under an
//! unprivileged account.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::ServicesError;

/// The account of a private server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ServerAccount {
    /// The account of this process.
    Own {
        /// Its user id.
        uid: u32,
    },
    /// Another account, which root switches to.
    Other {
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
}

impl ServerAccount {
    /// The account for servers of this process.
    pub(super) fn of_servers() -> Result<Self, ServicesError> {
        // Files that this process creates belong to its effective user.
        let own = tempfile::tempfile()
            .and_then(|file| file.metadata())
            .map_err(ServicesError::Directory)?
            .uid();
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self::choose(own, &passwd).ok_or(ServicesError::NoAccount)
    }

    /// `own` unless that is root; else postgres, else nobody, as listed in `passwd` (the text of `/etc/passwd`).
    fn choose(own: u32, passwd: &str) -> Option<Self> {
        if own != 0 {
            return Some(Self::Own { uid: own });
        }
        ["postgres", "nobody"].iter().find_map(|wanted| {
            passwd.lines().find_map(|line| {
                let mut fields = line.split(':');
                if fields.next() != Some(wanted) {
                    return None;
                }
                let uid = fields.nth(1)?.parse().ok()?;
                let gid = fields.next()?.parse().ok()?;
                (uid != 0).then_some(Self::Other { uid, gid })
            })
        })
    }

    pub(super) fn uid(self) -> u32 {
        match self {
            Self::Own { uid } | Self::Other { uid, .. } => uid,
        }
    }

    /// Makes `command` run as this account; if it is another one, supplementary groups are dropped.
    pub(super) fn apply_to(self, command: &mut Command) {
        if let Self::Other { uid, gid } = self {
            command.uid(uid).gid(gid);
        }
    }

    /// Changes the owner of `path` to this account.
    pub(super) fn own(self, path: &Path) -> io::Result<()> {
        match self {
            Self::Own { .. } => Ok(()),
            Self::Other { uid, gid } => chown(path, Some(uid), Some(gid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin\n\
        postgresql:x:1:1::/:/bin/sh\n\
        postgres:x:101:104:PostgreSQL administrator,,,:/var/lib/postgresql:/bin/bash\n";

    #[test]
    fn root_uses_postgres_or_nobody_and_others_their_own_account() {
        let without = |name: &str| {
            let lines = PASSWD.lines().filter(|line| !line.starts_with(name));
            lines.collect::<Vec<_>>().join("\n")
        };
        let lent = |uid, gid| Some(ServerAccount::Other { uid, gid });
        assert_eq!(ServerAccount::choose(0, PASSWD), lent(101, 104));
        assert_eq!(
            ServerAccount::choose(0, &without("postgres:")),
            lent(65_534, 65_533)
        );
        assert_eq!(
            ServerAccount::choose(0, "root:x:0:0::/:/bin/sh\nnobody:x\n"),
            None
        );
        assert_eq!(
            ServerAccount::choose(0, "postgres:x:0:0::/:/bin/sh"),
            None,
            "an alias of root is root"
        );
        assert_eq!(
            ServerAccount::choose(1_000, PASSWD),
            Some(ServerAccount::Own { uid: 1_000 })
        );
    }
}
