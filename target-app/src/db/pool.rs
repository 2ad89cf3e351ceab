//! A connection pool: permits to hold a connection, and connections that are kept, recycled and discarded.
//!
//! Up to `pool.size` connections are kept while they are used; `pool.overflow` more are opened under load and closed
//! after a short while without use. A request that finds none free waits in order, at most `pool.timeout`.

mod checkout;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool::managed::{self, Object, PoolError, QueueMode};
use prometheus::{IntCounter, IntGauge};
use tokio::time::timeout;

pub(super) use self::checkout::Checkout;
use self::checkout::PingGuard;
use super::connection::{Address, DbConnector, PooledConnection};
use super::guard::DatabaseGuard;
use super::lease::Lease;
use super::optimizer::Health;
use super::{DbError, Dialect};

use crate::bulkhead::ConnectionPermits;
use crate::metrics::{GaugeGuard, Metrics, Times, TimesFamily};
use crate::observe::note_pool_wait;
use crate::settings::{Live, PoolSettings};

/// Higher than size and overflow can add up to, so that only the permits limit.
const MOST: usize = 2_048;

/// Time limit for opening a connection: a database on this machine or nearby answers at once or not at all, however
/// many connections are tried.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// Idle time after which a connection beyond the pool's size is closed: opening one takes longer than most statements,
/// and load often returns.
const LINGER: Duration = Duration::from_secs(2);

/// The source of a pool's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sizing {
    /// From the settings.
    Set,
    /// Always one: `SQLite` allows one writer at a time, and a pool of one makes the others wait in order.
    One,
}

/// The metric families of all pools.
pub(super) struct PoolMetrics {
    size: prometheus::IntGaugeVec,
    in_use: prometheus::IntGaugeVec,
    overflow: prometheus::IntGaugeVec,
    waiting: prometheus::IntGaugeVec,
    wait_seconds: TimesFamily,
    timeouts: prometheus::IntCounterVec,
    opened: prometheus::IntCounterVec,
    discarded: prometheus::IntCounterVec,
}

/// Connections to one server for one purpose.
pub(crate) struct Pool {
    pub(crate) name: &'static str,
    connections: managed::Pool<DbConnector>,
    permits: Arc<ConnectionPermits>,
    sizing: Sizing,
    /// Number of connections that are kept when they are returned.
    kept: AtomicUsize,
    /// Locked during a resize: the settings and the optimiser both resize.
    resizing: Mutex<()>,
    /// Total microseconds of waits for a permit, without the time to open a connection.
    waited: AtomicU64,
    settings: Arc<Live>,
    guard: Arc<DatabaseGuard>,
    health: Health,
    gauges: PoolGauges,
}

struct PoolGauges {
    size: IntGauge,
    in_use: IntGauge,
    overflow: IntGauge,
    waiting: IntGauge,
    wait_seconds: Times,
    timeouts: IntCounter,
}

impl PoolMetrics {
    pub(super) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        const POOL: &[&str] = &["pool"];
        Ok(Self {
            size: metrics.gauges("folio_pool_size", "Connections that the pool keeps.", POOL)?,
            in_use: metrics.gauges("folio_pool_in_use", "Connections in use.", POOL)?,
            overflow: metrics.gauges(
                "folio_pool_overflow",
                "Connections in use beyond the size of the pool.",
                POOL,
            )?,
            waiting: metrics.gauges("folio_pool_waiting", "Requests that wait for a connection.", POOL)?,
            wait_seconds: metrics.times(
                "folio_pool_wait_seconds",
                "Wait for a connection.",
                "pool",
            )?,
            timeouts: metrics.counters(
                "folio_pool_timeouts_total",
                "Waits for a connection that timed out.",
                POOL,
            )?,
            opened: metrics.counters("folio_pool_opened_total", "Connections opened.", POOL)?,
            discarded: metrics.counters(
                "folio_pool_discarded_total",
                "Connections closed because they were broken, too old or beyond the size of the pool.",
                POOL,
            )?,
        })
    }
}

