//! `gander try`: one iteration of each flow, with everything shown that happens.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, anyhow};
use chrono::Utc;

use super::execute::{Control, Prepared, Ready, Setup};
use super::output_file::{Existing, OutputFile};
use super::places::Places;
use super::{CommandError, seed_or_new, terminal};
use crate::cli::TryArgs;
use crate::engine::trial::Trial;
use crate::engine::trial::event::Event;
use crate::exit::Exit;
use crate::run::{self, header};
use crate::trial::{Har, TrialView};

pub(super) fn attempt(args: &TryArgs) -> Result<Exit, CommandError> {
    let prepared = Prepared::of(Setup::of(&args.file, &args.setup)?)?;
    let existing = Existing::replaced_if(args.overwrite);
    let har = args.har.as_deref();
    if let Some(path) = har {
        Places {
            inputs: &prepared.inputs(),
            folder: Path::new("."),
            names: &[],
            options: &[("--har", path)],
        }
        .check()?;
    }
    let har = har
        .map(|path| OutputFile::open(path, existing))
        .transpose()?;
    let mut control = Control::start()?;
    let folder = ScratchFolder::new()?;
    let run_id = header::run_id(&prepared.scenario.name, Utc::now());
    let Ready {
        target,
        plan,
        transport,
        reached,
    } = prepared.ready(
        seed_or_new(args.seed),
        &run_id,
        (folder.path(), Existing::Keep),
        false,
        &mut control,
    )?;
    reached.map_err(|detail| CommandError::Target(anyhow!(detail)))?;

    let plan = Arc::new(plan);
    let sources = prepared.scenario.source.texts.clone();
    let shown = Arc::new(Mutex::new(Shown {
        view: TrialView::new(sources.clone(), terminal::colour_on_stdout(), args.full),
        har: har.is_some().then(Har::default),
        failure: None,
    }));
    let listener = {
        let shown = Arc::clone(&shown);
        move |event| lock(&shown).event(event)
    };
    let trial = Trial::new(Arc::clone(&plan), transport, listener);
    let flows = &plan.workload.flows;
    let Control { runtime, signals } = &mut control;
    let grace = prepared.setup.grace;
    let end = runtime.block_on(run::attempt(&trial, flows.len(), grace, signals));
    drop(target);

    let mut shown = lock(&shown);
    if let Some(words) = &end.teardown {
        terminal::complain(&format!("warning: {words}\n"));
    }
    let left: Vec<&str> = flows[end.flows..]
        .iter()
        .map(|flow| flow.name.as_str())
        .collect();
    let summary = shown.view.summary(end.reason.as_deref(), &left);
    terminal::say(&summary)?;
    if let (Some(file), Some(har)) = (har, &shown.har) {
        let bytes = har
            .render(&sources)
            .context("cannot write the exchanges as JSON")
            .map_err(CommandError::Internal)?;
        file.write(&bytes)?;
    }
    if let Some(failure) = shown.failure.take() {
        return Err(failure);
    }
    Ok(if end.is_stopped {
        Exit::Stopped
    } else if shown.view.has_failed() {
        Exit::ThresholdFailed
    } else {
        Exit::Passed
    })
}

/// Where the events of a trial go.
struct Shown {
    view: TrialView,
    har: Option<Har>,
    /// The first failure to print.
    failure: Option<CommandError>,
}

impl Shown {
    fn event(&mut self, event: Event) {
        let text = self.view.event(&event);
        if self.failure.is_none() {
            self.failure = terminal::say(&text).err();
        }
        if let Some(har) = &mut self.har {
            har.take(event);
        }
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder for the log of a target's command, removed at the end.
struct ScratchFolder(std::path::PathBuf);

impl ScratchFolder {
    fn new() -> Result<Self, CommandError> {
        let path = std::env::temp_dir().join(format!("gander-try-{}", std::process::id()));
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot create {}", path.display()))
            .map_err(CommandError::Argument)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}
