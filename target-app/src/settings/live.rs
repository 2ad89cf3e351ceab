//! The settings of now: read for the price of a pointer, replaced whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Settings;

/// The settings in force, and a way to hear of the next ones.
pub(crate) struct Live {
    current: ArcSwap<Settings>,
    changes: watch::Sender<Arc<Settings>>,
}

impl Live {
    pub(crate) fn new(settings: Settings) -> Self {
        let settings = Arc::new(settings);
        Self {
            current: ArcSwap::new(Arc::clone(&settings)),
            changes: watch::Sender::new(settings),
        }
    }

    /// The settings of now, for a short look; not to be held across an await.
    pub(crate) fn load(&self) -> Guard<Arc<Settings>> {
        self.current.load()
    }

    /// Puts `settings` in force and tells who listens.
    pub(crate) fn replace(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.current.store(Arc::clone(&settings));
        self.changes.send_replace(settings);
    }

    /// Hears of every change; the settings of now count as seen.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Settings>> {
        self.changes.subscribe()
    }
}
