//! Integration tests, in one binary: each module holds what its name says, through the public interface.

mod direction;
mod journal;
mod plan;
mod plan_outline;
mod plan_thresholds;
mod record;
mod record_totals;
mod report;
mod scenario;