impl Pool {
    pub(super) fn new(
        name: &'static str,
        address: Address,
        sizing: Sizing,
        settings: &Arc<Live>,
        metrics: &PoolMetrics,
        guard: &Arc<DatabaseGuard>,
    ) -> Result<Arc<Self>, managed::BuildError> {
        let label = &[name];
        let connector = DbConnector {
            address,
            settings: Arc::clone(settings),
            opened: metrics.opened.with_label_values(label),
            discarded: metrics.discarded.with_label_values(label),
        };
        let connections = managed::Pool::builder(connector)
            .max_size(MOST)
            // The most recently used connection is the most likely to be good. Unused ones grow old and are replaced
            // when they are needed again.
            .queue_mode(QueueMode::Lifo)
            .build()?;
        let pool = Arc::new(Self {
            name,
            connections,
            permits: ConnectionPermits::new(0),
            sizing,
            kept: AtomicUsize::new(0),
            resizing: Mutex::new(()),
            waited: AtomicU64::new(0),
            settings: Arc::clone(settings),
            guard: Arc::clone(guard),
            health: Health::default(),
            gauges: PoolGauges {
                size: metrics.size.with_label_values(label),
                in_use: metrics.in_use.with_label_values(label),
                overflow: metrics.overflow.with_label_values(label),
                waiting: metrics.waiting.with_label_values(label),
                wait_seconds: metrics.wait_seconds.series(label[0]),
                timeouts: metrics.timeouts.with_label_values(label),
            },
        });
        pool.resize_to(&settings.load().pool);
        Ok(pool)
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.connections.manager().address.dialect()
    }

    pub(super) fn guard(&self) -> &Arc<DatabaseGuard> {
        &self.guard
    }

    /// Applies the sizes of the settings.
    pub(super) fn resize_to(&self, settings: &PoolSettings) {
        let (kept, overflow) = match self.sizing {
            Sizing::Set => (settings.size as usize, settings.overflow as usize),
            Sizing::One => (1, 0),
        };
        self.resize(kept, overflow);
    }

    /// Keeps `kept` connections and allows `overflow` more; connections beyond both are closed when they are returned.
    pub(super) fn resize(&self, kept: usize, overflow: usize) {
        let _alone = self.resizing.lock().unwrap_or_else(PoisonError::into_inner);
        self.kept.store(kept, Ordering::Relaxed);
        self.gauges.size.set(kept as i64);
        self.permits.resize(kept + overflow);
        self.close_idle_beyond(kept + overflow, Duration::ZERO);
        self.count_overflow();
    }

    /// Closes connections that have been idle for a while, unless somebody waits: soon if they are beyond the pool's
    /// size, or else a burst would hold its memory, here and in the server, until they are too old.
    pub(super) fn trim(&self) {
        if self.waiting() > 0 {
            return;
        }
        self.close_idle_beyond(self.kept(), LINGER);
        let idle_timeout = self.settings.load().pool.idle_timeout.0;
        if !idle_timeout.is_zero() {
            self.close_idle_beyond(1, idle_timeout);
        }
    }

    /// Closes connections that have been idle for `linger`, the oldest first, until `most` remain.
    fn close_idle_beyond(&self, most: usize, linger: Duration) {
        let mut surplus = self.connections.status().size.saturating_sub(most);
        if surplus == 0 {
            return;
        }
        self.connections.retain(|pooled, _| {
            let keeps = surplus == 0 || pooled.used.elapsed() < linger;
            surplus -= usize::from(!keeps);
            keeps
        });
    }

