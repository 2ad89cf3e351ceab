//! `parallel`: prepares the requests of its steps in order, and sends them at the same time.

use std::collections::HashMap;
use std::future::poll_fn;
use std::ops::ControlFlow::{self, Break, Continue};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http::Uri;
use rand_pcg::Pcg64Mcg;

use super::{Walker, choose, holds, passes, set, settle};
use crate::engine::base_url::BaseUrl;
use crate::engine::request::{Prepared, Unsendable};
use crate::engine::state::{UserState, Values as _};
use crate::engine::trial::{Note, Trail};
use crate::expr::Context as _;
use crate::outcome::Outcome;
use crate::plan::PlannedRequest;
use crate::scenario::program::{Loop, MAX_PARALLEL_STEPS, Parallel, Passes};
use crate::scenario::{Action, SlotId, Step, Value};
use crate::transport::Shared;

/// A request that is ready to be sent.
#[derive(Debug)]
pub(in crate::engine) struct Job<'p, R> {
    pub(in crate::engine) request: &'p R,
    pub(in crate::engine) prepared: Prepared<'p>,
    /// The random numbers of its captures, which do not depend on the order of the responses.
    random: Pcg64Mcg,
    /// Its position in the block.
    number: usize,
}

/// The captures of a block: of several requests with the same one, the last in the order of the steps counts, in whatever
/// order the responses come.
#[derive(Debug, Default)]
pub(in crate::engine) struct Captures(HashMap<SlotId, usize>);

/// What is set back after a request of a block was judged.
#[derive(Debug)]
pub(in crate::engine) struct Before {
    random: Pcg64Mcg,
    later: Vec<(SlotId, Option<Value>)>,
}

impl Captures {
    /// Prepares the user's state to judge the response of a job.
    pub(in crate::engine) fn begin<R: AsRef<PlannedRequest>>(
        &mut self,
        job: &Job<'_, R>,
        state: &mut UserState<'_>,
    ) -> Before {
        let mut later = Vec::new();
        for capture in &job.request.as_ref().captures {
            let by = self.0.entry(capture.slot).or_insert(job.number);
            if *by > job.number {
                later.push((capture.slot, state.slot(capture.slot).cloned()));
            }
            *by = job.number.max(*by);
        }
        Before {
            random: state.draw_from(job.random.clone()),
            later,
        }
    }
}

impl Before {
    /// Sets back what the job may not change.
    pub(in crate::engine) fn restore(self, state: &mut UserState<'_>) {
        state.draw_from(self.random);
        for (slot, value) in self.later {
            match value {
                Some(value) => state.keep(slot, value),
                None => state.forget(slot),
            }
        }
    }
}

/// Sends jobs at the same time.
pub(in crate::engine) trait Dispatcher: Walker {
    /// Calls `make` with the target's base URL and the state of the user.
    fn with_state<T>(&mut self, make: impl FnOnce(&BaseUrl, &mut UserState<'_>) -> T) -> T;

    /// The end of a request that could not be built.
    fn not_sent(&mut self, request: &Self::Request, reason: &Unsendable) -> Self::Sent;

    /// The part of the client that all users share.
    fn shared(&self) -> &Arc<Shared>;

    /// Sends the jobs in their order, at most `at_once` at the same time.
    fn send_all(
        &mut self,
        jobs: Vec<Job<'_, Self::Request>>,
        at_once: usize,
    ) -> impl Future<Output = ControlFlow<Self::Break>> + Send;
}

/// Prepares a request, or one for the asset at this URL; `None` if that failed and the walk goes on.
pub(super) fn prepare<'p, W: Dispatcher>(
    walker: &mut W,
    request: &'p W::Request,
    number: usize,
    asset: Option<Uri>,
) -> ControlFlow<W::Break, Option<Job<'p, W::Request>>> {
    let planned = request.as_ref();
    let made = walker.with_state(|base, state| {
        let mut prepared = match asset {
            Some(uri) => Prepared::of_asset(planned, uri, state)?,
            None => Prepared::of(planned, base, state)?,
        };
        prepared.is_parallel = true;
        Ok((prepared, state.random_branch()))
    });
    match made {
        Ok((prepared, random)) => Continue(Some(Job {
            request,
            prepared,
            random,
            number,
        })),
        Err(reason) => {
            let sent = walker.not_sent(request, &reason);
            settle(walker, request, sent)?;
            Continue(None)
        }
    }
}

/// Prepares every request of the block and sends them.
pub(in crate::engine) async fn run<W: Dispatcher>(
    walker: &mut W,
    block: &Parallel<W::Request>,
) -> ControlFlow<W::Break> {
    let mut collected = Collected {
        jobs: Vec::new(),
        steps: 0,
    };
    let step = walker.trail().map(Trail::at);
    collect(walker, &block.steps, &mut collected)?;
    if let (Some(trail), Some(step)) = (walker.trail(), step) {
        trail.back_to(step);
    }
    if collected.is_full() {
        let detail = format!(
            "it runs more than {MAX_PARALLEL_STEPS} steps to prepare its requests: put it into a loop over parts of the list"
        );
        return walker.failed_step("parallel", Outcome::Step, detail);
    }
    let requests = collected.jobs.len();
    walker.tell(|_| {
        let at_once = block.at_once;
        Note::plain(
            "parallel",
            format!("{requests} requests, at most {at_once} at once"),
        )
    });
    walker
        .send_all(collected.jobs, block.at_once as usize)
        .await
}

