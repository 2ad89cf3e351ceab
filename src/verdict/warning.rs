//! Warnings about the validity of a run, each with a remedy.

use std::fmt;

use crate::units::{Micros, show_count, show_number, show_percent, show_rate};

/// A fact that limits the validity of a run's measurements or of its verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// CPU usage was high.
    CpuBusy {
        /// The peak CPU usage in an interval, as a fraction of the cores that run users.
        peak: f64,
        /// The time for which it was above 80 %.
        lasted: Micros,
    },
    /// The CPU was saturated for too long: the run is invalid.
    CpuSaturated {
        /// The longest continuous time above 90 %.
        lasted: Micros,
    },
    /// The generator delayed the start of iterations.
    LagHigh {
        /// The p99 of the delay.
        p99: Micros,
    },
    /// The generator delayed the start of iterations so much that the run is invalid.
    LagInvalid {
        /// The p99 of the delay.
        p99: Micros,
    },
    /// Timers fired late on the threads that run users.
    WakeUpsHigh {
        /// The p99 of the delay is above this.
        later_than: Micros,
    },
    /// Timers fired so late on the threads that run users that the run is invalid.
    WakeUpsInvalid {
        /// The p99 of the delay is above this.
        later_than: Micros,
    },
    /// The generator stalled for so long that the run is invalid.
    Standstill {
        /// The longest stall.
        longest: Micros,
        /// All stalls in total.
        together: Micros,
        /// The measured time.
        measured: Micros,
    },
    /// A CPU quota throttled the generator.
    CpuThrottled {
        /// The throttled time, summed over its cores.
        lasted: Micros,
        /// The measured time.
        measured: Micros,
    },
    /// The hypervisor gave CPU time of this machine to others (steal).
    CpuStolen {
        /// As a fraction of all CPU time.
        part: f64,
    },
    /// The event loop stalled.
    LoopDelay {
        /// The longest stall.
        longest: Micros,
    },
    /// The process ran out of file descriptors for connections: the run is invalid.
    FdLimit {
        /// Requests that were not sent because of that.
        requests: u64,
    },
    /// The machine ran out of local ports for connections: the run is invalid.
    PortLimit {
        /// Requests that were not sent because of that.
        requests: u64,
    },
    /// Every user of an open load was busy while iterations were due.
    UsersExhausted {
        /// The limit in the scenario.
        max_users: u32,
        /// The first moment of that, on the run's clock.
        since: Micros,
        /// The total duration of that.
        lasted: Micros,
        /// Iterations started per second during that time.
        rate: f64,
    },
    /// Throughput, time and concurrency contradict each other.
    LittlesLaw {
        /// Requests in flight, sampled by the clock and averaged.
        in_flight: f64,
        /// Throughput × mean service time.
        expected: f64,
    },
    /// Steps of the scenario sent no request in measured time.
    NeverRan {
        /// Their names.
        steps: Vec<String>,
    },
    /// The samples do not decide a threshold.
    Inconclusive {
        /// The threshold, and the reason.
        sentence: String,
    },
    /// A threshold of severity `warn` does not hold.
    Threshold {
        /// The threshold, and by how much it failed.
        sentence: String,
    },
}

impl Warning {
    /// True if it makes the measurement invalid: the generator was the bottleneck.
    pub const fn is_invalidating(&self) -> bool {
        match self {
            Self::CpuSaturated { .. }
            | Self::LagInvalid { .. }
            | Self::WakeUpsInvalid { .. }
            | Self::Standstill { .. }
            | Self::FdLimit { .. }
            | Self::PortLimit { .. } => true,
            Self::CpuBusy { .. }
            | Self::LagHigh { .. }
            | Self::WakeUpsHigh { .. }
            | Self::CpuThrottled { .. }
            | Self::CpuStolen { .. }
            | Self::LoopDelay { .. }
            | Self::UsersExhausted { .. }
            | Self::LittlesLaw { .. }
            | Self::NeverRan { .. }
            | Self::Inconclusive { .. }
            | Self::Threshold { .. } => false,
        }
    }

    /// True if it explains why the generator was slow; alone it does not make the run invalid.
    pub const fn is_cause(&self) -> bool {
        matches!(self, Self::CpuThrottled { .. } | Self::CpuStolen { .. })
    }

