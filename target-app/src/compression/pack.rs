//! Compresses one complete body, and remembers the result as long as the body is cached elsewhere.

use std::io::Write as _;

use brotli::enc::BrotliEncoderParams;
use brotli::enc::backward_references::BrotliEncoderMode;
use bytes::Bytes;
use flate2::write::GzEncoder;
use moka::future::Cache;

use super::accept::Encoding;
use super::effort::Effort;

/// Maximum bytes of the memo, including originals.
const MEMO_BYTES: u64 = 16 * 1024 * 1024;

/// The compressed `body`, or `None` if it is not smaller.
pub(super) fn pack(body: &[u8], encoding: Encoding, effort: Effort) -> Option<Bytes> {
    let packed = match (encoding, effort) {
        (_, Effort::None) => None,
        (Encoding::Gzip, Effort::Low) => gzip(body, 1),
        (Encoding::Gzip, Effort::Full) => gzip(body, 6),
        (Encoding::Br, Effort::Low) => brotli(body, 1),
        (Encoding::Br, Effort::Full) => brotli(body, 4),
    };
    packed
        .filter(|packed| packed.len() < body.len())
        .map(Bytes::from)
}

// Writing to memory cannot fail; an error would only leave the body uncompressed.
fn gzip(body: &[u8], level: u32) -> Option<Vec<u8>> {
    let room = Vec::with_capacity(body.len() / 2);
    let mut encoder = GzEncoder::new(room, flate2::Compression::new(level));
    encoder.write_all(body).ok()?;
    encoder.finish().ok()
}

fn brotli(body: &[u8], quality: i32) -> Option<Vec<u8>> {
    let params = BrotliEncoderParams {
        quality,
        // A window as large as the body: a larger one only costs memory to be cleared.
        lgwin: (body.len().ilog2() as i32 + 1).clamp(10, 22),
        size_hint: body.len(),
        mode: BrotliEncoderMode::BROTLI_MODE_TEXT,
        ..BrotliEncoderParams::default()
    };
    let mut packed = Vec::with_capacity(body.len() / 2);
    brotli::BrotliCompress(&mut &*body, &mut packed, &params).ok()?;
    Some(packed)
}

/// Compressed bodies by the identity of their originals.
///
/// An entry keeps its original alive, so that no other body can have the same address while it is remembered. Address
/// and length therefore identify it, and no hash is needed.
pub(super) struct Memo(Cache<MemoKey, MemoEntry>);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct MemoKey {
    address: usize,
    length: usize,
    encoding: Encoding,
}

#[derive(Clone)]
struct MemoEntry {
    original: Bytes,
    /// `None` if compression made it no smaller.
    packed: Option<Bytes>,
    effort: Effort,
}

impl Memo {
    pub(super) fn new() -> Self {
        let weigh = |_: &MemoKey, entry: &MemoEntry| {
            let packed = entry.packed.as_ref().map_or(0, Bytes::len);
            u32::try_from(entry.original.len() + packed).unwrap_or(u32::MAX)
        };
        let cache = Cache::builder().max_capacity(MEMO_BYTES).weigher(weigh);
        Self(cache.build())
    }

    /// The remembered result for `body`, if it was compressed with at least `effort`.
    pub(super) async fn get(
        &self,
        body: &Bytes,
        encoding: Encoding,
        effort: Effort,
    ) -> Option<Option<Bytes>> {
        let found = self.0.get(&MemoKey::of(body, encoding)).await?;
        (found.effort >= effort).then_some(found.packed)
    }

    /// Remembers the result for `body`.
    pub(super) async fn put(
        &self,
        body: Bytes,
        encoding: Encoding,
        effort: Effort,
        packed: Option<Bytes>,
    ) {
        let key = MemoKey::of(&body, encoding);
        let entry = MemoEntry {
            original: body,
            packed,
            effort,
        };
        self.0.insert(key, entry).await;
    }
}

impl MemoKey {
    fn of(body: &Bytes, encoding: Encoding) -> Self {
        Self {
            address: body.as_ptr().addr(),
            length: body.len(),
            encoding,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn text() -> Bytes {
        let lines = (0..200).map(|n| format!(r#"{{"id":{n},"title":"a document, {}"}}"#, n * n));
        lines.collect::<String>().into()
    }

    fn unpacked(packed: &[u8], encoding: Encoding) -> Vec<u8> {
        let mut plain = Vec::new();
        match encoding {
            Encoding::Gzip => {
                let mut decoder = flate2::read::GzDecoder::new(packed);
                decoder.read_to_end(&mut plain).expect("gzip");
            }
            Encoding::Br => {
                brotli::BrotliDecompress(&mut &*packed, &mut plain).expect("brotli");
            }
        }
        plain
    }

    #[test]
    fn compression_round_trips_and_more_effort_is_never_larger() {
        let body = text();
        for encoding in Encoding::ALL {
            let low = pack(&body, encoding, Effort::Low).expect("smaller");
            let full = pack(&body, encoding, Effort::Full).expect("smaller");
            assert!(full.len() <= low.len() && low.len() * 2 < body.len());
            for packed in [low, full] {
                assert_eq!(unpacked(&packed, encoding), body, "{encoding:?}");
            }
            assert_eq!(pack(&body, encoding, Effort::None), None);
        }
    }

    #[test]
    fn a_body_that_does_not_shrink_is_not_compressed() {
        let mut noise = vec![0; 4_096];
        getrandom::fill(&mut noise).expect("randomness");
        for encoding in Encoding::ALL {
            assert_eq!(pack(&noise, encoding, Effort::Full), None);
        }
    }

    #[tokio::test]
    async fn the_memo_knows_a_body_by_identity_encoding_and_effort() {
        let memo = Memo::new();
        let body = text();
        let packed = pack(&body, Encoding::Gzip, Effort::Low);
        memo.put(body.clone(), Encoding::Gzip, Effort::Low, packed.clone())
            .await;
        let get = async |body: &Bytes, encoding, effort| memo.get(body, encoding, effort).await;
        assert_eq!(
            get(&body, Encoding::Gzip, Effort::None).await,
            Some(packed.clone())
        );
        assert_eq!(get(&body, Encoding::Gzip, Effort::Low).await, Some(packed));
        assert_eq!(get(&body, Encoding::Gzip, Effort::Full).await, None);
        assert_eq!(get(&body, Encoding::Br, Effort::Low).await, None);
        assert_eq!(get(&text(), Encoding::Gzip, Effort::Low).await, None);
        let part = body.slice(..body.len() - 1);
        assert_eq!(get(&part, Encoding::Gzip, Effort::Low).await, None);
    }

    #[tokio::test]
    async fn the_memo_is_bounded_by_bytes() {
        let memo = Memo::new();
        for _ in 0..64 {
            let body = Bytes::from(vec![b'a'; 1024 * 1024]);
            memo.put(body, Encoding::Gzip, Effort::Full, None).await;
        }
        memo.0.run_pending_tasks().await;
        assert!(memo.0.weighted_size() <= MEMO_BYTES);
        assert!(memo.0.entry_count() > 0);
    }
}
