//! The connection pool to Redis, of `cache.l2_connections` connections; each request checks one out.
//!
//! A connection is discarded if its request failed or timed out. It stays usable if the caller was cancelled, because a
//! late answer is distinguished from the next one's. Idle connections beyond `cache.l2_connections_least` are closed
//! after a while, and missing ones are opened ahead of need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Object, PoolError, QueueMode};
use futures_util::future::join_all;
use prometheus::{IntCounter, IntGauge};
use redis::aio::MultiplexedConnection;
use tokio::time::{interval, timeout};

use super::connector::{CONNECT_LIMIT, RedisConnector};
use crate::bulkhead::{ConnectionPermit, ConnectionPermits};
use crate::kv::error::{KvCause, KvError, KvStartError};
use crate::metrics::{GaugeGuard, Metrics, Times};
use crate::settings::Live;

/// Maximum of `cache.l2_connections`.
const MOST: usize = 1_000;
/// Idle time after which a connection beyond the minimum is closed.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Interval of the pool's maintenance.
const MAINTAINED_EVERY: Duration = Duration::from_secs(1);

/// See the module documentation.
pub(super) struct RedisPool {
    connections: managed::Pool<RedisConnector>,
    permits: Arc<ConnectionPermits>,
    gauges: RedisPoolMetrics,
}

struct RedisPoolMetrics {
    size: IntGauge,
    in_use: IntGauge,
    waiting: IntGauge,
    wait_seconds: Times,
    timeouts: IntCounter,
    opened: IntCounter,
    discarded: IntCounter,
}

/// A connection that is checked out; dropping this returns it.
pub(super) struct RedisCheckout<'a> {
    connection: Object<RedisConnector>,
    discarded: &'a IntCounter,
    _lent: GaugeGuard<'a>,
    _permit: ConnectionPermit,
}

impl RedisPool {
    /// A pool of the connections of `connector`; opens none yet.
    pub(super) fn new(
        connector: RedisConnector,
        settings: &Live,
        metrics: &Metrics,
    ) -> Result<Self, KvStartError> {
        let connections = managed::Pool::builder(connector)
            .max_size(MOST)
            // Unneeded connections stay unused, grow old and are closed.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| KvStartError::Pool(error.into()))?;
        let most = settings.load().cache.l2_connections;
        let gauges = RedisPoolMetrics::new(metrics)?;
        gauges.size.set(most.into());
        Ok(Self {
            connections,
            permits: ConnectionPermits::new(most as usize),
            gauges,
        })
    }

    /// Checks out a connection, in order of arrival.
    pub(super) async fn checkout(&self) -> Result<RedisCheckout<'_>, KvError> {
        let began = Instant::now();
        let checkout = timeout(CONNECT_LIMIT, self.checkout_in_turn()).await;
        self.gauges.wait_seconds.observe(began.elapsed());
        checkout.unwrap_or_else(|_| {
            self.gauges.timeouts.inc();
            Err(KvError::TimedOut)
        })
    }

    async fn checkout_in_turn(&self) -> Result<RedisCheckout<'_>, KvError> {
        let permit = if let Some(permit) = self.permits.try_take() {
            permit
        } else {
            let _waiting = GaugeGuard::enter(&self.gauges.waiting);
            self.permits.take().await.ok_or_else(closed)?
        };
        let connection = self.connections.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error.into(),
            _ => closed(),
        })?;
        if Object::metrics(&connection).recycle_count == 0 {
            self.gauges.opened.inc();
        }
        Ok(RedisCheckout {
            connection,
            discarded: &self.gauges.discarded,
            _lent: GaugeGuard::enter(&self.gauges.in_use),
            _permit: permit,
        })
    }

    /// Keeps the pool within the bounds of the settings, for as long as these can change.
    pub(super) async fn maintain(self: Arc<Self>, settings: Arc<Live>) {
        let mut looks = interval(MAINTAINED_EVERY);
        let mut switched = settings.changes();
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                change = switched.changed() => if change.is_err() {
                    return;
                }
            }
            let (least, most) = {
                let cache = &settings.load().cache;
                (cache.l2_connections_least, cache.l2_connections)
            };
            self.fit(least as usize, most as usize);
            self.warm(least as usize).await;
        }
    }

    /// Allows `most` connections; closes idle ones beyond that, and long unused ones beyond `least`.
    fn fit(&self, least: usize, most: usize) {
        if self.permits.size() != most {
            self.permits.resize(most);
            self.gauges.size.set(most as i64);
        }
        let mut open = self.connections.status().size;
        let closed = self.connections.retain(|link, used| {
            let is_kept =
                !link.is_closed() && open <= most && (open <= least || used.last_used() < IDLE_FOR);
            open -= usize::from(!is_kept);
            is_kept
        });
        self.gauges.discarded.inc_by(closed.removed.len() as u64);
    }

    /// Opens connections until `least` are open.
    async fn warm(&self, least: usize) {
        let status = self.connections.status();
        let missing = least.saturating_sub(status.size);
        if missing == 0 {
            return;
        }
        // Checked out at the same time, so that new connections are opened after the idle ones are used up. Errors will
        // be reported to the requests that need a connection.
        join_all((0..status.available + missing).map(|_| self.checkout())).await;
    }
}

impl RedisCheckout<'_> {
    pub(super) fn connection(&mut self) -> &mut MultiplexedConnection {
        &mut self.connection.connection
    }

    /// Discards the connection instead of returning it.
    pub(super) fn discard(self) {
        self.discarded.inc();
        drop(Object::take(self.connection));
    }
}

impl RedisPoolMetrics {
    /// The metric families are shared with the database pools.
    fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        const POOL: &[&str] = &["pool"];
        let gauge = |name, help| {
            let family = metrics.gauges(name, help, POOL)?;
            prometheus::Result::Ok(family.with_label_values(&["redis"]))
        };
        let counter = |name, help| {
            let family = metrics.counters(name, help, POOL)?;
            prometheus::Result::Ok(family.with_label_values(&["redis"]))
        };
        let wait_seconds =
            metrics.times("folio_pool_wait_seconds", "Wait for a connection.", "pool")?;
        Ok(Self {
            size: gauge("folio_pool_size", "Connections that the pool keeps.")?,
            in_use: gauge("folio_pool_in_use", "Connections in use.")?,
            waiting: gauge("folio_pool_waiting", "Requests that wait for a connection.")?,
            wait_seconds: wait_seconds.series("redis"),
            timeouts: counter(
                "folio_pool_timeouts_total",
                "Waits for a connection that timed out.",
            )?,
            opened: counter("folio_pool_opened_total", "Connections opened.")?,
            discarded: counter(
                "folio_pool_discarded_total",
                "Connections closed because they were broken, too old or beyond the size of the pool.",
            )?,
        })
    }
}

fn closed() -> KvError {
    KvError::Unavailable(KvCause::new("the connection pool is closed"))
}
