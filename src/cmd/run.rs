//! `gander run`: the pipeline from a file to a verdict, in this order.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::Utc;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;

use crate::cli::RunArgs;
use crate::engine;
use crate::exit::Exit;
use crate::plan::{Plan, Segment};
use crate::probe::Limits;
use crate::record::StopReason;
use crate::record::journal::{JournalError, Writer};
use crate::run::{self, LiveView, Run, Signals, Sinks, header, survive_file_size_limit};
use crate::scenario;
use crate::transport::{Settings, Shared};

use super::output_file::Existing;
use super::outputs::{Claim, Outputs, Wanted, journal_in};
use super::{CommandError, compile, run_target, seed_or_new, terminal};

pub(super) fn run(args: &RunArgs) -> Result<Exit, CommandError> {
    let mut scenario =
        scenario::load(&args.file, &(&args.changes).into()).map_err(CommandError::Scenario)?;
    let seed = seed_or_new(args.seed);
    // Reports every error in the scenario and the target setup before anything is started.
    compile(&scenario, seed).map_err(CommandError::Scenario)?;
    scenario
        .overridden
        .extend(run_target::changes(&scenario.target, args)?);
    run_target::check_command(&scenario, args.allow_command)?;
    let now = Utc::now();
    let run_id = header::run_id(&scenario.name, now);
    Limits::raise()
        .room_for_a_run()
        .map_err(|error| CommandError::Argument(error.into()))?;
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("reports").join(&run_id));
    let control = runtime::Builder::new_current_thread().enable_all().build();
    let control = control
        .context("cannot start the event loop")
        .map_err(CommandError::Internal)?;
    let mut signals = listen(&control)?;
    let existing = Existing::replaced_if(args.overwrite);
    let claim = Claim::of(&folder, existing)?;
    let mut inputs = scenario.source.files.clone();
    inputs.push(scenario.source.texts.path().to_owned());
    let outputs = Outputs::open(&Wanted {
        inputs: &inputs,
        folder: &folder,
        in_folder: existing,
        besides: &args.outputs,
        hlog: None,
        elsewhere: existing,
        quiet: args.quiet,
    })?;

    let starting = run_target::start(&scenario, args, &folder, &mut signals);
    let mut target = control.block_on(starting)?;
    let plan = Plan::compile(&scenario, target.url(), seed, Segment::WHOLE)
        .map_err(CommandError::Scenario)?;
    let transport = transport(&plan, args)?;
    let reached = control.block_on(async {
        tokio::select! {
            reached = reach(&plan, &transport) => reached,
            () = signals.next() => Err(stopped_early()),
        }
    })?;

    claim.make_room()?;
    let header = header::header(&scenario, &plan, run_id, now);
    let journal = Writer::create(&folder, &header)
        .context("cannot create the journal: choose another folder with --out")
        .map_err(CommandError::Argument)?
        .without(&plan.secrets.mask);
    let live = LiveView::on_stderr(
        &header,
        args.quiet,
        terminal::colour_on_stderr(),
        args.grace,
    );
    let sinks = Sinks::default().with(journal).with(live);
    let closed = match reached {
        Ok(()) => {
            let run = Run {
                plan: Arc::new(plan),
                transport,
                header: &header,
                grace: args.grace,
            };
            control.block_on(run::send(run, sinks, &mut target, &mut signals))
        }
        Err(reason) => run::close_without_load(sinks, reason),
    };
    closed.map_err(cut_short)?;
    drop(target);
    control.block_on(write(outputs, folder, &mut signals))
}

/// From here on a signal ends the run in order, at any point.
fn listen(control: &Runtime) -> Result<Signals, CommandError> {
    // Before the signal listener starts: the engine installs its own handler, which would replace the listener.
    engine::silence();
    let _within = control.enter();
    survive_file_size_limit().map_err(CommandError::Internal)?;
    Signals::listen().map_err(CommandError::Internal)
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
) -> Result<Exit, CommandError> {
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

fn transport(plan: &Plan, args: &RunArgs) -> Result<Arc<Shared>, CommandError> {
    Shared::new(Settings {
        allowed_hosts: args.allow_host.clone(),
        ..Settings::from(&plan.workload.http)
    })
    .map_err(|error| CommandError::Argument(error.into()))
}

/// Loads the trusted certificates if they may be needed, and connects once. A target that may not be loaded is an
/// error of the caller; a target that cannot be reached ends the run before its load (the inner error).
async fn reach(plan: &Plan, transport: &Shared) -> Result<Result<(), StopReason>, CommandError> {
    if plan.workload.may_use_tls() {
        let prepared = transport.prepare_tls().await;
        prepared.map_err(|error| CommandError::Argument(error.into()))?;
    }
    match transport.preflight(&plan.workload.target).await {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.is_invalid_input() => Err(CommandError::Argument(error.into())),
        Err(error) => Ok(Err(StopReason::TargetGone {
            detail: error.to_string(),
        })),
    }
}
