//! Corrections for several tests at once.

/// The p-values adjusted so that the chance of any false finding stays at the level. Source: Holm, Scandinavian Journal
/// of Statistics 6 (1979).
pub fn holm(p: &[f64]) -> Vec<f64> {
    let count = p.len();
    let mut adjusted = vec![1.0; count];
    let mut highest: f64 = 0.0;
    for (rank, index) in ascending(p).into_iter().enumerate() {
        highest = highest.max(p[index] * (count - rank) as f64).min(1.0);
        adjusted[index] = highest;
    }
    adjusted
}

/// The p-values adjusted so that of all findings, the expected share of false ones stays at the level. Source: Benjamini
/// and Hochberg, Journal of the Royal Statistical Society B 57 (1995).
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let count = p.len();
    let mut adjusted = vec![1.0; count];
    let mut lowest: f64 = 1.0;
    for (rank, index) in ascending(p).into_iter().enumerate().rev() {
        lowest = lowest.min(p[index] * count as f64 / (rank + 1) as f64);
        adjusted[index] = lowest;
    }
    adjusted
}

fn ascending(p: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&left, &right| p[left].total_cmp(&p[right]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        let is_close = |(found, expected): (&f64, &f64)| (found - expected).abs() < 1e-12;
        assert!(found.iter().zip(expected).all(is_close), "{found:?}");
    }

    /// R: `p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")` and `"BH"`.
    #[test]
    fn corrections_are_those_of_the_field() {
        let p = [0.01, 0.04, 0.03, 0.005];
        close(&holm(&p), &[0.03, 0.06, 0.06, 0.02]);
        close(&benjamini_hochberg(&p), &[0.02, 0.04, 0.04, 0.02]);
        assert!(holm(&[]).is_empty() && benjamini_hochberg(&[]).is_empty());
    }
}
