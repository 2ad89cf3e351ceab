//! Tests of the shared store on a private Redis, with several instances.

mod conformance;
mod consistency;
mod messages;
mod outage;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::*;
use crate::config::Services;
use crate::metrics::Metrics;
use crate::services::{Durability, PrivateOptions, PrivateRedis, Reach};
use crate::settings::{Live, Settings};

const PRIVATE: PrivateOptions = PrivateOptions {
    durability: Durability::Fast,
    reach: Reach::Socket,
};
/// Much longer than any operation here takes, even on a busy machine.
const SOON: Duration = Duration::from_secs(20);
/// Longer than any test.
const LONG: Duration = Duration::from_mins(10);
/// Minimum remaining lifetime soon after that.
const ALMOST: Duration = Duration::from_mins(9);

/// One instance's view of a Redis.
struct KvInstance {
    kv: Kv,
    metrics: Metrics,
    settings: Arc<Live>,
}

impl KvInstance {
    fn new(redis: &PrivateRedis, namespace: &str, settings: Settings) -> Self {
        let services = Services {
            database_url: redis.url(),
            replica_url: None,
            redis_url: redis.url(),
            namespace: namespace.to_owned(),
        };
        let settings = Arc::new(Live::new(settings));
        let metrics = Metrics::new().expect("the metrics are new");
        let kv = Kv::redis(&services, &settings, &metrics).expect("the URL is one");
        Self {
            kv,
            metrics,
            settings,
        }
    }

    /// The value of the sample whose line begins with `line`, as scraped.
    fn sample(&self, line: &str) -> u64 {
        let text = self.metrics.render().expect("the metrics render");
        let found = text.lines().find_map(|found| found.strip_prefix(line));
        let value = found.unwrap_or_else(|| panic!("there is {line} in {text}"));
        value.trim().parse().expect("a number")
    }
}

/// A Redis store in its own namespace, on a server that all tests of the process share.
async fn in_redis(namespace: &str) -> Kv {
    static SERVER: OnceCell<PrivateRedis> = OnceCell::const_new();
    let redis = SERVER
        .get_or_init(|| async { PrivateRedis::start(&PRIVATE).await.expect("it starts") })
        .await;
    KvInstance::new(redis, namespace, Settings::default()).kv
}

/// Repeats `ask` until it returns true.
async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + SOON;
    while !ask().await {
        assert!(Instant::now() < deadline, "{what} within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The next event, which must arrive.
async fn next(subscriber: &mut Subscription) -> Option<Notice> {
    tokio::time::timeout(SOON, subscriber.next())
        .await
        .expect("a notice comes")
}

/// A subscription that is known to receive messages.
async fn subscriber(kv: &Kv, channel: Channel) -> Subscription {
    let mut subscriber = kv.subscribe(channel);
    if matches!(kv.backend, Backend::Redis(_)) {
        eventually("the channels are heard", async || {
            let mut fresh = kv.subscribe(channel);
            let first = tokio::time::timeout(Duration::ZERO, fresh.next()).await;
            !matches!(first, Ok(Some(Notice::Lost)))
        })
        .await;
        subscriber = kv.subscribe(channel);
    }
    subscriber
}

/// Runs every case as a test of each store.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod in_memory {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::kv::Kv::memory()).await;
                }
            )+
        }

        mod in_redis {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(crate::kv::tests::in_redis(stringify!($case)).await).await;
                }
            )+
        }
    };
}
use on_both;
