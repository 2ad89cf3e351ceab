//! Converts a file to a [`Scenario`] or to all its errors.
//!
//! The tree is read in one pass that continues after every error; only parts that depend on an unreadable part are
//! skipped. Each file here reads one part of the format, whose table is in `format`.

mod adjust;
pub(super) mod auth;
mod blocks;
pub(super) mod capture;
pub(super) mod check;
mod command_words;
pub(super) mod compiler;
pub(super) mod delay;
mod document;
mod edit;
pub(super) mod ends;
mod environment;
mod feeder;
mod flow;
mod foreign;
mod functions;
pub(super) mod http;
mod kind;
mod load;
pub(in crate::scenario) mod metrics;
mod monitor;
mod named_environments;
mod named_secrets;
pub(super) mod names;
mod path;
mod pattern;
mod resolver;
mod secrets;
mod select;
pub(super) mod status;
pub(super) mod tags;
mod target;
mod threshold;
mod trace;
mod used;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub use self::adjust::LARGEST_TIME_SCALE;
use self::document::Document;
pub use self::edit::NOT_KEPT;
use super::{Diagnostics, FORMAT, Scenario, Source, Sources};
use crate::format::Problems;
pub use crate::format::tables::load::{MAX_RATE, MAX_USERS};
use crate::mask::Mask;
use crate::source;
use crate::source::{Content, FileId, Files, Node, hex};
use crate::units::{Rate, show_duration};

/// Values of environment variables, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(pub BTreeMap<String, String>);

/// Without the values, which may be secret.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// The value of a variable: that of the environment, or else one of these.
    pub fn get(&self, name: &str) -> Option<String> {
        std::env::var(name)
            .ok()
            .or_else(|| self.0.get(name).cloned())
    }
}

/// Changes to a scenario from the command line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// `--target`
    pub target: Option<String>,
    /// `--users`: scales the level of every stage so that the peak is this; for iterations, the number of users.
    pub users: Option<u32>,
    /// `--rate`: scales the level of every stage so that the peak is this.
    pub rate: Option<Rate>,
    /// `--for`: scales every stage so that the load lasts this long, after [`Overrides::time_scale`]; for iterations,
    /// the maximum duration.
    pub duration: Option<Duration>,
    /// `--time-scale`: multiplies the durations of load, warm-up, windows and `abort` by this.
    pub time_scale: Option<f64>,
    /// `--scale-pauses`: multiplies think times and pacing too. They stay unchanged by default, because a user that
    /// pauses for a tenth of the time sends ten times as many requests.
    pub scale_pauses: bool,
    /// `--env`: the environment of the file that is applied, before [`Overrides::set`].
    pub environment: Option<String>,
    /// `--set path=value`, in order; the value is YAML. A path has keys joined by `.`, and items by name or as `[0]`:
    /// `flows.buy.weight`, `flows[0].weight`, `flows.buy.steps."list documents".timeout`. It may name keys that the file
    /// leaves out.
    pub set: Vec<(String, String)>,
    /// `--flow`: the names of the flows that run; empty means all.
    pub flows: Vec<String>,
    /// `--only tag=value`: only flows run that have a step with one of these tags; empty means all.
    pub only: Vec<(String, String)>,
    /// `--no-setup`: leaves out setup and teardown.
    pub without_setup: bool,
    /// `--no-thresholds`: leaves out every threshold, also the built-in ones.
    pub without_thresholds: bool,
    /// Variables for `${NAME}` that the environment does not set, from `--env-file`.
    pub variables: Variables,
    /// `--root`: files must be below this folder.
    pub root: Option<PathBuf>,
    /// Keys of a target that Gander starts, each with its value as a text: `["command"]`, `["env", "NAME"]`. They apply
    /// after [`Overrides::target`]; with a command they replace a target of another kind.
    pub target_command: Vec<(Vec<String>, String)>,
    /// Variables that the bundled target will have, each with its value, which is secret. A scenario with that target reads
    /// them as if they were in the environment, where a variable of the same name takes precedence.
    pub bundled_environment: Vec<(String, String)>,
}

/// Reads, checks and resolves a scenario file. The error contains all diagnostics.
pub fn load(path: &Path, overrides: &Overrides) -> Result<Scenario, Diagnostics> {
    let mut problems = Problems::of(&FORMAT);
    let (sources, scenario) = read_file(path, overrides, &mut problems);
    match scenario {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => Err(problems.into_diagnostics(sources)),
    }
}

/// As [`load`], for the text of a file that is not read: `path` is its place for diagnostics and for files that it names.
pub fn load_text(path: &Path, text: &str, overrides: &Overrides) -> Result<Scenario, Diagnostics> {
    let mut problems = Problems::of(&FORMAT);
    let mut sources = Sources::of(path, text);
    match read(&mut sources, overrides, &mut problems) {
        Some(scenario) if problems.is_empty() => Ok(scenario),
        _ => Err(problems.into_diagnostics(sources)),
    }
}

