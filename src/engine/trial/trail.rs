//! The trail of a trial's user: steps tell it what they do, and it tells a listener.
//!
//! A user of a load has no trail. What is told is built only if there is one, so that a load pays a comparison for it.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::{CaptureResult, Captured, Checked, Event, Exchanged, Happening, Note};
use crate::engine::capture::{self, CaptureMiss};
use crate::engine::check;
use crate::engine::judge::{JudgedRequest, describe_status};
use crate::engine::response::{Response, clipped};
use crate::engine::state::{User, UserState};
use crate::expr::Context as _;
use crate::mask::Mask;
use crate::outcome::Outcome;
use crate::plan::{Plan, PlannedRequest};
use crate::scenario::{Capture, Check, SlotId, Span, Value};
use crate::transport::Exchange;

/// The trail of a trial; copies are the same trail.
#[derive(Clone)]
pub(in crate::engine) struct Trail(Arc<Mutex<TrailState>>);

struct TrailState {
    listener: Box<dyn FnMut(Event) + Send>,
    /// The step that runs now.
    at: Span,
    /// The steps of this part that have begun, whether or not their conditions held.
    begun: HashSet<Span>,
    /// The results of the request that is judged now.
    checks: Vec<Checked>,
    captures: Vec<Captured>,
    /// The outcome of the last iteration.
    outcome: Option<Outcome>,
    /// Every secret of a user so far.
    secrets: BTreeSet<String>,
    mask: Arc<Mask>,
}

impl Trail {
    pub(super) fn new(plan: &Plan, listener: impl FnMut(Event) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(TrailState {
            listener: Box::new(listener),
            at: Span::NOWHERE,
            begun: HashSet::new(),
            checks: Vec::new(),
            captures: Vec::new(),
            outcome: None,
            secrets: BTreeSet::new(),
            mask: Arc::new(plan.secrets.mask.clone()),
        })))
    }

    fn state(&self) -> MutexGuard<'_, TrailState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a part, of which no step has begun yet.
    pub(super) fn forget_steps(&self) {
        let mut state = self.state();
        state.begun.clear();
        state.at = Span::NOWHERE;
    }

    /// True if the step at this place has begun in this part.
    pub(super) fn has_begun(&self, step: Span) -> bool {
        self.state().begun.contains(&step)
    }

    /// A step begins.
    pub(in crate::engine) fn enter(&self, step: Span) {
        let mut state = self.state();
        state.begun.insert(step);
        state.at = step;
    }

    /// The step at this place goes on, after others inside it.
    pub(in crate::engine) fn back_to(&self, step: Span) {
        self.state().at = step;
    }

    /// The place of the step that runs now.
    pub(in crate::engine) fn at(&self) -> Span {
        self.state().at
    }

    /// Tells what no step caused.
    pub(in crate::engine) fn tell(&self, happening: Happening) {
        self.state().tell(Span::NOWHERE, happening);
    }

    /// The iteration ends with this outcome.
    pub(in crate::engine) fn ended(&self, outcome: Outcome) {
        self.state().outcome = Some(outcome);
    }

    /// The outcome of the last iteration.
    pub(super) fn take_outcome(&self) -> Option<Outcome> {
        self.state().outcome.take()
    }

    /// A check was judged.
    pub(in crate::engine) fn checked(
        &self,
        check: &Check,
        failed: Option<&str>,
        response: &Response<'_>,
        state: &UserState<'_>,
    ) {
        let found = match failed {
            Some(found) => found.to_owned(),
            None => check::found(&check.rule, response, state),
        };
        self.state().checks.push(Checked {
            expected: check.name.clone(),
            found: Some(found),
            holds: failed.is_none(),
        });
    }

    /// A check could not be judged, because there was no complete response.
    pub(in crate::engine) fn unjudged(&self, check: &Check) {
        self.state().checks.push(Checked {
            expected: check.name.clone(),
            found: None,
            holds: false,
        });
    }

    /// A capture took a value.
    pub(in crate::engine) fn captured(&self, wanted: &Capture, state: &UserState<'_>) {
        let value = state.slot(wanted.slot).map(shown).unwrap_or_default();
        self.capture(wanted, CaptureResult::Value(value), state);
    }

    /// A capture found nothing: because of `miss`, or because there was no complete response.
    pub(in crate::engine) fn missed(
        &self,
        wanted: &Capture,
        miss: Option<&CaptureMiss>,
        has_default: bool,
        state: &UserState<'_>,
    ) {
        let found = miss.map(|miss| miss.found.clone());
        let result = if has_default {
            let value = state.slot(wanted.slot).map(shown);
            CaptureResult::Default { value, found }
        } else {
            CaptureResult::Missing(found)
        };
        self.capture(wanted, result, state);
    }

    fn capture(&self, wanted: &Capture, result: CaptureResult, state: &UserState<'_>) {
        self.state().captures.push(Captured {
            name: state.slot_name(wanted.slot).to_owned(),
            from: capture::sought(&wanted.from),
            is_secret: state.is_secret(wanted.slot),
            result,
        });
    }
}

