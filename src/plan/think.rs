//! Inserts the default think time between the steps of an iteration.

use std::slice;

use crate::scenario::program::{Loop, Passes};
use crate::scenario::{Action, Delay, Step};

/// Puts a pause between each two steps, unless one of them is a pause itself; none before the first or after the last.
/// The passes of a repetition count as steps. If a step is skipped, its pause is skipped too.
pub(super) fn place<R>(steps: &mut Vec<Step<R>>, delay: Delay) {
    for step in &mut *steps {
        // The requests of a parallel block are sent without pauses between them.
        if !matches!(step.action, Action::Parallel(_)) {
            for inner in step.action.blocks_mut() {
                place(inner, delay);
            }
        }
    }
    between(steps, delay);
}

/// True if the default pause belongs between two rounds of these steps; false if they begin or end with a pause.
pub(super) fn pauses_between_rounds<R>(steps: &[Step<R>]) -> bool {
    Edges::of(steps).is_some_and(|edges| !edges.begins_with_think && !edges.ends_with_think)
}

/// Inserts pauses between the steps of a block, and between the passes of its repeated steps, whose own blocks already
/// contain their pauses.
fn between<R>(block: &mut Vec<Step<R>>, delay: Delay) {
    let mut placed = Vec::with_capacity(block.len());
    // The edges of the last step that takes time.
    let mut before: Option<Edges> = None;
    for mut step in block.drain(..) {
        if let Action::Loop(repeated) = &mut step.action
            && !repeated.passes.has_interval()
            && pauses_between_rounds(&repeated.steps)
        {
            repeated.pause = Some(delay);
        }
        let edges = Edges::of(slice::from_ref(&step));
        let needs_pause = before.is_some_and(|before| !before.ends_with_think)
            && edges.is_some_and(|edges| !edges.begins_with_think);
        before = edges.or(before);
        if !needs_pause {
            placed.push(step);
        } else if step.condition.is_some() {
            placed.push(together(step, delay));
        } else {
            placed.extend([Step::always(Action::Think(delay)), step]);
        }
    }
    *block = placed;
}

/// A pause followed by the step, under the step's condition, which is evaluated once.
fn together<R>(mut step: Step<R>, delay: Delay) -> Step<R> {
    let condition = step.condition.take();
    let span = step.span;
    Step {
        condition,
        span,
        action: Action::Loop(Box::new(Loop {
            passes: Passes::Times(1),
            steps: vec![Step::always(Action::Think(delay)), step],
            pause: None,
        })),
    }
}

/// The first and the last of the steps that take time.
#[derive(Debug, Clone, Copy)]
struct Edges {
    begins_with_think: bool,
    ends_with_think: bool,
}

impl Edges {
    /// The edges of `steps`; `None` if they take no time.
    fn of<R>(steps: &[Step<R>]) -> Option<Self> {
        let mut lasting = steps
            .iter()
            .filter_map(|step| Self::of_action(&step.action));
        let first = lasting.next()?;
        let last = lasting.next_back().unwrap_or(first);
        Some(Self {
            begins_with_think: first.begins_with_think,
            ends_with_think: last.ends_with_think,
        })
    }

