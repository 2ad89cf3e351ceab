//! `gander publish`: runs become a site of plain files.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, anyhow};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::cli::PublishArgs;
use crate::exit::Exit;
use crate::record::journal::RUN_FILE;
use crate::report::site::{INDEX_JSON, Labels, RUNS, Site, SiteRun, is_folder_name};
use crate::report::text::clean;
use crate::report::{Renderer, Report, ReportHtml, SummaryJson};
use crate::source::hex;
use crate::units::{show_count, show_counted};

use super::compare::runs_in;
use super::outputs::{journal_files, journal_in};
use super::site_folder::SiteFolder;
use super::{CommandError, terminal};

pub(super) fn publish(args: &PublishArgs) -> Result<Exit, CommandError> {
    let each: Result<Vec<Vec<PathBuf>>, CommandError> =
        args.runs.iter().map(|folder| runs_in(folder)).collect();
    let folders = each?.concat();
    if folders.is_empty() && !args.site.join(INDEX_JSON).is_file() {
        return Err(CommandError::Argument(anyhow!(
            "there is no site in {}: `gander publish RUN --site {}` makes one",
            args.site.display(),
            args.site.display()
        )));
    }
    let found: Result<Vec<Found>, CommandError> =
        folders.iter().map(|run| Found::of(run)).collect();
    let found = found?;
    let (folder, mut site) = SiteFolder::open(&args.site)?;
    for run_id in &args.remove {
        if site.runs().iter().all(|run| run.run_id != *run_id) {
            return Err(CommandError::Argument(anyhow!(
                "--remove {run_id}: the site has no such run; its {INDEX_JSON} lists them"
            )));
        }
    }
    let new = new_runs(&found, &site, &args.remove)?;
    let labels = Labels {
        label: args.label.as_deref().map(clean),
        commit: args.commit.as_deref().map(clean),
        link: args.link.clone(),
    };
    let published = in_parallel(&new, |run| add(run, &labels, &folder))?;
    let before = site.clone();
    let removed = site.remove(&args.remove, None).into_iter();
    let mut removed: Vec<SiteRun> = removed.collect();
    let added = published.len();
    for run in published {
        site.add(run);
    }
    removed.extend(site.remove(&[], args.keep.map(|keep| keep as usize)));
    write(&folder, &site)?;
    if !removed.is_empty() {
        remove(&folder, (&before, &site), &removed)?;
    }
    if !args.quiet {
        let known = found.len() - added;
        terminal::say(&told(&folder, &site, (added, known), &new, &removed))?;
    }
    Ok(Exit::Passed)
}

/// A folder of a run.
struct Found {
    folder: PathBuf,
    run_id: String,
    /// SHA-256 of its journal.
    sha256: String,
}

impl Found {
    fn of(folder: &Path) -> Result<Self, CommandError> {
        /// The part of `run.json` that is needed to know the run.
        #[derive(Deserialize)]
        struct Identity {
            run_id: String,
        }
        // A run in progress would be published as interrupted, and could not be published again at its end.
        let lock = File::open(folder)
            .with_context(|| format!("cannot read {}", folder.display()))
            .map_err(CommandError::Argument)?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock_shared() {
            return Err(CommandError::Argument(anyhow!(
                "the run in {} has not ended: publish it when it has",
                folder.display()
            )));
        }
        let mut digest = Sha256::new();
        for path in journal_files(folder) {
            match fs::read(&path) {
                Ok(bytes) => digest.update(Sha256::digest(bytes)),
                // It names the file that is missing.
                Err(_) => {
                    journal_in(folder)?;
                }
            }
        }
        let header = fs::read_to_string(folder.join(RUN_FILE)).unwrap_or_default();
        let Ok(Identity { run_id }) = serde_json::from_str(&header) else {
            let journal = journal_in(folder)?;
            return Err(CommandError::Argument(anyhow!(
                "{} changed while it was read: publish it again",
                journal.dir().display()
            )));
        };
        if !is_folder_name(&run_id) {
            return Err(CommandError::Argument(anyhow!(
                "{} has the run id {run_id:?}, which is no name of a folder: expected letters, digits, dots, dashes and \
                 underscores",
                folder.join(RUN_FILE).display()
            )));
        }
        Ok(Self {
            folder: folder.to_owned(),
            run_id,
            sha256: hex(&digest.finalize()),
        })
    }
}

/// The runs that are not in the site, each once. A run id with two contents is refused.
fn new_runs<'f>(
    found: &'f [Found],
    site: &Site,
    leaving: &[String],
) -> Result<Vec<&'f Found>, CommandError> {
    let mut known: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for run in site
        .runs()
        .iter()
        .filter(|run| !leaving.contains(&run.run_id))
    {
        known.insert(&run.run_id, (&run.journal_sha256, "the site".to_owned()));
    }
    let mut new = Vec::new();
    for run in found {
        match known.get(&*run.run_id) {
            None => {
                let place = run.folder.display().to_string();
                known.insert(&run.run_id, (&run.sha256, place));
                new.push(run);
            }
            Some((sha256, _)) if *sha256 == run.sha256 => {}
            Some((_, place)) => {
                return Err(CommandError::Argument(anyhow!(
                    "run {id} in {folder} has another content than run {id} in {place}: a run is published once; if this one is \
                     right, add `--remove {id}`",
                    id = run.run_id,
                    folder = run.folder.display()
                )));
            }
        }
    }
    Ok(new)
}

