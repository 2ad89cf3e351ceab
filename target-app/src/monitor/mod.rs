//! Self-monitoring: samples the metrics, rates them, shows them live, and sends alerts.
//!
//! One task per [`State`](crate::State) reads the registry every `monitor.every`, like any scraper: nothing is measured
//! twice, and unregistered metrics are absent here.

mod board;
mod history;
mod level;
mod listeners;
mod quantile;
mod reclaim;
mod rules;
mod sample;
mod snapshot;
mod trend;
mod usage;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use board::{AreaLevel, Board};
use history::History;
use listeners::Listeners;
use rules::{AlertEvent, AlertRules, Phase};
use sample::{REQUEST_SECONDS, REQUESTS, RouteUse, Sample};
use snapshot::{MetricsSnapshot, SnapshotWindow};

use crate::metrics::Metrics;
use crate::settings::Live;

pub(crate) use history::MOST_POINTS;
pub(crate) use listeners::{Listener, TooManyReaders};
pub(crate) use reclaim::{Freed, Reclaim};

/// Interval of live messages.
const LIVE_EVERY: Duration = Duration::from_secs(1);
/// Period of the percentiles by route, and its resolution.
const ROUTES: (Duration, Duration) = (Duration::from_mins(1), Duration::from_secs(5));

/// Receives alerts, as an event name and its JSON; must not block.
pub(crate) type AlertSink = Box<dyn Fn(&'static str, Value) + Send + Sync>;

/// The monitor of one state; its task ends with it.
pub(crate) struct Monitor {
    shared: Arc<MonitorState>,
    task: AbortHandle,
}

/// Data written by the task and read by requests.
struct MonitorState {
    metrics: Arc<Metrics>,
    settings: Arc<Live>,
    start: MetricsSnapshot,
    listeners: Listeners,
    history: Mutex<History>,
    board: ArcSwapOption<Board>,
}

/// Data used only by the task.
struct Sampler {
    shared: Arc<MonitorState>,
    before: MetricsSnapshot,
    /// Snapshots of the last minute's requests by route, oldest first.
    minute: VecDeque<MetricsSnapshot>,
    rules: AlertRules,
    events: Arc<[AlertEvent]>,
    send: AlertSink,
}

impl Monitor {
    /// Starts the monitor; alerts go to `send`. Needs a Tokio runtime.
    pub(crate) fn start(
        metrics: Arc<Metrics>,
        settings: Arc<Live>,
        send: AlertSink,
    ) -> Result<Self, prometheus::Error> {
        let rules = AlertRules::new(&metrics)?;
        let readers = metrics.gauges("folio_live_readers", "Readers of live metrics.", &[])?;
        let listeners = Listeners::new(readers.with_label_values(&[] as &[&str]));
        let shared = Arc::new(MonitorState {
            start: MetricsSnapshot::at_now(&metrics),
            metrics,
            settings,
            listeners,
            history: Mutex::default(),
            board: ArcSwapOption::empty(),
        });
        let sampler = Sampler {
            before: shared.look(),
            minute: VecDeque::new(),
            rules,
            events: Arc::default(),
            send,
            shared: Arc::clone(&shared),
        };
        let task = tokio::spawn(sampler.run()).abort_handle();
        Ok(Self { shared, task })
    }

    /// Adds a live reader.
    pub(crate) fn listen(&self) -> Result<Listener, TooManyReaders> {
        self.shared.listeners.listen()
    }

    /// Ends the live streams and the task, so that they do not delay a shutdown.
    pub(crate) fn stop(&self) {
        self.shared.listeners.close();
        self.task.abort();
    }

    /// Every area since the start and over the last interval.
    pub(crate) fn sections(&self) -> Value {
        let now = self.shared.look();
        let since_start = Sample::of(SnapshotWindow::between(&self.shared.start, &now));
        let board = self.shared.board.load();
        board::sections(&since_start, board.as_ref().map(|board| &board.sample))
    }

    /// Levels, trends, routes and alerts as JSON, with the latest `points` samples; `None` before the first sample.
    pub(crate) fn performance(&self, points: usize) -> Option<serde_json::Result<Vec<u8>>> {
        let board = self.shared.board.load_full()?;
        let history = (points > 0).then(|| self.shared.history().columns(points));
        let settings = self.shared.settings.load();
        Some(board.performance(&settings, history))
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop();
    }
}

impl MonitorState {
    fn look(&self) -> MetricsSnapshot {
        MetricsSnapshot::at_now(&self.metrics)
    }

    fn history(&self) -> std::sync::MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish(&self) {
        self.listeners.publish(|| {
            let board = self.board.load();
            board.as_ref()?.live(&self.settings.load())
        });
    }
}

impl Sampler {
    async fn run(mut self) {
        let mut changes = self.shared.settings.changes();
        let mut every = self.shared.settings.load().monitor.every.0;
        let mut looks = ticks(every);
        let mut messages = ticks(LIVE_EVERY);
        loop {
            // In this order, so that a message at the same moment shows the new sample.
            tokio::select! {
                biased;
                _ = looks.tick() => self.look(),
                _ = messages.tick() => self.shared.publish(),
                change = changes.changed() => {
                    if change.is_err() {
                        return;
                    }
                    let next = changes.borrow_and_update().monitor.every.0;
                    if next != every {
                        every = next;
                        looks = ticks(every);
                    }
                }
            }
        }
    }

    fn look(&mut self) {
        let now = self.shared.look();
        let sample = Sample::of(SnapshotWindow::between(&self.before, &now));
        let routes = self.routes(&now);
        let news = {
            let settings = self.shared.settings.load();
            self.rules.evaluate(&sample, &settings.monitor)
        };
        for event in &news {
            let name = match event.phase {
                Phase::Firing => "alert.firing",
                Phase::Resolved | Phase::Quiet => "alert.resolved",
            };
            (self.send)(name, json!({ "service": "folio", "alert": event }));
        }
        if !news.is_empty() {
            self.events = self.rules.events().into();
        }
        let trends = {
            let mut history = self.shared.history();
            history.push(now.at(), &sample);
            history.trends()
        };
        self.shared.board.store(Some(Arc::new(Board {
            levels: AreaLevel::all(&sample, trends),
            alerts: self.rules.firing(),
            events: Arc::clone(&self.events),
            routes,
            sample,
        })));
        self.before = now;
    }

    /// Each route's requests in the last minute, or since the start if that is shorter.
    fn routes(&mut self, now: &MetricsSnapshot) -> Vec<RouteUse> {
        let (reach, step) = ROUTES;
        let since = |look: &MetricsSnapshot| now.at().saturating_duration_since(look.at());
        // The snapshot before the first one in the period is the start of the window.
        while self.minute.get(1).is_some_and(|next| since(next) >= reach) {
            self.minute.pop_front();
        }
        let requests = || now.only(&[REQUESTS, REQUEST_SECONDS]);
        if self.minute.is_empty() {
            let before = self.before.only(&[REQUESTS, REQUEST_SECONDS]);
            self.minute.push_back(before);
        }
        if self.minute.back().is_none_or(|last| since(last) >= step) {
            self.minute.push_back(requests());
        }
        let start = self.minute.front().unwrap_or(&self.before);
        RouteUse::all(SnapshotWindow::between(start, now))
    }
}

/// Ticks of a `period`; late ticks are skipped and not made up for.
fn ticks(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

#[cfg(test)]
mod tests;
