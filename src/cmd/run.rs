//! `gander run`: the pipeline from a file to a verdict, in the order it is read.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::Utc;
use url::Url;

use crate::cli::RunArgs;
use crate::engine::{self, RunValues};
use crate::exit::Exit;
use crate::outcome::Outcome;
use crate::plan::{Plan, Segment};
use crate::probe::{self, Limits};
use crate::record::journal::{Event, StopReason, Writer};
use crate::record::{Recorder, TargetHealth, Totals};
use crate::report::live::Live;
use crate::scenario::{self, Scenario, Target};
#[cfg(feature = "bundled-target")]
use crate::target::{BundledOptions, BundledTarget};
use crate::transport::{Settings, Shared, TransportError};
use crate::units::Micros;
use crate::verdict::Judge;

use super::drive::{Drive, Signals};
use super::outputs::Outputs;
use super::{Failure, compile, header, seed_or_new};

/// Shards a core: enough for users of one core never to wait for one another.
const SHARDS_PER_CORE: usize = 4;

pub(super) fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let scenario =
        scenario::load(&args.file, &(&args.changes).into()).map_err(Failure::Scenario)?;
    let seed = seed_or_new(args.seed);
    // Everything that is wrong with the scenario is said before anything is started.
    compile(&scenario, seed).map_err(Failure::Scenario)?;

    let now = Utc::now();
    let run_id = header::run_id(&scenario.name, now);
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("reports").join(&run_id));
    refuse_folder_of_a_run(&folder)?;
    let outputs = Outputs::open(&folder, args.json.as_deref(), args.quiet)?;
    Limits::raise();

    let mut driven = Driven::start(&scenario.target)?;
    let plan =
        Plan::compile(&scenario, driven.url(), seed, Segment::WHOLE).map_err(Failure::Scenario)?;
    let journal = Writer::create(&folder, &header::header(&scenario, &plan, run_id, now))
        .context("cannot begin the journal")
        .map_err(Failure::Internal)?;
    let control = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let control = control
        .context("cannot start the event loop")
        .map_err(Failure::Internal)?;
    control.block_on(load(args, Arc::new(plan), journal, &mut driven))?;
    drop(driven);
    outputs.write_from(&folder)
}

/// A journal is never overwritten: it is the only record of its run.
fn refuse_folder_of_a_run(folder: &Path) -> Result<(), Failure> {
    if folder.join("run.json").exists() {
        return Err(Failure::Argument(anyhow!(
            "{} already holds a run: choose another folder with --out, or remove it first",
            folder.display()
        )));
    }
    Ok(())
}

/// From the first connection to the journal's last line.
async fn load(
    args: &RunArgs,
    plan: Arc<Plan>,
    mut journal: Writer,
    driven: &mut Driven,
) -> Result<(), Failure> {
    let internal = |error: anyhow::Error| Failure::Internal(error);
    let shared = Shared::new(Settings {
        redirects: plan.http.redirects,
        cookies: plan.http.cookies,
        body_limit: plan.http.body_limit,
        tls: &plan.http.tls,
        allowed_hosts: args.allow_host.clone(),
    })
    .map_err(|error| Failure::Argument(error.into()))?;
    let mut signals = Signals::listen().map_err(internal)?;
    let values = tokio::select! {
        prepared = prepare(&plan, &shared) => prepared?,
        () = signals.next() => Err(StopReason::Signal),
    };
    let values = match values {
        Ok(values) => values,
        Err(reason) => return close_without_load(journal, reason).map_err(internal),
    };
    let recorder = Arc::new(Recorder::new(
        plan.series.len(),
        plan.checks.len(),
        probe::cores() as usize * SHARDS_PER_CORE,
    ));
    let totals = Totals::new(&plan.series, plan.checks.len());
    let load_end = plan.schedule.duration().map(Micros::from);
    let judge = Judge::new(&plan.thresholds, &plan.series, load_end);
    let live = Live::new(&plan, args.quiet);
    let running = engine::launch(
        Arc::clone(&plan),
        Arc::clone(&recorder),
        Arc::clone(&shared),
        values.clone(),
    )
    .map_err(|error| internal(error.into()))?;
    recorder.begin();
    let drive = Drive {
        plan: Arc::clone(&plan),
        recorder,
        running,
        driven,
        journal,
        totals,
        judge,
        live,
        grace: args.grace,
    };
    let mut over = drive.to_the_end(&mut signals).await.map_err(internal)?;
    if let Err(failure) = engine::teardown(&plan, &shared, &values).await {
        let warning = Event::Warning {
            at: over.at,
            text: format!("teardown: {failure}"),
        };
        over.journal
            .event(&warning)
            .map_err(|error| internal(error.into()))?;
    }
    over.journal
        .finish(over.at, over.panics, over.interrupted)
        .map_err(|error| internal(error.into()))
}

/// Reaches the target and runs `setup`; the inner error is a reason for the run to end before its load.
async fn prepare(
    plan: &Plan,
    shared: &Arc<Shared>,
) -> Result<Result<RunValues, StopReason>, Failure> {
    match shared.preflight(&plan.target).await {
        Ok(()) => {}
        Err(error @ TransportError::Unreachable { outcome: Outcome::AddressRefused, .. }) => {
            return Err(Failure::Argument(error.into()));
        }
        Err(error) => {
            return Ok(Err(StopReason::TargetGone {
                detail: error.to_string(),
            }));
        }
    }
    Ok(engine::setup(plan, shared)
        .await
        .map_err(|failure| StopReason::SetupFailed {
            detail: failure.to_string(),
        }))
}

fn close_without_load(mut journal: Writer, reason: StopReason) -> anyhow::Result<()> {
    journal.event(&Event::Stop {
        at: Micros::ZERO,
        reason,
    })?;
    journal.event(&Event::End {
        at: Micros::ZERO,
        panics: 0,
        interrupted: 0,
    })?;
    Ok(())
}

/// What is driven: a service that is there already, or Folio, which lives as long as this value.
pub(super) enum Driven {
    /// Somebody else's.
    Outside(Url),
    /// Started by Gander.
    #[cfg(feature = "bundled-target")]
    Bundled(BundledTarget, probe::ProcessHealth),
}

impl Driven {
    fn start(target: &Target) -> Result<Self, Failure> {
        match target {
            Target::Url(url) => Ok(Self::Outside(url.clone())),
            #[cfg(feature = "bundled-target")]
            Target::Bundled => {
                let folio = BundledTarget::start(&BundledOptions::default())
                    .context("cannot start the bundled target")
                    .map_err(Failure::Target)?;
                let health = probe::ProcessHealth::of(folio.pid());
                Ok(Self::Bundled(folio, health))
            }
            #[cfg(not(feature = "bundled-target"))]
            Target::Bundled => Err(Failure::Argument(anyhow!(
                "this build has no bundled target (feature bundled-target): give a base URL with --target"
            ))),
        }
    }

    fn url(&self) -> &Url {
        match self {
            Self::Outside(url) => url,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.url(),
        }
    }

    /// The bundled target's use of the machine since the last call.
    pub(super) fn health(&mut self) -> Option<TargetHealth> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(_, health) => health.sample(),
        }
    }

    /// How the bundled target ended, if it has.
    pub(super) fn has_gone(&mut self) -> Option<String> {
        match self {
            Self::Outside(_) => None,
            #[cfg(feature = "bundled-target")]
            Self::Bundled(folio, _) => folio.has_exited(),
        }
    }
}