/// Writes the report and the summary of a run into the site; returns its line for the index.
fn add(run: &Found, labels: &Labels, site: &SiteFolder) -> Result<SiteRun, CommandError> {
    let journal = journal_in(&run.folder)?;
    let report =
        Report::build_profiled(&journal).map_err(|error| CommandError::Internal(error.into()))?;
    for renderer in [&ReportHtml as &dyn Renderer, &SummaryJson] {
        let name = renderer.file_name();
        let bytes = match own_file(&run.folder.join(name), &run.run_id) {
            Some(bytes) => bytes,
            None => renderer
                .render(&report)
                .map_err(|error| CommandError::Internal(error.into()))?,
        };
        site.write(&format!("{RUNS}/{}/{name}", run.run_id), &bytes)?;
    }
    SiteRun::of(&report, labels, run.sha256.clone())
        .context("the report has no figures")
        .map_err(CommandError::Internal)
}

/// A file that the run has written itself; `None` if there is none, or one of an earlier run in the same folder.
fn own_file(path: &Path, run_id: &str) -> Option<Vec<u8>> {
    let text = fs::read_to_string(path).ok()?;
    let own = [
        format!("from the journal of run <code>{run_id}</code>"),
        format!("\n  \"run_id\": \"{run_id}\",\n"),
    ];
    own.iter()
        .any(|mark| text.contains(mark))
        .then(|| text.into_bytes())
}

/// Does the work for each item, on as many threads as there are cores; the results are in order. Ends with the first error.
fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R, CommandError> + Sync,
) -> Result<Vec<R>, CommandError> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicUsize::new(0);
    let mut results: Vec<(usize, Result<R, CommandError>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.min(items.len()))
            .map(|_| {
                scope.spawn(|| {
                    let mut own = Vec::new();
                    while let Some((index, item)) = {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        items.get(index).map(|item| (index, item))
                    } {
                        let result = work(item);
                        if result.is_err() {
                            // The others have no work after this one.
                            next.store(items.len(), Ordering::Relaxed);
                        }
                        own.push((index, result));
                    }
                    own
                })
            })
            .collect();
        let ended = workers.into_iter().map(thread::ScopedJoinHandle::join);
        let ended: Vec<_> = ended.collect();
        ended
            .into_iter()
            .flat_map(|own| own.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Writes the index, and all that is made of it.
fn write(folder: &SiteFolder, site: &Site) -> Result<(), CommandError> {
    let internal = |error: crate::report::RenderError| CommandError::Internal(error.into());
    let index = site.to_text().map_err(internal)?;
    let files = site.files().map_err(internal)?;
    // Whatever stops the command from here on, the next one makes the pages of the same index.
    folder.write(INDEX_JSON, index.as_bytes())?;
    for file in files {
        folder.write(&file.path, &file.bytes)?;
    }
    Ok(())
}

/// Removes the files of runs that are in the site no longer, and the pages of scenarios without runs.
fn remove(
    folder: &SiteFolder,
    (before, after): (&Site, &Site),
    removed: &[SiteRun],
) -> Result<(), CommandError> {
    let paths = |site: &Site| -> Result<BTreeSet<String>, CommandError> {
        let files = site
            .files()
            .map_err(|error| CommandError::Internal(error.into()))?;
        Ok(files.into_iter().map(|file| file.path).collect())
    };
    let kept: BTreeSet<&str> = after.runs().iter().map(|run| &*run.run_id).collect();
    for run in removed.iter().filter(|run| !kept.contains(&*run.run_id)) {
        for renderer in [&ReportHtml as &dyn Renderer, &SummaryJson] {
            folder.remove(&format!("{RUNS}/{}/{}", run.run_id, renderer.file_name()))?;
        }
    }
    for path in paths(before)?.difference(&paths(after)?) {
        folder.remove(path)?;
    }
    Ok(())
}

/// What was done, and the changes that begin with or before the new runs.
fn told(
    folder: &SiteFolder,
    site: &Site,
    (added, known): (usize, usize),
    new: &[&Found],
    removed: &[SiteRun],
) -> String {
    let scenarios = site.trends();
    let runs = site.runs().len();
    let repeated = match known {
        0 => String::new(),
        known => format!(", {} there already", show_count(known as u64)),
    };
    let mut text = format!(
        "{}: {} added{repeated}; {} of {}\n",
        folder.path_of("index.html").display(),
        show_counted(added as u64, "run"),
        show_counted(runs as u64, "run"),
        show_counted(scenarios.len() as u64, "scenario")
    );
    // Writing into a String cannot fail.
    for run in removed {
        let _ = writeln!(text, "  removed {} ({})", run.run_id, run.started_at);
    }
    let is_new = |run: &&SiteRun| new.iter().any(|new| new.run_id == run.run_id);
    for (scenario, trends) in &scenarios {
        for trend in trends.iter().filter(|trend| trend.runs.iter().any(is_new)) {
            for change in trend.latest_changes() {
                let _ = writeln!(
                    text,
                    "  {scenario}: {} {} ({}) since {}, run {}{}",
                    change.figure,
                    change.change,
                    if change.is_worse { "worse" } else { "better" },
                    change.since,
                    change.run_id,
                    change.conditions()
                );
            }
        }
    }
    text.lines().map(|line| clean(line) + "\n").collect()
}