/// The result of checking a valid file.
#[derive(Debug)]
pub struct Checked {
    /// The scenario; `None` if it depends on one of [`Checked::unset`].
    pub scenario: Option<Scenario>,
    /// Environment variables that are not set and so were not checked.
    pub unset: Vec<String>,
    /// The names of the file's environments.
    pub environments: Vec<String>,
    /// True if the file needs the rows of standard input, which a check does not read.
    pub has_unread_input: bool,
}

/// Checks a scenario file without running it: environment variables, and so its secrets, need not be set. The error
/// contains all diagnostics.
pub fn check(path: &Path, overrides: &Overrides) -> Result<Checked, Diagnostics> {
    let mut problems = Problems::without_environment(&FORMAT);
    let (sources, scenario) = read_file(path, overrides, &mut problems);
    if problems.is_empty() {
        let unset = problems.unset().map(str::to_owned).collect();
        let scenario = scenario.filter(|_| !problems.has_held_back());
        return Ok(Checked {
            scenario,
            unset,
            has_unread_input: problems.has_unread_input,
            environments: problems.environments,
        });
    }
    Err(problems.into_diagnostics(sources))
}

/// The files, and their scenario as far as it can be read.
fn read_file(
    path: &Path,
    overrides: &Overrides,
    problems: &mut Problems,
) -> (Sources, Option<Scenario>) {
    match source::read_scenario(path) {
        Ok(text) => {
            let mut sources = Sources::of(path, text);
            let scenario = read(&mut sources, overrides, problems);
            (sources, scenario)
        }
        Err(refusal) => {
            problems.report_nowhere(refusal.message, refusal.hint);
            (Sources::of(path, ""), None)
        }
    }
}

fn read(sources: &mut Sources, overrides: &Overrides, problems: &mut Problems) -> Option<Scenario> {
    let file = FileId::default();
    let mut found = Vec::new();
    let tree = source::parse(&sources.get(file)?.text, file, &mut found);
    let is_broken = tree.is_none() && !found.is_empty();
    problems.add(found);
    if is_broken {
        return None;
    }
    let Some(mut root) = tree.filter(|root| !root.is_null()) else {
        problems.report_nowhere(
            "this file is empty",
            Some("start with `name:`, `target:`, `load:` and `flows:`".to_owned()),
        );
        return None;
    };
    let files = Files::new(sources.path(), overrides.root.as_deref());
    used::merge(&mut root, sources, &files, problems);
    let mut overridden = Vec::new();
    if matches!(root.value, Content::Map(_)) {
        let environments = named_environments::take(&mut root, problems);
        if let Some(name) = &overrides.environment {
            named_environments::apply(&mut root, &environments, name, problems);
            overridden.push(format!("environment = {name}"));
        }
        problems.environments = environments.into_iter().map(|entry| entry.key).collect();
        overridden.extend(edit::change_tree(&mut root, overrides, problems));
    }
    let is_bundled = matches!(
        root.get("target").map(|node| &node.value),
        Some(Content::Scalar(target)) if target.text == "bundled"
    );
    let given = Some(&overrides.bundled_environment).filter(|_| is_bundled);
    let environment = |name: &str| {
        let mut given = given.into_iter().flatten();
        let given = given.find(|(known, _)| known == name);
        let named = overrides.variables.get(name);
        named.or_else(|| given.map(|(_, value)| value.clone()))
    };
    let values = given.into_iter().flatten().map(|(_, value)| value.clone());
    problems.secrets.extend(values);
    environment::substitute(&mut root, &environment, problems);
    environment::note_secrets(&root, &environment, problems);
    let scripts = functions::read(&root, &files, sources, problems);
    let mut digest = Sha256::new();
    sources.iter().for_each(|file| digest.update(&file.text));
    let source = Source {
        texts: sources.clone(),
        sha256: hex(&digest.finalize()),
        files: Vec::new(),
    };
    let mut scenario = Document::read(&root, &files, scripts.as_ref(), overrides, problems)?
        .into_scenario(source, problems)?;
    scenario.source.files = files.into_found();
    scenario.overridden = overridden;
    scenario.mask = Mask::of(&problems.secrets);
    select::select(&mut scenario, overrides, problems);
    adjust::change_scenario(&mut scenario, overrides, problems);
    check_warm_up(&scenario, root.get("warm_up"), problems);
    Some(scenario)
}

fn check_warm_up(scenario: &Scenario, node: Option<&Node>, problems: &mut Problems) {
    let Some(lasts) = scenario.duration() else {
        return;
    };
    if scenario.warm_up < lasts || scenario.warm_up.is_zero() {
        return;
    }
    let message = format!(
        "a warm-up of {} leaves nothing to measure of a load of {}",
        show_duration(scenario.warm_up),
        show_duration(lasts)
    );
    let hint = "make the warm-up shorter, or the load longer (`--set warm_up=…`, `--for …`)";
    match node {
        Some(node) => problems.report_with(node.span, message, hint),
        None => problems.report_nowhere(message, Some(hint.to_owned())),
    }
}
