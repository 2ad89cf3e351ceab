//! The state of one user: captured values, its feeders' rows, its random numbers.
//!
//! All random numbers come from a generator that each iteration seeds with (seed, user, iteration), so that a run can
//! be repeated regardless of the target's responses.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderValue, Uri};
use rand::Rng as _;
use rand_pcg::Pcg64Mcg;

use super::auth::{Session, SignedRequest};
use super::backoff::Backoff;
use super::base_url::BaseUrl;
use super::last_response::LastResponse;
use super::trace_ids::TraceIds;
use super::trial::Trail;
use super::walk::think::length;
use crate::expr::{Ambient, Context, ResponsePart, StoredValue};
use crate::plan::secrets::texts;
use crate::plan::{Plan, PlannedFlow};
use crate::record::Clock;
use crate::scenario::{Delay, Per, Scope, SlotId, TraceSampling, Value};
use crate::script::Surroundings;
use crate::transport::Client;
use crate::units::Micros;

/// The values that all users see: `vars` and the captures of `setup`.
#[derive(Debug, Clone)]
pub struct RunValues {
    values: Arc<[Option<Value>]>,
    /// The pages that links captured in `setup` came from.
    pages: Arc<[(SlotId, Uri)]>,
    /// The sessions of schemes that all users share, by number.
    sessions: Arc<[Arc<Session>]>,
    /// The traces of requests.
    traces: Arc<TraceIds>,
}

impl RunValues {
    /// The values of `vars` alone.
    pub fn initial(plan: &Plan) -> Self {
        let (seed, run_id) = (plan.workload.seed, &plan.workload.run_id);
        let traces = Arc::new(TraceIds::new(seed, run_id));
        Self {
            values: plan
                .workload
                .variables
                .iter()
                .map(|v| v.initial.clone())
                .collect(),
            pages: Arc::default(),
            sessions: {
                let planned = plan.workload.sessions.iter();
                let new = |planned| Session::new(planned, scrambled(seed), Arc::clone(&traces));
                planned.map(|planned| Arc::new(new(planned))).collect()
            },
            traces,
        }
    }
}

/// The number of draws from each feeder in this segment, by its index.
#[derive(Debug)]
pub(super) struct Draws(Box<[AtomicU64]>);

impl Draws {
    pub(super) fn of(plan: &Plan) -> Self {
        Self(
            plan.workload
                .feeds
                .iter()
                .map(|_| AtomicU64::new(0))
                .collect(),
        )
    }
}

/// The values that a user's steps insert, and may set.
pub(super) trait Values: Context + Send {
    /// Sets a variable, for the lifetime given by its scope.
    fn keep(&mut self, slot: SlotId, value: Value);
}

/// One user: its connections and its state, as separate fields so that a capture can read one and write the other.
#[derive(Debug)]
pub(super) struct User<'r> {
    pub(super) client: Client,
    /// Further clients, for requests at the same time.
    pub(super) lanes: Vec<Client>,
    pub(super) state: UserState<'r>,
    pub(super) backoff: Backoff,
    /// Only in a trial: tells what happens.
    pub(super) trail: Option<Trail>,
}

/// The state of one user.
#[derive(Debug)]
pub(super) struct UserState<'r> {
    plan: &'r Plan,
    values: &'r RunValues,
    draws: &'r Draws,
    number: u64,
    iteration: u64,
    random: Pcg64Mcg,
    /// The user's captured values, by slot.
    own: Box<[Option<Value>]>,
    /// The pages that captured links came from.
    pages: Vec<(SlotId, Uri)>,
    /// This iteration's row of each feeder, drawn at its first use; a cell, since templates have shared access.
    rows: Box<[Cell<FeedRow>]>,
    /// True for each flow whose `start` this user has run.
    begun: Box<[bool]>,
    /// The flow of this iteration; `None` in setup and teardown.
    flow: Option<usize>,
    /// The user's sessions of schemes with requests of their own, by number.
    sessions: Box<[Option<Arc<Session>>]>,
    /// The request that is being signed.
    pub(super) signing: Option<Box<SignedRequest>>,
    /// The last response of this iteration, if an expression reads a part of it.
    last: Option<Box<LastResponse>>,
    /// The clock of the load, once it runs.
    clock: Option<Clock>,
    /// The pause of this iteration's flow before the next iteration.
    rest: Option<Delay>,
    /// The buffer for rendered texts, reused for each request.
    pub(super) text: String,
    /// The result of each check of the current request; reused for each request.
    pub(super) held: Vec<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FeedRow {
    NotDrawn,
    Drawn(usize),
    UsedUp,
}

