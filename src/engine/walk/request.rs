//! Runs one request of a user: builds, sends, judges and records it.

use std::time::Instant;

use crate::engine::StepFailure;
use crate::engine::base_url::BaseUrl;
use crate::engine::in_flight::InFlight;
use crate::engine::judge::{describe_status, judged};
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::run::RunState;
use crate::engine::state::User;
use crate::outcome::Outcome;
use crate::plan::{MeasuredRequest, PlannedRequest};
use crate::record::{Clock, FailureExample, Sample};
use crate::scenario::OnError;
use crate::transport::Exchange;
use crate::units::Micros;

/// The end of a request, as far as the iteration depends on it.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum RequestEnd {
    /// The request ended at this instant with this outcome, and every capture found its value.
    Ended(Instant, Outcome),
    /// The request ended at this instant with this outcome, and a capture found no value.
    MissingValue(Instant, Outcome),
    /// The request ended at this instant; a check with `on_fail: stop_iteration` failed.
    EndsIteration(Instant),
    /// The request could not be built.
    NotSent,
    /// The grace period was over before it ended.
    CutOff,
}

/// Runs a measured request of a user; `intended` is set for the first one of an iteration.
pub(in crate::engine) async fn measured(
    run: &RunState,
    user: &mut User<'_>,
    index: usize,
    clock: Clock,
    measured: &MeasuredRequest,
    intended: Option<Micros>,
) -> RequestEnd {
    let (series, request) = (measured.series, &measured.request);
    let mut prepared = match Prepared::of(request, &run.base, &mut user.state) {
        Ok(prepared) => prepared,
        Err(reason) => {
            // A user without a row leaves, which is counted for the user, not for a request.
            if user.state.used_up().is_none() {
                unsendable(run, user, index, clock, measured, &reason.to_string());
            }
            return RequestEnd::NotSent;
        }
    };
    let mut in_flight = InFlight::new(run, index, series, clock, intended);
    let outgoing = prepared.outgoing(request);
    in_flight.send(&mut user.client, outgoing).await;
    conclude(run, user, index, measured, &prepared, in_flight).await
}

/// Judges and records a measured request that has ended.
pub(in crate::engine) async fn conclude(
    run: &RunState,
    user: &mut User<'_>,
    index: usize,
    measured: &MeasuredRequest,
    prepared: &Prepared<'_>,
    mut in_flight: InFlight<'_>,
) -> RequestEnd {
    let (series, request) = (measured.series, &measured.request);
    user.backoff.note(in_flight.exchange.outcome);
    let judged = judged(request, &in_flight.exchange, prepared, user).await;
    in_flight.close();

    let exchange = &in_flight.exchange;
    let sample = in_flight.sample(judged.outcome);
    run.recorder.record(index, |shard| {
        shard.request(&sample);
        for (id, held) in measured.checks.iter().zip(&user.state.held) {
            shard.check(*id, *held);
        }
    });
    if judged.outcome.is_failure() {
        let (outcome, status) = (judged.outcome, sample.status);
        let example = || FailureExample {
            at: sample.finished,
            series: Some(series),
            outcome,
            status,
            request: user.state.hide(&prepared.shown(request)),
            detail: {
                let detail = judged.detail.unwrap_or_else(|| describe_status(exchange));
                user.state.hide(&detail)
            },
        };
        run.recorder.failure(Some(series), outcome, status, example);
    }
    if judged.outcome == Outcome::GraceTimeout {
        return RequestEnd::CutOff;
    }
    let goes_on = run.plan.workload.on_error == OnError::Continue;
    if judged.ends_iteration && (goes_on || !judged.lacks_value) {
        RequestEnd::EndsIteration(exchange.finished)
    } else if judged.lacks_value {
        RequestEnd::MissingValue(exchange.finished, judged.outcome)
    } else {
        RequestEnd::Ended(exchange.finished, judged.outcome)
    }
}

/// Counts a measured request that could not be built: it failed, and nothing of it was sent.
pub(in crate::engine) fn unsendable(
    run: &RunState,
    user: &User<'_>,
    index: usize,
    clock: Clock,
    measured: &MeasuredRequest,
    detail: &str,
) {
    const OUTCOME: Outcome = Outcome::Unsendable;
    let series = measured.series;
    let now = clock.now();
    let sample = Sample {
        is_after_load: run.is_over(now),
        ..Sample::unsent(series, now, OUTCOME)
    };
    run.recorder.record(index, |shard| shard.request(&sample));
    run.recorder
        .failure(Some(series), OUTCOME, None, || FailureExample {
            at: now,
            series: Some(series),
            outcome: OUTCOME,
            status: None,
            request: user.state.hide(&measured.request.shown),
            detail: user.state.hide(detail),
        });
}

/// Runs a request of setup or teardown: it is not recorded, and its failure is a failure of the hook.
pub(in crate::engine) async fn unmeasured(
    base: &BaseUrl,
    user: &mut User<'_>,
    request: &PlannedRequest,
) -> Result<(), StepFailure> {
    let mut prepared = Prepared::of(request, base, &mut user.state)
        .map_err(|reason| unprepared(request, &reason))?;
    let exchange = user.client.send(prepared.outgoing(request)).await;
    answered(user, request, &prepared, &exchange).await
}

/// The failure of a hook whose request cannot be built.
pub(in crate::engine) fn unprepared(request: &PlannedRequest, reason: &Unsendable) -> StepFailure {
    StepFailure {
        step: request.name.clone(),
        request: Some(request.shown.clone()),
        outcome: Outcome::Unsendable,
        status: None,
        detail: reason.to_string(),
    }
}

/// Judges a request of setup or teardown that has ended.
pub(in crate::engine) async fn answered(
    user: &mut User<'_>,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
    exchange: &Exchange,
) -> Result<(), StepFailure> {
    let judged = judged(request, exchange, prepared, user).await;
    if judged.outcome.is_failure() {
        let status = exchange.status();
        let detail = judged.detail.unwrap_or_else(|| describe_status(exchange));
        return Err(StepFailure {
            step: request.name.clone(),
            request: Some(prepared.shown(request).into_owned()),
            outcome: judged.outcome,
            status,
            detail,
        });
    }
    Ok(())
}
