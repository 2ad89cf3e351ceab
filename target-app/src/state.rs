//! Everything a request can reach: one allocation, shared by all of them.

use std::io;
use std::sync::Arc;

use crate::auth::{PasswordError, Passwords};
use crate::cache::Cache;
use crate::config::{Config, ConfigError, LabMode};
use crate::lab::Lab;
use crate::metrics::Metrics;
use crate::observe::RequestIds;
use crate::store::{Store, StoreError};

/// A running Folio without its listener: database, caches, metrics. Cloning it shares it.
#[derive(Clone)]
pub struct State(pub(crate) Arc<App>);

/// What a [`State`] shares, as the routes see it.
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) cache: Cache,
    pub(crate) passwords: Passwords,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) request_ids: RequestIds,
    pub(crate) lab: Option<Arc<Lab>>,
}

/// Why Folio could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is out of bounds.
    #[error("the configuration is not valid")]
    Config(#[from] ConfigError),
    /// The database could not be opened, migrated or seeded.
    #[error("the database cannot be prepared")]
    Store(#[from] StoreError),
    /// A metric was declared twice or badly.
    #[error("the metrics cannot be registered")]
    Metrics(#[from] prometheus::Error),
    /// The shared password could not be hashed.
    #[error("the seeded password cannot be hashed")]
    Password(#[from] PasswordError),
    /// The operating system gave no randomness or no thread.
    #[error("the operating system refused a resource")]
    System(#[from] io::Error),
}

impl State {
    /// Opens, migrates and seeds the database and prepares the caches; under a second for the default [`Config`].
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        config.validate()?;
        let metrics = Arc::new(Metrics::new()?);
        let passwords = Passwords::new(config.seed)?;
        let store = Store::open(config, passwords.seeded_hash(), Arc::clone(&metrics)).await?;
        let lab = match config.lab {
            LabMode::Closed => None,
            LabMode::Open => Some(Arc::new(Lab::new(config.seed)?)),
        };
        Ok(Self(Arc::new(App {
            store,
            cache: Cache::new(config.cache, config.cache_items, &metrics),
            passwords,
            metrics,
            request_ids: RequestIds::new()?,
            lab,
        })))
    }

    /// Closes the database; requests that are still under way then fail.
    pub async fn close(&self) {
        self.0.store.close().await;
    }
}
