//! `gander publish`: runs become a site of plain files.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, anyhow};

use crate::cli::PublishArgs;
use crate::exit::Exit;
use crate::report::site::{INDEX_JSON, Labels, RUNS, Site, SiteRun};
use crate::report::text::clean;
use crate::report::{Renderer, Report, ReportHtml, SummaryJson};

use super::compare::runs_in;
use super::found_run::FoundRun;
use super::outputs::journal_in;
use super::publish_told::Done;
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
    let found: Result<Vec<FoundRun>, CommandError> =
        folders.iter().map(|run| FoundRun::of(run)).collect();
    let found = found?;
    let (folder, mut site) = SiteFolder::open(&args.site)?;
    for run_id in &args.remove {
        if site.runs().iter().all(|run| run.run_id != *run_id) {
            return Err(CommandError::Argument(anyhow!(
                "--remove {run_id}: the site has no such run; its {INDEX_JSON} lists them"
            )));
        }
    }
    let keep = args.keep.map(|keep| keep as usize);
    let new = new_runs(&found, &site, &args.remove)?;
    let labels = Labels {
        label: args.label.as_deref().map(clean),
        commit: args.commit.as_deref().map(clean),
        link: args.link.clone(),
    };
    let added = match keep {
        Some(keep) => kept_of(&new, &site, &args.remove, labels.label.as_deref(), keep),
        None => new.clone(),
    };
    let published = in_parallel(&added, |run| add(run, &labels, &folder))?;
    let before = site.clone();
    let known = known_runs(&found, &before, &args.remove);
    let damaged: Vec<&FoundRun> = known
        .values()
        .filter_map(|(found, _)| (!has_files(found, &folder)).then_some(*found))
        .collect();
    in_parallel(&damaged, |run| add(run, &labels, &folder))?;
    let removed = site.remove(&args.remove, None).into_iter();
    let mut removed: Vec<SiteRun> = removed.collect();
    for run in published {
        site.add(run);
    }
    removed.extend(site.remove(&[], keep));
    let made = write(&folder, &site)?;
    if !removed.is_empty() {
        remove(&folder, (&before, &site), &removed)?;
    }
    for warning in folder.unknown(&site, &made) {
        terminal::complain(&format!("{}\n", clean(&warning)));
    }
    if !args.quiet {
        let known: Vec<&SiteRun> = known.into_values().map(|(_, run)| run).collect();
        let done = Done {
            added: &added,
            known: &known,
            restored: damaged.len(),
            older: new.len() - added.len(),
            removed: &removed,
        };
        terminal::say(&done.told(&folder, &site, &labels))?;
    }
    Ok(Exit::Passed)
}

/// The runs that are not in the site, each once. A run id with two contents is refused.
fn new_runs<'f>(
    found: &'f [FoundRun],
    site: &Site,
    leaving: &[String],
) -> Result<Vec<&'f FoundRun>, CommandError> {
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

/// The scenario of a run, and its environment.
type Trend<'a> = (&'a str, Option<&'a str>);

/// The start of a run and its id, by which runs are ordered.
type Start<'a> = (&'a str, &'a str);

/// Those of new runs that are among the newest `keep` of their scenario, environment and label.
fn kept_of<'f>(
    new: &[&'f FoundRun],
    site: &Site,
    leaving: &[String],
    label: Option<&str>,
    keep: usize,
) -> Vec<&'f FoundRun> {
    let mut starts: BTreeMap<Trend<'_>, Vec<Start<'_>>> = BTreeMap::new();
    let staying = site
        .runs()
        .iter()
        .filter(|run| run.label.as_deref() == label && !leaving.contains(&run.run_id));
    for run in staying {
        let trend = (&*run.scenario, run.environment.as_deref());
        let start = (&*run.started_at, &*run.run_id);
        starts.entry(trend).or_default().push(start);
    }
    for run in new {
        starts.entry(run.trend()).or_default().push(run.start());
    }
    for starts in starts.values_mut() {
        starts.sort_unstable_by(|a, b| b.cmp(a));
        starts.truncate(keep);
    }
    let kept = new.iter().copied().filter(|run| {
        let kept = starts.get(&run.trend());
        kept.is_some_and(|kept| kept.contains(&run.start()))
    });
    kept.collect()
}

/// The runs that are in the site already and stay, each once by its id: the folder that was given, and its line of the index.
fn known_runs<'f>(
    found: &'f [FoundRun],
    site: &'f Site,
    leaving: &[String],
) -> BTreeMap<&'f str, (&'f FoundRun, &'f SiteRun)> {
    let lines = site.runs().iter().map(|run| (&*run.run_id, run));
    let lines: BTreeMap<&str, &SiteRun> = lines.collect();
    let given = found.iter().filter(|run| !leaving.contains(&run.run_id));
    given
        .filter_map(|run| Some((&*run.run_id, (run, *lines.get(&*run.run_id)?))))
        .collect()
}

/// True if the site has the files of a run.
fn has_files(run: &FoundRun, site: &SiteFolder) -> bool {
    let renderers = [&ReportHtml as &dyn Renderer, &SummaryJson];
    renderers.iter().all(|renderer| {
        let name = renderer.file_name();
        let path = site.path_of(&format!("{RUNS}/{}/{name}", run.run_id));
        path.is_file()
    })
}

/// Writes the report and the summary of a run into the site; returns its line for the index.
fn add(run: &FoundRun, labels: &Labels, site: &SiteFolder) -> Result<SiteRun, CommandError> {
    let journal = journal_in(&run.folder)?;
    let report =
        Report::build_profiled(&journal).map_err(|error| CommandError::Internal(error.into()))?;
    for renderer in [&ReportHtml as &dyn Renderer, &SummaryJson] {
        let name = renderer.file_name();
        let bytes = match run.own_file(name) {
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

/// Writes the index, and all that is made of it; returns the paths of the latter.
fn write(folder: &SiteFolder, site: &Site) -> Result<BTreeSet<String>, CommandError> {
    let internal = |error: crate::report::RenderError| CommandError::Internal(error.into());
    let index = site.to_text().map_err(internal)?;
    let files = site.files().map_err(internal)?;
    // Whatever stops the command from here on, the next one makes the pages of the same index.
    folder.write(INDEX_JSON, index.as_bytes())?;
    let mut made = BTreeSet::new();
    for file in files {
        folder.write(&file.path, &file.bytes)?;
        made.insert(file.path);
    }
    Ok(made)
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
