//! Finds the servers' programs, and lists the packages to install if they are missing.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Directories in which distributions keep `VERSION/bin`.
const VERSIONED: [&str; 1] = ["/usr/lib/postgresql"];

/// Programs that were not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingProgram {
    /// Their names.
    pub programs: &'static str,
    /// The searched places.
    pub looked_in: &'static str,
    /// The Debian package that contains them.
    pub package: &'static str,
}

/// All programs that must be installed before private servers can be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct MissingPrograms(pub Vec<MissingProgram>);

impl fmt::Display for MissingPrograms {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for MissingProgram {
            programs,
            looked_in,
            ..
        } in &self.0
        {
            write!(out, "cannot find {programs} in {looked_in}; ")?;
        }
        let packages: Vec<_> = self.0.iter().map(|absent| absent.package).collect();
        let packages = packages.join(" ");
        write!(
            out,
            "install the missing packages (apt-get install {packages})"
        )?;
        out.write_str(" or set DATABASE_URL and REDIS_URL to running servers")
    }
}

/// Fails with all missing programs.
pub(super) fn find_all() -> Result<(), MissingPrograms> {
    let missing = [postgres_directory().err(), redis_server().err()];
    let missing: Vec<_> = missing
        .into_iter()
        .flatten()
        .flat_map(|MissingPrograms(programs)| programs)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(MissingPrograms(missing))
    }
}

/// The directory of `postgres` and `initdb`.
pub(super) fn postgres_directory() -> Result<PathBuf, MissingPrograms> {
    let path = env::var_os("PATH").unwrap_or_default();
    in_path(&path, "postgres")
        // Some systems have only `postgres` in PATH, as a link into the directory with the others.
        .and_then(|postgres| fs::canonicalize(postgres).ok())
        .and_then(|postgres| postgres.parent().map(Path::to_owned))
        .filter(|directory| is_complete(directory))
        .or_else(|| by_configuration(&path))
        .or_else(|| newest(&VERSIONED))
        .ok_or_else(|| {
            MissingPrograms(vec![MissingProgram {
                programs: "postgres and initdb",
                looked_in: "PATH, `pg_config --bindir` and /usr/lib/postgresql/*/bin",
                package: "postgresql",
            }])
        })
}

/// `redis-server`.
pub(super) fn redis_server() -> Result<PathBuf, MissingPrograms> {
    let path = env::var_os("PATH").unwrap_or_default();
    in_path(&path, "redis-server").ok_or_else(|| {
        MissingPrograms(vec![MissingProgram {
            programs: "redis-server",
            looked_in: "PATH",
            package: "redis-server",
        }])
    })
}

fn in_path(path: &OsStr, program: &str) -> Option<PathBuf> {
    env::split_paths(path)
        .map(|directory| directory.join(program))
        .find(|file| is_runnable(file))
}

fn by_configuration(path: &OsStr) -> Option<PathBuf> {
    let output = Command::new(in_path(path, "pg_config")?)
        .arg("--bindir")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let directory = PathBuf::from(String::from_utf8(output.stdout).ok()?.trim());
    is_complete(&directory).then_some(directory)
}

/// `ROOT/VERSION/bin` of the highest version.
fn newest(roots: &[&str]) -> Option<PathBuf> {
    let versions = roots.iter().filter_map(|root| fs::read_dir(root).ok());
    versions
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version: Vec<u32> = name
                .to_str()?
                .split('.')
                .map(|part| part.parse().ok())
                .collect::<Option<_>>()?;
            let directory = entry.path().join("bin");
            is_complete(&directory).then_some((version, directory))
        })
        .max()
        .map(|(_, directory)| directory)
}

fn is_complete(directory: &Path) -> bool {
    is_runnable(&directory.join("postgres")) && is_runnable(&directory.join("initdb"))
}

fn is_runnable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(file: &Path, mode: u32) {
        fs::create_dir_all(file.parent().expect("a parent")).expect("a directory");
        fs::write(file, "#!/bin/sh\n").expect("a file");
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    #[test]
    fn the_highest_version_that_is_complete_is_taken() {
        let root = tempfile::tempdir().expect("a directory");
        for version in ["9.6", "15", "16"] {
            let directory = root.path().join(version).join("bin");
            program(&directory.join("postgres"), 0o755);
            let initdb_mode = if version == "16" { 0o644 } else { 0o755 };
            program(&directory.join("initdb"), initdb_mode);
        }
        let roots = [root.path().to_str().expect("text"), "/nowhere"];
        assert_eq!(newest(&roots), Some(root.path().join("15/bin")));
    }

    #[test]
    fn only_executables_are_found_in_the_path() {
        let one = tempfile::tempdir().expect("a directory");
        let other = tempfile::tempdir().expect("a directory");
        program(&one.path().join("redis-server"), 0o644);
        program(&other.path().join("redis-server"), 0o755);
        let path = env::join_paths([one.path(), other.path()]).expect("a path");
        assert_eq!(
            in_path(&path, "redis-server"),
            Some(other.path().join("redis-server"))
        );
        assert_eq!(in_path(&path, "postgres"), None);
    }

    #[test]
    fn missing_programs_are_reported_with_the_install_command() {
        let absent = |programs, package| MissingProgram {
            programs,
            looked_in: "PATH",
            package,
        };
        let error = MissingPrograms(vec![
            absent("postgres and initdb", "postgresql"),
            absent("redis-server", "redis-server"),
        ]);
        assert_eq!(
            error.to_string(),
            "cannot find postgres and initdb in PATH; cannot find redis-server in PATH; install the missing packages \
             (apt-get install postgresql redis-server) or set DATABASE_URL and REDIS_URL to running servers"
        );
    }
}
