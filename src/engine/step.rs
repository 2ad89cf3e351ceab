//! One request of one user: prepared, sent, judged, recorded.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::StatusCode;

use super::backoff::Backoff;
use super::check::{self, CheckResult};
use super::in_flight::InFlight;
use super::request::{Origin, Prepared, Unsendable};
use super::response::Response;
use super::run::Run;
use super::state::State;
use super::{StepFailure, capture};
use crate::outcome::Outcome;
use crate::plan::Request;
use crate::record::journal::FailureExample;
use crate::record::{Clock, Sample};
use crate::scenario::{CaptureFrom, CheckRule, TextRule};
use crate::transport::{Client, Exchange};
use crate::units::Micros;

/// One user: its connections and its memory, apart so that a capture may read the one and write the other.
#[derive(Debug)]
pub(super) struct User<'r> {
    pub(super) client: Client,
    pub(super) state: State<'r>,
    pub(super) backoff: Backoff,
}

/// What came of a request, judged.
#[derive(Debug)]
struct Judged {
    outcome: Outcome,
    /// What went wrong first, in words; none if that is the status, whose words are found when they are asked for.
    detail: Option<String>,
    /// A value that later steps may insert was not there.
    lacks_value: bool,
}

/// What the iteration needs to know of a request.
#[derive(Debug)]
pub(super) enum Done {
    /// It ended at this instant, well or not, and left every value it should.
    Ended(Instant),
    /// It ended at this instant, and a value it should have left is missing.
    Lacking(Instant),
    /// It could not be sent.
    NotSent,
    /// The grace period was over before it ended.
    CutOff,
}

/// A measured request of a user; `intended` is given for the first one of an iteration.
pub(super) async fn measured(
    run: &Run,
    user: &mut User<'_>,
    index: usize,
    clock: Clock,
    request: &Request,
    intended: Option<Micros>,
) -> Done {
    // Every request of a flow has a series; only those of setup and teardown have none.
    let Some(series) = request.series else {
        return Done::NotSent;
    };
    let mut prepared = match Prepared::of(request, &run.origin, &mut user.state) {
        Ok(prepared) => prepared,
        Err(reason) => {
            // A user for which there is no row has nothing to do: that is told of the user, not of a request.
            if user.state.used_up().is_none() {
                unsendable(run, user, index, clock, request, &reason.to_string());
            }
            return Done::NotSent;
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
        for ((id, _), held) in request.checks.iter().zip(&user.state.held) {
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
                let detail = judged.detail.unwrap_or_else(|| of_status(exchange));
                user.state.hide(&detail)
            },
        };
        run.recorder.failure(Some(series), outcome, status, example);
    }
    if judged.outcome == Outcome::GraceTimeout {
        return Done::CutOff;
    }
    if judged.lacks_value {
        Done::Lacking(exchange.finished)
    } else {
        Done::Ended(exchange.finished)
    }
}

/// Counts a measured request that could not be built: it failed, and nothing of it was sent.
pub(super) fn unsendable(
    run: &Run,
    user: &User<'_>,
    index: usize,
    clock: Clock,
    request: &Request,
    detail: &str,
) {
    const OUTCOME: Outcome = Outcome::Unsendable;
    let Some(series) = request.series else {
        return;
    };
    let now = clock.now();
    let sample = Sample::unsent(series, now, OUTCOME);
    run.recorder.record(index, |shard| shard.request(&sample));
    run.recorder
        .failure(Some(series), OUTCOME, None, || FailureExample {
            at: now,
            series: Some(series),
            outcome: OUTCOME,
            status: None,
            request: user.state.hide(&request.shown),
            detail: user.state.hide(detail),
        });
}

/// A request of setup or teardown: it is not recorded, and any failure of it is one of the whole.
pub(super) async fn unmeasured(
    origin: &Origin,
    user: &mut User<'_>,
    request: &Request,
) -> Result<(), StepFailure> {
    let failure = |outcome, status, detail| StepFailure {
        step: request.name.clone(),
        request: Some(request.shown.clone()),
        outcome,
        status,
        detail,
    };
    let mut prepared = Prepared::of(request, origin, &mut user.state)
        .map_err(|reason: Unsendable| failure(Outcome::Unsendable, None, reason.to_string()))?;
    let exchange = user.client.send(prepared.outgoing(request)).await;
    let judged = judged(request, &exchange, &prepared, user).await;
    if judged.outcome.is_failure() {
        let status = exchange.status();
        let detail = judged.detail.unwrap_or_else(|| of_status(&exchange));
        return Err(failure(judged.outcome, status, detail));
    }
    Ok(())
}

