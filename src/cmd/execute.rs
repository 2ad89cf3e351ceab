//! One run from a scenario to its outputs, as a function: `gander run` calls it once, a sitting of several runs many
//! times in the same process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use chrono::Utc;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

#[cfg(feature = "bundled-target")]
use crate::cli::BundledArgs;
use crate::cli::{OutputArgs, ReceiverArgs, SetupArgs};
use crate::engine;
use crate::export::TextOutput;
use crate::monitor::MOST_BYTES;
use crate::plan::{Plan, PlannedSource, Segment};
use crate::probe::Limits;
use crate::record::journal::{BaselineRecord, JournalError, Writer};
use crate::record::{RunHeader, StopReason};
use crate::run::{
    self, LiveView, Run, RunningTarget, Signals, Sinks, header, survive_file_size_limit,
};
use crate::scenario::{Cookies, Overrides, Scenario, Target};
use crate::transport::{Settings, Shared};

use super::live_file::LiveFile;
use super::output_file::Existing;
use super::outputs::{Claim, Outputs, Telling, Wanted, Written, journal_in};
use super::{
    CommandError, compile, load, overrides, receivers, run_target, secret_commands, terminal,
};

/// What is run, and what it may do.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The scenario file.
    pub(super) file: PathBuf,
    /// The files of variables that it reads.
    pub(super) env_files: Vec<PathBuf>,
    /// Changes to it.
    pub(super) overrides: Overrides,
    /// The setup of the bundled target.
    #[cfg(feature = "bundled-target")]
    pub(super) bundled: BundledArgs,
    /// Hosts that may be loaded besides loopback and private ones.
    pub(super) allowed_hosts: Vec<String>,
    /// True if the scenario may start its target's command.
    pub(super) allow_command: bool,
    /// The baseline that the run is compared with.
    pub(super) baseline: Option<BaselineRecord>,
    /// The time for requests in flight after the load, and the time limit of teardown.
    pub(super) grace: Duration,
}

impl Setup {
    /// The setup of a command line.
    pub(super) fn of(file: &Path, args: &SetupArgs) -> Result<Self, CommandError> {
        Ok(Self {
            file: file.to_owned(),
            env_files: args.changes.env_file.clone(),
            overrides: Overrides {
                bundled_environment: run_target::environment(),
                ..overrides(&args.changes)?
            },
            #[cfg(feature = "bundled-target")]
            bundled: args.bundled.clone(),
            allowed_hosts: args.allow_host.clone(),
            allow_command: args.allow_command,
            baseline: None,
            grace: args.grace,
        })
    }
}

/// Where the outputs of a run go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Destination<'a> {
    /// The folder of the run; `None` is a new one under `reports`.
    pub(super) folder: Option<&'a Path>,
    /// The treatment of existing files.
    pub(super) existing: Existing,
    /// The outputs besides those in the folder.
    pub(super) besides: &'a OutputArgs,
    /// The receivers of metrics, if the command may have some.
    pub(super) receivers: Option<&'a ReceiverArgs>,
    /// True if nothing is shown while it runs.
    pub(super) hides_live_view: bool,
    /// What is printed at its end.
    pub(super) telling: Telling,
    /// The name under which the figures of the run are returned, if they are wanted.
    pub(super) figures_as: Option<&'a str>,
}

/// The event loop and the signals of a command; every run of a sitting uses the same.
pub(super) struct Control {
    pub(super) runtime: Runtime,
    pub(super) signals: Signals,
}

/// A valid setup: nothing was started yet.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) setup: Setup,
    pub(super) scenario: Scenario,
}

impl Control {
    /// From here on a signal ends a run in order, at any point. An error if there are too few file descriptors for any
    /// run.
    pub(super) fn start() -> Result<Self, CommandError> {
        Limits::raise()
            .room_for_a_run()
            .map_err(|error| CommandError::Argument(error.into()))?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime
            .context("cannot start the event loop")
            .map_err(CommandError::Internal)?;
        // Before the signal listener starts: the engine installs its own handler, which would replace the listener.
        engine::silence();
        let signals = {
            let _within = runtime.enter();
            survive_file_size_limit()
                .and_then(|()| Signals::listen())
                .map_err(CommandError::Internal)?
        };
        Ok(Self { runtime, signals })
    }

    /// True if a signal came since the last run.
    pub(super) fn has_signal(&mut self) -> bool {
        self.runtime.block_on(self.signals.has_come())
    }
}

