//! Bytes as lower-case hexadecimal text, which needs no escaping in a token, a key or a URL.

use std::fmt;

/// Appends two digits for each byte.
pub(super) fn write(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

/// Decodes `text`, if it is exactly `N` bytes as digits in either case.
pub(super) fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let digit = |of: &u8| char::from(*of).to_digit(16);
        *byte = u8::try_from(digit(high)? << 4 | digit(low)?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_bytes_decode_to_the_same_bytes() {
        let mut text = String::new();
        write(&mut text, &[0, 9, 0xab, 0xff]).expect("a string takes everything");
        assert_eq!(text, "0009abff");
        assert_eq!(read(&text), Some([0, 9, 0xab, 0xff]));
        assert_eq!(read("0009ABFF"), Some([0, 9, 0xab, 0xff]));
    }

    #[test]
    fn other_lengths_and_other_characters_are_refused() {
        for text in ["", "0", "00", "000", "00000", "+1+1", "0g00", "ä00", "00 0"] {
            assert_eq!(read::<2>(text), None, "{text}");
        }
    }
}
