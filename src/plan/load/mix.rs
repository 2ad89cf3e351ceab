//! The mix of flows: the flow of each iteration, so that weights are exact.
//!
//! With weights w and their sum W, the n-th iteration is chosen so that each flow was picked more than n·w/W − 1 and
//! less than n·w/W + 1 times. Iterations form blocks of W. In a block, the j-th pick of a flow may not come before slot
//! ⌊(j − 1)·W/w⌋ + 1 nor after slot ⌈j·W/w⌉ (the windows of proportionate fairness, Baruah, Cohen, Plaxton and Varvel,
//! 1996, which always have a schedule). Among the picks that keep the rest schedulable, the seed draws one.

use crate::plan::Segment;

/// The number of slots that a draw looks ahead. A pick with a later deadline waits, unless nothing else may be picked.
const AHEAD: u64 = 64;

/// The flow of each iteration of a load. The iterations of all segments are numbered together, in the order of their
/// starts.
#[derive(Debug, Clone)]
pub struct Mix {
    /// The weights without their common divisor.
    weights: Box<[u64]>,
    /// Their sum: the length of a block.
    total: u64,
    seed: u64,
    /// The number of the next iteration of this segment.
    next: u64,
    /// The number of segments: the distance of two iterations of this one.
    stride: u64,
    /// The number of the next slot to draw; slots before it are drawn.
    slot: u64,
    /// By flow: the number of its picks in the current block.
    picked: Box<[u64]>,
}

impl Mix {
    /// The mix of flows with these weights, each at least 1, as a segment plays it.
    pub fn new(weights: &[u32], seed: u64, segment: Segment) -> Self {
        let divisor = weights.iter().copied().fold(0, divisor).max(1);
        let weights: Box<[u64]> = weights.iter().map(|w| u64::from(w / divisor)).collect();
        Self {
            total: weights.iter().sum(),
            picked: vec![0; weights.len()].into(),
            weights,
            seed,
            next: segment.global(0),
            stride: u64::from(segment.count),
            slot: 0,
        }
    }

    /// The index of the flow of the segment's next iteration.
    pub fn next_flow(&mut self) -> usize {
        let mut flow = self.draw();
        // Slots before it belong to the other segments.
        while self.slot <= self.next {
            flow = self.draw();
        }
        self.next += self.stride;
        flow
    }

    /// Draws the flow of the next slot.
    fn draw(&mut self) -> usize {
        let number = self.slot;
        self.slot += 1;
        // Slots of a block count from 1.
        let slot = number % self.total + 1;
        if slot == 1 {
            self.picked.fill(0);
        }
        let limit = self.tightest(slot);
        let is_open = |&flow: &usize| {
            let (picked, weight) = (self.picked[flow], self.weights[flow]);
            picked * self.total < slot * weight
        };
        let deadline = |flow: usize| {
            let next = self.picked[flow] + 1;
            (next * self.total).div_ceil(self.weights[flow])
        };
        let open = || (0..self.weights.len()).filter(is_open);
        let candidates = || open().filter(|&flow| deadline(flow) <= limit);
        // In proportion to the picks that are left, as in a shuffle.
        let left = |flow: usize| self.weights[flow] - self.picked[flow];
        let sum: u64 = candidates().map(left).sum();
        let flow = if sum == 0 {
            open().min_by_key(|&flow| deadline(flow))
        } else {
            let mut point = random(self.seed, number) % sum;
            candidates().find(|&flow| {
                let own = left(flow);
                let is_it = point < own;
                point = point.saturating_sub(own);
                is_it
            })
        };
        // There is one, because the windows have a schedule.
        let flow = flow.unwrap_or_default();
        self.picked[flow] += 1;
        flow
    }

    /// The first slot until which every slot is needed for picks that are due by then; at most [`AHEAD`] slots away.
    fn tightest(&self, slot: u64) -> u64 {
        let last = self.total.min(slot + AHEAD);
        let due = |by: u64| {
            let each = self.weights.iter().zip(&self.picked);
            let due =
                each.map(|(weight, picked)| (by * weight / self.total).saturating_sub(*picked));
            due.sum::<u64>()
        };
        let is_tight = |by: &u64| due(*by) == by - slot + 1;
        (slot..last).find(is_tight).unwrap_or(last)
    }
}

/// The greatest common divisor (Euclid).
const fn divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { divisor(b, a % b) }
}

/// 64 random bits for a slot: `SplitMix64` (Steele, Lea and Flood, 2014).
const fn random(seed: u64, slot: u64) -> u64 {
    let mut z = seed.wrapping_add(slot.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn played(weights: &[u32], seed: u64, segment: Segment, count: usize) -> Vec<usize> {
        let mut mix = Mix::new(weights, seed, segment);
        (0..count).map(|_| mix.next_flow()).collect()
    }

    /// Panics if a flow was not picked its share ± 1 in a prefix.
    fn assert_shares(weights: &[u32], picks: &[usize]) {
        let total: u64 = weights.iter().map(|w| u64::from(*w)).sum();
        let mut counts = vec![0_u64; weights.len()];
        for (n, &flow) in (1..).zip(picks) {
            counts[flow] += 1;
            for (count, weight) in counts.iter().zip(weights) {
                // |count − n·w/W| < 1, without rounding.
                let distance = (count * total).abs_diff(n * u64::from(*weight));
                assert!(distance < total, "{weights:?} after {n}: {counts:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_prefix_has_each_share_but_for_less_than_one(
            weights in prop::collection::vec(1_u32..60, 1..9),
            seed: u64,
        ) {
            assert_shares(&weights, &played(&weights, seed, Segment::WHOLE, 1_500));
        }

        #[test]
        fn very_different_weights_are_exact_too(
            weights in prop::collection::vec(prop_oneof![1_u32..4, 9_000_u32..=10_000], 2..6),
            seed: u64,
        ) {
            assert_shares(&weights, &played(&weights, seed, Segment::WHOLE, 3_000));
        }

        #[test]
        fn segments_play_the_iterations_of_the_whole(
            weights in prop::collection::vec(1_u32..20, 1..5),
            seed: u64,
            count in 1_u32..5,
        ) {
            let whole = played(&weights, seed, Segment::WHOLE, 400);
            for index in 0..count {
                let own = whole.iter().skip(index as usize).step_by(count as usize);
                let own: Vec<usize> = own.copied().collect();
                let segment = Segment { index, count };
                prop_assert_eq!(&played(&weights, seed, segment, own.len()), &own);
            }
        }
    }

    #[test]
    fn the_order_within_a_block_is_random_and_of_the_seed() {
        let weights = [6, 3, 1];
        let blocks: Vec<Vec<usize>> = played(&weights, 7, Segment::WHOLE, 1_000)
            .chunks(10)
            .map(<[usize]>::to_vec)
            .collect();
        let mut different = blocks.clone();
        different.sort();
        different.dedup();
        assert!(different.len() > 20, "{} orders", different.len());
        // The rare flow may come at any place.
        let places: std::collections::BTreeSet<_> = blocks
            .iter()
            .map(|block| block.iter().position(|flow| *flow == 2))
            .collect();
        assert!(places.len() >= 8, "{places:?}");
        let again = played(&weights, 7, Segment::WHOLE, 1_000);
        assert_eq!(again, blocks.concat());
        assert_ne!(again, played(&weights, 8, Segment::WHOLE, 1_000));
    }

    #[test]
    fn a_single_flow_plays_every_iteration() {
        assert_eq!(played(&[7], 1, Segment::WHOLE, 5), [0; 5]);
    }
}
