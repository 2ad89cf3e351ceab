//! A response's body on its way in: counted always, kept only if somebody reads it, and never without bound.
//!
//! Each body may keep 64 KiB. What a body needs beyond that comes out of an allowance that all users share, so that a
//! thousand large answers at once cannot take the machine's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::classify::Failure;
use crate::outcome::Outcome;
use crate::units::ByteSize;

/// What every body may keep.
const FREE: u64 = 64 << 10;

/// What all bodies together may keep beyond what is free.
const SHARED: u64 = 128 << 20;

/// How much is kept of a body that is only quoted: enough of it compressed, too.
const QUOTED: usize = 4 << 10;

/// The memory all users share for large bodies.
#[derive(Debug, Default)]
pub(super) struct Allowance {
    taken: AtomicU64,
}

/// A body's part of the allowance; given back when dropped.
#[derive(Debug)]
pub(super) struct Claim {
    allowance: Arc<Allowance>,
    bytes: u64,
}

impl Claim {
    /// Nothing yet.
    pub(super) fn new(allowance: &Arc<Allowance>) -> Self {
        Self {
            allowance: Arc::clone(allowance),
            bytes: 0,
        }
    }

    /// Makes room for `more` bytes of a body, within what may be kept.
    pub(super) fn make_room(&mut self, body: &mut Vec<u8>, more: usize) -> Result<(), Failure> {
        let needed = body.len() + more;
        if needed > body.capacity() {
            // Doubled, as a vector does by itself, but claimed before it is taken.
            let room = needed.max(2 * body.capacity());
            self.cover(room as u64)?;
            body.reserve_exact(room - body.len());
        }
        Ok(())
    }

    /// Makes sure that the claim covers a body of `size` bytes.
    fn cover(&mut self, size: u64) -> Result<(), Failure> {
        let needed = size.saturating_sub(FREE);
        if needed <= self.bytes {
            return Ok(());
        }
        let more = needed - self.bytes;
        let taken = self.allowance.taken.fetch_add(more, Ordering::Relaxed);
        if taken + more > SHARED {
            self.allowance.taken.fetch_sub(more, Ordering::Relaxed);
            return Err(Failure::new(
                Outcome::BodyLimit,
                &format!(
                    "bodies kept for checks and captures already hold {} beyond {} each; read fewer or smaller ones at once",
                    ByteSize(SHARED),
                    ByteSize(FREE)
                ),
            ));
        }
        self.bytes = needed;
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.allowance
                .taken
                .fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// Bytes together with what they take of the allowance.
struct Held {
    bytes: Vec<u8>,
    _claim: Claim,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The bytes of a body whose claim, if it has one, lasts as long as they do.
pub(super) fn hold(bytes: Vec<u8>, claim: Option<Claim>) -> Bytes {
    match claim {
        Some(claim) if claim.bytes > 0 => Bytes::from_owner(Held {
            bytes,
            _claim: claim,
        }),
        _ => bytes.into(),
    }
}

/// Takes in a body, chunk by chunk.
#[derive(Debug)]
pub(super) struct Intake<'a> {
    allowance: Option<&'a Arc<Allowance>>,
    /// Whether the beginning is kept where the whole is not.
    is_quoted: bool,
    limit: u64,
    received: u64,
    /// The only chunk so far: most bodies are one, and need no copy.
    first: Bytes,
    /// All chunks, once there are two.
    rest: Vec<u8>,
    claim: Option<Claim>,
}

impl<'a> Intake<'a> {
    /// For a body of at most `limit` bytes that is kept if there is an allowance to keep it under.
    pub(super) fn new(limit: u64, allowance: Option<&'a Arc<Allowance>>) -> Self {
        Self {
            allowance,
            is_quoted: false,
            limit,
            received: 0,
            first: Bytes::new(),
            rest: Vec::new(),
            claim: None,
        }
    }

    /// Keeps the beginning of a body that is not kept as a whole.
    pub(super) fn quote(&mut self) {
        self.is_quoted = true;
    }

    /// Refuses a body that says itself that it is too large.
    pub(super) fn expect(&self, size: u64) -> Result<(), Failure> {
        if size > self.limit {
            return Err(self.too_large(&format!("{size} bytes")));
        }
        Ok(())
    }

    /// Takes in a chunk.
    pub(super) fn take(&mut self, chunk: Bytes) -> Result<(), Failure> {
        self.received += chunk.len() as u64;
        if self.received > self.limit {
            return Err(self.too_large("more"));
        }
        let Some(allowance) = self.allowance else {
            if self.is_quoted {
                let room = QUOTED.saturating_sub(self.rest.len());
                self.rest.extend_from_slice(&chunk[..chunk.len().min(room)]);
            }
            return Ok(());
        };
        if self.received == chunk.len() as u64 {
            self.first = chunk;
            return Ok(());
        }
        let first = std::mem::take(&mut self.first);
        if self.received > FREE {
            self.claim
                .get_or_insert_with(|| Claim::new(allowance))
                .make_room(&mut self.rest, first.len() + chunk.len())?;
        }
        self.rest.extend_from_slice(&first);
        self.rest.extend_from_slice(&chunk);
        Ok(())
    }

    /// What was kept, as it came off the wire.
    pub(super) fn finish(self) -> Bytes {
        if self.rest.is_empty() {
            self.first
        } else {
            hold(self.rest, self.claim)
        }
    }

    fn too_large(&self, found: &str) -> Failure {
        Failure::new(
            Outcome::BodyLimit,
            &format!(
                "the body has {found}, and at most {} are read (http.body_limit)",
                ByteSize(self.limit)
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_bodies_hold_together_is_bounded_and_given_back() {
        let allowance = Arc::new(Allowance::default());
        let chunk = Bytes::from(vec![7; 32 << 20]);
        let fill = || {
            let mut intake = Intake::new(u64::MAX, Some(&allowance));
            intake.take(Bytes::from_static(b"x"))?;
            intake.take(chunk.clone())?;
            Ok::<Bytes, Failure>(intake.finish())
        };
        let held: Vec<Bytes> = (0..4).map(|_| fill().expect("room")).collect();
        assert_eq!(held[3].len(), chunk.len() + 1);
        assert_eq!(
            fill().map(|_| ()).expect_err("no room").outcome,
            Outcome::BodyLimit
        );
        drop(held);
        assert!(fill().is_ok());
        assert_eq!(allowance.taken.load(Ordering::Relaxed), 0);
    }
}
