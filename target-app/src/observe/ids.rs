//! Request ids and span ids.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderValue;

/// Ids for requests without one: unique in the process by a counter, across processes by a random start.
pub(crate) struct RequestIds {
    process: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> Result<Self, io::Error> {
        Ok(Self {
            process: getrandom::u64()?,
            next: AtomicU64::new(0),
        })
    }

    pub(crate) fn next(&self) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 32];
        write_hex(self.process, &mut id[..16]);
        write_hex(count, &mut id[16..]);
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static(""))
    }

    /// A span id: never zero, which would mean none.
    pub(crate) fn span(&self) -> u64 {
        // The finaliser of SplitMix64 (Steele et al. 2014): a bijection, so different counts give different span ids.
        let count = self.next.fetch_add(1, Ordering::Relaxed);
        let mut span = self
            .process
            .wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        span = (span ^ (span >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        span = (span ^ (span >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (span ^ (span >> 31)).max(1)
    }
}

/// Writes the digits of `number` with leading zeros; formatting would cost three times as much.
fn write_hex(number: u64, digits: &mut [u8]) {
    for (place, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (4 * place)) as usize & 0xf];
    }
}