    /// The observation in words, without the remedy.
    pub fn finding(&self) -> String {
        match self {
            Self::CpuBusy { peak, lasted } => {
                format!(
                    "the generator used more than 80 % of the cores that run users for {lasted}, {} at the peak",
                    show_percent(*peak)
                )
            }
            Self::CpuSaturated { lasted } => {
                format!(
                    "the generator used more than 90 % of the cores that run users for {lasted} without a pause: users waited for the generator, not for the target"
                )
            }
            Self::LagHigh { p99 } => format!(
                "the generator delayed iterations by {p99} or more at p99 (healthy: below 5 ms)"
            ),
            Self::LagInvalid { p99 } => {
                format!("the generator delayed iterations by {p99} or more at p99")
            }
            Self::WakeUpsHigh { later_than } => {
                format!("timers fired more than {later_than} late at p99 (healthy: below 5 ms)")
            }
            Self::WakeUpsInvalid { later_than } => format!(
                "timers fired more than {later_than} late at p99: the generator delayed the times that it measured"
            ),
            Self::Standstill {
                longest,
                together,
                measured,
            } => format!(
                "the generator stalled for up to {longest} at a time and {together} of {measured} in total: these delays come from this machine, not from the target"
            ),
            Self::CpuThrottled { lasted, measured } => format!(
                "a CPU quota throttled the generator for {lasted} in {measured}, summed over its cores"
            ),
            Self::CpuStolen { part } => format!(
                "{} of this machine's CPU time went to other machines of its host (steal)",
                show_percent(*part)
            ),
            Self::LoopDelay { longest } => {
                format!("the event loop of the generator stalled for up to {longest}")
            }
            Self::FdLimit { requests } => {
                format!(
                    "{} requests were not sent because this machine had no file descriptor left",
                    show_count(*requests)
                )
            }
            Self::PortLimit { requests } => {
                format!(
                    "{} requests were not sent because this machine had no local port left",
                    show_count(*requests)
                )
            }
            Self::UsersExhausted {
                max_users,
                since,
                lasted,
                rate,
            } => format!(
                "the target handled at least {}: max_users reached at {since}, and all {max_users} users were busy for {lasted}",
                show_rate((rate * 10.0).round() / 10.0)
            ),
            Self::LittlesLaw {
                in_flight,
                expected,
            } => format!(
                "{} requests were in flight on average, but throughput × mean time is {} (Little's law)",
                show_number(*in_flight),
                show_number(*expected)
            ),
            Self::NeverRan { steps } => never_ran(steps),
            Self::Inconclusive { sentence } | Self::Threshold { sentence } => sentence.clone(),
        }
    }

    /// The remedy.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::CpuBusy { .. } => {
                "give it more CPU or lower the load: small differences between runs are not reliable"
            }
            Self::CpuSaturated { .. } => {
                "lower the load, add think time, give the generator more cores, or move the target to another machine"
            }
            Self::LagHigh { .. }
            | Self::LagInvalid { .. }
            | Self::WakeUpsHigh { .. }
            | Self::WakeUpsInvalid { .. } => {
                "lower the load, or stop other work on this machine, and run again"
            }
            Self::CpuThrottled { .. } => {
                "raise the quota (cpu.max, or the container's CPU limit), or lower the load"
            }
            Self::CpuStolen { .. } => "run on a machine with dedicated cores, or lower the load",
            Self::Standstill { .. } | Self::LoopDelay { .. } => {
                "check for other work on this machine, or for a paused virtual machine"
            }
            Self::FdLimit { .. } => "raise the limit (ulimit -n), or lower the number of users",
            Self::PortLimit { .. } => {
                "widen net.ipv4.ip_local_port_range, keep connections open, or lower the number of users"
            }
            Self::UsersExhausted { .. } => {
                "raise `max_users` to measure the capacity of the target, or lower the rate"
            }
            Self::LittlesLaw { .. } => {
                "both are measured independently and should agree: run longer, look for bursts shorter than a second, and compare the mean with the target's own metrics"
            }
            Self::NeverRan { .. } => {
                "the run did not test this: check `if`, the weight of the flow, and failures in earlier steps"
            }
            Self::Inconclusive { .. } => "longer runs, or more of them, narrow the interval",
            Self::Threshold { .. } => "it is marked `severity: warn` and does not fail the run",
        }
    }
}

/// `step `a` never ran`; if there are many steps, the first few by name.
fn never_ran(steps: &[String]) -> String {
    const MOST_NAMED: usize = 5;
    let named: Vec<_> = steps
        .iter()
        .take(MOST_NAMED)
        .map(|step| format!("`{step}`"))
        .collect();
    let named = named.join(", ");
    match (steps.len(), steps.len().saturating_sub(MOST_NAMED)) {
        (1, _) => format!("step {named} never ran"),
        (_, 0) => format!("steps {named} never ran"),
        (_, more) => format!("steps {named} and {more} more never ran"),
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.finding(), self.remedy())
    }
}
