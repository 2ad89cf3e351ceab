//! The V2 encoding of a histogram with deflate, as the crate's own serializer makes it, but with one compressor for all
//! histograms: setting one up anew for each costs several times what compressing does.

use std::fmt;
use std::io::Write;

use flate2::{Compress, Compression, FlushCompress, Status};
use hdrhistogram::serialization::{Serializer, V2Serializer};
use hdrhistogram::{Counter, Histogram};

/// What a compressed V2 histogram begins with.
/// Source: `V2CompressedEncodingCookieBase | 0x10` in `AbstractHistogram.java` of `HdrHistogram`.
const COOKIE: u32 = 0x1c84_9314;

/// Cookie and length, 4 bytes each, big-endian.
const PREFIX: usize = 8;

/// Encodes histograms one after another.
pub(super) struct DeflateSerializer {
    v2: V2Serializer,
    compress: Compress,
    plain: Vec<u8>,
    packed: Vec<u8>,
}

impl DeflateSerializer {
    pub(super) fn new() -> Self {
        Self {
            v2: V2Serializer::new(),
            compress: Compress::new(Compression::fast(), true),
            plain: Vec::new(),
            packed: Vec::new(),
        }
    }
}

/// Why a histogram could not be encoded.
#[derive(Debug)]
pub(super) struct SerializeError(String);

impl fmt::Display for SerializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serializer for DeflateSerializer {
    type SerializeError = SerializeError;

    fn serialize<T: Counter, W: Write>(
        &mut self,
        histogram: &Histogram<T>,
        writer: &mut W,
    ) -> Result<usize, SerializeError> {
        let failed = |error: &dyn fmt::Display| SerializeError(error.to_string());
        self.plain.clear();
        self.v2
            .serialize(histogram, &mut self.plain)
            .map_err(|error| failed(&error))?;

        self.packed.clear();
        self.packed.extend_from_slice(&[0; PREFIX]);
        // No compressor makes 8 bits into more than 9; the frame has 6 bytes, a block 5.
        self.packed.reserve(self.plain.len() * 5 / 4 + 64);
        self.compress.reset();
        let status = self
            .compress
            .compress_vec(&self.plain, &mut self.packed, FlushCompress::Finish)
            .map_err(|error| failed(&error))?;
        if status != Status::StreamEnd {
            return Err(SerializeError("compressing made it longer".to_owned()));
        }
        let length = (self.packed.len() - PREFIX) as u32;
        self.packed[..4].copy_from_slice(&COOKIE.to_be_bytes());
        self.packed[4..PREFIX].copy_from_slice(&length.to_be_bytes());
        writer
            .write_all(&self.packed)
            .map_err(|error| failed(&error))?;
        Ok(self.packed.len())
    }
}

#[cfg(test)]
mod tests {
    use hdrhistogram::serialization::Deserializer;
    use proptest::prelude::*;

    use super::*;
    use crate::record::histogram;
    use crate::units::Micros;

    proptest! {
        #[test]
        fn whatever_is_encoded_is_decoded_the_same(
            times in prop::collection::vec(0_u64..5_000_000_000, 0..5_000),
        ) {
            let mut serializer = DeflateSerializer::new();
            let mut whole = histogram::empty();
            // Twice with one serializer: nothing of the first may be left in the second.
            for half in times.chunks(times.len().div_ceil(2).max(1)) {
                for &time in half {
                    histogram::record(&mut whole, Micros(time));
                }
                let mut bytes = Vec::new();
                let length = serializer.serialize(&whole, &mut bytes).expect("it fits");
                prop_assert_eq!(length, bytes.len());
                let read: Histogram<u64> =
                    Deserializer::new().deserialize(&mut bytes.as_slice()).expect("it is whole");
                prop_assert_eq!(&read, &whole);
                prop_assert_eq!(&whole, &read);
            }
        }
    }
}
