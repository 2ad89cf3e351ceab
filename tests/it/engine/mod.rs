//! Users against a small server: starts, counts, and the ends of runs.

mod auth;
mod blocks;
mod bodies;
mod changes;
mod control;
mod cookies;
mod counts;
mod ends;
mod flows;
mod gauges;
mod labour;
mod links;
mod loads;
mod meetings;
mod metrics;
mod parallel;
mod pauses;
pub(crate) mod plans;
mod reactions;
mod responses;
mod retries;
mod server;
mod slowest;
mod traces;
mod undone;
mod values;
mod weights;

use std::sync::Arc;
use std::time::Duration;

use gander::engine::{self, Ended, RunValues, Running};
use gander::plan::{Plan, Series, SeriesId};
use gander::record::bins::Sum;
use gander::record::totals::PhaseTotals;
use gander::record::{LoadCounts, Log, Recorder, SeriesInterval, Totals};
use gander::transport::{Settings, Shared};
use gander::units::Micros;
use gander::verdict::Judge;

/// A run that a test drives.
struct Driven {
    running: Running,
    recorder: Arc<Recorder>,
    totals: Totals,
    judge: Judge,
    series: Vec<Series>,
    warm_up: Micros,
    closed: Micros,
}

/// The results of a run.
struct Outcome {
    series: Vec<Series>,
    totals: Totals,
    judge: Judge,
    load: LoadCounts,
    ended: Ended,
}

fn transport(plan: &Plan) -> Arc<Shared> {
    Shared::new(Settings::from(&plan.workload.http)).expect("no certificates are read from a file")
}

impl Driven {
    async fn launch(plan: Plan) -> Self {
        let transport = transport(&plan);
        let (values, ended) =
            engine::setup(&plan, &transport, &Log::default(), std::future::pending()).await;
        ended.expect("setup");
        Self::launch_with(plan, transport, values)
    }

    fn launch_with(plan: Plan, transport: Arc<Shared>, values: RunValues) -> Self {
        let totals = Totals::new(&plan.workload.series, plan.workload.checks.len());
        let judge = Judge::new(&plan.thresholds, &plan.workload.series, None);
        let warm_up = Micros::from(plan.workload.warm_up);
        let recorder = Recorder::new(
            &plan.workload.metrics,
            &plan.workload.series,
            plan.workload.checks.len(),
            4,
        )
        .with_values(&plan.workload.custom_metrics, plan.server_timing())
        .with_slowest(warm_up, &plan.workload.series);
        let recorder = Arc::new(recorder);
        let series = plan.workload.series.clone();
        let plan = Arc::new(plan);
        let running = engine::launch(plan, Arc::clone(&recorder), transport, values);
        Self {
            running: running.expect("users"),
            recorder,
            totals,
            judge,
            series,
            warm_up,
            closed: Micros::ZERO,
        }
    }

    /// Closes an interval every 100 ms until every user has left.
    async fn until_the_end(mut self) -> Outcome {
        let limit = Duration::from_mins(1);
        let end = tokio::time::Instant::now() + limit;
        let mut is_over = false;
        while !is_over {
            assert!(tokio::time::Instant::now() < end, "still going on");
            let tick = Duration::from_millis(100);
            let finished = tokio::time::timeout(tick, self.running.finished()).await;
            is_over = finished.is_ok();
            self.close_interval();
        }
        if self.closed == self.warm_up {
            self.close_interval();
        }
        let ended = self.running.join(limit).await;
        assert_eq!(self.recorder.in_flight(), 0);
        let load = self.totals.load();
        let (measured, warm_up) = (self.totals.measured(), self.totals.warm_up());
        for part in [measured, warm_up] {
            assert_eq!(part.load.offered, part.load.started + part.load.unstarted);
        }
        assert_eq!(
            measured.load.unstarted + warm_up.load.unstarted,
            ended.unstarted
        );
        let ended_in = |part: &PhaseTotals| part.iterations.ended + part.iterations.interrupted;
        assert_eq!(
            measured.load.started + warm_up.load.started,
            ended_in(measured) + ended_in(warm_up)
        );
        Outcome {
            series: self.series,
            totals: self.totals,
            judge: self.judge,
            load,
            ended,
        }
    }

    fn close_interval(&mut self) {
        let now = self.running.clock().now();
        let is_warm_up = self.closed < self.warm_up;
        let end = if is_warm_up {
            now.min(self.warm_up)
        } else {
            now
        };
        let load = self.running.load(end);
        let interval = self.recorder.rotate(end, is_warm_up, load, None);
        self.totals.absorb(&interval);
        self.judge.observe(&interval);
        self.closed = end;
    }
}

impl Outcome {
    fn requests(&self) -> &SeriesInterval<Sum> {
        self.totals.series(SeriesId(1))
    }

    fn iterations(&self) -> &SeriesInterval<Sum> {
        self.totals.series(SeriesId(0))
    }
}

async fn run(plan: Plan) -> Outcome {
    Driven::launch(plan).await.until_the_end().await
}
