//! The current settings: reading costs one pointer load; they are replaced as a whole.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use tokio::sync::watch;

use super::Settings;

/// The current settings, and notifications of changes.
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

    /// The current settings, for short use; do not hold them across an await.
    pub(crate) fn load(&self) -> Guard<Arc<Settings>> {
        self.current.load()
    }

    /// Replaces the settings and notifies subscribers.
    pub(crate) fn replace(&self, settings: Settings) {
        let settings = Arc::new(settings);
        self.current.store(Arc::clone(&settings));
        self.changes.send_replace(settings);
    }

    /// Subscribes to changes; the current settings count as seen.
    pub(crate) fn changes(&self) -> watch::Receiver<Arc<Settings>> {
        self.changes.subscribe()
    }
}