impl TrailState {
    fn tell(&mut self, at: Span, happening: Happening) {
        let mask = Arc::clone(&self.mask);
        (self.listener)(Event {
            at,
            mask,
            happening,
        });
    }

    /// Hides the present secrets of this user from here on.
    fn learn(&mut self, state: &UserState<'_>) {
        let known = self.secrets.len();
        let new: Vec<String> = state
            .secrets()
            .into_iter()
            .filter(|secret| self.secrets.insert(secret.clone()))
            .collect();
        if self.secrets.len() > known {
            self.mask = Arc::new(self.mask.with(new));
        }
    }
}

impl User<'_> {
    /// Tells what the present step does, if this user leaves a trail.
    #[inline]
    pub(in crate::engine) fn tell(&mut self, note: impl FnOnce(&mut UserState<'_>) -> Note) {
        let Some(trail) = &self.trail else { return };
        let note = note(&mut self.state);
        let mut trail = trail.state();
        trail.learn(&self.state);
        let at = trail.at;
        trail.tell(at, Happening::Note(note));
    }

    /// Tells about a request that could not be built, if this user leaves a trail.
    pub(in crate::engine) fn tell_unsent(
        &self,
        request: &PlannedRequest,
        reason: &dyn fmt::Display,
    ) {
        let Some(trail) = &self.trail else { return };
        let note = Note::new(
            super::Tone::Failed,
            request.name.as_str(),
            format!("not sent: {reason}"),
        );
        let mut trail = trail.state();
        trail.learn(&self.state);
        trail.tell(request.span, Happening::Note(note));
    }

    /// Tells about a request that has ended, if this user leaves a trail.
    pub(in crate::engine) fn tell_exchange(
        &self,
        request: &PlannedRequest,
        exchange: &mut Exchange,
        judged: &JudgedRequest,
    ) {
        let Some(trail) = &self.trail else { return };
        let trace = exchange.trace.take().unwrap_or_default();
        let failure = judged.outcome.is_failure().then(|| {
            let words = judged.detail.clone();
            words.unwrap_or_else(|| describe_status(exchange))
        });
        let mut trail = trail.state();
        trail.learn(&self.state);
        let exchanged = Exchanged {
            step: request.name.clone(),
            hops: trace.hops,
            body: exchange.body().cloned(),
            started: exchange.started,
            took: exchange
                .finished
                .saturating_duration_since(exchange.started),
            resent: exchange.resent,
            outcome: judged.outcome,
            failure,
            checks: take(&mut trail.checks),
            captures: take(&mut trail.captures),
        };
        trail.tell(request.span, Happening::Exchange(Box::new(exchanged)));
    }

    /// The trace of a request of this user: none in a load.
    pub(in crate::engine) fn trace(&self) -> Option<Box<crate::transport::Trace>> {
        self.trail.as_ref().map(|_| Box::default())
    }
}

/// A value as notes and captures show it.
pub(in crate::engine) fn shown(value: &Value) -> String {
    clipped(&value.to_string())
}

/// A variable with its present value: `page = 3`.
pub(in crate::engine) fn assigned(slot: SlotId, context: &dyn crate::expr::Context) -> String {
    let name = context.slot_name(slot);
    match context.slot(slot) {
        Some(value) => format!("{name} = {}", shown(value)),
        None => format!("{name} has no value"),
    }
}

impl fmt::Debug for Trail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Trail")
    }
}
