//! Dealing: which row a draw gets, from hashes alone, so that nothing is kept between draws.

use crate::scenario::template::below;

/// A key for one feeder's pass or draw: two feeders of one run are dealt in unrelated orders.
pub(super) fn key(seed: u64, feed: &str, number: u64) -> u64 {
    let named = feed
        .bytes()
        .fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)));
    mix(named ^ mix(number))
}

/// Any of `rows`, from `key`.
pub(super) fn any(rows: u64, key: u64) -> u64 {
    below(rows, key)
}

/// Where `position` goes in a permutation of `0..rows` chosen by `key`; `position` is below `rows`.
///
/// A Feistel network permutes the smallest 2²ᵇ ≥ rows; walking on from an image beyond `rows` until one is below
/// makes it a permutation of `0..rows` itself (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002, the
/// cycle-walking cipher). No pass needs its order stored, and each draw costs a few hashes.
pub(super) fn shuffled(position: u64, rows: u64, key: u64) -> u64 {
    // At least 2⁴: with halves of one bit there are too few networks to reach every order of a short list.
    let half_bits = (u64::BITS - rows.saturating_sub(1).leading_zeros())
        .div_ceil(2)
        .max(2);
    let mut image = feistel(position, half_bits, key);
    while image >= rows {
        image = feistel(image, half_bits, key);
    }
    image
}

/// A permutation of `0..2^(2 · half_bits)`, whatever the round function: each round can be undone.
fn feistel(input: u64, half_bits: u32, key: u64) -> u64 {
    const ROUNDS: u64 = 6;
    let mask = (1 << half_bits) - 1;
    let (mut left, mut right) = (input >> half_bits, input & mask);
    for round in 0..ROUNDS {
        let scrambled = mix(key ^ mix(right << 3 | round));
        (left, right) = (right, left ^ (scrambled & mask));
    }
    left << half_bits | right
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): each bit in changes half of the bits out.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
