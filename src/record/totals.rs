//! Stub.

/// A run's totals.
#[derive(Debug)]
pub struct Totals;
