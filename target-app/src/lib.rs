//! Folio, a paid document catalogue in small: the reference service that Gander loads, is demonstrated on and proven with.
//!
//! [`State::open`] makes the database and the caches, [`app`] is the router over them, [`serve`] answers on a listener
//! until it is told to stop. Folio never depends on Gander. It is built to be driven hard on the machine that also drives
//! it, so a cached read costs little more than the framework under it.

mod auth;
mod cache;
mod config;
mod error;
mod lab;
mod metrics;
mod observe;
mod routes;
mod serve;
mod state;
mod store;

pub use auth::PasswordError;
pub use config::{CacheMode, Config, ConfigError, LabMode, Violation};
pub use routes::app;
pub use serve::serve;
pub use state::{StartError, State};
pub use store::StoreError;
