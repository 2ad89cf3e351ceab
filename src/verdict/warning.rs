//! What a reader should know before believing a run, each with what to do about it.

use std::fmt;

use crate::plan::threshold::Unit;
use crate::units::Micros;

/// Something that qualifies a run's numbers, or its verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The CPU was nearly used up.
    CpuBusy {
        /// The highest use in an interval, as a part of the cores that users are played on.
        peak: f64,
        /// How long it was above 80 %.
        lasted: Micros,
    },
    /// The CPU was used up for long: the run is invalid.
    CpuSaturated {
        /// The longest time above 90 % without a pause.
        lasted: Micros,
    },
    /// Iterations started late by the generator's own doing.
    LagHigh {
        /// 99 of 100 started at most this late.
        p99: Micros,
    },
    /// Iterations started so late by the generator's own doing that the run is invalid.
    LagInvalid {
        /// 99 of 100 started at most this late.
        p99: Micros,
    },
    /// Timers on the threads that play users woke up late.
    WakeUpsHigh {
        /// 1 of 100 woke up later than this.
        later_than: Micros,
    },
    /// Timers on the threads that play users woke up so late that the run is invalid.
    WakeUpsInvalid {
        /// 1 of 100 woke up later than this.
        later_than: Micros,
    },
    /// The generator stood still for so long that the run is invalid.
    Standstill {
        /// The longest time without a pause.
        longest: Micros,
        /// All together.
        together: Micros,
        /// How long was measured.
        measured: Micros,
    },
    /// A CPU quota kept the generator from running.
    CpuThrottled {
        /// How long, added up over its cores.
        lasted: Micros,
        /// How long was measured.
        measured: Micros,
    },
    /// The hypervisor gave CPU time of this machine to others.
    CpuStolen {
        /// As a part of all CPU time.
        part: f64,
    },
    /// The event loop stood still.
    LoopDelay {
        /// The longest time.
        longest: Micros,
    },
    /// There were no file descriptors left to connect with: the run is invalid.
    FdLimit {
        /// Requests that were not sent for it.
        requests: u64,
    },
    /// There were no local ports left to connect from: the run is invalid.
    PortLimit {
        /// Requests that were not sent for it.
        requests: u64,
    },
    /// Every user of an open load was busy while iterations were due.
    UsersExhausted {
        /// The scenario's limit.
        max_users: u32,
        /// When that was first so, on the run's clock.
        since: Micros,
        /// How long it was so in all.
        lasted: Micros,
        /// Iterations started per second meanwhile.
        rate: f64,
    },
    /// Throughput, time and concurrency do not agree.
    LittlesLaw {
        /// Requests in flight, averaged by the clock.
        in_flight: f64,
        /// Throughput × mean service time.
        expected: f64,
    },
    /// Steps of the scenario sent nothing in measured time.
    NeverRan {
        /// Their names.
        steps: Vec<String>,
    },
    /// A threshold of severity `warn` does not hold.
    Threshold {
        /// In words: which, and by how much.
        sentence: String,
    },
}

