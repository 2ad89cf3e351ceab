//! A run: setup, the load second by second, teardown; what happens is told to [`Sink`]s, of which the journal is one.
//!
//! [`send`] goes through it. It judges nothing itself, writes no report, and knows no command line.

pub mod header;
mod session;
mod signals;
mod sink;
mod target;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

pub use signals::{Signals, survive_file_size_limit};
pub use sink::{End, LiveView, Second, Sink, Sinks};
pub use target::Target;

use self::session::{LoadOver, Session};
use crate::engine::{self, CutShort, RunValues};
use crate::plan::Plan;
use crate::probe;
use crate::record::journal::{Event, RunHeader};
use crate::record::{Recorder, StopReason, Totals};
use crate::transport::Shared;
use crate::units::{Micros, show_duration};
use crate::verdict::Judge;

/// Shards a core: enough for users of one core never to wait for one another.
const SHARDS_PER_CORE: usize = 4;

/// What is to be run.
pub struct Run<'a> {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The connections of all users.
    pub transport: Arc<Shared>,
    /// The header of the journal.
    pub header: &'a RunHeader,
    /// How long requests in flight have once the load is over, and teardown as a whole.
    pub grace: Duration,
}

/// Ends a run whose load never began.
pub fn close_without_load(mut sinks: Sinks, reason: StopReason) -> anyhow::Result<()> {
    let at = Micros::ZERO;
    sinks.event(&Event::Stop { at, reason })?;
    sinks.end(&End::default())
}

/// From `setup` to the end; every sink has been told everything when this returns.
pub async fn send(
    run: Run<'_>,
    mut sinks: Sinks,
    target: &mut Target,
    signals: &mut Signals,
) -> anyhow::Result<()> {
    let (values, prepared) = engine::setup(&run.plan, &run.transport, signals.next()).await;
    let over = match prepared {
        Ok(()) => run.load(&mut sinks, target, &values, signals).await,
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
    // Teardown runs also when setup or the load failed.
    let torn_down = run.tear_down(&values, signals).await;
    let over = match (over, &torn_down) {
        (Ok(over), _) => over,
        (Err(error), Ok(())) => return Err(error),
        (Err(error), Err((_, words))) => return Err(error.context(words.clone())),
    };
    if let Err((by_signal, text)) = torn_down {
        let at = over.end.at;
        if by_signal && !over.is_stopped {
            let reason = StopReason::Signal;
            sinks.event(&Event::Stop { at, reason })?;
        }
        sinks.event(&Event::Warning { at, text })?;
    }
    sinks.end(&over.end)
}

impl Run<'_> {
    /// From the first iteration to the last interval.
    async fn load(
        &self,
        sinks: &mut Sinks,
        target: &mut Target,
        values: &RunValues,
        signals: &mut Signals,
    ) -> anyhow::Result<LoadOver> {
        let plan = &self.plan;
        let shards = probe::cores() as usize * SHARDS_PER_CORE;
        let recorder = Arc::new(Recorder::new(plan.series.len(), plan.checks.len(), shards));
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
        let session = Session {
            plan,
            recorder,
            running,
            target,
            sinks,
            totals: Totals::new(&plan.series, plan.checks.len()),
            judge: Judge::new(&plan.thresholds, &plan.series, self.header.max_users()),
            grace: self.grace,
            is_stopped: false,
        };
        session.until_over(signals).await
    }

    /// Walks through `teardown`, for the grace period at most and until a signal; says in words why it did not come to
    /// its end, and whether it was a signal.
    async fn tear_down(
        &self,
        values: &RunValues,
        signals: &mut Signals,
    ) -> Result<(), (bool, String)> {
        let mut by_signal = false;
        let stop = async {
            tokio::select! {
                () = signals.next() => by_signal = true,
                () = sleep(self.grace) => {}
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
                    show_duration(self.grace)
                ),
            };
            (by_signal, words)
        })
    }
}
