//! Process metrics from the kernel, read on demand.
//!
//! Available only on Linux; a constant zero elsewhere would be wrong.

use std::sync::{Mutex, PoisonError};

use prometheus::{Counter, Gauge, IntGauge, Registry};

/// Names and meanings follow the Prometheus client libraries.
pub(super) struct ProcessMetrics(Mutex<ProcessGauges>);

struct ProcessGauges {
    cpu_seconds: Counter,
    resident_bytes: IntGauge,
    threads: IntGauge,
    open_files: IntGauge,
    most_files: IntGauge,
    started: Gauge,
}

impl ProcessMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let instruments = ProcessGauges {
            cpu_seconds: Counter::new(
                "process_cpu_seconds_total",
                "User and system CPU time of the process.",
            )?,
            resident_bytes: IntGauge::new("process_resident_memory_bytes", "Resident set size.")?,
            threads: IntGauge::new("process_threads", "Threads of the process.")?,
            open_files: IntGauge::new("process_open_fds", "Open file descriptors.")?,
            most_files: IntGauge::new(
                "process_max_fds",
                "Maximum number of open file descriptors.",
            )?,
            started: Gauge::new(
                "process_start_time_seconds",
                "Start time of the process since the epoch.",
            )?,
        };
        if cfg!(target_os = "linux") {
            registry.register(Box::new(instruments.cpu_seconds.clone()))?;
            registry.register(Box::new(instruments.resident_bytes.clone()))?;
            registry.register(Box::new(instruments.threads.clone()))?;
            registry.register(Box::new(instruments.open_files.clone()))?;
            registry.register(Box::new(instruments.most_files.clone()))?;
            registry.register(Box::new(instruments.started.clone()))?;
        }
        #[cfg(target_os = "linux")]
        if let Ok(started) = start_time() {
            instruments.started.set(started);
        }
        Ok(Self(Mutex::new(instruments)))
    }

    /// Updates the metrics.
    pub(super) fn read(&self) {
        // Two concurrent readers would both add the same difference to the counter.
        let instruments = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(target_os = "linux")]
        // A value that cannot be read stays as it was.
        let _ = instruments.read();
        #[cfg(not(target_os = "linux"))]
        drop(instruments);
    }
}

#[cfg(target_os = "linux")]
impl ProcessGauges {
    fn read(&self) -> procfs::ProcResult<()> {
        let process = procfs::process::Process::myself()?;
        let stat = process.stat()?;
        let cpu_seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
        self.cpu_seconds
            .inc_by((cpu_seconds - self.cpu_seconds.get()).max(0.0));
        self.resident_bytes
            .set((stat.rss * procfs::page_size()) as i64);
        self.threads.set(stat.num_threads);
        self.open_files.set(process.fd_count()? as i64);
        if let procfs::process::LimitValue::Value(most) =
            process.limits()?.max_open_files.soft_limit
        {
            self.most_files.set(i64::try_from(most).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

/// Seconds from the epoch to the start of this process.
#[cfg(target_os = "linux")]
fn start_time() -> procfs::ProcResult<f64> {
    let after_boot = procfs::process::Process::myself()?.stat()?.starttime;
    let boot = procfs::boot_time_secs()? as f64;
    Ok(boot + after_boot as f64 / procfs::ticks_per_second() as f64)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn process_metrics_match_the_kernel() {
        let process = ProcessMetrics::new(&Registry::new()).expect("a registry");
        process.read();
        let instruments = process.0.lock().expect("nobody panicked");
        let open_before = instruments.open_files.get();
        assert!(open_before >= 3, "{open_before}");
        assert!(instruments.most_files.get() >= open_before);
        assert!(instruments.resident_bytes.get() > 1 << 20);
        assert!(instruments.threads.get() >= 1);
        let since_epoch = std::time::UNIX_EPOCH.elapsed().expect("after the epoch");
        let age = since_epoch.as_secs_f64() - instruments.started.get();
        assert!((-5.0..86_400.0).contains(&age), "started {age} s ago");
    }

    #[test]
    fn processor_time_grows_with_work_and_never_shrinks() {
        let process = ProcessMetrics::new(&Registry::new()).expect("a registry");
        process.read();
        let before = process.0.lock().expect("nobody panicked").cpu_seconds.get();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        loop {
            process.read();
            let now = process.0.lock().expect("nobody panicked").cpu_seconds.get();
            assert!(now >= before);
            if now > before {
                break;
            }
            assert!(std::time::Instant::now() < deadline, "no time was used");
        }
    }
}
