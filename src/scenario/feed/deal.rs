//! Selects the row of a draw. The row is computed from hashes alone, so no state is kept between draws.

use crate::expr::below;

/// The key of one pass or draw of a feeder; two feeders of a run get unrelated orders.
pub(super) fn key(seed: u64, feed: &str, number: u64) -> u64 {
    let named = feed
        .bytes()
        .fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)));
    mix(named ^ mix(number))
}

/// A row below `rows`, chosen by `key`.
pub(super) fn any(rows: u64, key: u64) -> u64 {
    below(rows, key)
}

/// The image of `place` in the permutation of `0..rows` that `key` chooses; `place` is below `rows`.
///
/// The swap-or-not shuffle (Hoang, Morris and Rogaway, 2012): a round pairs each place x with k − x modulo rows, and a
/// bit computed from the larger of the two decides whether both change places. So each round is a permutation of a list
/// of any length, whatever the hash; no order is stored, and a draw costs two hashes per round.
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

/// The random number after this one.
pub(super) fn next(state: u64) -> u64 {
    mix(state)
}

/// The finalizer of `SplitMix64` (Steele, Lea and Flood, 2014): a change of one input bit changes half of the output
/// bits on average.
fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
