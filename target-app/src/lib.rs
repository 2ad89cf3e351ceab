//! Folio, a small paid document catalogue: the reference service for load tests, demonstrations and proofs of Gander.
//!
//! [`State::open`] opens the database and the caches, [`app`] is the router over them, [`serve`] answers on a listener
//! until shutdown. Folio never depends on Gander. It is designed to be loaded heavily on the same machine as the load
//! generator, so a cached read costs little more than the framework under it.

mod admission;
mod auth;
mod breaker;
mod bulkhead;
mod cache;
mod catalogue;
mod clock;
mod compression;
mod config;
mod db;
mod edge;
mod error;
mod events;
mod glob;
mod input;
mod kv;
mod lab;
mod metrics;
mod monitor;
mod observe;
mod routes;
mod serve;
#[cfg(unix)]
mod services;
mod settings;
mod state;
mod store;
mod tasks;
mod webhook;

pub use auth::PasswordError;
pub use config::{Config, ConfigError, LabMode, Profile, Secret, Services, Violation};

pub use kv::KvStartError;
pub use routes::app;
pub use serve::{serve, serve_starting};
#[cfg(unix)]
pub use services::{
    Durability, MissingProgram, MissingPrograms, PrivateOptions, PrivatePostgres, PrivateRedis,
    PrivateServices, Reach, ServicesError,
};
pub use settings::{
    AdmissionSettings, AuthSettings, BreakerSettings, CacheMode, CacheSettings, Compression,
    DbSettings, EdgeProvider, EdgeSettings, Indexes, Loading, MonitorSettings, PoolSettings,
    RateLimit, SettingFault, Settings, SettingsError, Span, Stack, Stampede, TaskSettings,
    WriteStrategy,
};
pub use state::{StartError, State};
pub use store::StoreError;
pub use webhook::WebhookError;