impl<'r> UserState<'r> {
    /// A new user; `number` is its number among all segments.
    pub(super) fn new(
        plan: &'r Plan,
        values: &'r RunValues,
        draws: &'r Draws,
        number: u64,
    ) -> Self {
        Self {
            plan,
            values,
            draws,
            number,
            iteration: 0,
            random: stream(plan.workload.seed, number, 0),
            own: vec![None; plan.workload.variables.len()].into(),
            pages: Vec::new(),
            rows: vec![Cell::new(FeedRow::NotDrawn); plan.workload.feeds.len()].into(),
            begun: vec![false; plan.workload.flows.len()].into(),
            flow: None,
            sessions: vec![None; plan.workload.sessions.len()].into(),
            signing: None,
            last: None,
            clock: None,
            rest: None,
            text: String::new(),
            held: Vec::new(),
        }
    }

    /// The user of a load that began with this clock.
    pub(super) fn with_clock(self, clock: Clock) -> Self {
        let clock = Some(clock);
        Self { clock, ..self }
    }

    /// Sets the last response of this iteration, or that there is none.
    pub(super) fn remember(&mut self, last: Option<LastResponse>) {
        self.last = last.map(Box::new);
    }

    /// Takes the last response, to set it again by [`Self::recall`].
    pub(super) fn take_last(&mut self) -> Option<Box<LastResponse>> {
        self.last.take()
    }

    /// Sets the last response to an earlier one.
    pub(super) fn recall(&mut self, last: Option<Box<LastResponse>>) {
        self.last = last;
    }

    /// Random numbers for a request that is sent at the same time as others.
    pub(super) fn random_branch(&mut self) -> Pcg64Mcg {
        let [low, high] = [(); 2].map(|()| self.random.next_u64());
        Pcg64Mcg::new(u128::from(high) << 64 | u128::from(low))
    }

    /// Draws from these random numbers from now on; returns those that it drew from.
    pub(super) fn draw_from(&mut self, random: Pcg64Mcg) -> Pcg64Mcg {
        std::mem::replace(&mut self.random, random)
    }

    /// Clears the state of the iteration before.
    pub(super) fn begin_iteration(&mut self, iteration: u64) {
        self.iteration = iteration;
        self.last = None;
        self.random = stream(self.plan.workload.seed, self.number, iteration);
        for (row, feed) in self.rows.iter().zip(&self.plan.workload.feeds) {
            match feed.per {
                Per::Iteration => row.set(FeedRow::NotDrawn),
                Per::User => {}
            }
        }
        for (value, variable) in self.own.iter_mut().zip(&self.plan.workload.variables) {
            if variable.scope == Scope::Iteration {
                *value = None;
            }
        }
    }

