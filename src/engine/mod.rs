//! Stub.

pub mod capture;
pub mod check;
pub mod response;
