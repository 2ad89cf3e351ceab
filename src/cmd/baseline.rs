//! `gander baseline`: runs kept in a small file that later runs are compared with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::cli::{
    BaselineAddArgs, BaselineCommand, BaselineFile, BaselineListArgs, BaselinePruneArgs,
    BaselineShowArgs, MissingBaseline,
};
use crate::compare::{Baseline, DEFAULT_GATES, Profile, Scale, show_change};
use crate::exit::Exit;
use crate::record::journal::BaselineRecord;
use crate::report::text::clean;
use crate::units::{Micros, show_count};
use crate::verdict::Conclusion;

use super::compare::{read_runs, runs_in};
use super::output_file::{Existing, OutputFile};
use super::{CommandError, terminal};

/// The largest file that is read; a baseline has some tens of KiB.
const LARGEST: u64 = 16 << 20;

/// The folder of baselines that are given by name.
const FOLDER: &str = "baselines";

pub(super) fn baseline(command: &BaselineCommand) -> Result<Exit, CommandError> {
    match command {
        BaselineCommand::Add(args) => add(args),
        BaselineCommand::List(args) => list(args),
        BaselineCommand::Show(args) => show(args),
        BaselineCommand::Prune(args) => prune(args),
    }
}

/// The file of a baseline given as a path or as a name: a name has neither a separator nor an extension.
pub(super) fn path_of(place: &Path) -> PathBuf {
    let is_name = place.components().count() == 1 && place.extension().is_none();
    if is_name && !place.is_file() {
        Path::new(FOLDER).join(place).with_extension("json")
    } else {
        place.to_owned()
    }
}

/// The baseline in a file.
pub(super) fn read(path: &Path) -> Result<Baseline, CommandError> {
    match try_read(path)? {
        Some(baseline) => Ok(baseline),
        None => Err(CommandError::Argument(anyhow!(
            "there is no baseline {}: make it with `gander baseline add RUN`",
            path.display()
        ))),
    }
}

/// The baseline in a file; `None` if there is no file.
pub(super) fn try_read(path: &Path) -> Result<Option<Baseline>, CommandError> {
    if let Ok(found) = fs::metadata(path)
        && (!found.is_file() || found.len() > LARGEST)
    {
        return Err(CommandError::Argument(anyhow!(
            "{} is no baseline: expected a file of {} MiB at most",
            path.display(),
            LARGEST >> 20
        )));
    }
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let context = format!("cannot read the baseline {}", path.display());
            return Err(CommandError::Argument(anyhow!(error).context(context)));
        }
    };
    Baseline::parse(&text)
        .with_context(|| format!("cannot use {}", path.display()))
        .map(Some)
        .map_err(CommandError::Argument)
}

/// Waits until no other command changes a baseline in this folder, which is created. The lock lasts as long as the value.
pub(super) fn lock(path: &Path) -> Result<Option<File>, CommandError> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {}", folder.display()))
        .map_err(CommandError::Argument)?;
    let folder = File::open(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))
        .map_err(CommandError::Argument)?;
    // A file system without locks cannot help here.
    Ok(folder.lock().is_ok().then_some(folder))
}

/// Writes a baseline into an existing folder.
pub(super) fn write(path: &Path, baseline: &Baseline) -> Result<(), CommandError> {
    let text = baseline
        .to_text()
        .context("cannot write the baseline as JSON")
        .map_err(CommandError::Internal)?;
    OutputFile::open(path, Existing::Replace)?.write(text.as_bytes())
}

/// The baseline of a run, as its header keeps it.
pub(super) fn record(
    place: &Path,
    missing: MissingBaseline,
) -> Result<BaselineRecord, CommandError> {
    let path = path_of(place);
    // A faulty file is refused before the run.
    let content = match try_read(&path)? {
        Some(baseline) => Some(to_json(&baseline)?),
        None => None,
    };
    Ok(BaselineRecord {
        file: path.display().to_string(),
        content,
        may_be_missing: missing == MissingBaseline::Ok,
    })
}

