//! An initialised PostgreSQL cluster, created once and then copied: a copy takes a sixth of the time of `initdb`.
//!
//! Templates are stored next to the private directories, in a directory that belongs to the server's account and that
//! no other user can enter; any other directory is not trusted. They appear atomically by renaming, so concurrent
//! starts need no lock.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::Command;

use super::ServicesError;
use super::account::ServerAccount;
use super::directory::{Directory, prepare};

/// Increased when the initialisation changes.
const REVISION: u32 = 1;
/// Cleaners of temporary directories remove single files that were unused for days.
const FRESH_FOR: Duration = Duration::from_hours(48);

/// Creates a cluster with superuser `folio` in `directory/data`.
pub(super) async fn cluster(programs: &Path, directory: &Directory) -> Result<(), ServicesError> {
    let account = directory.account();
    let version = run(
        "postgres",
        Command::new(programs.join("postgres")).arg("--version"),
        account,
    )
    .await?;
    let template = place(directory).map(|templates| templates.join(name(&version)));
    let data = directory.path().join("data");
    if let Some(template) = &template
        && is_fresh(template)
        && copy(template, &data, account).await.is_ok()
    {
        return Ok(());
    }
    // The remains of a failed copy.
    let remains = fs::remove_dir_all(&data);
    if let Err(error) = remains
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(ServicesError::Directory(error));
    }
    run(
        "initdb",
        Command::new(programs.join("initdb"))
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=folio", "--encoding=UTF8", "--locale=C"])
            // Authentication is configured in the server's own pg_hba.conf.
            .args(["--auth=reject", "--no-sync"]),
        account,
    )
    .await?;
    if let Some(template) = template {
        let copied = directory.path().join("template");
        // Without a template only the next start is slower.
        if copy(&data, &copied, account).await.is_ok() {
            // Removes an old template by moving it into the private directory.
            let _ = fs::rename(&template, directory.path().join("stale"));
            let _ = fs::rename(&copied, &template);
        }
    }
    Ok(())
}

/// The directory of templates next to `directory`, created if missing; `None` if it cannot be trusted.
fn place(directory: &Directory) -> Option<PathBuf> {
    let account = directory.account();
    let place = directory
        .path()
        .parent()?
        .join(format!("folio-templates-{}", account.uid()));
    if fs::symlink_metadata(&place).is_err() {
        let made = directory.path().join("templates");
        DirBuilder::new().mode(0o700).create(&made).ok()?;
        account.own(&made).ok()?;
        // Another start may have created it first; the existing one is used.
        let _ = fs::rename(&made, &place);
    }
    is_trusted(&place, account.uid()).then_some(place)
}

/// Whether it is a directory, not a link, that only `owner` can enter.
fn is_trusted(place: &Path, owner: u32) -> bool {
    fs::symlink_metadata(place)
        .is_ok_and(|found| found.is_dir() && found.uid() == owner && found.mode() & 0o777 == 0o700)
}

fn is_fresh(template: &Path) -> bool {
    let age = fs::metadata(template)
        .and_then(|found| found.modified())
        .map(|made| SystemTime::now().duration_since(made).unwrap_or_default());
    age.is_ok_and(|age| age < FRESH_FOR)
}

/// Name of the template for this version.
fn name(version: &str) -> String {
    let version: String = version
        .trim()
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '+' => letter,
            _ => '_',
        })
        .collect();
    format!("{version}-r{REVISION}")
}

/// Copies with a program that runs as the account, so that no link is followed that the account could not follow.
async fn copy(from: &Path, to: &Path, account: ServerAccount) -> Result<(), ServicesError> {
    run("cp", Command::new("cp").arg("-R").args([from, to]), account)
        .await
        .map(drop)
}

/// Runs a program to its end; returns its standard output.
async fn run(
    program: &'static str,
    command: &mut Command,
    account: ServerAccount,
) -> Result<String, ServicesError> {
    prepare(command.as_std_mut(), account);
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| ServicesError::Run { program, source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(ServicesError::Preparation {
            program,
            status: output.status,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn only_a_closed_directory_of_the_right_owner_is_trusted() {
        let parent = tempfile::tempdir().expect("a directory");
        let place = parent.path().join("place");
        DirBuilder::new()
            .mode(0o700)
            .create(&place)
            .expect("a directory");
        let owner = fs::metadata(&place).expect("its owner").uid();
        assert!(is_trusted(&place, owner));
        assert!(!is_trusted(&place, owner + 1));
        let link = parent.path().join("link");
        symlink(&place, &link).expect("a link");
        assert!(!is_trusted(&link, owner));
        fs::set_permissions(&place, fs::Permissions::from_mode(0o750)).expect("its mode");
        assert!(!is_trusted(&place, owner));
        assert!(!is_trusted(&parent.path().join("nothing"), owner));
    }

    #[test]
    fn a_template_is_named_after_its_version() {
        assert_eq!(
            name("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            format!("postgres__PostgreSQL__15.14__Debian_15.14-0+deb12u1_-r{REVISION}")
        );
    }
}
