//! Stub.

/// Where users record.
#[derive(Debug)]
pub struct Recorder;
