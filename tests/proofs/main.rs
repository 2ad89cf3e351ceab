//! The proofs of measurement: each claim about the numbers, against a target whose behaviour is known.
//!
//! A binary of its own, so that nothing else runs beside what measures time; within it the proofs take turns. The
//! short versions run by default, the full lengths with `--ignored`.

#[path = "../support/mod.rs"]
mod support;

mod counts;
mod crash;
mod distributions;
mod generator_stall;
mod pool;
mod stall;
