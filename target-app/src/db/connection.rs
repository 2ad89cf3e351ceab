//! One connection, and how a pool makes it, asks it for a sign of life and replaces it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use prometheus::IntCounter;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, SqliteConnection};

use super::{DbError, Dialect};
use crate::settings::Live;

/// A connection that answered a request so lately needs no sign of life. Short, since whatever is cut within it costs the
/// next request; under load the one used last is always as young.
const FRESH: Duration = Duration::from_millis(5);

/// An open connection.
pub(super) enum Connection {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

/// A connection in a pool.
pub(super) struct PooledConnection {
    pub(super) connection: Connection,
    /// When it was made or last given back. A look at the pool's health is no use.
    pub(super) used: Instant,
}

/// Where connections lead.
#[derive(Clone)]
pub(super) enum Address {
    Sqlite(Box<SqliteConnectOptions>),
    Postgres(Box<PgConnectOptions>),
}

/// What makes and renews the connections of one pool.
pub(super) struct DbConnector {
    pub(super) address: Address,
    pub(super) settings: Arc<Live>,
    /// Connections made, for whatever they were wanted.
    pub(super) opened: IntCounter,
    /// Connections thrown away, for whatever reason.
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

    /// Says good-bye, so that the server need not find out by itself.
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
        // Boxed: shaking hands is rare and its future large, and it would ride in every request's.
        let connection = Box::pin(self.address.connect()).await?;
        self.opened.inc();
        Ok(PooledConnection {
            connection,
            used: Instant::now(),
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
        if !recycle.is_zero() && lent.age() > recycle {
            return Err(RecycleError::message(
                "the connection is older than pool.recycle",
            ));
        }
        if pre_ping && pooled.used.elapsed() > FRESH {
            pooled.connection.ping().await.map_err(DbError::of)?;
        }
        Ok(())
    }
}
