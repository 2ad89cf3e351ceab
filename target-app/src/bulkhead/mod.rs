//! Bulkheads: no part of the service takes more of a thing at a time than it may have.
//!
//! A [`Gate`] lets a number of requests in at a time and has a bounded waiting room with priorities; [`Slots`] are the
//! rights to hold a connection, of which there may be more or fewer while they are lent.

mod gate;
mod room;
mod slots;

pub(crate) use gate::{Full, Gate, OwnedPass, Priority, rejections};
pub(crate) use slots::{Slot, Slots};
