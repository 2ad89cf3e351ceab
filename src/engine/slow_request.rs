//! Offers requests that may be among the slowest, with the details that explain them. Only those cost more than a
//! comparison.

use std::fmt::{self, Write as _};

use super::in_flight::InFlight;
use super::request::Prepared;
use super::run::RunState;
use super::state::UserState;
use crate::expr::{Context as _, Expression, StoredValue};
use crate::mask::REDACTED;
use crate::outcome::MeasuredTime;
use crate::plan::PlannedRequest;
use crate::record::{Phases, Sample, SlowCandidate, SlowRequest};
use crate::scenario::{Scope, SlotId, Value};
use crate::transport::Exchange;

/// The most characters that are kept of a text until its secrets are redacted: more than a report shows, and enough to
/// recognise a secret at the end.
const MOST: usize = 400;

/// Names with their values.
type Values = Vec<(String, String)>;

/// The values that a request inserted, if it may be among the slowest. Its response is not judged yet, so that no capture
/// has changed them.
pub(super) fn values_if_slow(
    run: &RunState,
    state: &UserState<'_>,
    in_flight: &InFlight<'_>,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
) -> Option<Values> {
    let time = in_flight.response_time();
    run.recorder
        .may_be_slow(in_flight.series(), time)
        .then(|| values(run, state, request, prepared))
}

/// The facts about a request besides its sample.
pub(super) struct SlowFacts<'a> {
    pub(super) user: u64,
    pub(super) iteration: u64,
    /// Method and URL as written.
    pub(super) request: &'a str,
    pub(super) values: Values,
    pub(super) traceparent: Option<&'a http::HeaderValue>,
    /// Secrets that are not known before the run.
    pub(super) secrets: Vec<String>,
}

/// Offers a request of a measured interval to the recorder.
pub(super) fn offer(
    run: &RunState,
    sample: &Sample<'_>,
    exchange: &Exchange,
    facts: SlowFacts<'_>,
) {
    if sample.outcome.measured_time() == MeasuredTime::Untimed {
        return;
    }
    let dns = exchange.connection.map(|phases| phases.dns.into());
    let request = SlowRequest {
        series: sample.series,
        intended: sample.intended,
        response_time: sample.finished.saturating_sub(sample.intended),
        phases: Phases::of(sample, dns.unwrap_or_default()),
        outcome: sample.outcome,
        status: sample.status,
        redirects: sample.redirects.len() as u64,
        resent: sample.resent,
        user: facts.user,
        iteration: facts.iteration,
        request: facts.request.to_owned(),
        values: facts.values,
        traceparent: facts
            .traceparent
            .map(|value| begun(&String::from_utf8_lossy(value.as_bytes()))),
        server_timing: server_timing(exchange),
    };
    run.recorder.slow(SlowCandidate {
        request,
        secrets: facts.secrets,
    });
}

/// The variables and columns that a request inserted, each once. Of a request that is sent at the same time as others only
/// those that cannot have changed since.
fn values(
    run: &RunState,
    state: &UserState<'_>,
    request: &PlannedRequest,
    prepared: &Prepared<'_>,
) -> Values {
    let mut values = Values::new();
    request.each_inserted(&mut |used| {
        let Some((name, value)) = value(run, state, used, prepared.is_parallel) else {
            return;
        };
        if values.iter().all(|(known, _)| *known != name) {
            values.push((name, value));
        }
    });
    values
}

/// The name and the value of a variable or a column; `None` for anything else, and if it has none.
fn value(
    run: &RunState,
    state: &UserState<'_>,
    used: &Expression,
    is_parallel: bool,
) -> Option<(String, String)> {
    let plan = &run.plan;
    match used {
        Expression::Slot(slot) => {
            let SlotId(number) = *slot;
            let scope = plan.workload.variables[number as usize].scope;
            if is_parallel && scope != Scope::Run {
                return None;
            }
            let value = StoredValue::Value(state.slot(*slot)?);
            let name = state.slot_name(*slot).to_owned();
            Some((name, shown(value, state.is_secret(*slot))))
        }
        Expression::Column { feed, column } => {
            let secret = plan.secrets.columns.binary_search(&(*feed, *column));
            let value = state.drawn_column(*feed, *column)?;
            let name = state.column_name(*feed, *column);
            Some((name, shown(value, secret.is_ok())))
        }
        _ => None,
    }
}

fn shown(value: StoredValue<'_>, is_secret: bool) -> String {
    match value {
        _ if is_secret => REDACTED.to_owned(),
        StoredValue::Text(text) | StoredValue::Json(text) => begun(text),
        StoredValue::Value(Value::Text(text)) => begun(text),
        StoredValue::Value(value) => {
            let mut beginning = Beginning(String::new());
            // It ends early if the text is long.
            let _ = write!(beginning, "{value}");
            beginning.0
        }
    }
}

fn server_timing(exchange: &Exchange) -> Option<String> {
    let response = exchange.response.as_ref()?;
    let headers = response.headers.get_all("server-timing");
    let texts = headers.into_iter().map(|value| {
        let bytes = value.as_bytes();
        String::from_utf8_lossy(&bytes[..bytes.len().min(MOST)]).into_owned()
    });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| begun(&texts.join(", ")))
}

/// The beginning of a text.
fn begun(text: &str) -> String {
    text.chars().take(MOST).collect()
}

/// A text that takes no more than its first characters.
struct Beginning(String);

impl fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MOST.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().take(left));
        if left == 0 { Err(fmt::Error) } else { Ok(()) }
    }
}
