//! The body of a response: its bytes are always counted, kept only for checks and captures, and always bounded.
//!
//! Each body may keep 64 KiB. Memory beyond that comes out of a budget that all users share, so that a thousand large
//! responses at once cannot take the machine's memory.

mod inflate;
mod memory;

use std::sync::Arc;

use bytes::Bytes;

pub(super) use inflate::{Effort, excerpt, inflate};
pub(super) use memory::MemoryBudget;

use self::memory::{FREE, Reservation, hold};
use super::failure::ExchangeFailure;
use crate::outcome::Outcome;
use crate::units::ByteSize;

/// The maximum size kept of a body that is only quoted; it may be compressed.
const EXCERPT: usize = 4 << 10;

/// The part of a body to keep.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keep<'a> {
    /// Nothing.
    Nothing,
    /// Its beginning, for quoting it.
    Start,
    /// All of it, within this budget.
    Whole(&'a Arc<MemoryBudget>),
}

/// Reads a body chunk by chunk.
#[derive(Debug)]
pub(super) struct BodyReader<'a> {
    keep: Keep<'a>,
    limit: u64,
    received: u64,
    /// The only chunk so far: most bodies are one chunk, and need no copy.
    first: Bytes,
    /// All kept bytes, once there are two chunks.
    rest: Vec<u8>,
    reservation: Option<Reservation>,
}

impl<'a> BodyReader<'a> {
    /// A reader for a body of at most `limit` bytes.
    pub(super) fn new(limit: u64, keep: Keep<'a>) -> Self {
        Self {
            keep,
            limit,
            received: 0,
            first: Bytes::new(),
            rest: Vec::new(),
            reservation: None,
        }
    }

    /// Refuses a body whose declared size is over the limit.
    pub(super) fn expect(&self, size: u64) -> Result<(), ExchangeFailure> {
        if size > self.limit {
            return Err(self.too_large(&format!("has {size} bytes")));
        }
        Ok(())
    }

    /// Reads a chunk.
    pub(super) fn take(&mut self, chunk: Bytes) -> Result<(), ExchangeFailure> {
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            return Err(self.too_large("is larger"));
        }
        match self.keep {
            Keep::Nothing => Ok(()),
            Keep::Start => {
                let room = EXCERPT.saturating_sub(self.rest.len());
                self.rest.extend_from_slice(&chunk[..chunk.len().min(room)]);
                Ok(())
            }
            Keep::Whole(budget) => self.append(chunk, budget),
        }
    }

    fn append(&mut self, chunk: Bytes, budget: &Arc<MemoryBudget>) -> Result<(), ExchangeFailure> {
        if self.received == chunk.len() as u64 {
            self.first = chunk;
            return Ok(());
        }
        let first = std::mem::take(&mut self.first);
        if self.received > FREE {
            self.reservation
                .get_or_insert_with(|| Reservation::new(budget))
                .make_room(&mut self.rest, first.len() + chunk.len())?;
        }
        self.rest.extend_from_slice(&first);
        self.rest.extend_from_slice(&chunk);
        Ok(())
    }

    /// The kept bytes, as received.
    pub(super) fn finish(self) -> Bytes {
        if self.rest.is_empty() {
            self.first
        } else {
            hold(self.rest, self.reservation)
        }
    }

    fn too_large(&self, found: &str) -> ExchangeFailure {
        ExchangeFailure::new(
            Outcome::BodyLimit,
            &format!(
                "the body {found}; the limit is {} (http.body_limit)",
                ByteSize(self.limit)
            ),
        )
    }
}
