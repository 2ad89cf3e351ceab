//! Users against a small server: who starts when, what is counted, how a run ends.

mod cookies;
mod counts;
mod ends;
mod flows;
mod links;
pub(crate) mod plans;
mod server;

use std::sync::Arc;
use std::time::Duration;

use gander::engine::{self, Ended, RunValues, Running};
use gander::plan::{Plan, SeriesId, Subject};
use gander::record::{LoadCounts, Recorder, SeriesInterval, Totals};
use gander::transport::{Settings, Shared};

/// A run that a test drives.
struct Driven {
    running: Running,
    recorder: Arc<Recorder>,
    totals: Totals,
}

/// What a run left behind.
struct Outcome {
    totals: Totals,
    load: LoadCounts,
    ended: Ended,
}

fn transport(plan: &Plan) -> Arc<Shared> {
    Shared::new(Settings {
        redirects: plan.http.redirects,
        cookies: plan.http.cookies,
        body_limit: plan.http.body_limit,
        resend: true,
        tls: &plan.http.tls,
        allowed_hosts: Vec::new(),
    })
    .expect("no certificates are read from a file")
}

impl Driven {
    async fn launch(plan: Plan) -> Self {
        let transport = transport(&plan);
        let values = engine::setup(&plan, &transport).await.expect("setup");
        Self::launch_with(plan, transport, values)
    }

    fn launch_with(plan: Plan, transport: Arc<Shared>, values: RunValues) -> Self {
        let totals = Totals::new(&plan.series, plan.checks.len());
        let recorder = Arc::new(Recorder::new(plan.series.len(), plan.checks.len(), 4));
        let plan = Arc::new(plan);
        let running = engine::launch(plan, Arc::clone(&recorder), transport, values);
        Self {
            running: running.expect("users"),
            recorder,
            totals,
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
        let ended = self.running.join(limit).await;
        assert_eq!(self.recorder.in_flight(), 0);
        let load = self.totals.load();
        assert_eq!(load.offered, load.started + load.unstarted);
        assert_eq!(load.unstarted, ended.unstarted);
        let iterations = self.totals.counts(Subject::Iterations);
        assert_eq!(load.started, iterations.ended + iterations.interrupted);
        Outcome {
            totals: self.totals,
            load,
            ended,
        }
    }

    fn close_interval(&mut self) {
        let now = self.running.clock().now();
        let load = self.running.load(now);
        let interval = self.recorder.rotate(now, false, load, None);
        self.totals.absorb(&interval);
    }
}

impl Outcome {
    fn requests(&self) -> &SeriesInterval {
        self.totals.series(SeriesId(1))
    }

    fn iterations(&self) -> &SeriesInterval {
        self.totals.series(SeriesId(0))
    }
}

async fn run(plan: Plan) -> Outcome {
    Driven::launch(plan).await.until_the_end().await
}
