//! `repeat`: steps run several times.

use super::{IF, StepKind, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::{Action, Step};
use crate::source::{Entry, Node};
use crate::units::show_number;

/// The maximum number of passes of a repetition.
const MAX_REPEAT: u64 = 100_000;
/// The maximum number of passes of a step in an iteration, over all nested repetitions: weeks of work.
const MAX_PASSES: f64 = 1e9;

const REPEAT: Field = Field::new(
    "repeat",
    Type::Integer(1, MAX_REPEAT),
    "3",
    "The number of passes. The default `think_time` also applies between passes.",
)
.required()
.home("a repetition is a step: an item under `steps:` of a flow, with `steps:` of its own");

const STEPS: Field = Field::new(
    "steps",
    Type::List(&Type::Step),
    "[ { get: /items }, { think: 1s } ]",
    "The repeated steps; at least one. Values that a pass captures are available in the next one.",
)
.required();

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["repeat"],
    lack: "no `repeat`",
    read,
    captures: None,
    children: &[STEPS],
    headless: "put `if` on each of the steps, or add `repeat: 1` beside `steps`",
};

static TABLE: Mapping = Mapping {
    name: "repeat",
    what: "a repetition",
    doc: "Runs steps several times. Requests of all passes are one series. `repeat: 1` puts several steps under one \
        `if`.",
    fields: &[REPEAT, STEPS, IF],
    example: "repeat: 3\nsteps:\n  - get: /items\n  - think: 1s\n",
    rest: "repeat: 3\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let times: Option<u32> = compiler.problems.at(&head.value, &REPEAT);
    let inner = compiler.problems.require(&fields, &STEPS);
    let factor = f64::from(times.unwrap_or(1));
    let passes = compiler.passes * factor;
    let outer = std::mem::replace(&mut compiler.passes, passes);
    let steps = inner.map(|node| steps(node, compiler));
    compiler.passes = outer;
    if passes > MAX_PASSES && !steps.as_deref().is_some_and(repeats) {
        compiler.problems.report_with(
            head.value.span,
            format!(
                "with the repetitions around it, this makes {} passes in one iteration; at most {} are allowed",
                show_number(passes),
                show_number(MAX_PASSES)
            ),
            "repeat less often, or let the load start more iterations",
        );
    }
    Some(Action::Repeat {
        times: times?,
        steps: steps?,
        pause: None,
    })
}

/// True if the steps contain a repetition; then the error about too many passes belongs to that one.
fn repeats(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.action.block().is_some())
}
