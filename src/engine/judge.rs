//! Judges a response: its status, its checks, its captures. The first failure is the outcome of its request.

use std::sync::Arc;
use std::time::Duration;

use super::capture::{self, CaptureMiss};
use super::check::{self, CheckResult};
use super::last_response::LastResponse;
use super::request::Prepared;
use super::response::Response;
use super::state::{User, UserState, Values};
use crate::expr::{Missing, ResponsePart};
use crate::outcome::Outcome;
use crate::plan::PlannedRequest;
use crate::scenario::{
    Capture, CaptureDefault, CaptureFrom, CheckRule, FailedStatuses, OnFail, TextRule,
};
use crate::transport::Exchange;

/// A request's outcome after its checks and captures.
#[derive(Debug)]
pub(super) struct JudgedRequest {
    pub(super) outcome: Outcome,
    /// The first failure in words; `None` for a failed status, which is described on demand.
    pub(super) detail: Option<String>,
    /// A value that later steps may need was missing.
    pub(super) lacks_value: bool,
    /// A check failed whose failure ends the iteration.
    pub(super) ends_iteration: bool,
}

/// The largest body that is parsed or searched on the users' own thread, in about a millisecond.
pub(super) const LARGE: usize = 64 << 10;

/// The same limit for a body that is searched for a text.
const LARGE_TEXT: usize = 1 << 20;

/// Judges on this thread, or on another one if that takes long.
pub(super) async fn judged(
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
pub(super) fn is_slow_to_judge(request: &PlannedRequest, exchange: &Exchange) -> bool {
    let Some(body) = exchange.body() else {
        return false;
    };
    let size = body.len();
    let keeps = |part, most| request.keeps.has(&part) && size > most;
    keeps(ResponsePart::Json, LARGE)
        || keeps(ResponsePart::Body, LARGE_TEXT)
        || request
            .checks
            .iter()
            .any(|check| is_slow_check(&check.rule, size))
        || request
            .captures
            .iter()
            .any(|capture| is_slow_capture(&capture.from, size))
}

fn is_slow_check(rule: &CheckRule, size: usize) -> bool {
    match rule {
        CheckRule::Json(path, _) => size > LARGE || path.may_multiply(),
        CheckRule::Body(TextRule::Matches(_)) | CheckRule::Css(..) | CheckRule::Schema(_) => {
            size > LARGE
        }
        CheckRule::Body(TextRule::Exists | TextRule::Equals(_) | TextRule::Contains(_)) => {
            size > LARGE_TEXT
        }
        CheckRule::Body(TextRule::Length(..)) => size > LARGE_TEXT,
        CheckRule::Not(inner) => is_slow_check(inner, size),
        CheckRule::Status(_)
        | CheckRule::Time(..)
        | CheckRule::Size(..)
        | CheckRule::Url(_)
        | CheckRule::That(_)
        | CheckRule::Header(..) => false,
    }
}

fn is_slow_capture(from: &CaptureFrom, size: usize) -> bool {
    match from {
        CaptureFrom::Json(path) => size > LARGE || path.may_multiply(),
        CaptureFrom::Regex(..) | CaptureFrom::Css(_) => size > LARGE,
        CaptureFrom::Between(..) | CaptureFrom::Body => size > LARGE_TEXT,
        CaptureFrom::Header(_)
        | CaptureFrom::Cookie(_)
        | CaptureFrom::Status
        | CaptureFrom::Url => false,
    }
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
    let page = exchange.page.as_deref().unwrap_or(&prepared.uri);
    let response = match Response::of(exchange, page) {
        Some(response) if !exchange.outcome.is_failure() => response,
        Some(_) | None => {
            user.state.remember(None);
            let mut lacks_value = false;
            for wanted in &request.captures {
                let is_missing = fall_back(wanted, &mut user.state).is_err();
                lacks_value |= is_missing;
                if let Some(trail) = &user.trail {
                    trail.missed(wanted, None, !is_missing, &user.state);
                }
            }
            if let Some(trail) = &user.trail {
                request
                    .checks
                    .iter()
                    .for_each(|check| trail.unjudged(check));
            }
            return JudgedRequest {
                outcome: exchange.outcome,
                detail: Some(exchange.detail.clone()),
                lacks_value,
                ends_iteration: request
                    .checks
                    .iter()
                    .any(|check| check.on_fail == OnFail::StopIteration),
            };
        }
    };
    let mut judged = JudgedRequest {
        outcome: Outcome::Ok,
        detail: None,
        lacks_value: false,
        ends_iteration: false,
    };
    if request.failed.has(response.status) && !accepts(request, &response) {
        judged.outcome = Outcome::Status;
    }
    let keeps = request.keeps;
    let last = (!keeps.is_empty()).then(|| LastResponse::of(&response, page, keeps));
    user.state.remember(last);
    for check in &request.checks {
        let result = check::judge(&check.rule, &response, &mut user.state);
        if let Some(trail) = &user.trail {
            let found = match &result {
                CheckResult::Passed => None,
                CheckResult::Failed { found } => Some(&**found),
            };
            trail.checked(check, found, &response, &user.state);
        }
        if let CheckResult::Failed { found } = &result {
            judged.fail(Outcome::Check, || format!("{}: found {found}", check.name));
            judged.ends_iteration |= check.on_fail == OnFail::StopIteration;
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
                if let Some(trail) = &user.trail {
                    trail.captured(wanted, &user.state);
                }
            }
            Err(miss) => {
                let has_default = judged.missed(wanted, &miss, &mut user.state);
                if let Some(trail) = &user.trail {
                    trail.missed(wanted, Some(&miss), has_default, &user.state);
                }
            }
        }
    }
    judged
}

