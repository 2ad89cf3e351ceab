//! The memory that all users share for large bodies: a budget, and the reservations of bodies within it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::outcome::Outcome;
use crate::transport::failure::ExchangeFailure;
use crate::units::ByteSize;

/// The size that every body may keep without a reservation.
pub(super) const FREE: u64 = 64 << 10;

/// The size that all bodies together may reserve.
const BUDGET: u64 = 128 << 20;

/// The memory that all users share for large bodies.
#[derive(Debug, Default)]
pub(in crate::transport) struct MemoryBudget {
    reserved: AtomicU64,
}

/// A body's part of the budget; released when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<MemoryBudget>,
    bytes: u64,
}

impl Reservation {
    /// An empty reservation.
    pub(super) fn new(budget: &Arc<MemoryBudget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            bytes: 0,
        }
    }

    /// Makes room for `more` bytes of a body, within the budget.
    pub(super) fn make_room(
        &mut self,
        body: &mut Vec<u8>,
        more: usize,
    ) -> Result<(), ExchangeFailure> {
        let needed = body.len() + more;
        if needed > body.capacity() {
            // Doubled, as a vector does by itself, but reserved before it is allocated.
            let room = needed.max(2 * body.capacity());
            self.cover(room as u64)?;
            body.reserve_exact(room - body.len());
        }
        Ok(())
    }

    /// Extends the reservation to cover a body of `size` bytes.
    fn cover(&mut self, size: u64) -> Result<(), ExchangeFailure> {
        let needed = size.saturating_sub(FREE);
        if needed <= self.bytes {
            return Ok(());
        }
        let more = needed - self.bytes;
        let reserved = self.budget.reserved.fetch_add(more, Ordering::Relaxed);
        if reserved + more > BUDGET {
            self.budget.reserved.fetch_sub(more, Ordering::Relaxed);
            return Err(ExchangeFailure::new(
                Outcome::BodyLimit,
                &format!(
                    "the bodies kept for checks and captures already use {} beyond {} each; read fewer or smaller bodies at once",
                    ByteSize(BUDGET),
                    ByteSize(FREE)
                ),
            ));
        }
        self.bytes = needed;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget
                .reserved
                .fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// Bytes together with their reservation.
struct ReservedBytes {
    bytes: Vec<u8>,
    _reservation: Reservation,
}

impl AsRef<[u8]> for ReservedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes of a body; its reservation, if it has one, lasts as long as they do.
pub(super) fn hold(bytes: Vec<u8>, reservation: Option<Reservation>) -> Bytes {
    match reservation {
        Some(reservation) if reservation.bytes > 0 => Bytes::from_owner(ReservedBytes {
            bytes,
            _reservation: reservation,
        }),
        Some(_) | None => bytes.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{BodyReader, Keep};
    use super::*;

    #[test]
    fn bodies_of_all_users_share_one_budget_and_release_it() {
        let budget = Arc::new(MemoryBudget::default());
        let chunk = Bytes::from(vec![7; 32 << 20]);
        let fill = || {
            let mut reader = BodyReader::new(u64::MAX, Keep::Whole(&budget));
            reader.take(Bytes::from_static(b"x"))?;
            reader.take(chunk.clone())?;
            Ok::<Bytes, ExchangeFailure>(reader.finish())
        };
        let held: Vec<Bytes> = (0..4).map(|_| fill().expect("room")).collect();
        assert_eq!(held[3].len(), chunk.len() + 1);
        assert_eq!(
            fill().map(|_| ()).expect_err("no room").outcome,
            Outcome::BodyLimit
        );
        drop(held);
        assert!(fill().is_ok());
        assert_eq!(budget.reserved.load(Ordering::Relaxed), 0);
    }
}
