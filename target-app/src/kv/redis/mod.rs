//! The shared store in Redis.
//!
//! Every operation is one round trip with a time limit and is not retried: if its answer is lost, it is unknown whether
//! it took effect. Generations are random rather than counters, so that a server that restarted empty can never repeat
//! an earlier one.

mod connector;
mod names;
mod pool;
mod request;
mod scripts;
mod subscriber;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::{Cmd, Pipeline, cmd};
use tokio::task::AbortHandle;

use self::connector::RedisConnector;
use self::names::RedisNames;
use self::pool::RedisPool;
use super::channel::{Channel, Hub, Subscription};
use super::error::{KvCause, KvError, KvStartError};
use super::{Version, VersionedValue, WindowAnswer};
use crate::config::Services;
use crate::metrics::Metrics;
use crate::settings::Live;

/// Approximate keys per step of a scan.
const SCANNED: usize = 1_000;

/// See the module documentation.
pub(super) struct RedisStore {
    pool: Arc<RedisPool>,
    names: Arc<RedisNames>,
    hub: Arc<Hub>,
    tasks: [AbortHandle; 2],
}

/// A value, the generation of its slot, the generation of all.
type Looked = (Option<Bytes>, Option<u64>, Option<u64>);

impl RedisStore {
    pub(super) fn new(
        services: &Services,
        settings: &Arc<Live>,
        metrics: &Metrics,
    ) -> Result<Self, KvStartError> {
        let connector = || {
            RedisConnector::new(services.redis_url.reveal())
                .map_err(|error| KvStartError::Url(error.into()))
        };
        let pool = Arc::new(RedisPool::new(connector()?, settings, metrics)?);
        let names = Arc::new(RedisNames::new(&services.namespace));
        let hub = Arc::new(Hub::new(false));
        let tending = Arc::clone(&pool).maintain(Arc::clone(settings));
        let listening = subscriber::listen(connector()?, Arc::clone(&names), Arc::clone(&hub));
        let tasks = [
            tokio::spawn(tending).abort_handle(),
            tokio::spawn(listening).abort_handle(),
        ];
        Ok(Self {
            pool,
            names,
            hub,
            tasks,
        })
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, KvError> {
        self.ask(cmd("GET").arg(self.names.key(key))).await
    }

    #[cfg(test)]
    pub(super) async fn set(&self, key: &str, value: Bytes, ttl: Duration) -> Result<(), KvError> {
        self.ask(&mut self.setting(key, &value, ttl)).await
    }

    pub(super) async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, KvError> {
        self.ask(cmd("MGET").arg(self.keys(keys))).await
    }

    pub(super) async fn set_many(
        &self,
        entries: &[(String, Bytes)],
        ttl: Duration,
    ) -> Result<(), KvError> {
        let mut pipeline = Pipeline::with_capacity(entries.len());
        for (key, value) in entries {
            pipeline.add_command(self.setting(key, value, ttl)).ignore();
        }
        self.ask(&mut pipeline).await
    }

    #[cfg(test)]
    pub(super) async fn delete(&self, keys: &[String]) -> Result<u64, KvError> {
        self.ask(cmd("UNLINK").arg(self.keys(keys))).await
    }

    #[cfg(test)]
    pub(super) async fn delete_matching(&self, pattern: &str) -> Result<u64, KvError> {
        self.sweep(pattern, None).await
    }

    pub(super) async fn set_if_absent(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        self.ask(self.setting(key, &value, ttl).arg("NX")).await
    }

    pub(super) async fn delete_if_equal(&self, key: &str, value: &[u8]) -> Result<bool, KvError> {
        let key = self.names.key(key);
        self.ask(scripts::DELETE_IF_EQUAL.key(key).arg(value)).await
    }

    pub(super) async fn swap(
        &self,
        key: &str,
        expected: &[u8],
        new: Bytes,
        ttl: Duration,
    ) -> Result<bool, KvError> {
        let mut swap = scripts::SWAP.key(self.names.key(key));
        self.ask(swap.arg(expected).arg(&*new).arg(milliseconds(ttl)))
            .await
    }

    pub(super) async fn remaining(&self, key: &str) -> Result<Option<Duration>, KvError> {
        let left: i64 = self.ask(cmd("PTTL").arg(self.names.key(key))).await?;
        Ok(u64::try_from(left).ok().map(Duration::from_millis))
    }

    pub(super) async fn add_member(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        let set = self.names.key(set);
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        pipeline.cmd("SADD").arg(&set).arg(member).ignore();
        pipeline
            .cmd("PEXPIRE")
            .arg(&set)
            .arg(milliseconds(ttl))
            .ignore();
        self.ask(&mut pipeline).await
    }

    pub(super) async fn remove_member(&self, set: &str, member: &str) -> Result<(), KvError> {
        let set = self.names.key(set);
        let _removed: u64 = self.ask(cmd("SREM").arg(set).arg(member)).await?;
        Ok(())
    }

    pub(super) async fn members(&self, set: &str) -> Result<Vec<String>, KvError> {
        self.ask(cmd("SMEMBERS").arg(self.names.key(set))).await
    }

    pub(super) async fn sorted_set_add(
        &self,
        set: &str,
        member: &str,
        ttl: Duration,
    ) -> Result<(), KvError> {
        let mut sorted_set_add = scripts::SORTED_SET_ADD.key(self.names.key(set));
        self.ask(sorted_set_add.arg(member).arg(milliseconds(ttl)))
            .await
    }

    pub(super) async fn sorted_set_remove(
        &self,
        set: &str,
        members: &[String],
    ) -> Result<(), KvError> {
        let set = self.names.key(set);
        let _struck: u64 = self.ask(cmd("ZREM").arg(set).arg(members)).await?;
        Ok(())
    }

    pub(super) async fn sorted_set_len(&self, set: &str) -> Result<u64, KvError> {
        self.ask(&mut scripts::SORTED_SET_LEN.key(self.names.key(set)))
            .await
    }

    pub(super) async fn window(
        &self,
        key: &str,
        limit: u32,
        window: Duration,
    ) -> Result<WindowAnswer, KvError> {
        let length = window.as_micros() as u64;
        let mut count = scripts::WINDOW.key(self.names.key(key));
        let (accepted, retry_after, used) = self.ask(count.arg(limit).arg(length)).await?;
        Ok(WindowAnswer {
            accepted,
            retry_after: Duration::from_micros(retry_after),
            used,
        })
    }

    pub(super) async fn get_versioned(&self, key: &str) -> Result<VersionedValue, KvError> {
        let stamps = self.stamps(key);
        let key = self.names.key(key);
        let mut look = cmd("MGET");
        look.arg(key).arg(&stamps);
        let (mut value, mut slot, mut all): Looked = self.ask(&mut look).await?;
        if slot.is_none() || all.is_none() {
            // The slot has no generation yet since the server started.
            let mut pipeline = redis::pipe();
            for stamp in &stamps {
                pipeline
                    .cmd("SET")
                    .arg(stamp)
                    .arg(fresh())
                    .arg("NX")
                    .ignore();
            }
            pipeline.add_command(look);
            ((value, slot, all),) = self.ask(&mut pipeline).await?;
        }
        match (slot, all) {
            (Some(slot), Some(all)) => Ok(VersionedValue {
                value,
                seen: Version { slot, all },
            }),
            _ => Err(KvError::Protocol(KvCause::new(
                "Redis did not store a generation",
            ))),
        }
    }

    pub(super) async fn fill(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        let [slot, all] = self.stamps(key);
        let mut fill = scripts::FILL.key(self.names.key(key));
        fill.key(slot).key(all).arg(&*value).arg(milliseconds(ttl));
        self.ask(fill.arg(seen.slot).arg(seen.all)).await
    }

    pub(super) async fn replace(
        &self,
        key: &str,
        value: Bytes,
        ttl: Duration,
        seen: Version,
    ) -> Result<bool, KvError> {
        let [slot, all] = self.stamps(key);
        let mut replace = scripts::REPLACE.key(self.names.key(key));
        replace
            .key(slot)
            .key(all)
            .arg(&*value)
            .arg(milliseconds(ttl));
        self.ask(replace.arg(seen.slot).arg(seen.all).arg(fresh()))
            .await
    }

    pub(super) async fn invalidate(&self, keys: &[String]) -> Result<u64, KvError> {
        // Generations first: a fill in between is rejected, and the value of an earlier fill is removed.
        let mut pipeline = redis::pipe();
        let stamps: BTreeSet<_> = keys.iter().map(|key| self.names.slot_stamp(key)).collect();
        pipeline.cmd("MSET");
        for stamp in stamps {
            pipeline.arg(stamp).arg(fresh());
        }
        pipeline.ignore();
        pipeline.cmd("UNLINK").arg(self.keys(keys));
        let (removed,) = self.ask(&mut pipeline).await?;
        Ok(removed)
    }

    pub(super) async fn invalidate_matching(&self, pattern: &str) -> Result<u64, KvError> {
        self.sweep(pattern, Some(self.names.all_stamp())).await
    }

    pub(super) async fn publish(&self, channel: Channel, message: Bytes) -> Result<(), KvError> {
        let mut publish = cmd("PUBLISH");
        publish.arg(self.names.channel(channel)).arg(&*message);
        let _heard: u64 = self.ask(&mut publish).await?;
        Ok(())
    }

    pub(super) fn subscribe(&self, channel: Channel) -> Subscription {
        self.hub.subscribe(channel)
    }

    pub(super) async fn ping(&self) -> Result<(), KvError> {
        self.ask(&mut cmd("PING")).await
    }

    /// Removes the keys that match `pattern`, and renews the generation `stamp` before the first of them.
    async fn sweep(&self, pattern: &str, stamp: Option<String>) -> Result<u64, KvError> {
        let pattern = self.names.pattern(pattern);
        let mut stamp = stamp;
        let mut removed = 0;
        let mut cursor = 0;
        loop {
            let mut step = scripts::SWEEP.arg(cursor);
            step.arg(&pattern).arg(SCANNED).arg(fresh());
            if let Some(stamp) = stamp.take() {
                step.key(stamp);
            }
            let (next, more): (u64, u64) = self.ask(&mut step).await?;
            removed += more;
            cursor = next;
            if cursor == 0 {
                return Ok(removed);
            }
        }
    }

    fn setting(&self, key: &str, value: &[u8], ttl: Duration) -> Cmd {
        let mut set = cmd("SET");
        set.arg(self.names.key(key)).arg(value);
        set.arg("PX").arg(milliseconds(ttl));
        set
    }

    fn keys(&self, keys: &[String]) -> Vec<String> {
        keys.iter().map(|key| self.names.key(key)).collect()
    }

    /// The generations that a value at `key` depends on: of its slot, of all.
    fn stamps(&self, key: &str) -> [String; 2] {
        [self.names.slot_stamp(key), self.names.all_stamp()]
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// `ttl` in milliseconds, rounded up so that Redis never expires it early.
fn milliseconds(ttl: Duration) -> u64 {
    ttl.as_nanos().div_ceil(1_000_000) as u64
}

/// A new generation that never existed before.
fn fresh() -> u64 {
    rand::random()
}