    /// Begins an iteration of this flow.
    pub(super) fn take_flow(&mut self, flow: usize) -> &'r PlannedFlow {
        self.flow = Some(flow);
        let flow = &self.plan.workload.flows[flow];
        self.rest = flow.rest;
        flow
    }

    /// Draws the pacing of this iteration, if its flow has one.
    pub(super) fn pacing(&mut self) -> Option<Duration> {
        let pacing = self.plan.workload.flows[self.flow?].pacing?;
        Some(length(&pacing, || self.random.next_u64()))
    }

    /// Draws the pause before the next iteration, if this iteration's flow has one.
    pub(super) fn rest(&mut self) -> Option<Duration> {
        let rest = self.rest?;
        Some(length(&rest, || self.random.next_u64()))
    }

    pub(super) fn has_begun(&self, flow: usize) -> bool {
        self.begun[flow]
    }

    pub(super) fn begin(&mut self, flow: usize) {
        self.begun[flow] = true;
    }

    /// The index of a feeder that had no row left for this iteration.
    pub(super) fn used_up(&self) -> Option<usize> {
        self.rows
            .iter()
            .position(|row| row.get() == FeedRow::UsedUp)
    }

    /// A text without the current secrets of this user.
    pub(super) fn hide(&self, text: &str) -> String {
        self.plan.secrets.mask.with(self.secrets()).text(text)
    }

    /// True if the value of a variable is secret, whatever it is.
    pub(super) fn is_secret(&self, slot: SlotId) -> bool {
        self.plan.secrets.slots.binary_search(&slot).is_ok()
    }

    /// The current secrets of this user that are not known before the run.
    pub(super) fn secrets(&self) -> Vec<String> {
        let secrets = &self.plan.secrets;
        let slots = secrets.slots.iter().filter_map(|slot| self.slot(*slot));
        // Only rows that are drawn already, because reading another would draw it.
        let columns = secrets.columns.iter();
        let columns = columns.filter_map(|&(feed, column)| self.drawn_column(feed, column));
        let columns = columns.flat_map(|held| texts(&held.into_value()));
        let responses = secrets.responses.iter();
        let responses = responses.filter_map(|secret| secret.known(self));
        let responses = responses.flat_map(|value| texts(&value));
        let of_user = self.sessions.iter().flatten();
        let sessions = of_user.chain(self.values.sessions.iter());
        let tokens = sessions.flat_map(|session| session.secrets());
        let own = slots
            .flat_map(texts)
            .chain(columns)
            .chain(responses)
            .chain(tokens);
        own.collect()
    }

    /// A column of a row that is drawn already.
    pub(super) fn drawn_column(&self, feed: usize, column: usize) -> Option<StoredValue<'_>> {
        match self.rows[feed].get() {
            FeedRow::Drawn(_) => self.column(feed, column),
            FeedRow::NotDrawn | FeedRow::UsedUp => None,
        }
    }

    /// The session of this number: the user's own, or the one that all users share.
    pub(super) fn session(&mut self, number: usize) -> Arc<Session> {
        let workload = &self.plan.workload;
        let planned = &workload.sessions[number];
        if planned.is_shared() {
            return Arc::clone(&self.values.sessions[number]);
        }
        let salt = scrambled(workload.seed ^ scrambled(self.number));
        let traces = &self.values.traces;
        let begin = || Arc::new(Session::new(planned, salt, Arc::clone(traces)));
        Arc::clone(self.sessions[number].get_or_insert_with(begin))
    }

    /// The address to which paths are joined.
    pub(super) fn base(&self) -> BaseUrl {
        BaseUrl::of(&self.plan.workload.target)
    }

    /// The `traceparent` of a new trace.
    pub(super) fn new_trace(&self, sampling: TraceSampling) -> HeaderValue {
        self.values.traces.next(sampling)
    }

    /// Forgets the user's value of a variable.
    pub(super) fn forget(&mut self, slot: SlotId) {
        self.own[slot.0 as usize] = None;
    }

    /// Stores the page that a value was captured from, if it is a link.
    pub(super) fn came_from(&mut self, slot: SlotId, page: &Uri) {
        if !self.plan.workload.links[slot.0 as usize] {
            return;
        }
        self.pages.retain(|(known, _)| *known != slot);
        self.pages.push((slot, page.clone()));
    }

    /// The page from which the current value of a variable was captured.
    pub(super) fn page(&self, slot: SlotId) -> Option<&Uri> {
        let pages = match self.own[slot.0 as usize] {
            Some(_) => &*self.pages,
            None => &*self.values.pages,
        };
        let page = pages.iter().find(|(known, _)| *known == slot);
        page.map(|(_, page)| page)
    }

    /// The values that all users see, with this user's captures.
    pub(super) fn into_values(self) -> RunValues {
        let own = self.own.into_iter().zip(&*self.values.values);
        RunValues {
            values: own.map(|(own, all)| own.or_else(|| all.clone())).collect(),
            pages: self.pages.into(),
            sessions: Arc::clone(&self.values.sessions),
            traces: Arc::clone(&self.values.traces),
        }
    }

    fn row(&self, feed: usize) -> Option<usize> {
        let cell = &self.rows[feed];
        if cell.get() == FeedRow::NotDrawn {
            let workload = &self.plan.workload;
            let draw = match workload.feeds[feed].per {
                Per::Iteration => {
                    let draw = self.draws.0[feed].fetch_add(1, Ordering::Relaxed);
                    workload.segment.global(draw)
                }
                Per::User => self.number,
            };
            let row = workload.feeds[feed].row(draw, workload.seed);
            cell.set(row.map_or(FeedRow::UsedUp, FeedRow::Drawn));
        }
        match cell.get() {
            FeedRow::Drawn(row) => Some(row),
            FeedRow::NotDrawn | FeedRow::UsedUp => None,
        }
    }
}

