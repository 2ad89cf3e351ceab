//! Dealing: which row a draw gets, from hashes alone, so that nothing is kept between draws.

use crate::expr::below;

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

/// Where `place` goes in a permutation of `0..rows` chosen by `key`; `place` is below `rows`.
///
/// The swap-or-not shuffle (Hoang, Morris and Rogaway, 2012): a round pairs each place x with k − x modulo rows, and a
/// bit that both of a pair agree on says whether they change places. So each round is a permutation, whatever the
/// hash, of a list of any length; no order is stored, and a draw costs two hashes a round.
pub(super) fn shuffled(place: u64, rows: u64, key: u64) -> u64 {
    const ROUNDS: u64 = 32;
    (0..ROUNDS).fold(place, |place, round| {
        let round_key = mix(key ^ round);
        let sum = below(rows, round_key);
        let partner = if sum >= place {
            sum - place
        } else {
            sum + rows - place
        };
        let are_swapped = mix(round_key ^ place.max(partner)) & 1 == 1;
        if are_swapped { partner } else { place }
    })
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, 2014): each bit in changes half of the bits out.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
