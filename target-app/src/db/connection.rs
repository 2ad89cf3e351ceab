//! A single connection: opening, liveness check and replacement in a pool.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use prometheus::IntCounter;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

use super::{DbError, Dialect};
use crate::settings::Live;

/// A connection that answered within this time needs no liveness check. Short, because a connection that breaks within
/// it fails the next request; under load the most recently used connection is always this young.
const FRESH: Duration = Duration::from_millis(5);

/// An open connection.
pub(super) enum Connection {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// A connection in a pool.
pub(super) struct PooledConnection {
    pub(super) connection: Connection,
    /// Time of creation or of the last return. A health check of the pool does not count as use.
    pub(super) used: Instant,
    /// Its share of `pool.recycle`, drawn at random, so that connections opened together are not all replaced together.
    recycle_share: f64,
}

/// The address of a database.
#[derive(Clone)]
pub(super) enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// Opens and recycles the connections of one pool.
pub(super) struct DbConnector {
    pub(super) address: Address,
    pub(super) settings: Arc<Live>,
    /// Connections opened, for any purpose.
    pub(super) opened: IntCounter,
    /// Connections discarded, for any reason.
    pub(super) discarded: IntCounter,
}

impl Address {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    pub(super) async fn connect(&self) -> Result<Connection, DbError> {
        Ok(match self {
            Self::Sqlite(options) => Connection::Sqlite(Box::new(options.connect().await?)),
            Self::Postgres(options) => Connection::Postgres(Box::new(options.connect().await?)),
        })
    }
}

impl Connection {
    pub(super) async fn ping(&mut self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.ping().await,
            Self::Postgres(connection) => connection.ping().await,
        }
    }

    /// Closes the connection with a message to the server.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

impl Manager for DbConnector {
    type Type = PooledConnection;
    type Error = DbError;

    async fn create(&self) -> Result<PooledConnection, DbError> {
        // Boxed: connecting is rare and its future large, and would be part of every request's future.
        let connection = Box::pin(self.address.connect()).await?;
        self.opened.inc();
        Ok(PooledConnection {
            connection,
            used: Instant::now(),
            recycle_share: rand::random_range(0.5..=1.0),
        })
    }

    fn detach(&self, _: &mut PooledConnection) {
        self.discarded.inc();
    }

    async fn recycle(
        &self,
        pooled: &mut PooledConnection,
        lent: &Metrics,
    ) -> RecycleResult<DbError> {
        let (recycle, pre_ping) = {
            let settings = self.settings.load();
            (settings.pool.recycle.0, settings.pool.pre_ping)
        };
        if !recycle.is_zero() && lent.age() > recycle.mul_f64(pooled.recycle_share) {
            return Err(RecycleError::message(
                "the connection is older than its share of pool.recycle",
            ));
        }
        if pre_ping && pooled.used.elapsed() > FRESH {
            pooled.connection.ping().await.map_err(DbError::of)?;
        }
        Ok(())
    }
}
