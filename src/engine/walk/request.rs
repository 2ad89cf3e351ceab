//! Runs one request of a user: builds, sends, judges and records it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use crate::engine::base_url::BaseUrl;
use crate::engine::check::{self, CheckResult};
use crate::engine::in_flight::InFlight;
use crate::engine::last_response::LastResponse;
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::response::Response;
use crate::engine::run::RunState;
use crate::engine::state::{User, Values};
use crate::engine::{StepFailure, capture};
use crate::expr::ResponsePart;
use crate::outcome::Outcome;
use crate::plan::{MeasuredRequest, PlannedRequest};
use crate::record::{Clock, FailureExample, Sample};
use crate::scenario::{CaptureFrom, CheckRule, TextRule};
use crate::transport::Exchange;
use crate::units::Micros;

/// A request's outcome after its checks and captures.
#[derive(Debug)]
struct JudgedRequest {
    outcome: Outcome,
    /// The first failure in words; `None` for a failed status, which is described on demand.
    detail: Option<String>,
    /// A value that later steps may need was missing.
    lacks_value: bool,
}

/// The end of a request, as far as the iteration depends on it.
#[derive(Debug)]
pub(in crate::engine) enum RequestEnd {
    /// It ended at this instant, failed or not, and provided all its values.
    Ended(Instant),
    /// It ended at this instant, and one of its values is missing.
    MissingValue(Instant),
    /// It could not be built.
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
    user.backoff.note(in_flight.exchange.outcome);
    let judged = judged(request, &in_flight.exchange, &prepared, user).await;
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
            request: user.state.hide(&request.shown),
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
    if judged.lacks_value {
        RequestEnd::MissingValue(exchange.finished)
    } else {
        RequestEnd::Ended(exchange.finished)
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
    let failure = |outcome, status, detail| StepFailure {
        step: request.name.clone(),
        request: Some(request.shown.clone()),
        outcome,
        status,
        detail,
    };
    let mut prepared = Prepared::of(request, base, &mut user.state)
        .map_err(|reason: Unsendable| failure(Outcome::Unsendable, None, reason.to_string()))?;
    let exchange = user.client.send(prepared.outgoing(request)).await;
    let judged = judged(request, &exchange, &prepared, user).await;
    if judged.outcome.is_failure() {
        let status = exchange.status();
        let detail = judged.detail.unwrap_or_else(|| describe_status(&exchange));
        return Err(failure(judged.outcome, status, detail));
    }
    Ok(())
}

/// The largest body that is parsed or searched on the users' own thread, in about a millisecond.
const LARGE: usize = 64 << 10;

/// The same limit for a body that is searched for a text.
const LARGE_TEXT: usize = 1 << 20;

/// Judges on this thread, or on another one if that takes long.
async fn judged(
    request: &PlannedRequest,
    exchange: &Exchange,
    prepared: &Prepared<'_>,
    user: &mut User<'_>,
) -> JudgedRequest {
    if is_slow_to_judge(request, exchange) {
        let shared = Arc::clone(user.client.shared());
        return shared
            .offload(|| judge(request, exchange, prepared, user))
            .await;
    }
    judge(request, exchange, prepared, user)
}

/// True if the checks and captures of a response would delay the other users of the thread.
fn is_slow_to_judge(request: &PlannedRequest, exchange: &Exchange) -> bool {
    let Some(body) = exchange.body() else {
        return false;
    };
    let size = body.len();
    let of_check = |rule: &CheckRule| match rule {
        CheckRule::Json(path, _) => size > LARGE || path.may_multiply(),
        CheckRule::Body(TextRule::Matches(_)) => size > LARGE,
        CheckRule::Body(TextRule::Exists | TextRule::Equals(_) | TextRule::Contains(_)) => {
            size > LARGE_TEXT
        }
        CheckRule::Status(_)
        | CheckRule::Time(..)
        | CheckRule::Size(..)
        | CheckRule::Header(..)
        | CheckRule::That(_) => false,
    };
    let of_capture = |from: &CaptureFrom| match from {
        CaptureFrom::Json(path) => size > LARGE || path.may_multiply(),
        CaptureFrom::Regex(_) => size > LARGE,
        CaptureFrom::Header(_) | CaptureFrom::Cookie(_) => false,
    };
    let keeps = |part, most| request.keeps.has(&part) && size > most;
    keeps(ResponsePart::Json, LARGE)
        || keeps(ResponsePart::Body, LARGE_TEXT)
        || request.checks.iter().any(|check| of_check(&check.rule))
        || request
            .captures
            .iter()
            .any(|capture| of_capture(&capture.from))
}

/// Judges every check and takes every capture. The first failure in this order is the outcome: transport, status, check,
/// capture. Without a complete response no check is judged.
fn judge(
    request: &PlannedRequest,
    exchange: &Exchange,
    prepared: &Prepared<'_>,
    user: &mut User<'_>,
) -> JudgedRequest {
    user.state.held.clear();
    let response = match Response::of(exchange) {
        Some(response) if !exchange.outcome.is_failure() => response,
        Some(_) | None => {
            user.state.remember(None);
            return JudgedRequest {
                outcome: exchange.outcome,
                detail: Some(exchange.detail.clone()),
                lacks_value: !request.captures.is_empty(),
            };
        }
    };
    let mut judged = JudgedRequest {
        outcome: Outcome::Ok,
        detail: None,
        lacks_value: false,
    };
    if response.status >= StatusCode::BAD_REQUEST && !accepts(request, &response) {
        judged.outcome = Outcome::Status;
    }
    let page = exchange.page.as_deref().unwrap_or(&prepared.uri);
    let keeps = request.keeps;
    let last = (!keeps.is_empty()).then(|| LastResponse::of(&response, page, keeps));
    user.state.remember(last);
    for check in &request.checks {
        let result = check::judge(&check.rule, &response, &mut user.state);
        if let CheckResult::Failed { found } = &result {
            judged.fail(Outcome::Check, || format!("{}: found {found}", check.name));
        }
        user.state.held.push(result == CheckResult::Passed);
    }
    for wanted in &request.captures {
        let client = &user.client;
        let jar = |name: &str| {
            let of_page = client.cookie(page, name);
            of_page.or_else(|| client.cookie(&prepared.uri, name))
        };
        match capture::take(wanted, &response, &jar, &mut user.state) {
            Ok(value) => {
                user.state.keep(wanted.slot, value);
                user.state.came_from(wanted.slot, page);
            }
            Err(miss) => {
                judged.lacks_value = true;
                judged.fail(Outcome::Capture, || miss.to_string());
            }
        }
    }
    judged
}

/// True if a check of the step accepts this status.
fn accepts(request: &PlannedRequest, response: &Response<'_>) -> bool {
    request.checks.iter().any(|check| match &check.rule {
        CheckRule::Status(ranges) => ranges.iter().any(|range| range.contains(response.status)),
        CheckRule::Time(..)
        | CheckRule::Size(..)
        | CheckRule::Header(..)
        | CheckRule::Body(_)
        | CheckRule::Json(..)
        | CheckRule::That(_) => false,
    })
}

/// Describes a failed status: the status and the beginning of the body.
fn describe_status(exchange: &Exchange) -> String {
    let Some(response) = &exchange.response else {
        return String::new();
    };
    let status = response.status;
    let Some(start) = response.body_start() else {
        return status.to_string();
    };
    let response = Response::new(status, &response.headers, &start, Duration::ZERO);
    format!("{status}: {}", response.excerpt())
}

impl JudgedRequest {
    /// Sets the failure; the first one stays.
    fn fail(&mut self, outcome: Outcome, detail: impl FnOnce() -> String) {
        if self.outcome == Outcome::Ok {
            self.outcome = outcome;
            self.detail = Some(detail());
        }
    }
}
