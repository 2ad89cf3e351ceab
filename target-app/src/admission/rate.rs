//! Token bucket per client (GCRA, implemented by governor): a burst at once, then a fixed number per second.
//!
//! Every few thousand checks, clients with a full bucket are forgotten. If more clients remain than the maximum, new
//! clients share buckets by hash until there is room again, so that inventing clients gives no advantage.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::{Clock, MonotonicClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use super::client::ClientKey;

/// Maximum clients with their own bucket, about 5 MB.
const MOST_CLIENTS: usize = 65_536;
/// Checks between two sweeps; up to this many clients may be kept beyond the maximum.
const SWEEP_EVERY: u64 = 4_096;
/// Buckets that clients share while there are too many clients.
const SHARED_BUCKETS: u64 = 1_024;

/// The rate limit of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    /// Sustained requests per second.
    pub(super) per_second: u32,
    /// Requests at once after a pause.
    pub(super) burst: u32,
}

/// Token buckets of one rate for many clients; see the module documentation.
pub(super) struct TokenBuckets<C: Clock + Clone = MonotonicClock> {
    current: ArcSwap<Limiter<C>>,
    clock: C,
    hasher: RandomState,
    checks: AtomicU64,
    is_crowded: AtomicBool,
    most_clients: usize,
}

struct Limiter<C: Clock> {
    rate: Rate,
    buckets:
        RateLimiter<BucketOwner, DashMapStateStore<BucketOwner>, C, NoOpMiddleware<C::Instant>>,
}

/// The owner of a bucket.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum BucketOwner {
    Client(ClientKey),
    Shared(u64),
}

impl TokenBuckets {
    pub(super) fn new(rate: Rate) -> Self {
        // Not governor's default clock, which calibrates itself for 200 ms on first use.
        Self::with_clock(rate, MonotonicClock, MOST_CLIENTS)
    }
}

impl<C: Clock + Clone> TokenBuckets<C> {
    fn with_clock(rate: Rate, clock: C, most_clients: usize) -> Self {
        Self {
            current: ArcSwap::from_pointee(Limiter::new(rate, clock.clone())),
            clock,
            hasher: RandomState::new(),
            checks: AtomicU64::new(0),
            is_crowded: AtomicBool::new(false),
            most_clients,
        }
    }

    /// Takes a token of `client`; returns the time until the next token if there is none. If `rate` has changed since
    /// the last check, all buckets start full.
    pub(super) fn take(&self, client: ClientKey, rate: Rate) -> Result<(), Duration> {
        let mut limiter = self.current.load();
        if limiter.rate != rate {
            let fresh = Arc::new(Limiter::new(rate, self.clock.clone()));
            // If several threads see the change, one of them sets the limiter that all use.
            self.current.compare_and_swap(&limiter, fresh);
            limiter = self.current.load();
        }
        if self.checks.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.sweep(&limiter);
        }
        let holder = if self.is_crowded.load(Ordering::Relaxed) {
            BucketOwner::Shared(self.hasher.hash_one(client) % SHARED_BUCKETS)
        } else {
            BucketOwner::Client(client)
        };
        limiter
            .buckets
            .check_key(&holder)
            .map_err(|refused| refused.wait_time_from(self.clock.now()))
    }

    /// Number of buckets, including shared ones.
    pub(super) fn len(&self) -> usize {
        self.current.load().buckets.len()
    }

    fn sweep(&self, limiter: &Limiter<C>) {
        let before = limiter.buckets.len();
        limiter.buckets.retain_recent();
        let left = limiter.buckets.len();
        if left < before / 4 {
            limiter.buckets.shrink_to_fit();
        }
        self.is_crowded
            .store(left >= self.most_clients, Ordering::Relaxed);
    }
}

impl<C: Clock + Clone> Limiter<C> {
    fn new(rate: Rate, clock: C) -> Self {
        Self {
            rate,
            buckets: RateLimiter::new(rate.quota(), DashMapStateStore::default(), clock),
        }
    }
}

