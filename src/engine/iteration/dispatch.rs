//! Several requests of an iteration at the same time.

use std::mem::take;
use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;

use super::early_end::EarlyEnd;
use super::walker::IterationWalker;
use crate::engine::auth::{self, LoadWire};
use crate::engine::base_url::BaseUrl;
use crate::engine::in_flight::InFlight;
use crate::engine::judge::is_slow_to_judge;
use crate::engine::pacer::unless_stopped;
use crate::engine::request::Unsendable;
use crate::engine::run::RunState;
use crate::engine::state::UserState;
use crate::engine::walk::parallel::{Captures, Dispatcher, Flights, Job, first_break};
use crate::engine::walk::request::{RequestEnd, conclude, not_sent};
use crate::engine::walk::{Walker, settle};
use crate::plan::MeasuredRequest;
use crate::record::Clock;
use crate::transport::{Client, Shared, Trace};
use crate::units::Micros;

/// A request that has ended, and the client that sent it.
struct Landed<'p, 'r> {
    job: Job<'p, MeasuredRequest>,
    in_flight: InFlight<'r>,
    client: Client,
}

/// A request that was not sent, and the client that would have.
struct Grounded<'p> {
    client: Client,
    /// The request without a token; `None` if the run stopped.
    refused: Option<(&'p MeasuredRequest, Unsendable)>,
}

/// A request that is about to be sent.
struct Departure<'r> {
    run: &'r RunState,
    user: usize,
    clock: Clock,
    intended: Option<Micros>,
    /// The number of the user's iteration.
    iteration: u64,
}

impl<'r> Departure<'r> {
    /// Sends a request, when the limit on the load's requests allows it; if the run stops before, it is not sent.
    async fn fly<'p>(
        mut self,
        mut job: Job<'p, MeasuredRequest>,
        mut client: Client,
        trace: Option<Box<Trace>>,
    ) -> Result<Landed<'p, 'r>, Grounded<'p>> {
        let pace = self.run.pace_of(self.user);
        if let Some(throttle) = &pace.throttle {
            let now = self.clock.now();
            let wait = throttle.reserve(now).saturating_sub(now);
            let sleep = tokio::time::sleep(wait.as_duration());
            if wait > Micros::ZERO && unless_stopped(&pace.halt, sleep).await.is_none() {
                let refused = None;
                return Err(Grounded { client, refused });
            }
            let waited = self.clock.now().saturating_sub(now);
            self.intended = self.intended.map(|due| due + waited);
        }
        let Self {
            run,
            user,
            clock,
            intended,
            iteration,
        } = self;
        let (series, request) = (job.request.series, &job.request.request);
        let in_flight = if let Some(dialogue) = job.prepared.dialogue.take() {
            let mut wire = LoadWire::new(run, user, clock, job.request, intended, iteration, trace);
            let sent = auth::send(&mut wire, &mut client, request, &job.prepared, &dialogue);
            match Box::pin(sent).await {
                Ok(in_flight) => in_flight,
                Err(refused) => {
                    let refused = Some((job.request, refused.into()));
                    return Err(Grounded { client, refused });
                }
            }
        } else {
            let mut in_flight = InFlight::new(run, user, series, clock, intended);
            in_flight.exchange.trace = trace;
            in_flight
                .send(&mut client, job.prepared.outgoing(request))
                .await;
            in_flight
        };
        Ok(Landed {
            job,
            in_flight,
            client,
        })
    }
}

impl Dispatcher for IterationWalker<'_, '_> {
    fn with_state<T>(&mut self, make: impl FnOnce(&BaseUrl, &mut UserState<'_>) -> T) -> T {
        make(&self.run.base, &mut self.user.state)
    }

    fn not_sent(&mut self, request: &MeasuredRequest, reason: &Unsendable) -> RequestEnd {
        self.ended = None;
        not_sent(self.run, self.user, self.index, self.clock, request, reason)
    }

    fn shared(&self) -> &Arc<Shared> {
        self.user.client.shared()
    }

    /// After an early end no further request starts, and those in flight still end. A response that takes long to judge
    /// waits until no request is in flight, so that judging it does not add to the times of others.
    async fn send_all(
        &mut self,
        jobs: Vec<Job<'_, MeasuredRequest>>,
        at_once: usize,
    ) -> ControlFlow<EarlyEnd> {
        self.back_off().await?;
        let mut intended = self.intended.take();
        let before = self.user.state.take_last();
        let mut waiting = jobs.into_iter().peekable();
        let mut flights = Flights::default();
        let mut captures = Captures::default();
        let mut slow: Vec<Landed<'_, '_>> = Vec::new();
        let mut result = Continue(());
        loop {
            while result.is_continue() && slow.is_empty() && flights.len() < at_once {
                if waiting.peek().is_some() {
                    result = self.may_continue();
                }
                let Some(job) = waiting.next_if(|_| result.is_continue()) else {
                    break;
                };
                let lane = self.user.lanes.pop();
                let client = lane.unwrap_or_else(|| self.user.client.beside());
                let departure = Departure {
                    run: self.run,
                    user: self.index,
                    clock: self.clock,
                    intended,
                    iteration: self.number,
                };
                flights.add(departure.fly(job, client, self.user.trace()));
            }
            // The first requests were due together; each of the others when one before it ended.
            intended = None;
            match flights.next().await {
                Some(Err(Grounded { client, refused })) => {
                    self.user.lanes.push(client);
                    let next = match refused {
                        None => Break(EarlyEnd::STOPPED),
                        Some((request, reason)) => {
                            let end = Dispatcher::not_sent(self, request, &reason);
                            settle(self, request, end)
                        }
                    };
                    result = first_break(result, next);
                }
                Some(Ok(landed)) if flights.len() > 0 && landed.is_slow_to_judge() => {
                    slow.push(landed);
                }
                Some(Ok(landed)) => {
                    result = first_break(result, self.land(landed, &mut captures).await);
                }
                None if slow.is_empty() => break,
                None => {
                    for landed in take(&mut slow) {
                        result = first_break(result, self.land(landed, &mut captures).await);
                    }
                }
            }
        }
        self.user.state.recall(before);
        result
    }
}

impl IterationWalker<'_, '_> {
    /// Judges and records a request that has ended.
    async fn land(
        &mut self,
        landed: Landed<'_, '_>,
        captures: &mut Captures,
    ) -> ControlFlow<EarlyEnd> {
        let Landed {
            job,
            in_flight,
            client,
        } = landed;
        self.user.lanes.push(client);
        let before = captures.begin(&job, &mut self.user.state);
        let end = conclude(
            self.run,
            self.user,
            self.index,
            job.request,
            &job.prepared,
            in_flight,
        )
        .await;
        self.ended = self.ended.max(end.at);
        // The values that the request records may be random, too.
        let result = settle(self, job.request, end);
        before.restore(&mut self.user.state);
        result
    }
}

impl Landed<'_, '_> {
    fn is_slow_to_judge(&self) -> bool {
        is_slow_to_judge(&self.job.request.request, &self.in_flight.exchange)
    }
}
