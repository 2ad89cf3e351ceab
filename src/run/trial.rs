//! A trial: setup, one iteration of each flow, teardown.

use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::Signals;
use crate::engine::trial::{FlowTrial, Trial};
use crate::engine::{CutShort, Stop};
use crate::record::StopReason;
use crate::units::show_duration;

/// The end of a trial.
#[derive(Debug, Default)]
pub struct TrialEnd {
    /// True if a signal stopped it.
    pub is_stopped: bool,
    /// The flows that were begun: the first ones of the plan.
    pub flows: usize,
    /// The reason why further flows were not begun, in words.
    pub reason: Option<String>,
    /// The reason why teardown did not finish, in words, unless a step failed.
    pub teardown: Option<String>,
}

/// Runs a trial of the plan's flows. After a signal no request begins, and those in flight have the grace period;
/// a second signal cuts them off.
pub async fn attempt(
    trial: &Trial,
    flows: usize,
    grace: Duration,
    signals: &mut Signals,
) -> TrialEnd {
    let mut end = TrialEnd::default();
    let (values, prepared) = trial.setup(signals.next()).await;
    match prepared {
        Ok(()) => {
            let load = trial.flows(values.clone());
            while end.flows < flows && !load.is_stopped() {
                let index = end.flows;
                end.flows += 1;
                end.is_stopped |= flow(&load, index, grace, signals).await;
            }
            end.reason = load.stop_reason().map(words);
        }
        Err(CutShort::Failed(_)) => end.reason = Some("setup failed".to_owned()),
        Err(CutShort::Stopped) => end.is_stopped = true,
    }
    let mut by_signal = false;
    let stop = async {
        tokio::select! {
            () = signals.second() => by_signal = true,
            () = sleep(grace) => {}
        }
    };
    if let Err(CutShort::Stopped) = trial.teardown(&values, stop).await {
        end.is_stopped |= by_signal;
        end.teardown = Some(if by_signal {
            "a second signal stopped teardown: data created by setup may remain".to_owned()
        } else {
            format!(
                "teardown did not finish within {}: data created by setup may remain; raise the limit with --grace",
                show_duration(grace)
            )
        });
    }
    end
}

/// The reason in words.
fn words(reason: &StopReason) -> String {
    match reason {
        StopReason::ByScenario { flow } => format!("flow {flow} stopped the run"),
        StopReason::StepFailed { step } => {
            format!("step `{step}` failed, and `on_error` is `abort`")
        }
        other => format!("the run was stopped: {other:?}"),
    }
}

/// Runs a flow; true if a signal stopped it.
async fn flow(load: &FlowTrial, index: usize, grace: Duration, signals: &mut Signals) -> bool {
    let mut running = pin!(load.flow(index));
    let mut deadline: Option<Instant> = None;
    let mut is_stopped = false;
    loop {
        tokio::select! {
            () = &mut running => return is_stopped,
            () = signals.next() => {
                if is_stopped {
                    load.stop(Stop::AtOnce);
                    return true;
                }
                is_stopped = true;
                load.stop(Stop::Graceful);
                deadline = Some(Instant::now() + grace);
            }
            () = sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {
                load.stop(Stop::GraceOver);
                deadline = None;
            }
        }
    }
}