fn to_json(baseline: &Baseline) -> Result<serde_json::Value, CommandError> {
    let text = baseline.to_text();
    text.and_then(|text| serde_json::from_str(&text))
        .context("cannot write the baseline as JSON")
        .map_err(CommandError::Internal)
}

impl BaselineFile {
    pub(super) fn path(&self) -> PathBuf {
        self.baseline_file
            .clone()
            .unwrap_or_else(|| Path::new(FOLDER).join(&self.name).with_extension("json"))
    }
}

fn add(args: &BaselineAddArgs) -> Result<Exit, CommandError> {
    let path = args.baseline.path();
    let _lock = lock(&path)?;
    let mut baseline = try_read(&path)?.unwrap_or_default();
    let each: Result<Vec<Vec<PathBuf>>, CommandError> =
        args.runs.iter().map(|folder| runs_in(folder)).collect();
    let side = read_runs(&each?.concat())?;
    let (mut added, mut known) = (0, 0);
    for report in side.reports {
        let Some(profile) = report.profile else {
            continue;
        };
        refuse_useless(&profile)?;
        let is_known = |run: &Profile| run.facts.run_id == profile.facts.run_id;
        if baseline.runs.iter().any(is_known) {
            known += 1;
            continue;
        }
        added += 1;
        baseline.runs.push(*profile);
    }
    write(&path, &baseline)?;
    let runs = baseline.runs.len();
    let enough = match runs {
        0..3 => "; a comparison needs three at least, ten are enough",
        _ => "",
    };
    let repeated = match known {
        0 => String::new(),
        known => format!(", {known} were there already"),
    };
    let word = if runs == 1 { "run" } else { "runs" };
    terminal::say(&format!(
        "{}: {added} added{repeated}; {runs} {word}{enough}\n",
        path.display()
    ))?;
    Ok(Exit::Passed)
}

/// A run that is no measurement would spoil every later comparison.
pub(super) fn refuse_useless(profile: &Profile) -> Result<(), CommandError> {
    let facts = &profile.facts;
    let reason = if facts.verdict == Conclusion::Invalid || !facts.is_whole {
        &facts.reason
    } else if facts.requests == 0 || facts.failed == facts.requests {
        "no request succeeded"
    } else {
        return Ok(());
    };
    Err(CommandError::Argument(anyhow!(
        "run {} is no measurement to compare with: {reason}",
        facts.run_id
    )))
}

