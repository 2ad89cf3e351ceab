//! The folder of a site: locked while a command writes to it, each file replaced in one atomic step.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::report::site::{INDEX_JSON, MADE, RUNS, Site};
use crate::report::{Renderer as _, SummaryJson};
use crate::units::show_counted;

use super::output_file::{Existing, OutputFile};
use super::{CommandError, terminal};

/// The file that a publisher locks.
const LOCK_FILE: &str = ".gander.lock";

/// The largest index that is read; a run takes some 1.5 KiB of it.
const LARGEST: u64 = 256 << 20;

/// A site's folder; no other command changes it as long as the value lives.
pub(super) struct SiteFolder {
    path: PathBuf,
    _lock: File,
}

impl SiteFolder {
    /// Locks a folder, which is created, and reads its site. Waits until no other command changes it.
    pub(super) fn open(path: &Path) -> Result<(Self, Site), CommandError> {
        Self::try_open(path).map_err(CommandError::Argument)
    }

    fn try_open(path: &Path) -> anyhow::Result<(Self, Site)> {
        let shown = path.display();
        if path.exists() && !path.is_dir() {
            return Err(anyhow!("--site {shown} is a file: name a folder"));
        }
        for name in MADE.into_iter().chain([RUNS, INDEX_JSON, LOCK_FILE]) {
            refuse_links(path, name)?;
        }
        refuse_foreign(path)?;
        fs::create_dir_all(path).with_context(|| {
            format!("cannot create the site folder {shown}: choose another with --site")
        })?;
        let lock_file = path.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_file)
            .with_context(|| {
                format!("cannot write to the site folder {shown}: make it writable, or choose another with --site")
            })?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => lock
                .lock()
                .with_context(|| format!("cannot lock {}", lock_file.display()))?,
            Err(TryLockError::Error(_)) => terminal::complain(&format!(
                "warning: the file system of {shown} has no locks: publish from one place at a time, or a run can be lost\n"
            )),
        }
        // Another publisher may have made the site while this one waited.
        let site = read(path)?.unwrap_or_default();
        for run in site.runs() {
            refuse_links(path, &format!("{RUNS}/{}", run.run_id))?;
        }
        let folder = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        Ok((folder, site))
    }

    /// Writes a file of the site, unless it has this content already.
    pub(super) fn write(&self, relative: &str, bytes: &[u8]) -> Result<(), CommandError> {
        let path = self.checked(relative)?;
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot create {}", parent.display()))
                .map_err(CommandError::Argument)?;
        }
        OutputFile::open(&path, Existing::Replace)?.write(bytes)
    }

    /// Removes a file of the site, and its folder if that is empty then.
    pub(super) fn remove(&self, relative: &str) -> Result<(), CommandError> {
        let path = self.checked(relative)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let context = format!("cannot remove {}", path.display());
                return Err(CommandError::Argument(anyhow!(error).context(context)));
            }
            _ => {}
        }
        if let Some(parent) = path.parent() {
            // Fails if other files are in it, which stay.
            fs::remove_dir(parent).ok();
        }
        Ok(())
    }

    /// The path of a file of the site, which no link leads out of it.
    fn checked(&self, relative: &str) -> Result<PathBuf, CommandError> {
        refuse_links(&self.path, relative).map_err(CommandError::Argument)?;
        Ok(self.path.join(relative))
    }

    /// Warnings about folders of runs that the index does not list, and about pages and badges that are not made of it.
    pub(super) fn unknown(&self, site: &Site, made: &BTreeSet<String>) -> Vec<String> {
        let shown = self.path.display();
        let listed: BTreeSet<&str> = site.runs().iter().map(|run| &*run.run_id).collect();
        let mut runs = names_in(&self.path.join(RUNS));
        runs.retain(|name| {
            let folder = self.path.join(RUNS).join(name);
            !listed.contains(&**name) && folder.join(SummaryJson.file_name()).is_file()
        });
        let mut pages = Vec::new();
        for (folder, ending) in [("scenarios", ".html"), ("badges", ".svg")] {
            let names = names_in(&self.path.join(folder)).into_iter();
            let paths = names.map(|name| format!("{folder}/{name}"));
            pages.extend(paths.filter(|path| path.ends_with(ending) && !made.contains(path)));
        }
        let runs = runs.first().map(|first| {
            let count = show_counted(runs.len() as u64, "folder");
            format!(
                "warning: {shown}/{RUNS} has {count} of runs that {INDEX_JSON} does not list, such as {first}: publish these runs \
                 again, or remove the folders"
            )
        });
        let pages = pages.first().map(|first| {
            let count = show_counted(pages.len() as u64, "file");
            format!("warning: {shown} has {count} of no run in {INDEX_JSON}, such as {first}: remove them, or publish their runs")
        });
        runs.into_iter().chain(pages).collect()
    }

    /// The path of a file of the site.
    pub(super) fn path_of(&self, relative: &str) -> PathBuf {
        self.path.join(relative)
    }
}

/// The names in a folder, in order; none if there is no folder.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// Refuses a link at a path below a folder, and at each folder on the way to it: a site is often a branch that others write to.
fn refuse_links(folder: &Path, relative: &str) -> anyhow::Result<()> {
    let mut path = folder.to_owned();
    for part in Path::new(relative).components().map(Component::as_os_str) {
        path.push(part);
        if path
            .symlink_metadata()
            .is_ok_and(|found| found.is_symlink())
        {
            return Err(anyhow!(
                "cannot publish into {}: {} is a link, and links are not followed; remove the link",
                folder.display(),
                path.display()
            ));
        }
    }
    Ok(())
}

/// Refuses a folder without a site that holds files with the names of a site's.
fn refuse_foreign(path: &Path) -> anyhow::Result<()> {
    if path.join(INDEX_JSON).exists() {
        return Ok(());
    }
    let names = MADE.into_iter().chain([RUNS]);
    let foreign = names
        .map(|name| path.join(name))
        .find(|path| path.symlink_metadata().is_ok());
    // A publisher that was killed may have left a folder of runs, next to the lock.
    let foreign = foreign.filter(|_| !path.join(LOCK_FILE).exists());
    foreign.map_or(Ok(()), |foreign| {
        Err(anyhow!(
            "{} is there, and {} is no site that `gander publish` made: choose another folder with --site, so that no file is \
             replaced",
            foreign.display(),
            path.display()
        ))
    })
}

/// The site in a folder; `None` if there is none.
fn read(path: &Path) -> anyhow::Result<Option<Site>> {
    let index = path.join(INDEX_JSON);
    if let Ok(found) = fs::symlink_metadata(&index)
        && (!found.is_file() || found.len() > LARGEST)
    {
        return Err(anyhow!(
            "{} is no index of a site: expected a file of {} MiB at most",
            index.display(),
            LARGEST >> 20
        ));
    }
    let text = match fs::read_to_string(&index) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", index.display()));
        }
    };
    let site = Site::parse(&text).with_context(|| {
        format!(
            "cannot publish into {}: its {INDEX_JSON} cannot be used",
            path.display()
        )
    })?;
    Ok(Some(site))
}
