//! The proofs of measurement: each claim about the numbers, against a target whose behaviour is known.
//!
//! A separate binary, so that nothing else runs during a measurement; within it the proofs run one at a time. The short
//! versions run by default, the full lengths with `--ignored`.

#[path = "../support/mod.rs"]
mod support;

mod comparison;
mod counts;
mod crash;
mod distributions;
mod generator_stall;
mod pool;
mod publishing;
mod stall;
