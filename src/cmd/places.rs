//! Checks output paths: no output may replace a file that the command reads or writes anyway, and no two may be
//! equal.

use std::fs;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf, absolute};

use anyhow::anyhow;

use super::CommandError;

/// The paths that a command line names, before anything is written.
pub(super) struct Places<'a> {
    /// Files that the command reads.
    pub(super) inputs: &'a [PathBuf],
    /// The folder for every output.
    pub(super) folder: &'a Path,
    /// Names of the files written to that folder.
    pub(super) names: &'a [&'static str],
    /// The options that name a file, each with its path.
    pub(super) options: &'a [(&'static str, &'a Path)],
}

impl Places<'_> {
    /// Refuses a path at which a file would be lost.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        self.fault()
            .map_or(Ok(()), |words| Err(CommandError::Argument(anyhow!(words))))
    }

    fn fault(&self) -> Option<String> {
        let folder = true_path(self.folder);
        let inputs: Vec<PathBuf> = self.inputs.iter().map(|path| true_path(path)).collect();
        for name in self.names {
            if inputs.contains(&folder.join(name)) {
                return Some(format!(
                    "the output folder {} is where {name} is, which is read: choose another folder with --out",
                    self.folder.display()
                ));
            }
        }
        let mut taken: Vec<(&str, PathBuf)> = Vec::new();
        for (option, path) in self.options {
            let shown = format!("{option} {}", path.display());
            let place = true_path(path);
            if inputs.contains(&place) {
                return Some(format!(
                    "{shown} is an input file, which the run would overwrite: choose another path"
                ));
            }
            if place.parent() == Some(&folder)
                && self.names.iter().any(|name| place.ends_with(name))
            {
                return Some(format!(
                    "{shown} is a file that the run writes anyway: leave {option} out, or choose another path"
                ));
            }
            if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == place) {
                return Some(format!(
                    "{other} and {option} name the same file, {}: choose different files",
                    path.display()
                ));
            }
            if !is_device(path) {
                taken.push((option, place));
            }
        }
        None
    }
}

/// A device has no content that could be lost.
fn is_device(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|found| found.file_type().is_char_device())
}

/// The path with links resolved, as far as it exists.
fn true_path(path: &Path) -> PathBuf {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut ancestors = path.ancestors();
    let found = ancestors.find_map(|ancestor| Some((ancestor, fs::canonicalize(ancestor).ok()?)));
    match found {
        Some((ancestor, found)) => match path.strip_prefix(ancestor) {
            Ok(rest) if !rest.as_os_str().is_empty() => found.join(rest),
            _ => found,
        },
        None => path,
    }
}
