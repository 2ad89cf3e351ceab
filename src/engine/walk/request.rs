//! Runs one request of a user: builds, sends, judges and records it.

use std::time::Instant;

use crate::engine::StepFailure;
use crate::engine::answer::Answer;
use crate::engine::auth::{self, HookWire, LoadWire};
use crate::engine::base_url::BaseUrl;
use crate::engine::in_flight::InFlight;
use crate::engine::judge::{describe_status, judged};
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::run::RunState;
use crate::engine::server_timing::durations;
use crate::engine::slow_request::{self, SlowFacts, values_if_slow};
use crate::engine::state::User;
use crate::expr::Context as _;
use crate::outcome::Outcome;
use crate::plan::{MeasuredRequest, PlannedRequest, Subject};
use crate::record::{Clock, FailureExample, Millionths, Sample};
use crate::scenario::OnError;
use crate::transport::{Client, Exchange, Trace};
use crate::units::Micros;

/// The end of a request, as far as the iteration depends on it.
#[derive(Debug)]
pub(in crate::engine) struct RequestEnd {
    /// Its answer.
    pub(in crate::engine) answer: Answer,
    /// When it ended; `None` if it could not be built.
    pub(in crate::engine) at: Option<Instant>,
    /// What follows from it.
    pub(in crate::engine) consequence: Consequence,
}

/// What follows from the end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Consequence {
    /// Every capture found its value.
    Nothing,
    /// A capture found no value.
    MissingValue,
    /// A check with `on_fail: stop_iteration` failed.
    EndsIteration,
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
        Err(reason) => return not_sent(run, user, index, clock, measured, &reason),
    };
    let in_flight = if let Some(dialogue) = prepared.dialogue.take() {
        let iteration = user.state.iteration();
        let trace = user.trace();
        let mut wire = LoadWire::new(run, index, clock, measured, intended, iteration, trace);
        let sent = auth::send(&mut wire, &mut user.client, request, &prepared, &dialogue);
        match Box::pin(sent).await {
            Ok(in_flight) => in_flight,
            Err(refused) => {
                user.backoff.note(refused.outcome);
                let reason = refused.into();
                return not_sent(run, user, index, clock, measured, &reason);
            }
        }
    } else {
        let mut in_flight = InFlight::new(run, index, series, clock, intended);
        in_flight.exchange.trace = user.trace();
        let outgoing = prepared.outgoing(request);
        in_flight.send(&mut user.client, outgoing).await;
        in_flight
    };
    conclude(run, user, index, measured, &prepared, in_flight).await
}

/// The end of a measured request that could not be built. A user without a row leaves, which is counted for the user, not
/// for a request.
pub(in crate::engine) fn not_sent(
    run: &RunState,
    user: &User<'_>,
    index: usize,
    clock: Clock,
    measured: &MeasuredRequest,
    reason: &Unsendable,
) -> RequestEnd {
    let outcome = if user.state.used_up().is_none() {
        unsendable(run, user, index, clock, measured, &reason.to_string());
        Outcome::Unsendable
    } else {
        Outcome::Interrupted
    };
    RequestEnd {
        answer: Answer::unsent(outcome),
        at: None,
        consequence: Consequence::NotSent,
    }
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
    let values = values_if_slow(run, &user.state, &in_flight, request, prepared);
    let judged = judged(request, &in_flight.exchange, prepared, user).await;
    in_flight.close();
    user.tell_exchange(request, &mut in_flight.exchange, &judged);

    let exchange = &in_flight.exchange;
    let sample = in_flight.sample(judged.outcome);
    let is_measured = run.recorder.record(index, |shard| {
        shard.request(&sample);
        for (id, held) in measured.checks.iter().zip(&user.state.held) {
            shard.check(*id, *held);
        }
        shard.is_measured()
    });
    if let Some(values) = values.filter(|_| is_measured) {
        let facts = SlowFacts {
            user: user.state.user(),
            iteration: user.state.iteration(),
            request: &prepared.shown(request),
            values,
            traceparent: prepared.traceparent.as_ref(),
            secrets: user.state.secrets(),
        };
        slow_request::offer(run, &sample, exchange, facts);
    }
    if run.plan.workload.http.server_timing {
        record_server_timing(run, user, index, measured, exchange, sample.finished);
    }
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
    let goes_on = run.plan.workload.on_error == OnError::Continue;
    RequestEnd {
        answer: Answer::of(judged.outcome, exchange),
        at: Some(exchange.finished),
        consequence: if judged.outcome == Outcome::GraceTimeout {
            Consequence::CutOff
        } else if judged.ends_iteration && (goes_on || !judged.lacks_value) {
            Consequence::EndsIteration
        } else if judged.lacks_value {
            Consequence::MissingValue
        } else {
            Consequence::Nothing
        },
    }
}