    /// Checks out a connection, in order of arrival.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, DbError> {
        let (patience, hold) = {
            let settings = self.settings.load();
            let hold = Duration::from_millis(settings.db.hold_ms.into());
            (settings.pool.timeout.0, hold)
        };
        let began = Instant::now();
        let checkout = self.checkout(patience).await;
        let waited = began.elapsed();
        self.gauges.wait_seconds.observe(waited);
        note_pool_wait(waited);
        let lease = Lease::new(checkout?, Arc::clone(&self.settings));
        if !hold.is_zero() {
            tokio::time::sleep(hold).await;
        }
        Ok(lease)
    }

    async fn checkout(self: &Arc<Self>, patience: Duration) -> Result<Checkout, DbError> {
        let pass = self.guard.enter().await?;
        // A request that the breaker would reject need not wait for a connection.
        let call_permit = self.guard.admit()?;
        let connection_permit = if let Some(connection_permit) = self.permits.try_take() {
            connection_permit
        } else {
            let _waiting = GaugeGuard::enter(&self.gauges.waiting);
            let began = Instant::now();
            let connection_permit = timeout(patience, self.permits.take()).await;
            let waited = began.elapsed().as_micros() as u64;
            self.waited.fetch_add(waited, Ordering::Relaxed);
            let connection_permit = connection_permit.map_err(|_| {
                self.gauges.timeouts.inc();
                DbError::PoolTimeout {
                    pool: self.name,
                    waited: patience,
                }
            })?;
            connection_permit.ok_or(DbError::Unreachable(sqlx::Error::PoolClosed.into()))?
        };
        let connection = match self.connection().await {
            Ok(connection) => connection,
            Err(error) => {
                call_permit.failed();
                return Err(error);
            }
        };
        // The statements will report their own outcomes.
        drop(call_permit);
        self.gauges.in_use.inc();
        self.count_overflow();
        Ok(Checkout {
            connection: Some(connection),
            pool: Arc::clone(self),
            _connection_permit: connection_permit,
            _gate_permit: pass,
        })
    }

    /// A good idle connection, or a new one.
    async fn connection(&self) -> Result<Object<DbConnector>, DbError> {
        match timeout(CONNECT_WITHIN, self.connections.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(PoolError::Backend(error))) => Err(error),
            Ok(Err(_)) => Err(DbError::Unreachable(sqlx::Error::PoolClosed.into())),
            Err(_) => {
                // The remaining idle connections probably fail in the same way, and would cost the next request its
                // time.
                self.clear_idle();
                Err(DbError::Unreachable(sqlx::Error::PoolTimedOut.into()))
            }
        }
    }

    /// Opens connections until `count` exist; returns how many it opened.
    pub(super) async fn warm(self: &Arc<Self>, count: usize) -> Result<usize, DbError> {
        let mut loans = Vec::new();
        while self.connections.status().size < count {
            let Some(connection_permit) = self.permits.try_take() else {
                break;
            };
            let connection = self.connection().await?;
            loans.push((connection, connection_permit));
        }
        Ok(loans.len())
    }

    /// Number of connections that are kept.
    pub(super) fn kept(&self) -> usize {
        self.kept.load(Ordering::Relaxed)
    }

    /// Number of connections in use.
    pub(super) fn in_use(&self) -> usize {
        self.gauges.in_use.get().max(0) as usize
    }

    /// Number of requests that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.gauges.waiting.get().max(0) as usize
    }

    /// Number of leases so far, and the total microseconds of waits for permits.
    pub(super) fn waits(&self) -> (u64, u64) {
        let leases = self.gauges.wait_seconds.count();
        (leases, self.waited.load(Ordering::Relaxed))
    }

    pub(super) fn is_resizable(&self) -> bool {
        self.sizing == Sizing::Set
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// Checks that a connection answers; false if all are in use.
    pub(super) async fn ping(self: &Arc<Self>) -> Result<bool, DbError> {
        let Some(_connection_permit) = self.permits.try_take() else {
            return Ok(false);
        };
        let connection = self.connection().await?;
        // A connection that is dropped during its answer cannot be reused.
        let mut pinging = PingGuard(Some(connection));
        let answer = match &mut pinging.0 {
            Some(pooled) => pooled.connection.ping().await,
            None => Ok(()),
        };
        if answer.is_ok() {
            drop(pinging.0.take());
        }
        answer.map(|()| true).map_err(DbError::from)
    }

    /// Discards the idle connections: after one broke, the others are likely connections to the same lost server.
    pub(super) fn clear_idle(&self) -> usize {
        self.connections.retain(|_, _| false).removed.len()
    }

    pub(super) async fn close(&self) {
        self.permits.close();
        let removed = self.connections.retain(|_, _| false).removed;
        self.connections.close();
        for PooledConnection { connection, .. } in removed {
            // An error is ignored: the connection is dropped in any case, and the server notices it.
            let _ = connection.close().await;
        }
    }

    /// Sets the gauge. If two leases end at once, the older count may be set last, until the next update.
    pub(super) fn count_overflow(&self) {
        let kept = self.kept.load(Ordering::Relaxed) as i64;
        self.gauges
            .overflow
            .set((self.gauges.in_use.get() - kept).max(0));
    }
}
