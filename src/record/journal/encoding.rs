//! The V2 encoding of a histogram, as defined by `HdrHistogram`, built directly from bins: a log of hours contains
//! millions of histograms with some dozens of bins each, and dense histograms would cost a hundred times more.

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::record::bins::Bins;
use crate::record::histogram::LONGEST;

/// The cookie of a compressed V2 histogram. Source: `V2CompressedEncodingCookieBase | 0x10` in
/// `AbstractHistogram.java` of `HdrHistogram`.
const COMPRESSED: u32 = 0x1c84_9314;

/// The cookie of a V2 histogram. Source: `V2EncodingCookieBase | 0x10`, ibid.
const PLAIN: u32 = 0x1c84_9313;

/// Cookie and length, 4 bytes each, big-endian.
const PREFIX: usize = 8;

/// Cookie, length, normalizing offset, digits, lowest, highest, ratio.
const HEADER: usize = 40;

/// Encodes histograms, and reuses its buffers.
pub(super) struct Serializer {
    compress: Compress,
    plain: Vec<u8>,
}

impl Serializer {
    pub(super) fn new() -> Self {
        Self {
            compress: Compress::new(Compression::fast(), true),
            plain: Vec::new(),
        }
    }

    /// Encodes the bins into `packed`, which is cleared first.
    pub(super) fn serialize(&mut self, bins: &Bins, packed: &mut Vec<u8>) -> Result<(), String> {
        self.plain.clear();
        self.plain.extend_from_slice(&PLAIN.to_be_bytes());
        self.plain.extend_from_slice(&[0; 8]);
        self.plain.extend_from_slice(&3_u32.to_be_bytes());
        self.plain.extend_from_slice(&1_u64.to_be_bytes());
        self.plain.extend_from_slice(&LONGEST.0.to_be_bytes());
        self.plain.extend_from_slice(&1_f64.to_be_bytes());
        let mut next = 0;
        for (bin, count) in bins.iter() {
            match bin.saturating_sub(next) {
                0 => {}
                // One empty bin is a count of zero; several are one negative number.
                1 => put_number(0, &mut self.plain),
                empty => put_number(-i64::from(empty), &mut self.plain),
            }
            put_number(count as i64, &mut self.plain);
            next = bin + 1;
        }
        let length = (self.plain.len() - HEADER) as u32;
        self.plain[4..8].copy_from_slice(&length.to_be_bytes());

        packed.clear();
        packed.extend_from_slice(&[0; PREFIX]);
        // Incompressible content is stored: a block adds 5 bytes, the frame 6.
        packed.reserve(self.plain.len() + self.plain.len() / 64 + 64);
        self.compress.reset();
        let status = self
            .compress
            .compress_vec(&self.plain, packed, FlushCompress::Finish)
            .map_err(|error| error.to_string())?;
        if status != Status::StreamEnd {
            return Err("compressing made it longer than expected".to_owned());
        }
        let length = (packed.len() - PREFIX) as u32;
        packed[..4].copy_from_slice(&COMPRESSED.to_be_bytes());
        packed[4..PREFIX].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// Appends a number in V2's variant of LEB128: zigzag, and the ninth byte uses all 8 bits.
fn put_number(number: i64, bytes: &mut Vec<u8>) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    for _ in 0..8 {
        if rest < 0x80 {
            bytes.push(rest as u8);
            return;
        }
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    use super::*;
    use crate::record::histogram;
    use crate::units::Micros;

    proptest! {
        /// The crate decodes our encoding.
        #[test]
        fn the_encoding_is_that_of_the_library(
            times in prop::collection::vec(prop_oneof![0_u64..5_000, 0_u64..5_000_000_000], 0..2_000),
        ) {
            let mut serializer = Serializer::new();
            let mut whole = histogram::empty();
            let mut bins = Bins::default();
            // Encoded twice with one serializer, because no part of the first may remain in the second.
            for half in times.chunks(times.len().div_ceil(2).max(1)) {
                for &time in half {
                    histogram::record(&mut whole, Micros(time));
                    bins.record(Micros(time));
                }
                let mut ours = Vec::new();
                serializer.serialize(&bins, &mut ours).expect("it fits");
                let read: Histogram<u64> = Deserializer::new()
                    .deserialize(&mut ours.as_slice())
                    .expect("it is whole");
                // Comparing histograms of different lengths is asymmetric.
                prop_assert!(whole == read && read.max() == whole.max());
            }
        }
    }
}
