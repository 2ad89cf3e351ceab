//! Resolves names: one DNS cache for the whole run.
//!
//! The system's resolver blocks a thread and returns no TTL. So the cache keeps an address for 30 s and a failure for 1
//! s, and concurrent look-ups of a name share one query (single-flight). The address policy is checked later, for each
//! address.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::lookup_host;
use tokio::sync::{self, OwnedMutexGuard, Semaphore};

use crate::outcome::Outcome;
use crate::transport::failure::ExchangeFailure;

/// The lifetime of a cached answer.
const TTL: Duration = Duration::from_secs(30);

/// The lifetime of a cached failure.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);

/// The maximum number of concurrent look-ups, and so of threads that wait for the system's resolver.
const MAX_LOOK_UPS: usize = 8;

/// The maximum number of names in the cache.
const MAX_NAMES: usize = 1_024;

type LookUp = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The run's resolver and its cache.
pub(super) struct CachingResolver {
    look_up: fn(String) -> LookUp,
    names: Mutex<HashMap<String, Arc<sync::Mutex<Option<CachedAnswer>>>>>,
    permits: Arc<Semaphore>,
}

/// The last answer for a name.
struct CachedAnswer {
    answer: Result<Arc<[IpAddr]>, ExchangeFailure>,
    until: Instant,
    /// The number of uses, by which users are spread over several addresses, as a name server would do.
    uses: usize,
}

impl Default for CachingResolver {
    fn default() -> Self {
        Self::with(|host| {
            Box::pin(async move {
                let found = lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }
}

impl CachingResolver {
    fn with(look_up: fn(String) -> LookUp) -> Self {
        Self {
            look_up,
            names: Mutex::default(),
            permits: Arc::new(Semaphore::new(MAX_LOOK_UPS)),
        }
    }

    /// The addresses of a host, in the order to try them.
    pub(super) async fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, ExchangeFailure> {
        let mut known = self.entry(host).lock_owned().await;
        if let Some(known) = known.as_mut().filter(|known| Instant::now() < known.until) {
            return known.next_order();
        }
        // The look-up continues if this user gives up; the next user finds the answer.
        let asked = tokio::spawn(fill(
            self.look_up,
            host.to_owned(),
            known,
            Arc::clone(&self.permits),
        ));
        asked.await.unwrap_or_else(|error| {
            let detail = format!("{host}: the look-up was cancelled: {error}");
            Err(ExchangeFailure::new(Outcome::Dns, &detail))
        })
    }

    fn entry(&self, host: &str) -> Arc<sync::Mutex<Option<CachedAnswer>>> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(name) = names.get(host) {
            return Arc::clone(name);
        }
        if names.len() == MAX_NAMES {
            names.clear();
        }
        Arc::clone(names.entry(host.to_owned()).or_default())
    }
}

/// Looks up a name that is not in the cache and caches the answer for the users that wait for it.
async fn fill(
    look_up: fn(String) -> LookUp,
    host: String,
    mut known: OwnedMutexGuard<Option<CachedAnswer>>,
    permits: Arc<Semaphore>,
) -> Result<Vec<IpAddr>, ExchangeFailure> {
    let permit = permits.acquire_owned().await;
    let found = look_up(host.clone()).await;
    drop(permit);
    let answer = match found {
        Ok(addresses) if addresses.is_empty() => Err(ExchangeFailure::new(
            Outcome::Dns,
            &format!("{host} has no address"),
        )),
        Ok(addresses) => Ok(addresses.into()),
        Err(error) => Err(ExchangeFailure::resolving(&host, &error)),
    };
    let ttl = if answer.is_ok() { TTL } else { NEGATIVE_TTL };
    let known = known.insert(CachedAnswer {
        answer,
        until: Instant::now() + ttl,
        uses: 0,
    });
    known.next_order()
}

impl CachedAnswer {
    fn next_order(&mut self) -> Result<Vec<IpAddr>, ExchangeFailure> {
        let addresses = self.answer.clone()?;
        let turn = self.uses;
        self.uses += 1;
        Ok(in_order(&addresses, turn))
    }
}

/// The address families alternate, that of the first address first (RFC 8305, 4); each use starts at another address.
fn in_order(addresses: &[IpAddr], turn: usize) -> Vec<IpAddr> {
    let is_first = |address: &&IpAddr| address.is_ipv4() == addresses[0].is_ipv4();
    let (mut first, mut second): (Vec<&IpAddr>, Vec<&IpAddr>) =
        addresses.iter().partition(is_first);
    for family in [&mut first, &mut second] {
        if !family.is_empty() {
            let by = turn % family.len();
            family.rotate_left(by);
        }
    }
    let longest = first.len().max(second.len());
    (0..longest)
        .flat_map(|index| [first.get(index), second.get(index)])
        .flatten()
        .map(|address| **address)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        let parsed = texts.iter().map(|text| text.parse().expect("an address"));
        parsed.collect()
    }

    #[tokio::test]
    async fn users_who_ask_at_once_and_soon_after_share_one_look_up() {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        let resolver = Arc::new(CachingResolver::with(|host| {
            Box::pin(async move {
                ASKED.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
                match host.as_str() {
                    "good.test" => Ok(addresses(&["10.0.0.1"])),
                    "empty.test" => Ok(Vec::new()),
                    _ => Err(io::Error::other("no such name")),
                }
            })
        }));
        for (host, is_good) in [
            ("good.test", true),
            ("bad.test", false),
            ("empty.test", false),
        ] {
            ASKED.store(0, Ordering::SeqCst);
            // The first user gives up while it waits; that causes no second look-up.
            let hasty = tokio::time::timeout(Duration::from_millis(1), resolver.resolve(host));
            assert!(hasty.await.is_err());
            let users = (0..50).map(|_| {
                let resolver = Arc::clone(&resolver);
                tokio::spawn(async move { resolver.resolve(host).await })
            });
            for user in users.collect::<Vec<_>>() {
                let answer = user.await.expect("no panic");
                assert_eq!(answer.is_ok(), is_good, "{host}");
                assert!(answer.is_ok_and(|found| found == addresses(&["10.0.0.1"])) == is_good);
            }
            assert_eq!(resolver.resolve(host).await.is_ok(), is_good);
            assert_eq!(ASKED.load(Ordering::SeqCst), 1, "{host}");
            // Expired answers are not used.
            let name = resolver.entry(host);
            name.lock().await.as_mut().expect("an answer").until = Instant::now();
            assert_eq!(resolver.resolve(host).await.is_ok(), is_good);
            assert_eq!(ASKED.load(Ordering::SeqCst), 2, "{host}");
        }
    }

    #[test]
    fn families_take_turns_and_addresses_too() {
        let found = addresses(&["::1", "::2", "10.0.0.1", "10.0.0.2", "10.0.0.3"]);
        for (turn, expected) in [
            (0, ["::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3"]),
            (1, ["::2", "10.0.0.2", "::1", "10.0.0.3", "10.0.0.1"]),
            (6, ["::1", "10.0.0.1", "::2", "10.0.0.2", "10.0.0.3"]),
        ] {
            assert_eq!(in_order(&found, turn), addresses(&expected), "{turn}");
        }
        let only = addresses(&["10.0.0.1"]);
        assert_eq!(in_order(&only, 3), only);
    }
}
