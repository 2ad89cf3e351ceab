//! Comparing runs: the statistics against a simulator, and what is refused.

mod rates;
pub(crate) mod simulator;
