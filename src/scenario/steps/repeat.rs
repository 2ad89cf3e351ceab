//! `repeat`: steps run several times.

use super::{IF, STEPS, StepKind, none, own_steps, steps};
use crate::format::{Field, Mapping, Type};
use crate::scenario::program::{Loop, MAX_PASSES, Passes};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::{Action, Step};
use crate::source::{Content, Entry, Node};
use crate::units::show_number;

/// The maximum number of passes of a step in an iteration, over all nested repetitions: weeks of work.
const MAX_NESTED: f64 = 1e9;

const REPEAT: Field = Field::new(
    "repeat",
    Type::OneOf(&[Type::Integer(1, MAX_PASSES), Type::VALUE]),
    "3",
    "The number of passes, or an expression such as `${len(ids)}`, evaluated once before the first pass; its value must \
     be a whole number from 0 to 100000. The default `think_time` also applies between passes.",
)
.required()
.home("a repetition is a step: an item under `steps:` of a flow, with `steps:` of its own");

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["repeat"],
    read,
    captures: none,
    children: own_steps,
};

static TABLE: Mapping = Mapping {
    name: "repeat",
    what: "a repetition",
    doc: "Runs steps several times. Requests of all passes are one series. Values that a pass captures are available in \
        the next one.",
    fields: &[REPEAT, STEPS, IF],
    example: "repeat: 3\nsteps:\n  - get: /items\n  - think: 1s\n",
    rest: "repeat: 3\nsteps: [ { get: /items } ]\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let is_word = |text: &str| !text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    let is_expression = matches!(&head.value.value, Content::Scalar(text) if is_word(&text.text));
    let passes = if is_expression {
        compiler.value_of(&head.value, &REPEAT).map(Passes::Count)
    } else {
        let times: Option<u32> = compiler.problems.at(&head.value, &REPEAT);
        times.map(Passes::Times)
    };
    let inner = compiler.problems.require(&fields, &STEPS);
    let factor = passes.as_ref().map_or(1.0, Passes::expected);
    let nested = compiler.passes * factor;
    let outer = std::mem::replace(&mut compiler.passes, nested);
    let steps = inner.map(|node| steps(node, compiler));
    compiler.passes = outer;
    if nested > MAX_NESTED && !steps.as_deref().is_some_and(repeats) {
        compiler.problems.report_with(
            head.value.span,
            format!(
                "with the repetitions around it, this makes {} passes in one iteration; at most {} are allowed",
                show_number(nested),
                show_number(MAX_NESTED)
            ),
            "repeat less often, or let the load start more iterations",
        );
    }
    Some(Action::Loop(Box::new(Loop {
        passes: passes?,
        steps: steps?,
        pause: None,
    })))
}

/// True if the steps contain a repetition; then the error about too many passes belongs to that one.
fn repeats(steps: &[Step]) -> bool {
    let is_repetition =
        |step: &Step| matches!(&step.action, Action::Loop(inner) if inner.passes.expected() > 1.0);
    steps.iter().any(is_repetition)
}