    /// The edges of a step. One that chooses between blocks begins or ends with a pause if each of them does.
    fn of_action<R>(action: &Action<R>) -> Option<Self> {
        if action.takes_time() {
            let is_think = matches!(action, Action::Think(_));
            return Some(Self {
                begins_with_think: is_think,
                // Users that have met go on at once.
                ends_with_think: is_think || matches!(action, Action::Rendezvous(_)),
            });
        }
        let blocks = action.blocks().into_iter();
        let edges = blocks.filter_map(|block| Self::of(block.steps));
        edges.reduce(|all, one| Self {
            begins_with_think: all.begins_with_think && one.begins_with_think,
            ends_with_think: all.ends_with_think && one.ends_with_think,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::expr::Expression;
    use crate::scenario::program::{Alternative, Branches, Parallel, Rendezvous, visit};
    use crate::scenario::{Condition, Span, Value};

    const PAUSE: Delay = Delay::Constant(Duration::from_secs(1));
    const OWN: Delay = Delay::Constant(Duration::from_secs(9));

    /// A request. These tests do not depend on its content.
    fn request() -> Step<()> {
        Step::always(Action::Request(Box::new(())))
    }

    fn think(delay: Delay) -> Step<()> {
        Step::always(Action::Think(delay))
    }

    fn repeat(times: u32, steps: Vec<Step<()>>) -> Step<()> {
        Step::always(Action::Loop(Box::new(Loop {
            passes: Passes::Times(times),
            steps,
            pause: None,
        })))
    }

    fn parallel(steps: Vec<Step<()>>) -> Step<()> {
        Step::always(Action::Parallel(Box::new(Parallel { at_once: 2, steps })))
    }

    fn set() -> Step<()> {
        Step::always(Action::Set(Vec::new()))
    }

    fn meet() -> Step<()> {
        Step::always(Action::Rendezvous(Rendezvous {
            users: 2,
            within: Duration::from_secs(1),
            number: 0,
            span: Span::default(),
        }))
    }

    /// Steps of which one list or the other runs.
    fn either(steps: Vec<Step<()>>, otherwise: Vec<Step<()>>) -> Step<()> {
        Step::always(Action::If(Box::new(Branches {
            condition: always(),
            steps,
            otherwise,
        })))
    }

    fn always() -> Condition {
        Condition(Expression::Literal(Value::Bool(true)))
    }

    fn placed(mut steps: Vec<Step<()>>) -> Vec<Step<()>> {
        place(&mut steps, PAUSE);
        steps
    }

    fn only_if(mut step: Step<()>) -> Step<()> {
        step.condition = Some(always());
        step
    }

    /// The executed steps in order: `r` a request, `s` a `set` step, `m` a rendezvous, `t` a default pause, `T` a pause of
    /// the scenario;
    /// `is_skipped` decides about conditional steps.
    fn run(steps: &[Step<()>], is_skipped: bool) -> String {
        steps
            .iter()
            .filter(|step| !(is_skipped && step.condition.is_some()))
            .map(|step| match &step.action {
                Action::Think(delay) => if *delay == PAUSE { "t" } else { "T" }.to_owned(),
                Action::Loop(repeated) => {
                    let Passes::Times(times) = repeated.passes else {
                        panic!("only fixed numbers");
                    };
                    let pass = run(&repeated.steps, is_skipped);
                    let pause = if repeated.pause.is_some() { "t" } else { "" };
                    vec![pass; times as usize].join(pause)
                }
                Action::If(branches) if is_skipped => run(&branches.otherwise, is_skipped),
                Action::If(branches) => run(&branches.steps, is_skipped),
                Action::Choose(alternatives) => run(&alternatives[0].steps, is_skipped),
                Action::Retry(retry) => run(&retry.steps, is_skipped),
                Action::Group(group) => run(&group.steps, is_skipped),
                Action::Call(call) => run(&call.steps, is_skipped),
                Action::Parallel(block) => run(&block.steps, is_skipped),
                Action::Request(_) | Action::Reacting(_) | Action::Assets(_) => "r".to_owned(),
                Action::Rendezvous(_) => "m".to_owned(),
                Action::Set(_)
                | Action::Fail(_)
                | Action::Stop(_)
                | Action::Log(_)
                | Action::Record(_) => "s".to_owned(),
            })
            .collect()
    }

    #[test]
    fn pauses_add_nothing_that_grows_with_the_depth() {
        let nested = (0..21).fold(request(), |inner, _| repeat(2, vec![request(), inner]));
        // Each level has two steps and a pause between them.
        assert_eq!(visit(&placed(vec![nested])).len(), 1 + 21 * 3);
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
                vec![parallel(vec![request(), request()]), request()],
                "rrtr",
                "rrtr",
            ),
            (
                vec![set(), request(), set(), set(), request(), set()],
                "srsstrs",
                "srsstrs",
            ),
            (vec![request(), meet(), request()], "rtmr", "rtmr"),
            (vec![meet(), request()], "mr", "mr"),
            (vec![request(), own(), meet(), request()], "rTmr", "rTmr"),
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
            (
                vec![
                    request(),
                    either(vec![request()], vec![request(), request()]),
                    request(),
                ],
                "rtrtr",
                "rtrtrtr",
            ),
            (
                vec![
                    request(),
                    either(vec![own(), request()], vec![own()]),
                    request(),
                ],
                "rTrtr",
                "rTtr",
            ),
            (
                vec![
                    request(),
                    Step::always(Action::Choose(vec![Alternative {
                        weight: 1,
                        steps: vec![own()],
                    }])),
                    request(),
                ],
                "rTr",
                "rTr",
            ),
        ];
        for (index, (steps, all, skipped)) in cases.into_iter().enumerate() {
            let placed = placed(steps);
            assert_eq!(run(&placed, false), all, "case {index}, conditions hold");
            assert_eq!(
                run(&placed, true),
                skipped,
                "case {index}, conditions do not hold"
            );
        }
    }
}
