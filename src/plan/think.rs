//! Inserts the default think time between the steps of an iteration.

use super::{Action, Step};
use crate::scenario::Delay;

/// The steps with a pause between each two, unless one of them is a pause itself; none before the first or after the
/// last. The passes of a repetition count as steps. If a step is skipped, its pause is skipped too.
pub(super) fn between(steps: Vec<Step>, delay: Delay) -> Vec<Step> {
    let mut placed: Vec<Step> = Vec::new();
    for step in steps {
        let step = inside(step, delay);
        let before = lasting(&placed).next_back();
        let needs_pause = before.is_some_and(|before| !ends_with_think(before))
            && !begins_with_think(&step)
            && !step.action.is_instant();
        if !needs_pause {
            placed.push(step);
        } else if step.condition.is_some() {
            placed.push(together(step, delay));
        } else {
            placed.push(think(delay));
            placed.push(step);
        }
    }
    placed
}

fn think(delay: Delay) -> Step {
    Step {
        condition: None,
        action: Action::Think(delay),
    }
}

/// A pause followed by the step, under the step's condition, which is evaluated once.
fn together(mut step: Step, delay: Delay) -> Step {
    let condition = step.condition.take();
    Step {
        condition,
        action: Action::Repeat {
            times: 1,
            steps: vec![think(delay), step],
            pause: None,
        },
    }
}

/// Inserts pauses between the steps of a repeated step, and between its passes.
fn inside(step: Step, delay: Delay) -> Step {
    let Action::Repeat {
        times,
        steps,
        pause,
    } = step.action
    else {
        return step;
    };
    let steps = between(steps, delay);
    let pause = if pauses_between_rounds(&steps) {
        Some(delay)
    } else {
        pause
    };
    Step {
        condition: step.condition,
        action: Action::Repeat {
            times,
            steps,
            pause,
        },
    }
}

/// True if the default pause belongs between two rounds of these steps; false if they begin or end with a pause.
pub(super) fn pauses_between_rounds(steps: &[Step]) -> bool {
    let first = lasting(steps).next();
    let last = lasting(steps).next_back();
    first.is_some_and(|step| !begins_with_think(step))
        && last.is_some_and(|step| !ends_with_think(step))
}

fn begins_with_think(step: &Step) -> bool {
    is_think(step) || lasting(block(step)).next().is_some_and(begins_with_think)
}

fn ends_with_think(step: &Step) -> bool {
    is_think(step)
        || lasting(block(step))
            .next_back()
            .is_some_and(ends_with_think)
}

const fn is_think(step: &Step) -> bool {
    matches!(step.action, Action::Think(_))
}

/// The steps that take time.
fn lasting(steps: &[Step]) -> impl DoubleEndedIterator<Item = &Step> {
    steps.iter().filter(|step| !step.action.is_instant())
}

/// The child steps of a step; empty if it has none.
fn block(step: &Step) -> &[Step] {
    step.action.block().map_or(&[], |(steps, _)| steps)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use http::{HeaderMap, Method, Uri};

    use super::*;
    use crate::expr::Expression;
    use crate::plan::{ReadsBody, Request, RequestBody, RequestUrl};
    use crate::scenario::{Condition, Timeouts, Value};

    const PAUSE: Delay = Delay::Constant(Duration::from_secs(1));
    const OWN: Delay = Delay::Constant(Duration::from_secs(9));

    fn request() -> Step {
        let request = Request {
            name: "GET /".to_owned(),
            series: None,
            method: Method::GET,
            url: RequestUrl::Literal(Uri::from_static("http://127.0.0.1/")),
            query: None,
            link: None,
            captured_links: Box::default(),
            shown: "GET /".to_owned(),
            headers: HeaderMap::new(),
            rendered_headers: Vec::new(),
            auth: None,
            body: RequestBody::Empty,
            timeouts: Timeouts::default(),
            checks: Vec::new(),
            captures: Vec::new(),
            reads_body: ReadsBody::No,
        };
        Step {
            condition: None,
            action: Action::Request(Arc::new(request)),
        }
    }

    fn repeat(times: u32, steps: Vec<Step>) -> Step {
        Step {
            condition: None,
            action: Action::Repeat {
                times,
                steps,
                pause: None,
            },
        }
    }

    fn set() -> Step {
        Step {
            condition: None,
            action: Action::Set(Vec::new()),
        }
    }

    fn only_if(mut step: Step) -> Step {
        step.condition = Some(Condition(Expression::Literal(Value::Bool(true))));
        step
    }

    /// The executed steps in order: `r` a request, `s` a `set` step, `t` a default pause, `T` a pause of the scenario;
    /// `is_skipped` decides about conditional steps.
    fn run(steps: &[Step], is_skipped: bool) -> String {
        steps
            .iter()
            .filter(|step| !(is_skipped && step.condition.is_some()))
            .map(|step| match &step.action {
                Action::Think(delay) => if *delay == PAUSE { "t" } else { "T" }.to_owned(),
                Action::Repeat {
                    times,
                    steps,
                    pause,
                } => {
                    let pass = run(steps, is_skipped);
                    vec![pass; *times as usize].join(if pause.is_some() { "t" } else { "" })
                }
                Action::Request(_) => "r".to_owned(),
                Action::Set(_) => "s".to_owned(),
            })
            .collect()
    }

    #[test]
    fn pauses_add_nothing_that_grows_with_the_depth() {
        fn count(steps: &[Step]) -> usize {
            let of = |step: &Step| match &step.action {
                Action::Repeat { steps, .. } => 1 + count(steps),
                Action::Request(_) | Action::Think(_) | Action::Set(_) => 1,
            };
            steps.iter().map(of).sum()
        }
        let nested = (0..21).fold(request(), |inner, _| repeat(2, vec![request(), inner]));
        // Each level has two steps and a pause between them.
        assert_eq!(count(&between(vec![nested], PAUSE)), 1 + 21 * 3);
    }

    #[test]
    fn pauses_stand_between_steps_and_nowhere_else() {
        let own = || think(OWN);
        let cases = [
            (vec![], "", ""),
            (vec![request()], "r", "r"),
            (vec![request(), request(), request()], "rtrtr", "rtrtr"),
            (
                vec![request(), own(), request(), request()],
                "rTrtr",
                "rTrtr",
            ),
            (vec![own(), request(), own()], "TrT", "TrT"),
            (vec![repeat(3, vec![request()])], "rtrtr", "rtrtr"),
            (
                vec![request(), repeat(2, vec![request(), request()]), request()],
                "rtrtrtrtrtr",
                "rtrtrtrtrtr",
            ),
            (
                vec![repeat(2, vec![request(), own()]), request()],
                "rTrTr",
                "rTrTr",
            ),
            (
                vec![set(), request(), set(), set(), request(), set()],
                "srsstrs",
                "srsstrs",
            ),
            (
                vec![repeat(2, vec![set(), request()]), request()],
                "srtsrtr",
                "srtsrtr",
            ),
            (
                vec![request(), only_if(request()), request()],
                "rtrtr",
                "rtr",
            ),
            (
                vec![request(), only_if(repeat(2, vec![request()]))],
                "rtrtr",
                "r",
            ),
        ];
        for (index, (steps, all, skipped)) in cases.into_iter().enumerate() {
            let placed = between(steps, PAUSE);
            assert_eq!(run(&placed, false), all, "case {index}, conditions hold");
            assert_eq!(
                run(&placed, true),
                skipped,
                "case {index}, conditions do not hold"
            );
        }
    }
}
