//! Connections to Redis: lent for one question each, as many as `cache.l2_connections` says.
//!
//! A connection whose question failed or took too long is thrown away; one whose asker lost interest is not, since the
//! late answer is told from the next one's. Idle ones beyond `cache.l2_connections_least` are closed after a while, and
//! missing ones opened ahead of need.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool::managed::{self, Object, PoolError, QueueMode};
use futures_util::future::join_all;
use prometheus::{IntCounter, IntGauge};
use redis::aio::MultiplexedConnection;
use tokio::time::{interval, timeout};

use super::connector::{CONNECT_LIMIT, Connector};
use crate::bulkhead::{Slot, Slots};
use crate::kv::error::{Cause, KvError, KvStartError};
use crate::metrics::{Metrics, Times};
use crate::settings::Live;

/// Upper bound of `cache.l2_connections`.
const MOST: usize = 1_000;
/// Time without use after which a connection beyond the least is closed.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Time between two looks at the pool.
const TENDED_EVERY: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Pool {
    connections: managed::Pool<Connector>,
    slots: Arc<Slots>,
    gauges: Gauges,
}

struct Gauges {
    size: IntGauge,
    in_use: IntGauge,
    waiting: IntGauge,
    wait_seconds: Times,
    timeouts: IntCounter,
    opened: IntCounter,
    discarded: IntCounter,
}

/// A connection on loan; goes back when it is dropped.
pub(super) struct Loan<'a> {
    connection: Object<Connector>,
    discarded: &'a IntCounter,
    _lent: Counted<'a>,
    _slot: Slot,
}

/// One more on a gauge until it is dropped.
struct Counted<'a>(&'a IntGauge);

impl Pool {
    /// Connections of `connector`'s making; opens none yet.
    pub(super) fn new(
        connector: Connector,
        settings: &Live,
        metrics: &Metrics,
    ) -> Result<Self, KvStartError> {
        let connections = managed::Pool::builder(connector)
            .max_size(MOST)
            // Those that are not needed stay unused, and so grow old and go.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| KvStartError::Pool(error.into()))?;
        let most = settings.load().cache.l2_connections;
        let gauges = Gauges::new(metrics)?;
        gauges.size.set(most.into());
        Ok(Self {
            connections,
            slots: Slots::new(most as usize),
            gauges,
        })
    }

    /// A connection, at once or in turn.
    pub(super) async fn loan(&self) -> Result<Loan<'_>, KvError> {
        let began = Instant::now();
        let loan = timeout(CONNECT_LIMIT, self.loan_in_turn()).await;
        self.gauges.wait_seconds.observe(began.elapsed());
        loan.unwrap_or_else(|_| {
            self.gauges.timeouts.inc();
            Err(KvError::TimedOut)
        })
    }

    async fn loan_in_turn(&self) -> Result<Loan<'_>, KvError> {
        let slot = if let Some(slot) = self.slots.try_take() {
            slot
        } else {
            let _waiting = Counted::on(&self.gauges.waiting);
            self.slots.take().await.ok_or_else(closed)?
        };
        let connection = self.connections.get().await.map_err(|error| match error {
            PoolError::Backend(error) => error.into(),
            _ => closed(),
        })?;
        if Object::metrics(&connection).recycle_count == 0 {
            self.gauges.opened.inc();
        }
        Ok(Loan {
            connection,
            discarded: &self.gauges.discarded,
            _lent: Counted::on(&self.gauges.in_use),
            _slot: slot,
        })
    }

    /// Keeps the pool between the bounds of the settings, for as long as these can change.
    pub(super) async fn tend(self: Arc<Self>, settings: Arc<Live>) {
        let mut looks = interval(TENDED_EVERY);
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

    /// Allows `most` connections, and closes idle ones beyond that or beyond `least` and long unused.
    fn fit(&self, least: usize, most: usize) {
        if self.slots.size() != most {
            self.slots.resize(most);
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
        // Lent all at the same time, so that after the idle ones come new ones. An error will meet who needs them.
        join_all((0..status.available + missing).map(|_| self.loan())).await;
    }
}

impl Loan<'_> {
    pub(super) fn connection(&mut self) -> &mut MultiplexedConnection {
        &mut self.connection.connection
    }

    /// Throws the connection away instead of giving it back.
    pub(super) fn discard(self) {
        self.discarded.inc();
        drop(Object::take(self.connection));
    }
}

impl Gauges {
    /// The families are those of the pools of the database.
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
        let wait_seconds = metrics.times(
            "folio_pool_wait_seconds",
            "From asking for a connection to having it.",
            "pool",
        )?;
        Ok(Self {
            size: gauge("folio_pool_size", "Connections that the pool keeps.")?,
            in_use: gauge("folio_pool_in_use", "Connections that are lent.")?,
            waiting: gauge("folio_pool_waiting", "Who waits for a connection.")?,
            wait_seconds: wait_seconds.series("redis"),
            timeouts: counter("folio_pool_timeouts_total", "Waits that were given up.")?,
            opened: counter("folio_pool_opened_total", "Connections made.")?,
            discarded: counter(
                "folio_pool_discarded_total",
                "Connections thrown away: broken, too old, overflow.",
            )?,
        })
    }
}

fn closed() -> KvError {
    KvError::Unavailable(Cause::new("the pool of connections is closed"))
}

impl<'a> Counted<'a> {
    fn on(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
