//! All statements on Folio's tables, over [`Database`].

mod accounts;
mod audit;
mod bulk;
mod courses;
mod dashboard;
mod documents;
mod error;
mod orders;
mod payments;
mod reads;
mod seed;

use std::sync::Arc;

pub(crate) use audit::AuditEntry;
pub(crate) use bulk::{Bulk, BulkMode, BulkOutcome};
pub(crate) use courses::Course;
pub(crate) use dashboard::ReadMode;
pub(crate) use documents::{Document, Draft, Sort};
pub use error::StoreError;
pub(crate) use orders::{NewOrder, Order};
pub(crate) use payments::{NewPayment, Payment, PaymentOutcome};

use crate::config::{Config, Profile};
use crate::db::{Database, DatabaseDirectory, Lease};
use crate::metrics::Metrics;
use crate::settings::Live;

/// The tables.
pub(crate) struct Store {
    pub(crate) database: Database,
}

/// The requested part of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PageOf {
    /// Counted from one.
    pub(crate) page: u32,
    /// Items on a page.
    pub(crate) limit: u32,
}

/// One page of a list.
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
    /// Opens the database of `config`, and seeds it if it is new.
    pub(crate) async fn open(
        config: &Config,
        home: Option<Arc<DatabaseDirectory>>,
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

    /// Runs `work` in one transaction on one connection: commits if it succeeds, rolls back if it fails or is dropped.
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
            // If even this fails, the connection is closed when the lease ends.
            Err(_) => drop(lease.roll_back().await),
        }
        worked
    }

    /// Checks that the database answers a statement.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.database.ping().await?)
    }
}
