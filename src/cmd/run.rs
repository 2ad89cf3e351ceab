//! `gander run`: the pipeline from a file to a verdict, in the order it is read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow};
use chrono::Utc;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::cli::RunArgs;
use crate::engine::{self, CutShort, RunValues};
use crate::exit::Exit;
use crate::plan::{Plan, Segment};
use crate::probe::{self, Limits};
use crate::record::journal::{Event, LostUsers, RunHeader, StopReason, Writer};
use crate::record::{Recorder, Totals};
use crate::report::live::Live;
use crate::scenario;
use crate::transport::{Settings, Shared};
use crate::units::{Micros, show_duration};
use crate::verdict::Judge;

use super::drive::{Drive, LoadOver};
use super::driven::{self, Driven};
use super::output_file::Existing;
use super::outputs::{Claim, Outputs, Wanted, journal_in};
use super::signals::Signals;
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
    Limits::raise()
        .room_for_a_run()
        .map_err(|error| Failure::Argument(error.into()))?;
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("reports").join(&run_id));
    let control = runtime::Builder::new_current_thread().enable_all().build();
    let control = control
        .context("cannot start the event loop")
        .map_err(Failure::Internal)?;
    let mut signals = listen(&control)?;
    let existing = Existing::replaced_if(args.overwrite);
    let claim = Claim::of(&folder, existing)?;
    let outputs = Outputs::open(&Wanted {
        folder: &folder,
        in_folder: existing,
        json: args.json.as_deref(),
        junit: args.junit.as_deref(),
        elsewhere: existing,
        quiet: args.quiet,
    })?;

    let driven = Driven::start(&scenario.target, args);
    if control.block_on(signals.has_come()) {
        return Err(stopped_early());
    }
    let mut driven = driven?;
    let plan =
        Plan::compile(&scenario, driven.url(), seed, Segment::WHOLE).map_err(Failure::Scenario)?;
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
        .context("cannot begin the journal")
        .map_err(Failure::Internal)?
        .without(&plan.secrets.mask);
    let load = Load {
        args,
        plan: Arc::new(plan),
        transport,
        header: &header,
    };
    let closed = match reached {
        Ok(()) => control.block_on(load.send(journal, &mut driven, &mut signals)),
        Err(reason) => close_without_load(journal, reason),
    };
    closed.map_err(Failure::Internal)?;
    drop(driven);
    control.block_on(write(outputs, folder, &mut signals))
}

/// From here on a signal ends the run in order, wherever it is.
fn listen(control: &Runtime) -> Result<Signals, Failure> {
    // Before the signals are listened for: the engine's claim to them would replace the listener otherwise.
    engine::silence();
    let _within = control.enter();
    Signals::listen().map_err(Failure::Internal)
}

fn stopped_early() -> Failure {
    Failure::Stopped(anyhow!("stopped before the load began: nothing was sent"))
}

/// Writes the outputs, on a thread of their own, so that a signal ends even that.
async fn write(outputs: Outputs, folder: PathBuf, signals: &mut Signals) -> Result<Exit, Failure> {
    let (tell, told) = oneshot::channel();
    let drafts = outputs.drafts();
    let run = folder.clone();
    std::thread::spawn(move || {
        // Nobody listens any more after a signal.
        tell.send(journal_in(&run).and_then(|journal| outputs.write(&journal)))
            .ok();
    });
    tokio::select! {
        written = told => written.unwrap_or_else(|_| {
            Err(Failure::Internal(anyhow!("the report could not be built: its thread panicked")))
        }),
        () = signals.next() => {
            for draft in drafts {
                std::fs::remove_file(draft).ok();
            }
            Err(Failure::Stopped(anyhow!(
                "stopped while the report was written: the journal is whole, and `gander report {}` writes it again",
                folder.display()
            )))
        }
    }
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

/// Reads the trusted certificates where they may be needed, and connects once. A target that may not be loaded is the
/// caller's mistake; one that cannot be reached ends the run before its load, which is what the inner error says.
async fn reach(plan: &Plan, transport: &Shared) -> Result<Result<(), StopReason>, Failure> {
    if plan.may_use_tls() {
        let prepared = transport.prepare_tls().await;
        prepared.map_err(|error| Failure::Argument(error.into()))?;
    }
    match transport.preflight(&plan.target).await {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.is_invalid_input() => Err(Failure::Argument(error.into())),
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
    Ok(journal.finish(Micros::ZERO, 0, 0, LostUsers::default())?)
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
    async fn send(
        self,
        mut journal: Writer,
        driven: &mut Driven,
        signals: &mut Signals,
    ) -> anyhow::Result<()> {
        let (values, prepared) = engine::setup(&self.plan, &self.transport, signals.next()).await;
        let over = match prepared {
            Ok(()) => self.drive(journal, driven, &values, signals).await,
            Err(cut) => {
                let reason = match cut {
                    CutShort::Failed(failure) => StopReason::SetupFailed {
                        detail: failure.to_string(),
                    },
                    CutShort::Stopped => StopReason::Signal,
                };
                let at = Micros::ZERO;
                journal
                    .event(&Event::Stop { at, reason })
                    .map(|()| LoadOver {
                        journal,
                        at,
                        is_stopped: true,
                        panics: 0,
                        interrupted: 0,
                        lost: LostUsers::default(),
                    })
                    .map_err(Into::into)
            }
        };
        // Teardown runs also when setup or the load failed.
        let torn_down = self.tear_down(&values, signals).await;
        let mut over = match (over, &torn_down) {
            (Ok(over), _) => over,
            (Err(error), Ok(())) => return Err(error),
            (Err(error), Err((_, words))) => return Err(error.context(words.clone())),
        };
        if let Err((by_signal, text)) = torn_down {
            let at = over.at;
            if by_signal && !over.is_stopped {
                let reason = StopReason::Signal;
                over.journal.event(&Event::Stop { at, reason })?;
            }
            over.journal.event(&Event::Warning { at, text })?;
        }
        Ok(over
            .journal
            .finish(over.at, over.panics, over.interrupted, over.lost)?)
    }

    /// Walks through `teardown`, for the grace period at most and until a signal; says in words why it did not come to
    /// its end, and whether it was a signal.
    async fn tear_down(
        &self,
        values: &RunValues,
        signals: &mut Signals,
    ) -> Result<(), (bool, String)> {
        let grace = self.args.grace;
        let mut by_signal = false;
        let stop = async {
            tokio::select! {
                () = signals.next() => by_signal = true,
                () = sleep(grace) => {}
            }
        };
        let ended = engine::teardown(&self.plan, &self.transport, values, stop).await;
        ended.map_err(|cut| {
            let words = match cut {
                CutShort::Failed(failure) => format!("teardown: {failure}"),
                CutShort::Stopped if by_signal => {
                    "teardown was cut off by a signal: what setup made may still be there".to_owned()
                }
                CutShort::Stopped => format!(
                    "teardown was cut off after {}: what setup made may still be there; give it longer with --grace",
                    show_duration(grace)
                ),
            };
            (by_signal, words)
        })
    }

    /// From the first iteration to the last interval.
    async fn drive(
        &self,
        journal: Writer,
        driven: &mut Driven,
        values: &RunValues,
        signals: &mut Signals,
    ) -> anyhow::Result<LoadOver> {
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
            is_stopped: false,
        };
        drive.until_over(signals).await
    }
}