/// Records the durations in the `server-timing` headers of a response, unless the request is silent.
fn record_server_timing(
    run: &RunState,
    user: &User<'_>,
    index: usize,
    measured: &MeasuredRequest,
    exchange: &Exchange,
    at: Micros,
) {
    let series = &run.plan.workload.series[measured.series.0 as usize];
    let Some(response) = &exchange.response else {
        return;
    };
    if series.subject == Subject::Silent {
        return;
    }
    durations(&response.headers, |name, ms| {
        let duration = Millionths::of(ms).filter(|ms| ms.0 >= 0);
        if let Some(duration) = duration {
            let hide = |name: &str| user.state.hide(name);
            run.recorder.server_timing(index, name, at, duration, hide);
        }
    });
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
    user.tell_unsent(&measured.request, &detail);
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

/// The end of a request of setup or teardown; a failed one is a failure of the hook.
pub(in crate::engine) type HookRequestEnd = (Answer, Result<(), StepFailure>);

/// Runs a request of setup or teardown, which is not recorded.
pub(in crate::engine) async fn unmeasured(
    base: &BaseUrl,
    user: &mut User<'_>,
    request: &PlannedRequest,
) -> HookRequestEnd {
    let mut prepared = match Prepared::of(request, base, &mut user.state) {
        Ok(prepared) => prepared,
        Err(reason) => {
            user.tell_unsent(request, &reason);
            return unprepared(request, &reason);
        }
    };
    let trace = user.trace();
    match unmeasured_exchange(&mut user.client, request, &mut prepared, trace).await {
        Ok(exchange) => answered(user, request, &prepared, exchange).await,
        Err(reason) => {
            user.tell_unsent(request, &reason);
            unprepared(request, &reason)
        }
    }
}

/// Sends a request of setup or teardown, with those that its credentials need.
pub(in crate::engine) async fn unmeasured_exchange(
    client: &mut Client,
    request: &PlannedRequest,
    prepared: &mut Prepared<'_>,
    trace: Option<Box<Trace>>,
) -> Result<Exchange, Unsendable> {
    match prepared.dialogue.take() {
        None => Ok(client.send_traced(prepared.outgoing(request), trace).await),
        Some(dialogue) => {
            let mut wire = HookWire(trace);
            let sent = auth::send(&mut wire, client, request, prepared, &dialogue);
            Box::pin(sent).await.map_err(Unsendable::from)
        }
    }
}

/// The end of a hook's request that cannot be built.
pub(in crate::engine) fn unprepared(
    request: &PlannedRequest,
    reason: &Unsendable,
) -> HookRequestEnd {
    const OUTCOME: Outcome = Outcome::Unsendable;
    let failure = StepFailure {
        step: request.name.clone(),
        request: Some(request.shown.clone()),
        outcome: OUTCOME,
        status: None,
        detail: reason.to_string(),
    };
    (Answer::unsent(OUTCOME), Err(failure))
}

/// Judges a request of setup or teardown that has ended.
pub(in crate::engine) async fn answered(
    user: &mut User<'_>,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
    mut exchange: Exchange,
) -> HookRequestEnd {
    let judged = judged(request, &exchange, prepared, user).await;
    user.tell_exchange(request, &mut exchange, &judged);
    let answer = Answer::of(judged.outcome, &exchange);
    if !judged.outcome.is_failure() {
        return (answer, Ok(()));
    }
    let detail = judged.detail.unwrap_or_else(|| describe_status(&exchange));
    let failure = StepFailure {
        step: request.name.clone(),
        request: Some(prepared.shown(request).into_owned()),
        outcome: judged.outcome,
        status: answer.status,
        detail,
    };
    (answer, Err(failure))
}
