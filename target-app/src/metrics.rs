//! What Folio counts about itself, as Prometheus text. Every label value comes from a closed set.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    Counter, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};

/// Upper bounds in seconds: a cached read is tens of microseconds, a cold search some milliseconds, a stall seconds.
const BUCKETS: [f64; 16] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 10.0,
];

/// The registry of one [`State`](crate::State) and the instruments that are written to on the way of a request.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) requests: IntCounterVec,
    pub(crate) request_seconds: HistogramVec,
    pub(crate) in_flight: IntGauge,
    pub(crate) query_seconds: HistogramVec,
    cache_requests: IntCounterVec,
    process: Mutex<Process>,
}

/// The process as the kernel accounts for it, read anew at every scrape.
struct Process {
    cpu_seconds: Counter,
    resident_bytes: IntGauge,
    threads: IntGauge,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let metrics = Self {
            registry: Registry::new(),
            requests: IntCounterVec::new(
                Opts::new("folio_http_requests_total", "Responses produced."),
                &["route", "method", "status"],
            )?,
            request_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "folio_http_request_seconds",
                    "From routing to the head of the response.",
                )
                .buckets(BUCKETS.to_vec()),
                &["route"],
            )?,
            in_flight: IntGauge::new(
                "folio_http_requests_in_flight",
                "Requests without a response yet.",
            )?,
            query_seconds: HistogramVec::new(
                HistogramOpts::new(
                    "folio_query_seconds",
                    "Statement time, waiting for a connection included.",
                )
                .buckets(BUCKETS.to_vec()),
                &["name"],
            )?,
            cache_requests: IntCounterVec::new(
                Opts::new(
                    "folio_cache_requests_total",
                    "Lookups by what became of them.",
                ),
                &["layer", "result"],
            )?,
            process: Mutex::new(Process::new()?),
        };
        let Self {
            registry,
            requests,
            request_seconds,
            in_flight,
            query_seconds,
            cache_requests,
            process,
        } = &metrics;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(request_seconds.clone()))?;
        registry.register(Box::new(in_flight.clone()))?;
        registry.register(Box::new(query_seconds.clone()))?;
        registry.register(Box::new(cache_requests.clone()))?;
        process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .register(registry)?;
        Ok(metrics)
    }

    /// The counter of first-level cache lookups with `result` hit, miss or shared.
    pub(crate) fn l1_lookups(&self, result: &'static str) -> IntCounter {
        self.cache_requests.with_label_values(&["l1", result])
    }

    /// Everything, in the Prometheus text format 0.0.4.
    pub(crate) fn render(&self) -> Result<String, prometheus::Error> {
        self.process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .read();
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Process {
    fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            cpu_seconds: Counter::new(
                "process_cpu_seconds_total",
                "User and system time of the process.",
            )?,
            resident_bytes: IntGauge::new("process_resident_memory_bytes", "Resident set size.")?,
            threads: IntGauge::new("process_threads", "Threads of the process.")?,
        })
    }

    /// Only where the kernel tells: a constant zero would be a lie.
    fn register(&self, registry: &Registry) -> Result<(), prometheus::Error> {
        if cfg!(target_os = "linux") {
            registry.register(Box::new(self.cpu_seconds.clone()))?;
            registry.register(Box::new(self.resident_bytes.clone()))?;
            registry.register(Box::new(self.threads.clone()))?;
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn read(&self) {
        let Ok(stat) = procfs::process::Process::myself().and_then(|process| process.stat()) else {
            return;
        };
        let cpu_seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
        self.cpu_seconds
            .inc_by((cpu_seconds - self.cpu_seconds.get()).max(0.0));
        self.resident_bytes
            .set((stat.rss * procfs::page_size()) as i64);
        self.threads.set(stat.num_threads);
    }

    #[cfg(not(target_os = "linux"))]
    fn read(&self) {}
}