/// How large a body may be to be parsed or searched on the users' own thread, in about a millisecond.
const LARGE: usize = 64 << 10;

/// The same for a body in which a text is looked for.
const LARGE_TEXT: usize = 1 << 20;

/// Judges here, or apart from the users' thread if that takes long.
async fn judged(
    request: &Request,
    exchange: &Exchange,
    prepared: &Prepared<'_>,
    user: &mut User<'_>,
) -> Judged {
    if is_laborious(request, exchange) {
        let shared = Arc::clone(user.client.shared());
        return shared
            .offload(|| judge(request, exchange, prepared, user))
            .await;
    }
    judge(request, exchange, prepared, user)
}

/// Whether the other users of the thread would notice the checks and captures of a response.
fn is_laborious(request: &Request, exchange: &Exchange) -> bool {
    let Some(body) = exchange.body() else {
        return false;
    };
    let size = body.len();
    let of_check = |rule: &CheckRule| match rule {
        CheckRule::Json(path, _) => size > LARGE || path.may_multiply(),
        CheckRule::Body(TextRule::Matches(_)) => size > LARGE,
        CheckRule::Body(_) => size > LARGE_TEXT,
        _ => false,
    };
    let of_capture = |from: &CaptureFrom| match from {
        CaptureFrom::Json(path) => size > LARGE || path.may_multiply(),
        CaptureFrom::Regex(_) => size > LARGE,
        CaptureFrom::Header(_) | CaptureFrom::Cookie(_) => false,
    };
    request
        .checks
        .iter()
        .any(|(_, check)| of_check(&check.rule))
        || request
            .captures
            .iter()
            .any(|capture| of_capture(&capture.from))
}

/// Judges every check, takes every capture. What fails first in this order is the outcome: transport, status, check,
/// capture. Without a whole response no check is judged.
fn judge(
    request: &Request,
    exchange: &Exchange,
    prepared: &Prepared<'_>,
    user: &mut User<'_>,
) -> Judged {
    user.state.held.clear();
    let response = match Response::of(exchange) {
        Some(response) if !exchange.outcome.is_failure() => response,
        _ => {
            return Judged {
                outcome: exchange.outcome,
                detail: Some(exchange.detail.clone()),
                lacks_value: !request.captures.is_empty(),
            };
        }
    };
    let mut judged = Judged {
        outcome: Outcome::Ok,
        detail: None,
        lacks_value: false,
    };
    if response.status >= StatusCode::BAD_REQUEST && !accepts(request, &response) {
        judged.outcome = Outcome::Status;
    }
    for (_, check) in &request.checks {
        let result = check::judge(&check.rule, &response, &mut user.state);
        if let CheckResult::Failed { found } = &result {
            judged.fail(Outcome::Check, || format!("{}: found {found}", check.name));
        }
        user.state.held.push(result == CheckResult::Passed);
    }
    let page = exchange.page.as_deref().unwrap_or(&prepared.uri);
    for wanted in &request.captures {
        let client = &user.client;
        let jar = |name: &str| {
            let of_page = client.cookie(page, name);
            of_page.or_else(|| client.cookie(&prepared.uri, name))
        };
        match capture::take(wanted, &response, &jar, &mut user.state) {
            Ok(value) => {
                user.state.keep(wanted.slot, value);
                if request.captured_links.contains(&wanted.slot) {
                    user.state.came_from(wanted.slot, page);
                }
            }
            Err(miss) => {
                judged.lacks_value = true;
                judged.fail(Outcome::Capture, || miss.to_string());
            }
        }
    }
    judged
}

/// Whether a check of the step asks for this status.
fn accepts(request: &Request, response: &Response<'_>) -> bool {
    request.checks.iter().any(|(_, check)| match &check.rule {
        CheckRule::Status(ranges) => ranges
            .iter()
            .any(|range| (range.first..=range.last).contains(&response.status)),
        _ => false,
    })
}

/// A status that is a failure, and how the body begins.
fn of_status(exchange: &Exchange) -> String {
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

impl Judged {
    /// The first failure stays.
    fn fail(&mut self, outcome: Outcome, detail: impl FnOnce() -> String) {
        if self.outcome == Outcome::Ok {
            self.outcome = outcome;
            self.detail = Some(detail());
        }
    }
}
