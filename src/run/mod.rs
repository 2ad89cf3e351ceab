//! A run: setup, the load second by second, teardown. Every event goes to the [`Sink`]s, one of which is the journal.
//!
//! [`send`] executes a run. It does not judge, writes no report, and does not know the command line.

pub mod header;
mod obey;
mod search;
mod session;
mod signals;
mod sink;
mod target;
mod trial;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

pub use signals::{Signals, survive_file_size_limit};
pub use sink::{Closing, Delivered, End, LiveView, Second, Sink, Sinks};
pub use target::RunningTarget;
pub use trial::{TrialEnd, attempt};

use self::search::Search;
use self::session::{LoadOver, Session};
use crate::control::ControlSocket;
use crate::engine::{self, CutShort, RunValues};
use crate::monitor::Monitor;
use crate::plan::{Plan, Schedule};
use crate::probe;
use crate::record::journal::{Event, RunHeader};
use crate::record::{LoadCounts, Log, LogLine, Recorder, StopReason, Totals};
use crate::scenario::ArrivalLaw;
use crate::transport::Shared;
use crate::units::{Micros, show_duration};
use crate::verdict::Judge;

/// Shards per core: enough that users hardly ever wait for one another.
const SHARDS_PER_CORE: usize = 4;

/// The input of a run.
pub struct Run<'a> {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The client with the connections of all users.
    pub transport: Arc<Shared>,
    /// The client of the scrapes of the target's own metrics.
    pub scraper: Arc<Shared>,
    /// The header of the journal.
    pub header: &'a RunHeader,
    /// The time for requests in flight after the load, and the time limit of teardown.
    pub grace: Duration,
}

/// The end of a run whose load never started.
pub fn close_without_load(mut sinks: Sinks, reason: StopReason) -> anyhow::Result<()> {
    let at = Micros::ZERO;
    sinks.event(&Event::Stop { at, reason })?;
    sinks.end(&End::default())
}

/// Runs everything from `setup` to the end; when this returns, every sink has received every event. While the load runs,
/// requests to the socket that is named in the folder `control` change it.
pub async fn send(
    run: Run<'_>,
    mut sinks: Sinks,
    target: &mut RunningTarget,
    signals: &mut Signals,
    control: Option<&Path>,
) -> anyhow::Result<()> {
    let log = Log::default();
    let (values, prepared) = engine::setup(&run.plan, &run.transport, &log, signals.next()).await;
    for line in log.take() {
        sinks.event(&Event::Log(line))?;
    }
    let over = match prepared {
        Ok(()) => {
            let load = run.load(&mut sinks, target, &values, signals, control);
            // On the heap, because it is large.
            Box::pin(load).await
        }
        Err(cut) => {
            let reason = match cut {
                CutShort::Failed(failure) if failure.outcome.is_unconnected() => {
                    StopReason::TargetGone {
                        detail: format!("setup: {failure}"),
                    }
                }
                CutShort::Failed(failure) => StopReason::SetupFailed {
                    detail: failure.to_string(),
                },
                CutShort::Stopped => StopReason::Signal,
            };
            let at = Micros::ZERO;
            sinks.event(&Event::Stop { at, reason }).map(|()| LoadOver {
                end: End::default(),
                is_stopped: true,
            })
        }
    };
    // Teardown runs even if setup or the load failed.
    let log = Log::default();
    let torn_down = run.tear_down(&values, &log, signals).await;
    let over = match (over, &torn_down) {
        (Ok(over), _) => over,
        (Err(error), Ok(())) => return Err(error),
        (Err(error), Err((_, words))) => return Err(error.context(words.clone())),
    };
    let at = over.end.at;
    for line in log.take() {
        sinks.event(&Event::Log(LogLine { at, ..line }))?;
    }
    if let Err((by_signal, text)) = torn_down {
        if by_signal && !over.is_stopped {
            let reason = StopReason::Signal;
            sinks.event(&Event::Stop { at, reason })?;
        }
        sinks.event(&Event::Warning { at, text })?;
    }
    sinks.deliver(&over.end, signals).await?;
    sinks.end(&over.end)
}

impl Run<'_> {
    /// Runs the load, from the first iteration to the last interval.
    async fn load(
        &self,
        sinks: &mut Sinks,
        target: &mut RunningTarget,
        values: &RunValues,
        signals: &mut Signals,
        control: Option<&Path>,
    ) -> anyhow::Result<LoadOver> {
        let plan = &self.plan;
        let shards = probe::cores() as usize * SHARDS_PER_CORE;
        let recorder = Recorder::new(
            &plan.workload.metrics,
            &plan.workload.series,
            plan.workload.checks.len(),
            shards,
        )
        .with_values(&plan.workload.custom_metrics, plan.server_timing())
        .with_slowest(plan.workload.warm_up.into(), &plan.workload.series);
        let recorder = Arc::new(recorder);
        let running = engine::launch(
            Arc::clone(plan),
            Arc::clone(&recorder),
            Arc::clone(&self.transport),
            values.clone(),
        )?;
        sinks.begin(&RunHeader {
            started_at: header::written(running.began_at()),
            ..self.header.clone()
        })?;
        let mut control = control.and_then(|folder| {
            let opened = ControlSocket::open(folder);
            let told = |error: &io::Error| {
                sinks.note(&format!(
                    "warning: `gander ctl` cannot reach this run: {error}"
                ));
            };
            opened.inspect_err(told).ok()
        });
        let warm_up = Micros::from(plan.workload.warm_up);
        let clock = running.clock();
        let session = Session {
            plan,
            monitor: Some(Monitor::start(&plan.monitor, &self.scraper, clock, warm_up)),
            recorder,
            running,
            target,
            sinks,
            totals: Totals::new(&plan.workload.series, plan.workload.checks.len()),
            judge: Judge::new(
                &plan.thresholds,
                &plan.workload.series,
                self.header.max_users(),
            ),
            grace: self.grace,
            stage_ends: plan.workload.loads.stage_ends(),
            is_stopped: false,
            changes: 0,
            last: LoadCounts::default(),
            search: plan.search.clone().map(|search| {
                let load = &plan.workload.loads[search.load];
                let (most, law) = match load.schedule {
                    Schedule::Arrivals { max_users, law, .. } => (max_users, law),
                    Schedule::Users(_) | Schedule::Iterations { .. } => {
                        (load.users.len() as u32, ArrivalLaw::Constant)
                    }
                };
                let measured = (&*plan.workload.series, plan.workload.checks.len());
                Box::new(Search::new(search, measured, most, law))
            }),
        };
        session.until_over(signals, control.as_mut()).await
    }

    /// Runs `teardown` for at most the grace period or until a second signal of the run. Returns why it did not finish, and whether a
    /// signal was the reason.
    async fn tear_down(
        &self,
        values: &RunValues,
        log: &Log,
        signals: &mut Signals,
    ) -> Result<(), (bool, String)> {
        let mut by_signal = false;
        let stop = async {
            tokio::select! {
                () = signals.second() => by_signal = true,
                () = sleep(self.grace) => {}
            }
        };
        let ended = engine::teardown(&self.plan, &self.transport, values, log, stop).await;
        ended.map_err(|cut| {
            let words = match cut {
                CutShort::Failed(failure) => format!("teardown: {failure}"),
                CutShort::Stopped if by_signal => {
                    "a second signal stopped teardown: data created by setup may remain".to_owned()
                }
                CutShort::Stopped => format!(
                    "teardown did not finish within {}: data created by setup may remain; raise the limit with --grace",
                    show_duration(self.grace)
                ),
            };
            (by_signal, words)
        })
    }
}
