//! `retry`: runs steps again, from the first one, if a request in them ends in a certain way.

use std::ops::ControlFlow::{self, Break, Continue};
use std::sync::Arc;
use std::time::Duration;

use super::{Walker, think, told, within};
use crate::engine::answer::Answer;
use crate::scenario::Ends;
use crate::scenario::program::{Retry, Wait};

/// The ends that the open `retry` steps react to, the outermost first.
pub(in crate::engine) type OpenRetries = Vec<Arc<Ends>>;

/// The way out of an attempt that failed.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct FailedAttempt {
    /// The index of the open `retry` that reacts.
    block: usize,
    /// The end of the request.
    answer: Answer,
}

/// The innermost of these that reacts to an answer.
pub(super) fn reacting(open: &[Arc<Ends>], answer: Answer) -> Option<FailedAttempt> {
    let block = open
        .iter()
        .rposition(|ends| ends.have(answer.outcome, answer.status))?;
    Some(FailedAttempt { block, answer })
}

/// Runs attempts until one succeeds or the last one fails.
pub(super) async fn run<W: Walker>(
    walker: &mut W,
    retry: &Retry<W::Request>,
) -> ControlFlow<W::Break> {
    let block = walker.retries().len();
    walker.retries().push(Arc::clone(&retry.on));
    let failures = walker.failures();
    for attempt in 1.. {
        let result = within(walker, &retry.steps).await;
        let Break(mut end) = result else { break };
        let Some(failed) = W::failed_attempt(&mut end).take_if(|failed| failed.block == block)
        else {
            walker.retries().truncate(block);
            return Break(end);
        };
        // Those inside this one have ended with the attempt.
        walker.retries().truncate(block + 1);
        if attempt == retry.times {
            walker.retries().truncate(block);
            if let Some(outer) = reacting(walker.retries(), failed.answer) {
                *W::failed_attempt(&mut end) = Some(outer);
                return Break(end);
            }
            return walker.gave_up(end, attempt, failed.answer);
        }
        walker.repeat(failures);
        let wait = wait(&retry.wait, attempt, failed.answer, || {
            walker.values().random()
        });
        walker.tell(|_| told::attempt(attempt + 1, retry.times, wait));
        if wait.is_zero() {
            // Attempts without I/O must still give the other users of this thread their turn.
            tokio::task::coop::consume_budget().await;
        } else {
            walker.pause(wait).await?;
        }
    }
    walker.retries().truncate(block);
    Continue(())
}

/// The pause after attempt number `attempt`, from 1.
fn wait(wait: &Wait, attempt: u32, answer: Answer, mut random: impl FnMut() -> u64) -> Duration {
    match wait {
        Wait::Pause(delay) => think::length(delay, random),
        Wait::Backoff { first, at_most } => {
            // 2^31 microseconds are longer than any sensible maximum, and the factor does not overflow.
            let doubled = first.saturating_mul(1 << (attempt - 1).min(31));
            let fraction = (random() >> 11) as f64 / (1_u64 << 53) as f64;
            let drawn = doubled.min(*at_most).mul_f64(fraction);
            let asked = answer.retry_after.unwrap_or_default();
            drawn.max(asked.min(*at_most))
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng as _;
    use rand_pcg::Pcg64Mcg;

    use super::*;
    use crate::outcome::Outcome;
    use crate::scenario::Delay;

    const fn asking(seconds: Option<u64>) -> Answer {
        Answer {
            outcome: Outcome::Status,
            status: Some(503),
            retry_after: match seconds {
                Some(seconds) => Some(Duration::from_secs(seconds)),
                None => None,
            },
        }
    }

    #[test]
    fn a_backoff_is_drawn_below_a_bound_that_doubles_to_its_maximum() {
        let mut random = Pcg64Mcg::new(1);
        let backoff = Wait::Backoff {
            first: Duration::from_millis(200),
            at_most: Duration::from_secs(1),
        };
        for (attempt, bound) in [(1, 200), (2, 400), (3, 800), (4, 1_000), (99, 1_000)] {
            let drawn =
                (0..2_000).map(|_| wait(&backoff, attempt, asking(None), || random.next_u64()));
            let drawn: Vec<u128> = drawn.map(|wait| wait.as_micros()).collect();
            let (least, most) = (drawn.iter().min(), drawn.iter().max());
            let (least, most) = (least.expect("a wait"), most.expect("a wait"));
            let bound = bound * 1_000;
            assert!(
                *most <= bound && *most > bound * 9 / 10,
                "{attempt}: {most}"
            );
            assert!(*least < bound / 10, "{attempt}: {least}");
        }
    }

    #[test]
    fn a_target_that_asks_for_a_longer_wait_gets_it_up_to_the_maximum() {
        let backoff = Wait::Backoff {
            first: Duration::from_millis(1),
            at_most: Duration::from_secs(5),
        };
        let of = |wait_: &Wait, seconds| wait(wait_, 1, asking(seconds), || u64::MAX);
        assert_eq!(of(&backoff, Some(3)), Duration::from_secs(3));
        assert_eq!(of(&backoff, Some(60)), Duration::from_secs(5));
        assert!(of(&backoff, Some(0)) <= Duration::from_millis(1));
        let fixed = Wait::Pause(Delay::Constant(Duration::from_secs(1)));
        assert_eq!(of(&fixed, Some(3)), Duration::from_secs(1));
    }
}
