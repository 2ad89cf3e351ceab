//! The format of an entry in the shared store: its body and metadata, as `MessagePack`.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A loaded body and its expiry.
#[derive(Clone, Debug)]
pub(super) struct LoadedEntry {
    pub(super) body: Bytes,
    /// Duration of the load.
    pub(super) cost: Duration,
    pub(super) until: Instant,
}

/// The stored format; fields are written by name, so that a later version may add some.
#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    body: Raw<'a>,
    /// Milliseconds since 1970.
    made_at_ms: u64,
    ttl_ms: u64,
    /// Duration of the load in microseconds.
    cost_us: u64,
    /// Generation of the key class at lookup; 0 is none.
    generation: u64,
}

/// Bytes that are encoded as binary and decoded without a copy.
struct Raw<'a>(&'a [u8]);

/// Encodes an entry that lives for `ttl`; `None` if that fails.
pub(super) fn seal(made: &LoadedEntry, ttl: Duration, generation: u64) -> Option<Bytes> {
    let envelope = Envelope {
        body: Raw(&made.body),
        made_at_ms: now_ms(),
        ttl_ms: ttl.as_millis() as u64,
        cost_us: made.cost.as_micros() as u64,
        generation,
    };
    rmp_serde::to_vec_named(&envelope).ok().map(Bytes::from)
}

/// Decodes an entry if it is complete, of this generation and not expired; its body shares the memory of `sealed`.
pub(super) fn open(sealed: &Bytes, generation: u64) -> Option<LoadedEntry> {
    let envelope: Envelope<'_> = rmp_serde::from_slice(sealed).ok()?;
    // A reader's clock that is behind the writer's must not extend the life of an entry.
    let age = now_ms().saturating_sub(envelope.made_at_ms);
    let left = envelope.ttl_ms.checked_sub(age).filter(|left| *left > 0)?;
    (envelope.generation == generation).then(|| LoadedEntry {
        body: sealed.slice_ref(envelope.body.0),
        cost: Duration::from_micros(envelope.cost_us),
        until: Instant::now() + Duration::from_millis(left),
    })
}

fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_millis() as u64)
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = &'de [u8];

            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: serde::de::Error>(
                self,
                bytes: &'de [u8],
            ) -> Result<Self::Value, E> {
                Ok(bytes)
            }
        }
        deserializer.deserialize_bytes(Borrow).map(Raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(text: &'static str) -> LoadedEntry {
        LoadedEntry {
            body: Bytes::from_static(text.as_bytes()),
            cost: Duration::from_millis(3),
            until: Instant::now() + Duration::from_secs(9),
        }
    }

    #[test]
    fn an_envelope_round_trips_and_shares_the_memory_of_the_body() {
        let sealed = seal(&made("{}"), Duration::from_secs(9), 5).expect("encodable");
        let opened = open(&sealed, 5).expect("good");
        assert_eq!(opened.body, "{}");
        assert!(sealed.as_ptr_range().contains(&opened.body.as_ptr()));
        assert_eq!(opened.cost, Duration::from_millis(3));
        let left = opened.until.saturating_duration_since(Instant::now());
        assert!(left > Duration::from_secs(5) && left <= Duration::from_secs(9));
        assert!(open(&sealed, 6).is_none(), "of another generation");
        assert!(open(&sealed.slice(..4), 5).is_none(), "cut off");
    }

    #[test]
    fn an_expired_envelope_is_empty() {
        let mut envelope = Envelope {
            body: Raw(b"{}"),
            made_at_ms: now_ms() - 100,
            ttl_ms: 100,
            cost_us: 0,
            generation: 0,
        };
        let sealed = |envelope: &Envelope<'_>| {
            Bytes::from(rmp_serde::to_vec_named(envelope).expect("encodable"))
        };
        assert!(open(&sealed(&envelope), 0).is_none());
        envelope.ttl_ms = 60_000;
        assert!(open(&sealed(&envelope), 0).is_some());
    }
}