fn list(args: &BaselineListArgs) -> Result<Exit, CommandError> {
    let entries = match fs::read_dir(&args.folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            terminal::say(&format!(
                "no baselines: the folder {} does not exist\n",
                args.folder.display()
            ))?;
            return Ok(Exit::Passed);
        }
        Err(error) => {
            let context = format!("cannot read {}", args.folder.display());
            return Err(CommandError::Argument(anyhow!(error).context(context)));
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    paths.sort();
    let mut text = String::new();
    for path in paths {
        let line = match read(&path) {
            Ok(baseline) => summary_line(&baseline),
            Err(failure) => failure.to_string(),
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let _ = writeln!(text, "{name:<16}  {line}");
    }
    if text.is_empty() {
        text = format!("no baselines in {}\n", args.folder.display());
    }
    terminal::say(&without_codes(&text))?;
    Ok(Exit::Passed)
}

/// Each line without terminal codes, which a name in a file can contain.
fn without_codes(text: &str) -> String {
    text.lines().map(|line| clean(line) + "\n").collect()
}

/// `10 runs of checkout, 2026-11-01 to 2026-11-29, noise floor from 6 runs`
fn summary_line(baseline: &Baseline) -> String {
    let runs = &baseline.runs;
    let mut scenarios: Vec<&str> = runs.iter().map(|run| &*run.facts.scenario).collect();
    scenarios.sort_unstable();
    scenarios.dedup();
    let day = |run: Option<&Profile>| {
        run.map_or_else(String::new, |run| {
            run.facts.started_at.chars().take(10).collect()
        })
    };
    let noise = match &baseline.noise[..] {
        [] => "no noise floor".to_owned(),
        [noise] => format!("noise floor from {} runs", noise.runs),
        several => format!("noise floors of {} scenarios", several.len()),
    };
    if runs.is_empty() {
        return format!("no runs, {noise}");
    }
    format!(
        "{} runs of {}, {} to {}, {noise}",
        runs.len(),
        scenarios.join(", "),
        day(runs.first()),
        day(runs.last())
    )
}

fn show(args: &BaselineShowArgs) -> Result<Exit, CommandError> {
    let path = args.baseline.path();
    let baseline = read(&path)?;
    let mut text = format!("{}: {}\n\n", path.display(), summary_line(&baseline));
    let _ = writeln!(
        text,
        "  {:<44} {:>10} {:>10} {:>10} {:>8}  workload",
        "run", "requests", "p50", "p95", "failed"
    );
    for run in &baseline.runs {
        let time = |name: &str| {
            run.reading(name).map_or_else(
                || "–".to_owned(),
                |reading| Micros(reading.value.exp().round() as u64).to_string(),
            )
        };
        let hash = run.facts.workload_hash.as_deref().unwrap_or("unknown");
        let _ = writeln!(
            text,
            "  {:<44} {:>10} {:>10} {:>10} {:>8}  {}",
            run.facts.run_id,
            show_count(run.facts.requests),
            time(DEFAULT_GATES[0]),
            time(DEFAULT_GATES[1]),
            show_count(run.facts.failed),
            hash.chars().take(12).collect::<String>()
        );
    }
    for noise in &baseline.noise {
        let _ = writeln!(
            text,
            "\n  noise of {} between runs of {:.0} s:",
            noise.scenario, noise.load_s
        );
        for name in DEFAULT_GATES {
            if let Some(floor) = noise.floor.get(name) {
                let scale = if name.starts_with("ratio") {
                    Scale::Share
                } else {
                    Scale::Factor
                };
                let told = show_change(scale.told(*floor), scale);
                let _ = writeln!(text, "  {name:<44} {:>10}", told.replace('+', "±"));
            }
        }
    }
    terminal::say(&without_codes(&text))?;
    Ok(Exit::Passed)
}

fn prune(args: &BaselinePruneArgs) -> Result<Exit, CommandError> {
    let path = args.baseline.path();
    let _lock = lock(&path)?;
    let mut baseline = read(&path)?;
    for run_id in &args.run {
        if baseline.runs.iter().all(|run| run.facts.run_id != *run_id) {
            return Err(CommandError::Argument(anyhow!(
                "{} has no run {run_id}: `gander baseline show` lists its runs",
                path.display()
            )));
        }
    }
    let before = baseline.runs.len();
    baseline
        .runs
        .retain(|run| !args.run.contains(&run.facts.run_id));
    // The newest of each workload: a baseline of several scenarios keeps all of them.
    let mut newer: BTreeMap<Option<String>, u32> = BTreeMap::new();
    let mut kept: Vec<Profile> = Vec::new();
    baseline
        .runs
        .sort_by(|left, right| left.facts.started_at.cmp(&right.facts.started_at));
    for run in baseline.runs.into_iter().rev() {
        let count = newer.entry(run.facts.workload_hash.clone()).or_default();
        *count += 1;
        if *count <= args.keep {
            kept.push(run);
        }
    }
    kept.reverse();
    baseline.runs = kept;
    write(&path, &baseline)?;
    let after = baseline.runs.len();
    terminal::say(&format!(
        "{}: {} removed, {after} kept\n",
        path.display(),
        before - after
    ))?;
    Ok(Exit::Passed)
}
