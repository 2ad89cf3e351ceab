//! `gander run`: the pipeline from a file to a verdict, in the order it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::Utc;
use tokio::runtime;

use crate::cli::RunArgs;
use crate::engine;
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::plan::{Plan, Segment};
use crate::probe::{self, Limits};
use crate::record::journal::{Event, RunHeader, StopReason, Writer};
use crate::record::{Recorder, Totals};
use crate::report::live::Live;
use crate::scenario;
use crate::transport::{Settings, Shared, TransportError};
use crate::units::Micros;
use crate::verdict::Judge;

use super::drive::{Drive, Signals};
use super::driven::{self, Driven};
use super::outputs::{Outputs, journal_in};
use super::{Failure, compile, header, seed_or_new, terminal};

/// Shards a core: enough for users of one core never to wait for one another.
const SHARDS_PER_CORE: usize = 4;

pub(super) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let mut scenario =
        scenario::load(&args.file, &(&args.changes).into()).map_err(Failure::Scenario)?;
    let seed = seed_or_new(args.seed);
    // Everything that is wrong with the scenario and the setup of the target is said before anything is started.
    compile(&scenario, seed).map_err(Failure::Scenario)?;
    scenario
        .overridden
        .extend(driven::changes(&scenario.target, args)?);
    let now = Utc::now();
    let run_id = header::run_id(&scenario.name, now);
    let folder = folder_for(args, &run_id)?;
    Limits::raise()
        .room_for_a_run()
        .map_err(|error| Failure::Argument(error.into()))?;

    let mut driven = Driven::start(&scenario.target, args)?;
    let plan =
        Plan::compile(&scenario, driven.url(), seed, Segment::WHOLE).map_err(Failure::Scenario)?;
    let transport = transport(&plan, args)?;
    let control = runtime::Builder::new_current_thread().enable_all().build();
    let control = control
        .context("cannot start the event loop")
        .map_err(Failure::Internal)?;
    let reached = control.block_on(reach(&plan, &transport))?;

    let outputs = Outputs::open(&folder, args.json.as_deref(), args.quiet)?;
    let header = header::header(&scenario, &plan, run_id, now);
    let journal = Writer::create(&folder, &header)
        .context("cannot begin the journal")
        .map_err(Failure::Internal)?;
    let load = Load {
        args,
        plan: Arc::new(plan),
        transport,
        header: &header,
    };
    let closed = match reached {
        Ok(()) => control.block_on(load.send(journal, &mut driven)),
        Err(reason) => close_without_load(journal, reason),
    };
    closed.map_err(Failure::Internal)?;
    drop(driven);
    outputs.write(&journal_in(&folder)?)
}

/// Where the run goes. A journal is never overwritten: it is the only record of its run.
fn folder_for(args: &RunArgs, run_id: &str) -> Result<PathBuf, Failure> {
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("reports").join(run_id));
    if folder.join("run.json").exists() {
        return Err(Failure::Argument(anyhow!(
            "{} already holds a run: choose another folder with --out, or remove it first",
            folder.display()
        )));
    }
    Ok(folder)
}

fn transport(plan: &Plan, args: &RunArgs) -> Result<Arc<Shared>, Failure> {
    Shared::new(Settings {
        redirects: plan.http.redirects,
        cookies: plan.http.cookies,
        body_limit: plan.http.body_limit,
        resend: plan.http.resend,
        tls: &plan.http.tls,
        allowed_hosts: args.allow_host.clone(),
    })
    .map_err(|error| Failure::Argument(error.into()))
}

/// Connects once. A target that may not be loaded is the caller's mistake; one that cannot be reached ends the run
/// before its load, which is what the inner error says.
async fn reach(plan: &Plan, transport: &Shared) -> Result<Result<(), StopReason>, Failure> {
    match transport.preflight(&plan.target).await {
        Ok(()) => Ok(Ok(())),
        Err(
            error @ TransportError::Unreachable {
                outcome: Outcome::AddressRefused,
                ..
            },
        ) => Err(Failure::Argument(error.into())),
        Err(error) => Ok(Err(StopReason::TargetGone {
            detail: error.to_string(),
        })),
    }
}

fn close_without_load(mut journal: Writer, reason: StopReason) -> anyhow::Result<()> {
    journal.event(&Event::Stop {
        at: Micros::ZERO,
        reason,
    })?;
    Ok(journal.finish(Micros::ZERO, 0, 0)?)
}

/// What is to be sent.
struct Load<'a> {
    args: &'a RunArgs,
    plan: Arc<Plan>,
    transport: Arc<Shared>,
    header: &'a RunHeader,
}

impl Load<'_> {
    /// From `setup` to the journal's last line.
    async fn send(self, mut journal: Writer, driven: &mut Driven) -> anyhow::Result<()> {
        // Before the signals are listened for: the engine's claim to them would replace the listener otherwise.
        engine::silence();
        let mut signals = Signals::listen()?;
        let values = tokio::select! {
            values = engine::setup(&self.plan, &self.transport) => {
                values.map_err(|failure| StopReason::SetupFailed { detail: failure.to_string() })
            }
            () = signals.next() => Err(StopReason::Signal),
        };
        let values = match values {
            Ok(values) => values,
            Err(reason) => return close_without_load(journal, reason),
        };
        let plan = &self.plan;
        let shards = probe::cores() as usize * SHARDS_PER_CORE;
        let recorder = Arc::new(Recorder::new(plan.series.len(), plan.checks.len(), shards));
        let mut live = Live::on_stderr(self.header, self.args.quiet, terminal::colour_on_stderr());
        // A terminal that has gone away is no reason to lose the run, here and wherever the live view is written.
        live.begin().ok();
        let running = engine::launch(
            Arc::clone(plan),
            Arc::clone(&recorder),
            Arc::clone(&self.transport),
            values.clone(),
        )?;
        journal.begin(&RunHeader {
            started_at: header::written(running.began_at()),
            ..self.header.clone()
        })?;
        let drive = Drive {
            plan,
            header: self.header,
            recorder,
            running,
            driven,
            journal,
            totals: Totals::new(&plan.series, plan.checks.len()),
            judge: Judge::new(&plan.thresholds, &plan.series, self.header.max_users()),
            live,
            grace: self.args.grace,
        };
        let mut over = drive.until_over(&mut signals).await?;
        if let Err(failure) = engine::teardown(plan, &self.transport, &values).await {
            over.journal.event(&Event::Warning {
                at: over.at,
                text: format!("teardown: {failure}"),
            })?;
        }
        Ok(over
            .journal
            .finish(over.at, over.panics, over.interrupted)?)
    }
}