impl Values for UserState<'_> {
    fn keep(&mut self, slot: SlotId, value: Value) {
        self.own[slot.0 as usize] = Some(value);
    }
}

impl Context for UserState<'_> {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        let slot = slot.0 as usize;
        self.own[slot]
            .as_ref()
            .or(self.values.values[slot].as_ref())
    }

    fn column(&self, feed: usize, column: usize) -> Option<StoredValue<'_>> {
        let row = self.row(feed)?;
        self.plan.workload.feeds[feed].rows.get(row, column)
    }

    fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn user(&self) -> u64 {
        self.number
    }

    fn iteration(&self) -> u64 {
        self.iteration
    }

    fn ambient(&self, ambient: Ambient) -> Option<Value> {
        let workload = &self.plan.workload;
        Some(match ambient {
            Ambient::IterationId => format!("{}-{}", self.number, self.iteration).into(),
            Ambient::IterationNumber => self.iteration.into(),
            Ambient::UserId => self.number.into(),
            Ambient::FlowName => workload.flows[self.flow?].name.as_str().into(),
            Ambient::RunId => workload.run_id.as_str().into(),
            Ambient::RunSegment => u64::from(workload.segment.index).into(),
            Ambient::RunElapsed => {
                let elapsed = self.clock.map_or(Micros::ZERO, Clock::now);
                let (seconds, millis) = (elapsed.0 / 1_000_000, elapsed.0 / 1_000 % 1_000);
                return Value::from_json(&format!("{seconds}.{millis:03}")).ok();
            }
            Ambient::RunSeed => workload.seed.into(),
            Ambient::RequestMethod
            | Ambient::RequestPath
            | Ambient::RequestQuery
            | Ambient::RequestHost
            | Ambient::RequestBody
            | Ambient::RequestTimestamp
            | Ambient::RequestTimestampMs
            | Ambient::RequestDate
            | Ambient::RequestSignature => return self.signing.as_ref()?.value(ambient),
        })
    }

    fn response(&self, part: &ResponsePart) -> Result<&Value, String> {
        match &self.last {
            Some(last) => last.part(part),
            None => Err("there is no response before it in this iteration".to_owned()),
        }
    }

    fn script(&mut self, function: usize, arguments: &[Value]) -> Result<Value, String> {
        let surroundings = Surroundings {
            seed: self.random(),
            now: self.now().timestamp_millis() as f64,
        };
        let scripts = &self.plan.workload.scripts;
        let returned = scripts.call(function, arguments, surroundings);
        returned.map_err(|fault| fault.to_string())
    }

    fn slot_name(&self, slot: SlotId) -> &str {
        &self.plan.workload.variables[slot.0 as usize].name
    }

    fn column_name(&self, feed: usize, column: usize) -> String {
        let feed = &self.plan.workload.feeds[feed];
        format!("{}.{}", feed.name, feed.columns[column])
    }
}

/// The random numbers of one iteration.
fn stream(seed: u64, user: u64, iteration: u64) -> Pcg64Mcg {
    let low = scrambled(seed ^ scrambled(user));
    let high = scrambled(low ^ scrambled(iteration));
    Pcg64Mcg::new(u128::from(high) << 64 | u128::from(low))
}

/// The step of `SplitMix64` (Steele, Lea and Flood, 2014): similar numbers give unrelated results.
pub(super) fn scrambled(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_iteration_of_every_user_has_random_numbers_of_its_own() {
        let first = |seed, user, iteration| stream(seed, user, iteration).next_u64();
        let mut seen = std::collections::HashSet::new();
        for seed in 0..10 {
            for user in 0..10 {
                for iteration in 0..10 {
                    assert!(seen.insert(first(seed, user, iteration)));
                }
            }
        }
        assert_eq!(first(3, 4, 5), first(3, 4, 5));
    }
}