impl Rate {
    /// Settings are at least one; zero is treated as one.
    fn quota(self) -> Quota {
        let per_second = self.per_second.max(1);
        // Rounded up to a whole nanosecond, so that the rate is never exceeded. `Quota::per_second` rounds down and, on
        // its own, also sets the burst.
        let interval = Duration::from_nanos(1_000_000_000_u64.div_ceil(per_second.into()));
        let burst = NonZeroU32::new(self.burst).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(interval);
        // An interval of at least a nanosecond gives a valid quota.
        quota
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(burst)
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn buckets(rate: Rate, most: usize) -> (TokenBuckets<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        (TokenBuckets::with_clock(rate, clock.clone(), most), clock)
    }

    #[test]
    fn exactly_the_burst_and_the_rate_are_accepted() {
        for (per_second, burst) in [
            (50, 100),
            (5, 10),
            (1, 1),
            (3, 2),
            (700_001, 50),
            (1_000, 1),
        ] {
            let rate = Rate { per_second, burst };
            let (buckets, clock) = buckets(rate, 10);
            let client = ClientKey::User(1);
            // Asks ten times as often as allowed, for the time of a thousand tokens.
            let step = Duration::from_nanos(100_000_000 / u64::from(per_second))
                .max(Duration::from_nanos(1));
            let mut accepted = 0_u32;
            let mut elapsed = Duration::ZERO;
            for _ in 0..10_000 {
                accepted += u32::from(buckets.take(client, rate).is_ok());
                clock.advance(step);
                elapsed += step;
            }
            let bound = f64::from(burst) + f64::from(per_second) * elapsed.as_secs_f64();
            assert!(
                f64::from(accepted) <= bound + 1.0,
                "{accepted} of at most {bound} at {rate:?}"
            );
            // A request can only arrive at a step, which is a tenth of a token.
            assert!(
                f64::from(accepted) >= bound - 2.0 - bound * 0.01,
                "{accepted} of {bound} at {rate:?}"
            );
        }
    }

    #[test]
    fn a_rejection_returns_the_time_of_the_next_token_and_clients_have_separate_buckets() {
        let rate = Rate {
            per_second: 2,
            burst: 3,
        };
        let (buckets, clock) = buckets(rate, 10);
        let (one, other) = (ClientKey::User(1), ClientKey::ApiKey(1));
        for _ in 0..3 {
            assert_eq!(buckets.take(one, rate), Ok(()));
        }
        assert_eq!(buckets.take(one, rate), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(other, rate), Ok(()));
        clock.advance(Duration::from_millis(499));
        assert_eq!(buckets.take(one, rate), Err(Duration::from_millis(1)));
        clock.advance(Duration::from_millis(1));
        assert_eq!(buckets.take(one, rate), Ok(()));
        assert!(buckets.take(one, rate).is_err());
    }

    #[test]
    fn a_changed_rate_applies_from_the_next_check() {
        let rate = Rate {
            per_second: 1,
            burst: 1,
        };
        let (buckets, _) = buckets(rate, 10);
        let client = ClientKey::User(1);
        assert!(buckets.take(client, rate).is_ok());
        assert!(buckets.take(client, rate).is_err());
        let more = Rate { burst: 3, ..rate };
        let accepted = (0..10).filter(|_| buckets.take(client, more).is_ok());
        assert_eq!(accepted.count(), 3);
    }

    #[test]
    fn idle_clients_are_forgotten_and_too_many_share_buckets() {
        let rate = Rate {
            per_second: 1,
            burst: 1,
        };
        let most = 2_000;
        let (buckets, clock) = buckets(rate, most);
        let flood = |from: i64, count: i64| {
            let clients = (from..from + count).map(ClientKey::User);
            clients
                .filter(|client| buckets.take(*client, rate).is_ok())
                .count()
        };
        assert_eq!(flood(0, SWEEP_EVERY as i64), SWEEP_EVERY as usize);
        let bound = most + SWEEP_EVERY as usize + SHARED_BUCKETS as usize;
        let accepted = flood(1_000_000, 100_000);
        assert!(
            accepted <= SHARED_BUCKETS as usize,
            "{accepted} invented clients got through"
        );
        assert!(buckets.len() <= bound, "{} are kept", buckets.len());
        clock.advance(Duration::from_secs(10));
        flood(0, SWEEP_EVERY as i64);
        assert_eq!(
            flood(2_000_000, 1_000),
            1_000,
            "with room again each has its own"
        );
    }
}