/// The requests of a block so far.
struct Collected<'p, R> {
    jobs: Vec<Job<'p, R>>,
    /// The number of steps that made them.
    steps: u64,
}

impl<R> Collected<'_, R> {
    const fn is_full(&self) -> bool {
        self.steps > MAX_PARALLEL_STEPS
    }
}

/// Walks the steps of a block, as the walk does, and prepares their requests.
fn collect<'p, W: Dispatcher>(
    walker: &mut W,
    steps: &'p [Step<W::Request>],
    collected: &mut Collected<'p, W::Request>,
) -> ControlFlow<W::Break> {
    for step in steps {
        walker.may_continue()?;
        collected.steps += 1;
        if collected.is_full() {
            break;
        }
        if let Some(trail) = walker.trail() {
            trail.enter(step.span);
        }
        if !holds(walker, step)? {
            continue;
        }
        let number = collected.jobs.len();
        match &step.action {
            Action::Request(request) => collected
                .jobs
                .extend(prepare(walker, request, number, None)?),
            // The reader accepts no reactions in a block.
            Action::Reacting(reacting) => {
                collected
                    .jobs
                    .extend(prepare(walker, &reacting.request, number, None)?);
            }
            Action::Set(values) => set::run(walker, step, values)?,
            Action::If(branches) => match branches.condition.holds(walker.values()) {
                Ok(true) => collect(walker, &branches.steps, collected)?,
                Ok(false) => collect(walker, &branches.otherwise, collected)?,
                Err(missing) => walker.missing_value(step, missing)?,
            },
            Action::Choose(alternatives) => {
                let drawn = choose::drawn(walker.values(), alternatives);
                collect(walker, drawn, collected)?;
            }
            Action::Loop(repeated) => collect_passes(walker, step, repeated, collected)?,
            // The reader accepts none of these in a block.
            Action::Think(_)
            | Action::Rendezvous(_)
            | Action::Retry(_)
            | Action::Group(_)
            | Action::Parallel(_)
            | Action::Assets(_)
            | Action::Call(_)
            | Action::Fail(_)
            | Action::Stop(_)
            | Action::Log(_)
            | Action::Record(_) => {}
        }
    }
    Continue(())
}

fn collect_passes<'p, W: Dispatcher>(
    walker: &mut W,
    step: &Step<W::Request>,
    repeated: &'p Loop<W::Request>,
    collected: &mut Collected<'p, W::Request>,
) -> ControlFlow<W::Break> {
    let times = match &repeated.passes {
        Passes::Times(times) => Ok(*times),
        Passes::Count(count) => passes::passes_of(walker, count),
        Passes::Each(each) => match passes::items(walker, each) {
            Ok(items) => {
                for (pass, item) in (0..).zip(items) {
                    if collected.is_full() {
                        break;
                    }
                    passes::keep(walker, each, pass, item);
                    collect(walker, &repeated.steps, collected)?;
                }
                Ok(0)
            }
            Err(missing) => Err(missing),
        },
        // The reader accepts neither in a block.
        Passes::While { .. } | Passes::Until { .. } => Ok(0),
    };
    match times {
        Ok(times) => {
            for _ in 0..times {
                if collected.is_full() {
                    break;
                }
                collect(walker, &repeated.steps, collected)?;
            }
            Continue(())
        }
        Err(missing) => walker.missing_value(step, missing),
    }
}

/// Futures that run at the same time within the user's task. Each wake-up polls all of them, because a stop of the run
/// wakes the task and not the single future.
pub(in crate::engine) struct Flights<'f, T>(Vec<Pin<Box<dyn Future<Output = T> + Send + 'f>>>);

impl<T> Default for Flights<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'f, T> Flights<'f, T> {
    pub(in crate::engine) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(in crate::engine) fn add(&mut self, flight: impl Future<Output = T> + Send + 'f) {
        self.0.push(Box::pin(flight));
    }

    /// The result of the next one that ends; `None` if there is none.
    pub(in crate::engine) async fn next(&mut self) -> Option<T> {
        if self.0.is_empty() {
            return None;
        }
        let (index, result) = poll_fn(|cx| {
            let ended = self.0.iter_mut().enumerate().find_map(|(index, flight)| {
                match flight.as_mut().poll(cx) {
                    Poll::Ready(result) => Some((index, result)),
                    Poll::Pending => None,
                }
            });
            ended.map_or(Poll::Pending, Poll::Ready)
        })
        .await;
        drop(self.0.swap_remove(index));
        Some(result)
    }
}

/// The result of a block: the first break stays, and the requests in flight still end.
pub(in crate::engine) fn first_break<B>(
    result: ControlFlow<B>,
    next: ControlFlow<B>,
) -> ControlFlow<B> {
    match result {
        Break(first) => Break(first),
        Continue(()) => next,
    }
}
