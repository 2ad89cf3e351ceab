//! The metrics that every request writes, looked up once per route instead of once per request.
//!
//! A route gets a place in an open-addressed table (linear probing) when it is first seen, and keeps it: finding it
//! again takes no lock and touches no shared reference count. Its metrics are then accessed by index.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use prometheus::{IntCounter, IntCounterVec, IntGauge, Opts, Registry};

use super::times::TimesFamilies;
use super::{GaugeGuard, Times, TimesFamily};

/// Methods with separate counters, by position; the last one stands for all other methods.
const METHODS: [&str; 8] = [
    "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "other",
];
/// Statuses that are counted by position; others, which only the lab returns, are looked up by label.
const STATUSES: [u16; 26] = [
    101, 200, 201, 202, 204, 206, 301, 302, 304, 307, 400, 401, 403, 404, 405, 408, 409, 412, 413,
    415, 422, 426, 429, 500, 503, 504,
];

/// Size of the table: a power of two and several times the number of routes. Further routes share one place.
const PLACES: usize = 256;

/// Metrics of all routes.
pub(crate) struct RequestMetrics {
    total: IntCounterVec,
    seconds: TimesFamily,
    in_flight: IntGauge,
    routes: Box<[OnceLock<Box<RouteMetrics>>]>,
    further: OnceLock<Box<RouteMetrics>>,
}

/// The metrics of one route.
pub(crate) struct RouteMetrics {
    pattern: String,
    seconds: Times,
    total: IntCounterVec,
    answered: [[OnceLock<IntCounter>; STATUSES.len()]; METHODS.len()],
}

impl RequestMetrics {
    pub(super) fn new(
        registry: &Registry,
        times: &TimesFamilies,
    ) -> Result<Self, prometheus::Error> {
        let total = IntCounterVec::new(
            Opts::new("folio_http_requests_total", "Responses sent."),
            &["route", "method", "status"],
        )?;
        let seconds = times.family(
            registry,
            "folio_http_request_seconds",
            "Time from routing to the response head.",
            "route",
        )?;
        let in_flight = IntGauge::new("folio_http_requests_in_flight", "Requests in progress.")?;
        registry.register(Box::new(total.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        Ok(Self {
            further: OnceLock::new(),
            total,
            seconds,
            in_flight,
            routes: (0..PLACES).map(|_| OnceLock::new()).collect(),
        })
    }

    /// The metrics of the route with this pattern.
    pub(crate) fn route(&self, pattern: &str) -> &RouteMetrics {
        let first = hash(pattern) as usize;
        for step in 0..PLACES {
            let place = &self.routes[(first + step) % PLACES];
            let route = self.open(place, pattern);
            if route.pattern == pattern {
                return route;
            }
        }
        self.open(&self.further, "further")
    }

    fn open<'a>(&self, place: &'a OnceLock<Box<RouteMetrics>>, pattern: &str) -> &'a RouteMetrics {
        place.get_or_init(|| Box::new(RouteMetrics::new(pattern, &self.total, &self.seconds)))
    }

    /// Counts a request as in progress until the guard is dropped.
    pub(crate) fn enter(&self) -> GaugeGuard<'_> {
        GaugeGuard::enter(&self.in_flight)
    }
}

impl RouteMetrics {
    fn new(pattern: &str, total: &IntCounterVec, seconds: &TimesFamily) -> Self {
        Self {
            pattern: pattern.to_owned(),
            seconds: seconds.series(pattern),
            total: total.clone(),
            answered: Default::default(),
        }
    }

    /// The pattern that the router matched.
    pub(crate) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Counts one response and the time it took.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode, took: Duration) {
        let method = place(method);
        match STATUSES.binary_search(&status.as_u16()) {
            Ok(status_at) => self.answered[method][status_at]
                .get_or_init(|| self.counter(method, status))
                .inc(),
            Err(_) => self.counter(method, status).inc(),
        }
        self.seconds.observe(took);
    }

    fn counter(&self, method: usize, status: StatusCode) -> IntCounter {
        let labels = [self.pattern.as_str(), METHODS[method], status.as_str()];
        self.total.with_label_values(&labels)
    }
}

/// The method as a label: a client may send any token, so all unknown ones share a label.
pub(crate) fn method_label(method: &Method) -> &'static str {
    METHODS[place(method)]
}

fn place(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::POST => 1,
        Method::PUT => 2,
        Method::PATCH => 3,
        Method::DELETE => 4,
        Method::HEAD => 5,
        Method::OPTIONS => 6,
        _ => 7,
    }
}

/// Eight bytes per step with the multiplier of Fibonacci hashing: patterns are few, trusted, and compared completely
/// anyway.
fn hash(pattern: &str) -> u64 {
    let mut hash = pattern.len() as u64;
    let mut mix =
        |word: u64| hash = (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (words, rest) = pattern.as_bytes().as_chunks::<8>();
    for word in words {
        mix(u64::from_le_bytes(*word));
    }
    for byte in rest {
        mix(u64::from(*byte));
    }
    // Multiplication mixes upwards only: the highest bits are the best.
    hash >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_in_order_so_that_their_places_are_found() {
        assert!(STATUSES.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn every_answer_is_counted_under_its_own_labels() {
        let requests =
            RequestMetrics::new(&Registry::new(), &TimesFamilies::default()).expect("a registry");
        let took = Duration::from_millis(3);
        let nowhere = Method::from_bytes(b"BREW").expect("a token");
        let answers = [
            (Method::GET, 200),
            (Method::GET, 200),
            (Method::PUT, 200),
            (nowhere, 418),
        ];
        for (method, status) in &answers {
            let status = StatusCode::from_u16(*status).expect("a status");
            requests.route("/a/{id}").answered(method, status, took);
        }
        for (method, status, count) in [("GET", "200", 2), ("PUT", "200", 1), ("other", "418", 1)] {
            let labels = ["/a/{id}", method, status];
            assert_eq!(requests.total.with_label_values(&labels).get(), count);
        }
        assert_eq!(requests.seconds.series("/a/{id}").count(), 4);
    }

    #[test]
    fn patterns_that_share_words_do_not_share_counters() {
        let requests =
            RequestMetrics::new(&Registry::new(), &TimesFamilies::default()).expect("a registry");
        let patterns: Vec<_> = (0..64).map(|n| format!("/api/v1/things/{n}")).collect();
        for pattern in &patterns {
            requests
                .route(pattern)
                .answered(&Method::GET, StatusCode::OK, Duration::ZERO);
        }
        for pattern in &patterns {
            let labels = [pattern, "GET", "200"];
            assert_eq!(requests.total.with_label_values(&labels).get(), 1);
        }
    }

    #[test]
    fn routes_beyond_the_table_share_a_place_and_are_all_counted() {
        let requests =
            RequestMetrics::new(&Registry::new(), &TimesFamilies::default()).expect("a registry");
        for n in 0..PLACES + 10 {
            let route = requests.route(&format!("/{n}"));
            route.answered(&Method::GET, StatusCode::OK, Duration::ZERO);
        }
        let labels = ["further", "GET", "200"];
        assert_eq!(requests.total.with_label_values(&labels).get(), 10);
        assert_eq!(requests.route("/7").pattern(), "/7");
    }

    #[test]
    fn a_dropped_request_is_no_longer_in_progress() {
        let requests =
            RequestMetrics::new(&Registry::new(), &TimesFamilies::default()).expect("a registry");
        let under_way = requests.enter();
        assert_eq!(requests.in_flight.get(), 1);
        drop(under_way);
        assert_eq!(requests.in_flight.get(), 0);
    }
}
