//! The two ways to send the requests of a scheme: measured in a load, unmeasured in setup and teardown.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use http::HeaderValue;
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::session::Session;
use super::token::Refused;
use crate::engine::in_flight::InFlight;
use crate::engine::run::RunState;
use crate::engine::slow_request::{self, SlowFacts};
use crate::outcome::Outcome;
use crate::plan::MeasuredRequest;
use crate::record::{Clock, FailureExample};
use crate::transport::{Client, Exchange, Outgoing, Trace};
use crate::units::Micros;

/// The part of a request in the authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Part {
    /// The request of the step.
    Step,
    /// The same, but answered by a challenge.
    Challenge,
    /// A request for a token.
    Token,
}

/// The description of a request that has ended.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct EndedRequest<'a> {
    /// The session of its scheme.
    pub(in crate::engine) session: &'a Session,
    /// Method and URL as written, without secrets.
    pub(in crate::engine) shown: &'a str,
    /// The header that it sent.
    pub(in crate::engine) traceparent: Option<&'a HeaderValue>,
}

/// Sends requests, and takes the ends of those that are not the step's own.
pub(in crate::engine) trait Wire {
    /// A request that was sent.
    type Flight;

    /// Sends a request and waits for its end.
    fn send(
        &mut self,
        client: &mut Client,
        outgoing: Outgoing<'_>,
        part: Part,
    ) -> impl Future<Output = Self::Flight> + Send;

    /// The exchange of a request.
    fn exchange(flight: &mut Self::Flight) -> &mut Exchange;

    /// A request that is not the step's own has ended.
    fn end(
        &mut self,
        flight: Self::Flight,
        part: Part,
        failure: Option<&Refused>,
        of: EndedRequest<'_>,
    );

    /// Waits for a lock; `None` if the run ends before.
    fn turn(
        &self,
        turn: Arc<Mutex<()>>,
    ) -> impl Future<Output = Option<OwnedMutexGuard<()>>> + Send;
}

/// Sends the requests of a load. Each is measured: the first one from the intended start, the others from their own.
pub(in crate::engine) struct LoadWire<'a, 'r> {
    run: &'r RunState,
    user: usize,
    clock: Clock,
    measured: &'a MeasuredRequest,
    intended: Option<Micros>,
    /// The number of the user's iteration.
    iteration: u64,
    trace: Option<Box<Trace>>,
}

impl<'a, 'r> LoadWire<'a, 'r> {
    pub(in crate::engine) const fn new(
        run: &'r RunState,
        user: usize,
        clock: Clock,
        measured: &'a MeasuredRequest,
        intended: Option<Micros>,
        iteration: u64,
        trace: Option<Box<Trace>>,
    ) -> Self {
        Self {
            run,
            user,
            clock,
            measured,
            intended,
            iteration,
            trace,
        }
    }

    fn series(&self, part: Part) -> crate::plan::SeriesId {
        let own = self.measured.series;
        let of_auth = self.measured.auth_series;
        match part {
            Part::Step => own,
            Part::Challenge => of_auth.map_or(own, |series| series.challenge),
            Part::Token => of_auth.and_then(|series| series.token).unwrap_or(own),
        }
    }
}

impl<'r> Wire for LoadWire<'_, 'r> {
    type Flight = InFlight<'r>;

    async fn send(
        &mut self,
        client: &mut Client,
        outgoing: Outgoing<'_>,
        part: Part,
    ) -> InFlight<'r> {
        let (series, intended) = (self.series(part), self.intended.take());
        let mut in_flight = InFlight::new(self.run, self.user, series, self.clock, intended);
        in_flight.exchange.trace = self.trace.take();
        in_flight.send(client, outgoing).await;
        in_flight
    }

    fn exchange<'f>(flight: &'f mut InFlight<'r>) -> &'f mut Exchange {
        &mut flight.exchange
    }

    fn end(
        &mut self,
        mut flight: InFlight<'r>,
        part: Part,
        failure: Option<&Refused>,
        of: EndedRequest<'_>,
    ) {
        let series = self.series(part);
        flight.count_in(series);
        flight.close();
        self.trace = flight.exchange.trace.take();
        let outcome = failure.map_or(Outcome::Ok, |failure| failure.outcome);
        let sample = flight.sample(outcome);
        let is_measured = self.run.recorder.record(self.user, |shard| {
            shard.request(&sample);
            shard.is_measured()
        });
        if is_measured
            && self
                .run
                .recorder
                .may_be_slow(series, flight.response_time())
        {
            let segment = self.run.plan.workload.segment;
            let facts = SlowFacts {
                user: segment.global(self.user as u64),
                iteration: self.iteration,
                request: of.shown,
                values: Vec::new(),
                traceparent: of.traceparent,
                secrets: of.session.secrets(),
            };
            slow_request::offer(self.run, &sample, &flight.exchange, facts);
        }
        if let Some(failure) = failure {
            let example = || {
                let mask = self.run.plan.secrets.mask.with(of.session.secrets());
                FailureExample {
                    at: sample.finished,
                    series: Some(series),
                    outcome,
                    status: sample.status,
                    request: mask.text(of.shown),
                    detail: mask.text(&failure.detail),
                }
            };
            let recorder = &self.run.recorder;
            recorder.failure(Some(series), outcome, sample.status, example);
        }
    }

    async fn turn(&self, turn: Arc<Mutex<()>>) -> Option<OwnedMutexGuard<()>> {
        let halt = &self.run.pace_of(self.user).halt;
        let mut wait = pin!(turn.lock_owned());
        poll_fn(|cx| match wait.as_mut().poll(cx) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if halt.is_grace_over() => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
        .await
    }
}

/// Sends the requests of setup and teardown.
pub(in crate::engine) struct HookWire(pub(in crate::engine) Option<Box<Trace>>);

impl Wire for HookWire {
    type Flight = Exchange;

    async fn send(&mut self, client: &mut Client, outgoing: Outgoing<'_>, _: Part) -> Exchange {
        client.send_traced(outgoing, self.0.take()).await
    }

    fn exchange(flight: &mut Exchange) -> &mut Exchange {
        flight
    }

    fn end(&mut self, flight: Exchange, _: Part, _: Option<&Refused>, _: EndedRequest<'_>) {
        self.0 = flight.trace;
    }

    async fn turn(&self, turn: Arc<Mutex<()>>) -> Option<OwnedMutexGuard<()>> {
        Some(turn.lock_owned().await)
    }
}