impl Prepared {
    /// Reports every error in the scenario and the target setup before anything is started.
    pub(super) fn of(setup: Setup) -> Result<Self, CommandError> {
        let mut scenario = load(&setup.file, &setup.overrides)?;
        compile(&scenario, 0).map_err(CommandError::Scenario)?;
        let changes = run_target::changes(&scenario.target, &setup)?;
        scenario.overridden.extend(changes);
        run_target::check_command(&scenario, setup.allow_command)?;
        secret_commands::run(&mut scenario, setup.allow_command)?;
        if let Some(warning) = secret_commands::warning(&scenario) {
            terminal::complain(&warning);
        }
        Ok(Self { setup, scenario })
    }

    /// The files that it reads.
    pub(super) fn inputs(&self) -> Vec<PathBuf> {
        let source = &self.scenario.source;
        let texts = source.texts.iter().map(|file| file.path.clone());
        let others = source.files.iter().chain(&self.setup.env_files).cloned();
        texts.chain(others).collect()
    }

    /// Connects to a target that runs already, once: an error if it may not be loaded or cannot be reached.
    pub(super) fn check_running_target(&self, control: &mut Control) -> Result<(), CommandError> {
        let Target::Url(url) = &self.scenario.target else {
            return Ok(());
        };
        let plan = Plan::compile(&self.scenario, url, 0, Segment::WHOLE)
            .map_err(CommandError::Scenario)?;
        let transport = transport(&plan, &self.setup)?;
        let Control { runtime, signals } = control;
        let reached = runtime.block_on(async {
            tokio::select! {
                reached = reach(&plan, &transport) => reached,
                () = signals.next() => Err(stopped_early()),
            }
        })?;
        reached.map_err(|detail| CommandError::Target(anyhow!(detail)))
    }

    /// Runs it with this seed, from the start of the target to the last output.
    pub(super) fn run(
        &self,
        seed: u64,
        destination: Destination<'_>,
        control: &mut Control,
    ) -> Result<Written, CommandError> {
        let (setup, scenario) = (&self.setup, &self.scenario);
        let now = Utc::now();
        let run_id = header::run_id(&scenario.name, now);
        let folder = match destination.folder {
            Some(folder) => folder.to_owned(),
            None => Path::new("reports").join(&run_id),
        };
        let existing = destination.existing;
        let claim = Claim::of(&folder, existing)?;
        let inputs = self.inputs();
        let outputs = Outputs::open(&Wanted {
            inputs: &inputs,
            folder: &folder,
            in_folder: existing,
            besides: destination.besides,
            hlog: None,
            elsewhere: existing,
            telling: destination.telling,
            figures_as: destination.figures_as,
        })?;

        let mut texts = Vec::new();
        for (format, path) in destination.besides.texts.wanted() {
            let file = LiveFile::open(path, existing)?;
            let (place, run) = (path.display().to_string(), folder.display().to_string());
            texts.push(TextOutput::new(format, file, place, run));
        }
        let quiet = destination.hides_live_view;
        let metrics = destination
            .receivers
            .map(|args| receivers::open(args, quiet));
        let metrics = metrics.transpose()?.filter(|metrics| !metrics.is_empty());

        let Ready {
            mut target,
            plan,
            transport,
            reached,
        } = self.ready(seed, &run_id, (&folder, existing), quiet, control)?;
        let Control { runtime, signals } = control;

        claim.make_room()?;
        let header = RunHeader {
            baseline: setup.baseline.clone(),
            ..header::header(scenario, &plan, run_id, now)
        };
        let journal = Writer::create(&folder, &header)
            .context("cannot create the journal: choose another folder with --out")
            .map_err(CommandError::Argument)?
            .without(&plan.secrets.mask);
        let live = LiveView::on_stderr(
            &header,
            destination.hides_live_view,
            terminal::colour_on_stderr(),
            setup.grace,
        );
        let sinks = Sinks::default().with(journal).with(live);
        let sinks = texts.into_iter().fold(sinks, Sinks::with);
        let sinks = metrics.into_iter().fold(sinks, Sinks::with);
        let closed = match reached {
            Ok(()) => {
                let run = Run {
                    scraper: scraper(&plan, setup)?,
                    plan: Arc::new(plan),
                    transport,
                    header: &header,
                    grace: setup.grace,
                };
                let control = Some(folder.as_path());
                runtime.block_on(run::send(run, sinks, &mut target, signals, control))
            }
            Err(detail) => run::close_without_load(sinks, StopReason::TargetGone { detail }),
        };
        closed.map_err(cut_short)?;
        drop(target);
        runtime.block_on(write(outputs, folder, signals))
    }
}

/// A target that runs, and the plan for it.
pub(super) struct Ready {
    pub(super) target: RunningTarget,
    pub(super) plan: Plan,
    pub(super) transport: Arc<Shared>,
    /// The reason why the target cannot be reached.
    pub(super) reached: Result<(), String>,
}

