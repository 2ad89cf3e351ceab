//! Bulkheads: no part of the service uses more of a resource at a time than its limit.
//!
//! A [`Gate`] admits a number of requests at a time and has a bounded wait queue with priorities. [`ConnectionPermits`]
//! are the permits to hold a connection; their number can change while they are in use.

mod gate;
mod permits;
mod wait_queue;

pub(crate) use gate::{Gate, GateFull, OwnedGatePermit, RequestPriority, rejections};
pub(crate) use permits::{ConnectionPermit, ConnectionPermits};
