//! Opens the shared store of a profile, and checks that it answers.

use std::sync::Arc;

#[cfg(test)]
use super::Outage;
use super::guard::{OverloadGuards, StoreGuard};
use super::memory::MemoryStore;
use super::redis::RedisStore;
use super::{Backend, Kv, KvError, KvStartError};
use crate::config::{Profile, Services};
use crate::metrics::Metrics;
use crate::settings::Live;

/// Attempts of the first ping of a store that times out.
const CHECKS: u32 = 3;

impl Kv {
    /// Opens the store of `profile`; that of the embedded profile is new and not shared.
    pub(crate) fn open(
        profile: &Profile,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, KvStartError> {
        match profile {
            Profile::Embedded { .. } => Ok(Self::memory().observed(metrics)?),
            Profile::Full(services) => Self::redis(services, settings, metrics),
        }
    }

    /// An in-process store without metrics; it is dropped with its last clone.
    pub(crate) fn memory() -> Self {
        Self {
            backend: Backend::Memory(Arc::new(MemoryStore::new())),
            guard: None,
            #[cfg(test)]
            outage: Outage::default(),
        }
    }

    /// This in-process store for another instance, which counts its operations in `metrics`.
    pub(crate) fn observed(&self, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        Ok(Self {
            backend: self.backend.clone(),
            guard: Some(Arc::new(StoreGuard::new(metrics, None)?)),
            #[cfg(test)]
            outage: Outage::default(),
        })
    }

    /// The Redis of `services`, which need not be running yet.
    ///
    /// Must be called in a Tokio runtime, which then runs two tasks until the last clone is dropped.
    pub(crate) fn redis(
        services: &Services,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, KvStartError> {
        let guards = OverloadGuards::new(settings, metrics)?;
        let guard = StoreGuard::new(metrics, Some(guards))?;
        Ok(Self {
            backend: Backend::Redis(Arc::new(RedisStore::new(services, settings, metrics)?)),
            guard: Some(Arc::new(guard)),
            #[cfg(test)]
            outage: Outage::default(),
        })
    }

    /// Fails if the store does not answer, for which a wrong URL is the usual reason.
    pub(crate) async fn check(&self) -> Result<(), KvStartError> {
        let mut answer = self.ping().await;
        for _ in 1..CHECKS {
            // A busy machine may be slow to start; other errors will not go away.
            if !matches!(answer, Err(KvError::TimedOut)) {
                break;
            }
            answer = self.ping().await;
        }
        answer.map_err(|error| KvStartError::Away(error.into()))
    }

    /// This store for an instance that cannot reach it while `outage` is set.
    #[cfg(test)]
    pub(crate) fn with_outage(&self, outage: &Outage) -> Self {
        Self {
            outage: Arc::clone(outage),
            ..self.clone()
        }
    }

    /// Announces to subscribers of an in-process store that messages arrive or do not.
    #[cfg(test)]
    pub(crate) fn set_connected(&self, is_connected: bool) {
        if let Backend::Memory(store) = &self.backend {
            store.set_connected(is_connected);
        }
    }
}