impl Warning {
    /// Whether it makes the measurement invalid: the generator was the bottleneck.
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
            | Self::Threshold { .. } => false,
        }
    }

    /// Whether it says why the generator was slow: by itself it makes nothing invalid.
    pub const fn is_cause(&self) -> bool {
        matches!(self, Self::CpuThrottled { .. } | Self::CpuStolen { .. })
    }

    /// What was seen, in words, without the remedy.
    pub fn finding(&self) -> String {
        match self {
            Self::CpuBusy { peak, lasted } => {
                format!(
                    "the generator used more than 80 % of the cores it plays users on for {lasted}, at most {:.0} %",
                    peak * 100.0
                )
            }
            Self::CpuSaturated { lasted } => {
                format!(
                    "the generator used more than 90 % of the cores it plays users on for {lasted} without a pause: users waited for it, not for the target"
                )
            }
            Self::LagHigh { p99 } => format!(
                "1 in 100 iterations started {p99} or more after it could have, by the generator's own delay (healthy is below 5 ms)"
            ),
            Self::LagInvalid { p99 } => {
                format!(
                    "1 in 100 iterations started {p99} or more after it could have, by the generator's own delay"
                )
            }
            Self::WakeUpsHigh { later_than } => format!(
                "1 in 100 timers of the generator woke up more than {later_than} late, by its own delay (healthy is below 5 ms)"
            ),
            Self::WakeUpsInvalid { later_than } => format!(
                "1 in 100 timers of the generator woke up more than {later_than} late: the times it measured are its own, not the target's"
            ),
            Self::Standstill {
                longest,
                together,
                measured,
            } => format!(
                "the generator itself stood still, for {longest} without a pause and for {together} of {measured} together: what was late then was this machine, not the target"
            ),
            Self::CpuThrottled { lasted, measured } => format!(
                "a CPU quota kept the generator from running for {lasted} in {measured}, added up over its cores"
            ),
            Self::CpuStolen { part } => format!(
                "{:.0} % of this machine's CPU time went to other machines of its host (steal)",
                part * 100.0
            ),
            Self::LoopDelay { longest } => format!("the generator stood still for up to {longest}"),
            Self::FdLimit { requests } => {
                format!(
                    "{requests} requests were not sent because this machine had no file descriptor left"
                )
            }
            Self::PortLimit { requests } => {
                format!(
                    "{requests} requests were not sent because this machine had no local port left"
                )
            }
            Self::UsersExhausted {
                max_users,
                since,
                lasted,
                rate,
            } => format!(
                "the target gave at least {}: max_users reached at {since}, and all {max_users} users were busy for {lasted}",
                Unit::PerSecond.show((rate * 10.0).round() / 10.0)
            ),
            Self::LittlesLaw {
                in_flight,
                expected,
            } => format!(
                "{in_flight:.1} requests were in flight on average, but throughput × mean time is {expected:.1} (Little's law)"
            ),
            Self::NeverRan { steps } => never_ran(steps),
            Self::Threshold { sentence } => sentence.clone(),
        }
    }

    /// What to do about it.
    pub const fn remedy(&self) -> &'static str {
        match self {
            Self::CpuBusy { .. } => {
                "leave it more CPU, or lower the load, before trusting small differences"
            }
            Self::CpuSaturated { .. } => {
                "lower the load, add think time, give the generator more cores, or move the target to another machine"
            }
            Self::LagHigh { .. }
            | Self::LagInvalid { .. }
            | Self::WakeUpsHigh { .. }
            | Self::WakeUpsInvalid { .. } => {
                "lower the load, or free this machine of other work, and run again"
            }
            Self::CpuThrottled { .. } => {
                "raise the quota (cpu.max, or the container's CPU limit), or lower the load"
            }
            Self::CpuStolen { .. } => "run on a machine whose cores are its own, or lower the load",
            Self::Standstill { .. } | Self::LoopDelay { .. } => {
                "look for other work on this machine, or a machine that was paused"
            }
            Self::FdLimit { .. } => "raise the limit (ulimit -n), or lower the number of users",
            Self::PortLimit { .. } => {
                "widen net.ipv4.ip_local_port_range, keep connections open, or lower the number of users"
            }
            Self::UsersExhausted { .. } => {
                "raise `max_users` to learn what the target can do, or lower the rate"
            }
            Self::LittlesLaw { .. } => {
                "the two are counted apart and should agree: run longer, look for bursts shorter than a second, and compare the mean with what the target says"
            }
            Self::NeverRan { .. } => {
                "the run says nothing about that: look at `if`, at the weight of the flow, and at what fails before it"
            }
            Self::Threshold { .. } => "it is marked `severity: warn` and does not fail the run",
        }
    }
}

/// `step `a` never ran`; of many steps the first few by name.
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
