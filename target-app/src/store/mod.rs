//! Every statement that Folio makes about its tables, over [`Database`].

mod accounts;
mod audit;
mod bulk;
mod courses;
mod dashboard;
mod documents;
mod orders;
mod payments;
mod seed;

use std::error::Error;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serializer;

pub(crate) use audit::AuditEntry;
pub(crate) use bulk::{Bulk, BulkMode, BulkOutcome};
pub(crate) use courses::Course;
pub(crate) use dashboard::Pace;
pub(crate) use documents::{Document, Draft, Sort};
pub(crate) use orders::{NewOrder, Order};
pub(crate) use payments::{NewPayment, Paying, Payment};

use crate::config::{Config, Profile};
use crate::db::{Database, DbError, Home, Lease, OpenError};
use crate::metrics::Metrics;
use crate::settings::Live;

/// The tables.
pub(crate) struct Store {
    pub(crate) database: Database,
}

/// Why a table did not do as it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was asked for does not exist.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// The statement or the connection failed.
    #[error("the database did not do as asked")]
    Database(#[from] DbError),
    /// The database could not be opened.
    #[error("the database cannot be opened")]
    Open(#[from] OpenError),
    /// An answer could not be written as JSON.
    #[error("an answer cannot be encoded")]
    Encode(#[from] serde_json::Error),
    /// A row could not be written as `MessagePack`.
    #[error("a row cannot be encoded")]
    Pack(#[from] rmp_serde::encode::Error),
    /// What another request that loaded the same was told.
    #[error(transparent)]
    Shared(#[from] Arc<StoreError>),
    /// The database holds a catalogue that was seeded otherwise.
    #[error("the database in {place} was seeded with {found}, not with {expected}; use another")]
    SeededOtherwise {
        /// The directory or database that was asked for.
        place: String,
        /// What its catalogue was seeded with.
        found: String,
        /// What the configuration asks for.
        expected: String,
    },
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageOf {
    /// Counted from one.
    pub(crate) page: u32,
    /// Items on a page.
    pub(crate) limit: u32,
}

/// One page of a list, as lists are answered.
#[derive(Debug, serde::Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the names of the fields in every list that clients read"
)]
pub(crate) struct Page<T> {
    items: Vec<T>,
    total: i64,
    page: u32,
    limit: u32,
}

impl StoreError {
    /// The whole chain of causes in one line, for the log.
    pub(crate) fn with_sources(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl PageOf {
    pub(crate) fn offset(self) -> i64 {
        i64::from(self.page - 1) * i64::from(self.limit)
    }

    pub(crate) fn with<T>(self, items: Vec<T>, total: i64) -> Page<T> {
        Page {
            items,
            total,
            page: self.page,
            limit: self.limit,
        }
    }
}

impl Store {
    /// Opens the database of `config`, seeding it first when it is new.
    pub(crate) async fn open(
        config: &Config,
        home: Option<Arc<Home>>,
        password_hash: &str,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, StoreError> {
        let place = match (&config.profile, &home) {
            (Profile::Embedded { .. }, Some(home)) => {
                seed::build(&home.file(), config, password_hash).await?;
                home.path().display().to_string()
            }
            _ => "DATABASE_URL".to_owned(),
        };
        let database = Database::open(config, home, settings, metrics).await?;
        seed::confirm(&database, &place, config, password_hash).await?;
        Ok(Self { database })
    }

    pub(crate) async fn close(&self) {
        self.database.close().await;
    }

    /// Does `work` in one transaction on one connection: all of it when it succeeds, nothing when it fails or is dropped.
    async fn in_transaction<T>(
        &self,
        work: impl AsyncFnOnce(&mut Lease) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut lease = self.database.write().await?;
        lease.begin().await?;
        let worked = work(&mut lease).await;
        match &worked {
            Ok(_) => lease.commit().await?,
            Err(StoreError::Database(error)) if error.is_outage() => {}
            // A connection that cannot even do this is closed when the lease ends.
            Err(_) => drop(lease.roll_back().await),
        }
        worked
    }

    /// Whether a statement can be answered now.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.database.ping().await?)
    }
}

/// Unix seconds of now.
pub(crate) fn now() -> i64 {
    Utc::now().timestamp()
}

/// Unix seconds as clients read them: RFC 3339 in UTC.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands fields over by reference"
)]
pub(crate) fn rfc3339<S: Serializer>(seconds: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    let time = DateTime::<Utc>::from_timestamp(*seconds, 0).unwrap_or_default();
    serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Secs, true))
}
