//! The switches of the stack: their valid values, their sources, and changes at run time.
//!
//! Later sources win: the defaults or `--stack before`, a YAML file, the environment (`FOLIO_CACHE_MODE`), `path=value`
//! on the command line, and `PATCH /admin/config`. Everything is validated before any of it takes effect.

mod bounds;
mod defaults;
mod file;
mod groups;
mod layers;
mod live;
mod span;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use groups::{
    AdmissionSettings, AuthSettings, BreakerSettings, CacheMode, CacheSettings, Compression,
    DbSettings, EdgeProvider, EdgeSettings, Indexes, Loading, MonitorSettings, PoolSettings,
    RateLimit, Stampede, TaskSettings, WriteStrategy,
};
pub use layers::{SettingFault, SettingsError};
pub(crate) use live::Live;
pub use span::Span;

/// All switches; [`Settings::default`] is the optimised stack.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The two-level cache.
    pub cache: CacheSettings,
    /// Connections to the database.
    pub pool: PoolSettings,
    /// Statements, indexes, modelled cost.
    pub db: DbSettings,
    /// Rate limits, queues, concurrency, sizes.
    pub admission: AdmissionSettings,
    /// Circuit breakers.
    pub breaker: BreakerSettings,
    /// Compression of response bodies.
    pub compression: Compression,
    /// Tokens and sessions.
    pub auth: AuthSettings,
    /// Background tasks.
    pub tasks: TaskSettings,
    /// The edge cache.
    pub edge: EdgeSettings,
    /// Alerts.
    pub monitor: MonitorSettings,
}

/// `--stack`: the defaults to which the other sources are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stack {
    /// Every switch on its unoptimised side.
    Before,
    /// Every switch on its optimised side.
    #[default]
    After,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cache: CacheSettings::default(),
            pool: PoolSettings::default(),
            db: DbSettings::default(),
            admission: AdmissionSettings::default(),
            breaker: BreakerSettings::default(),
            compression: Compression::Auto,
            auth: AuthSettings::default(),
            tasks: TaskSettings::default(),
            edge: EdgeSettings::default(),
            monitor: MonitorSettings::default(),
        }
    }
}

impl Settings {
    /// The settings of a stack.
    pub fn of(stack: Stack) -> Self {
        let mut settings = Self::default();
        if stack == Stack::Before {
            settings.cache.mode = CacheMode::Off;
            settings.cache.stampede = Stampede::None;
            settings.pool.size = 25;
            settings.pool.replicas = 0;
            settings.db.indexes = Indexes::None;
            settings.db.loading = Loading::Lazy;
            settings.compression = Compression::Off;
            settings.edge.enabled = false;
        }
        settings
    }
}