impl Prepared {
    /// Starts the target, compiles the plan for it and connects once. The log of a command goes into the folder, where
    /// existing files are treated in this way.
    pub(super) fn ready(
        &self,
        seed: u64,
        run_id: &str,
        folder: (&Path, Existing),
        is_quiet: bool,
        control: &mut Control,
    ) -> Result<Ready, CommandError> {
        let Control { runtime, signals } = control;
        let target = runtime.block_on(run_target::start(self, folder, is_quiet, signals))?;
        let mut plan = Plan::compile(&self.scenario, target.url(), seed, Segment::WHOLE)
            .map_err(CommandError::Scenario)?;
        run_id.clone_into(&mut plan.workload.run_id);
        terminal::hide_in_panics(&plan.secrets.mask);
        let transport = transport(&plan, &self.setup)?;
        let reached = runtime.block_on(async {
            tokio::select! {
                reached = reach(&plan, &transport) => reached,
                () = signals.next() => Err(stopped_early()),
            }
        })?;
        Ok(Ready {
            target,
            plan,
            transport,
            reached,
        })
    }
}

/// The path of the journal is the usual cause; any other error here is internal.
fn cut_short(error: anyhow::Error) -> CommandError {
    if error.downcast_ref::<JournalError>().is_some() {
        CommandError::Argument(error)
    } else {
        CommandError::Internal(error)
    }
}

pub(super) fn stopped_early() -> CommandError {
    CommandError::Stopped(anyhow!("stopped before the load began: nothing was sent"))
}

/// Writes the outputs on a separate thread, so that a signal can interrupt this too.
async fn write(
    outputs: Outputs,
    folder: PathBuf,
    signals: &mut Signals,
) -> Result<Written, CommandError> {
    let (tell, told) = oneshot::channel();
    let drafts = outputs.drafts();
    let run = folder.clone();
    std::thread::spawn(move || {
        // The receiver is gone after a signal.
        tell.send(journal_in(&run).and_then(|journal| outputs.write(&journal)))
            .ok();
    });
    tokio::select! {
        written = told => written.unwrap_or_else(|_| {
            Err(CommandError::Internal(anyhow!("the report could not be built: its thread panicked")))
        }),
        () = signals.next() => {
            for draft in drafts {
                std::fs::remove_file(draft).ok();
            }
            Err(CommandError::Stopped(anyhow!(
                "stopped while the report was written: the journal is complete, and `gander report {}` writes it again",
                folder.display()
            )))
        }
    }
}

fn transport(plan: &Plan, setup: &Setup) -> Result<Arc<Shared>, CommandError> {
    Shared::new(Settings {
        allowed_hosts: setup.allowed_hosts.clone(),
        ..Settings::from(&plan.workload.http)
    })
    .map_err(|error| CommandError::Argument(error.into()))
}

/// The client of the scrapes of the target's own metrics, under the same rules about hosts and certificates.
fn scraper(plan: &Plan, setup: &Setup) -> Result<Arc<Shared>, CommandError> {
    Shared::new(Settings {
        redirects: 0,
        cookies: Cookies::Off,
        body_limit: MOST_BYTES,
        resend: true,
        tls: &plan.workload.http.tls,
        allowed_hosts: setup.allowed_hosts.clone(),
    })
    .map_err(|error| CommandError::Argument(error.into()))
}

/// Loads the trusted certificates if they may be needed, and connects once. A target that may not be loaded is an
/// error of the caller; a target that cannot be reached ends the run before its load (the inner error).
async fn reach(plan: &Plan, transport: &Shared) -> Result<Result<(), String>, CommandError> {
    if plan.workload.may_use_tls() {
        let prepared = transport.prepare_tls().await;
        prepared.map_err(|error| CommandError::Argument(error.into()))?;
    }
    let others = plan.workload.targets.values();
    for target in [&plan.workload.target].into_iter().chain(others) {
        match transport.preflight(target).await {
            Ok(()) => {}
            Err(error) if error.is_invalid_input() => {
                return Err(CommandError::Argument(error.into()));
            }
            Err(error) => return Ok(Err(error.to_string())),
        }
    }
    let sources = plan.monitor.sources.iter();
    let is_apart = |source: &&PlannedSource| source.url.origin() != plan.workload.target.origin();
    for source in sources.filter(is_apart) {
        // One that does not answer is a gap in its metrics; one that may not be asked is an error.
        match transport.preflight(&source.url).await {
            Err(error) if error.is_invalid_input() => {
                return Err(CommandError::Argument(error.into()));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(Ok(()))
}
