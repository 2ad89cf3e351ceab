//! The receivers of metrics of a run: one fold of its intervals, whose states are scraped and pushed.

use std::sync::Arc;

use super::push::Pushed;
use super::scrape::Scraped;
use super::state::RunState;
use crate::record::RunHeader;
use crate::run::{Closing, Delivered, End, Second, Sink};
use crate::units::Micros;

/// The time between two pushes.
const PUSH_EVERY: Micros = Micros(5_000_000);

/// The receivers of a run.
#[derive(Default)]
pub struct MetricsOutput {
    /// The endpoint for scrapes.
    pub scraped: Option<Scraped>,
    /// Receivers of pushes.
    pub pushed: Vec<Pushed>,
    state: Option<RunState>,
    pushed_at: Option<Micros>,
}

impl MetricsOutput {
    /// True if nobody receives anything.
    pub fn is_empty(&self) -> bool {
        self.scraped.is_none() && self.pushed.is_empty()
    }

    /// The state to publish now. Pushes need times of their own, by the millisecond.
    fn shared(&self, is_pushed: bool) -> Option<Arc<RunState>> {
        let mut state = self.state.clone()?;
        if let Some(before) = self.pushed_at.filter(|_| is_pushed) {
            state.at = state.at.max(before + Micros(1_000));
        }
        Some(Arc::new(state))
    }

    /// Publishes the state to scrapers and, if it is due, to receivers of pushes.
    fn publish(&mut self, is_push_due: bool) {
        let Some(shared) = self.shared(is_push_due) else {
            return;
        };
        if let Some(scraped) = &self.scraped {
            scraped.publish(Arc::clone(&shared));
        }
        if is_push_due {
            self.pushed_at = Some(shared.at);
            for pushed in &self.pushed {
                pushed.publish(Arc::clone(&shared));
            }
        }
    }
}

impl Sink for MetricsOutput {
    fn begin(&mut self, header: &RunHeader) -> anyhow::Result<()> {
        self.state = Some(RunState::of(header));
        // Counters begin at zero, so that a receiver sees the first increase.
        self.publish(true);
        Ok(())
    }

    fn interval(&mut self, second: &Second<'_>) -> anyhow::Result<()> {
        let Some(state) = &mut self.state else {
            return Ok(());
        };
        state.absorb(second.interval);
        // The last state is published once the run is over.
        if !second.is_last {
            let before = self.pushed_at.unwrap_or_default();
            let is_due = state.at.saturating_sub(before) >= PUSH_EVERY;
            self.publish(is_due);
        }
        Ok(())
    }

    fn close(&mut self, _: &End) -> Vec<Closing> {
        if let Some(state) = &mut self.state {
            state.end();
        }
        let Some(last) = self.shared(true) else {
            return Vec::new();
        };
        let scraped = self.scraped.iter_mut();
        let scraped = scraped.filter_map(|scraped| scraped.close(Arc::clone(&last)));
        let pushed = self.pushed.iter_mut();
        let pushed = pushed.filter_map(|pushed| pushed.close(Arc::clone(&last)));
        scraped.chain(pushed).collect()
    }

    fn delivered(&self) -> Vec<Delivered> {
        // Without a load there was nothing to deliver.
        if self.state.is_none() {
            return Vec::new();
        }
        let scraped = self.scraped.iter().map(Scraped::delivered);
        let pushed = self.pushed.iter().map(Pushed::delivered);
        scraped.chain(pushed).collect()
    }
}
