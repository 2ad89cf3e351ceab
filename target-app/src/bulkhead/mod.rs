//! Bulkheads: no part of the service takes more of a thing at a time than it may have.
//!
//! A [`Gate`] lets a number of requests in at a time and has a bounded waiting room with priorities; [`Slots`] are the
//! rights to hold a connection, of which there may be more or fewer while they are lent.

mod gate;
mod permits;
mod wait_queue;

pub(crate) use gate::{Gate, GateFull, OwnedGatePermit, RequestPriority, rejections};
pub(crate) use permits::{ConnectionPermit, ConnectionPermits};
