//! Trace context: the share of requests whose traces are sampled, and the address of a trace.

/// The text in the address of a trace that its id replaces.
pub const TRACE_ID: &str = "${trace_id}";

/// The bits of a trace id that decide whether it is sampled (`OpenTelemetry`, consistent probability sampling).
const RANDOM_BITS: u32 = 56;

/// The share of requests whose traces are sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceSampling {
    /// A trace is sampled if the last bits of its id are at least this number.
    from: u64,
}

impl TraceSampling {
    /// Every trace.
    pub const ALL: Self = Self { from: 0 };

    /// A share above 0 and at most 1; `None` for another number.
    pub fn of(share: f64) -> Option<Self> {
        let all = 1_u64 << RANDOM_BITS;
        (share > 0.0 && share <= 1.0).then_some(Self {
            from: ((1.0 - share) * all as f64) as u64,
        })
    }

    /// True if the trace whose id ends with these bits is sampled.
    pub const fn takes(self, id: u64) -> bool {
        id & ((1 << RANDOM_BITS) - 1) >= self.from
    }
}
