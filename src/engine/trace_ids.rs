//! The values of `traceparent` (W3C Trace Context, level 1): each request is a trace of its own.
//!
//! They come from the seed and the identifier of the run, so that two runs with one seed do not share traces. A request
//! takes the next number of the run; the numbers of a run, and so its traces, are all different.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::HeaderValue;

use super::state::scrambled;
use crate::scenario::TraceSampling;

/// The step between two states of `SplitMix64`.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The length of a value: version, trace, span, flags.
const LENGTH: usize = 2 + 1 + 32 + 1 + 16 + 1 + 2;

/// The traces of a run.
#[derive(Debug)]
pub(super) struct TraceIds {
    keys: [u64; 3],
    next: AtomicU64,
}

impl TraceIds {
    /// The traces of a run with this seed and this identifier.
    pub(super) fn new(seed: u64, run_id: &str) -> Self {
        let of_run = |key: u64, byte: u8| scrambled(key ^ u64::from(byte));
        let key = run_id.bytes().fold(scrambled(seed), of_run);
        Self {
            keys: [1, 2, 3].map(|number| scrambled(key ^ scrambled(number))),
            next: AtomicU64::new(0),
        }
    }

    /// The header of the next request. Its trace is sampled for this share of requests, by the last 56 bits of its id, as
    /// `OpenTelemetry` decides it.
    pub(super) fn next(&self, sampling: TraceSampling) -> HeaderValue {
        let number = self.next.fetch_add(1, Relaxed);
        let draw = |key: u64| scrambled(key.wrapping_add(number.wrapping_mul(STEP)));
        let [high, low, span] = self.keys.map(draw);
        // No id is zero.
        let (low, span) = (low.max(1), span.max(1));
        let flags = u64::from(sampling.takes(low));
        let mut text = [b'-'; LENGTH];
        write_hex(&mut text[..2], 0);
        write_hex(&mut text[3..19], high);
        write_hex(&mut text[19..35], low);
        write_hex(&mut text[36..52], span);
        write_hex(&mut text[53..], flags);
        HeaderValue::from_bytes(&text).expect("digits and dashes")
    }
}

/// Writes a number in hexadecimal digits, as many as there is room for.
fn write_hex(room: &mut [u8], mut number: u64) {
    for place in room.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn first(ids: &TraceIds, sampling: TraceSampling, count: usize) -> Vec<String> {
        let headers = (0..count).map(|_| ids.next(sampling));
        let text = |header: HeaderValue| header.to_str().expect("ASCII").to_owned();
        headers.map(text).collect()
    }

    #[test]
    fn every_request_of_every_run_has_a_trace_of_its_own() {
        let mut seen = HashSet::new();
        for (seed, run) in [(1, "a"), (1, "b"), (2, "a"), (1, "")] {
            for header in first(&TraceIds::new(seed, run), TraceSampling::ALL, 1_000) {
                let parts: Vec<&str> = header.split('-').collect();
                let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
                assert_eq!(lengths, [2, 32, 16, 2], "{header}");
                assert_eq!((parts[0], parts[3]), ("00", "01"), "{header}");
                assert!(seen.insert(parts[1].to_owned()), "{header}");
                assert!(seen.insert(parts[2].to_owned()), "{header}");
            }
        }
        let again = |run| first(&TraceIds::new(1, run), TraceSampling::ALL, 10);
        assert_eq!(again("a"), again("a"));
    }

    #[test]
    fn the_share_of_sampled_traces_is_the_one_asked_for() {
        for (share, expected) in [(1.0, 10_000), (0.1, 1_000), (0.001, 10)] {
            let sampling = TraceSampling::of(share).expect("a share");
            let headers = first(&TraceIds::new(7, "run"), sampling, 10_000);
            let sampled = headers.iter().filter(|header| header.ends_with("-01"));
            let sampled = sampled.count() as f64;
            // Five standard deviations.
            let most = 5.0 * (10_000.0 * share * (1.0 - share)).sqrt();
            assert!(
                (sampled - f64::from(expected)).abs() <= most,
                "{share}: {sampled}"
            );
            let is_flagged = |header: &String| header.ends_with("-00") || header.ends_with("-01");
            assert!(headers.iter().all(is_flagged), "{share}");
        }
    }
}
