//! The V2 encoding of a histogram, as `HdrHistogram` defines it, straight from bins and to bins: a log of hours holds
//! millions of histograms, each of some dozens of bins, and a histogram of all bins for each would cost a hundred times
//! what is in it.
//!
//! Every histogram is in an envelope that asks for zlib. It is written with stored blocks: the log as a whole is
//! compressed, which takes less room than compressing each by itself. What other writers compressed is read too.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::record::bins::{self, Bins};
use crate::record::histogram::LONGEST;

/// What a compressed V2 histogram begins with.
/// Source: `V2CompressedEncodingCookieBase | 0x10` in `AbstractHistogram.java` of `HdrHistogram`.
const COMPRESSED: u32 = 0x1c84_9314;

/// What a V2 histogram begins with.
/// Source: `V2EncodingCookieBase | 0x10`, ibid.
const PLAIN: u32 = 0x1c84_9313;

/// Cookie and length, 4 bytes each, big-endian.
const PREFIX: usize = 8;

/// Cookie, length, normalizing offset, digits, lowest, highest, ratio.
const HEADER: usize = 40;

/// The most bytes that a histogram may unpack to: more than one that has a count in every bin.
const MAX_PLAIN: usize = 1 << 20;

/// Encodes histograms one after another.
pub(super) struct Serializer {
    compress: Compress,
    plain: Vec<u8>,
}

impl Serializer {
    pub(super) fn new() -> Self {
        Self {
            compress: Compress::new(Compression::none(), true),
            plain: Vec::new(),
        }
    }

    /// The histogram with these bins, in `packed`, which is emptied before.
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
                // One empty bin is a count of zero, several are one negative number.
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
        // A stored block has 5 bytes of its own, the frame 6.
        packed.reserve(self.plain.len() + self.plain.len() / 64 + 64);
        self.compress.reset();
        let status = self
            .compress
            .compress_vec(&self.plain, packed, FlushCompress::Finish)
            .map_err(|error| error.to_string())?;
        if status != Status::StreamEnd {
            return Err("storing made it longer than expected".to_owned());
        }
        let length = (packed.len() - PREFIX) as u32;
        packed[..4].copy_from_slice(&COMPRESSED.to_be_bytes());
        packed[4..PREFIX].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}

/// Decodes histograms one after another.
pub(super) struct Deserializer {
    decompress: Decompress,
    plain: Vec<u8>,
}

impl Deserializer {
    pub(super) fn new() -> Self {
        Self {
            decompress: Decompress::new(true),
            plain: Vec::with_capacity(4_096),
        }
    }

    /// The bins of a histogram; an error says what is wrong with it.
    pub(super) fn deserialize(&mut self, packed: &[u8]) -> Result<Bins, String> {
        if number(packed, 0)? != COMPRESSED {
            return Err("it is no compressed V2 histogram".to_owned());
        }
        let body = &packed[PREFIX.min(packed.len())..];
        self.unpack(body)?;
        let plain = &self.plain;
        if plain.len() < HEADER || number(plain, 0)? != PLAIN {
            return Err("it is no V2 histogram".to_owned());
        }
        if number(plain, 8)? != 0
            || number(plain, 12)? != 3
            || (number(plain, 16)?, number(plain, 20)?) != (0, 1)
        {
            return Err("its histogram does not have 3 digits from 1 µs".to_owned());
        }
        let counts = &plain[HEADER..];
        if number(plain, 4)? as usize != counts.len() {
            return Err("it is shorter or longer than it says".to_owned());
        }
        bins_of(counts)
    }

    fn unpack(&mut self, packed: &[u8]) -> Result<(), String> {
        self.decompress.reset(true);
        self.plain.clear();
        loop {
            let taken = self.decompress.total_in() as usize;
            let status = self
                .decompress
                .decompress_vec(&packed[taken..], &mut self.plain, FlushDecompress::Finish)
                .map_err(|error| error.to_string())?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            if self.plain.len() < self.plain.capacity() {
                return Err("its compressed part is cut short".to_owned());
            }
            if self.plain.len() >= MAX_PLAIN {
                return Err("it is longer than any histogram".to_owned());
            }
            self.plain.reserve(self.plain.len());
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Result<u32, String> {
    bytes
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or_else(|| "it is cut short".to_owned())
}

fn bins_of(mut counts: &[u8]) -> Result<Bins, String> {
    let mut bins = Bins::default();
    let mut bin = 0_u64;
    while !counts.is_empty() {
        let count = take_number(&mut counts).ok_or("a count of it is cut short")?;
        if let Ok(count) = u64::try_from(count) {
            if count > 0 {
                if bin > u64::from(bins::LAST) {
                    return Err("it holds times longer than an hour".to_owned());
                }
                if count > 1 << 48 {
                    return Err("it has a count that cannot be".to_owned());
                }
                bins.push(bin as u32, count);
            }
            bin += 1;
        } else {
            bin = bin.saturating_add(count.unsigned_abs());
        }
    }
    Ok(bins)
}

/// Appends a number in the variant of LEB128 that V2 uses: zigzag, and the ninth byte has all its 8 bits.
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

fn take_number(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for place in 0..9 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        if place == 8 {
            value |= u64::from(byte) << 56;
        } else {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};
    use proptest::prelude::*;

    use super::*;
    use crate::record::histogram;
    use crate::units::Micros;

    proptest! {
        /// The crate reads what is written here, and what the crate writes is read here.
        #[test]
        fn the_encoding_is_that_of_the_library(
            times in prop::collection::vec(prop_oneof![0_u64..5_000, 0_u64..5_000_000_000], 0..2_000),
        ) {
            let mut serializer = Serializer::new();
            let mut deserializer = Deserializer::new();
            let mut whole = histogram::empty();
            let mut bins = Bins::default();
            // Twice with one serializer: nothing of the first may be left in the second.
            for half in times.chunks(times.len().div_ceil(2).max(1)) {
                for &time in half {
                    histogram::record(&mut whole, Micros(time));
                    bins.record(Micros(time));
                }
                let mut ours = Vec::new();
                serializer.serialize(&bins, &mut ours).expect("it fits");
                let read: Histogram<u64> = hdrhistogram::serialization::Deserializer::new()
                    .deserialize(&mut ours.as_slice())
                    .expect("it is whole");
                // Comparing histograms of different lengths is one-sided.
                prop_assert!(whole == read && read.max() == whole.max());
                prop_assert_eq!(&deserializer.deserialize(&ours), &Ok(bins.clone()));

                let mut theirs = Vec::new();
                V2DeflateSerializer::new().serialize(&whole, &mut theirs).expect("it fits");
                prop_assert_eq!(&deserializer.deserialize(&theirs), &Ok(bins.clone()));
            }
        }

        #[test]
        fn numbers_of_any_size_are_read_back(number in any::<i64>()) {
            let mut bytes = Vec::new();
            put_number(number, &mut bytes);
            let mut rest = bytes.as_slice();
            prop_assert_eq!(take_number(&mut rest), Some(number));
            prop_assert!(rest.is_empty());
        }
    }
}