/// True if a check of the step accepts a status of `fail_on`. `expect` names every good status itself.
fn accepts(request: &PlannedRequest, response: &Response<'_>) -> bool {
    let FailedStatuses::On(_) = request.failed else {
        return false;
    };
    request.checks.iter().any(|check| match &check.rule {
        CheckRule::Status(ranges) => ranges.iter().any(|range| range.contains(response.status)),
        CheckRule::Time(..)
        | CheckRule::Size(..)
        | CheckRule::Header(..)
        | CheckRule::Body(_)
        | CheckRule::Css(..)
        | CheckRule::Schema(_)
        | CheckRule::Url(_)
        | CheckRule::Not(_)
        | CheckRule::That(_)
        | CheckRule::Json(..) => false,
    })
}

/// Takes `default` for a capture that found nothing, or forgets its old value if it is `optional`. The error has the
/// name that `default` lacks, if it has one.
fn fall_back(wanted: &Capture, state: &mut UserState<'_>) -> Result<(), Option<Missing>> {
    match &wanted.otherwise {
        CaptureDefault::Value(value) => {
            let value = value.evaluate(state).map_err(Some)?;
            state.keep(wanted.slot, value);
        }
        CaptureDefault::Nothing => state.forget(wanted.slot),
        CaptureDefault::Fail => return Err(None),
    }
    Ok(())
}

/// Describes a failed status: the status and the beginning of the body.
pub(super) fn describe_status(exchange: &Exchange) -> String {
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
    /// A capture found nothing. Returns true if it has a default.
    fn missed(&mut self, wanted: &Capture, miss: &CaptureMiss, state: &mut UserState<'_>) -> bool {
        match fall_back(wanted, state) {
            Ok(()) => return true,
            Err(None) => self.fail(Outcome::Capture, || miss.to_string()),
            Err(Some(missing)) => {
                self.fail(Outcome::Capture, || format!("{miss}; default: {missing}"));
            }
        }
        self.lacks_value = true;
        false
    }

    /// Sets the failure; the first one stays.
    fn fail(&mut self, outcome: Outcome, detail: impl FnOnce() -> String) {
        if self.outcome == Outcome::Ok {
            self.outcome = outcome;
            self.detail = Some(detail());
        }
    }
}
