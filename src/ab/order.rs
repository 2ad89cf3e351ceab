//! The order of runs: which arm of each pair is first.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::Side;

/// Separates the draws of the order from other uses of the seed.
const STREAM: u64 = 0x6f72_6465_725f_6162;

/// The sides of each pair in the order of their runs; a pure function of its arguments.
///
/// Two pairs are a block: AB, BA or BA, AB, drawn with equal probability. So in each complete block every side is first
/// once, and a drift that is linear in time affects both sides equally. The order of a last pair without a block is
/// drawn. Source: the ABBA design of crossover trials.
pub fn order(pairs: u32, seed: u64) -> Vec<[Side; 2]> {
    let mut random = Pcg64Mcg::seed_from_u64(seed ^ STREAM);
    let mut order = Vec::new();
    while order.len() < pairs as usize {
        let first = if random.random::<bool>() {
            Side::A
        } else {
            Side::B
        };
        let pair = [first, first.other()];
        order.extend([pair, [pair[1], pair[0]]]);
    }
    order.truncate(pairs as usize);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_block_of_two_pairs_is_balanced() {
        for (pairs, seed) in (1..12).flat_map(|pairs| (0..50).map(move |seed| (pairs, seed))) {
            let order = order(pairs, seed);
            assert_eq!(order.len(), pairs as usize);
            for [first, second] in &order {
                assert_ne!(first, second);
            }
            for block in order.chunks_exact(2) {
                assert_ne!(block[0][0], block[1][0], "{pairs} pairs, seed {seed}");
            }
        }
    }

    #[test]
    fn both_orders_are_drawn_and_the_seed_decides() {
        let firsts = |pairs| (0..400).map(move |seed| order(pairs, seed)[pairs as usize - 1][0]);
        for pairs in [1, 2, 3, 8] {
            let a = firsts(pairs).filter(|side| *side == Side::A).count();
            assert!(
                (140..=260).contains(&a),
                "{a} of 400 begin with A at {pairs} pairs"
            );
        }
        assert_eq!(order(9, 7), order(9, 7));
        assert_eq!(order(9, 7)[..6], order(6, 7)[..]);
    }
}
