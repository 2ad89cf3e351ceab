//! Comparing runs: the statistics against a simulator, what is refused, the file of a baseline, and the commands.

mod baseline;
mod commands;
mod judged;
mod rates;
mod refused;
pub(crate) mod simulator;
