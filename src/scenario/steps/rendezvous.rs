//! `rendezvous`: users wait for each other.

use super::{IF, StepKind, childless, none};
use crate::format::{Field, Mapping, Type};
use crate::scenario::Action;
use crate::scenario::program::Rendezvous;
use crate::scenario::validate::MAX_USERS;
use crate::scenario::validate::compiler::Compiler;
use crate::source::{Content, Entry, Node, Span};

const USERS_TYPE: Type = Type::Integer(2, MAX_USERS as u64);

const RENDEZVOUS: Field = Field::new(
    "rendezvous",
    Type::OneOf(&[USERS_TYPE, Type::Mapping(&MEETING)]),
    "{ users: 2, within: 10s }",
    "The number of users, or a mapping of `users` and `within`.",
)
.required()
.home("a rendezvous is a step: an item under `steps:` of a flow");

const USERS: Field = Field::new(
    "users",
    USERS_TYPE,
    "2",
    "The number of users that wait for each other. More than can play the flow at once are an error. When a run is split \
     over several machines, they are the users of one machine.",
)
.required();

const WITHIN: Field = Field::new(
    "within",
    Type::Positive,
    "10s",
    "The maximum time that the first user waits. After it, those that are there go on without the others. The summary \
     counts how often (`incomplete_rendezvous`), and the log of the run tells how many they were.",
)
.default("30s");

const MEETING: Mapping = Mapping {
    name: "meeting",
    what: "`rendezvous`",
    doc: "The users that wait for each other, and how long.",
    fields: &[USERS, WITHIN],
    example: "users: 2\nwithin: 10s\n",
    rest: "users: 2\n",
    ..Mapping::EMPTY
};

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["rendezvous"],
    read,
    captures: none,
    children: childless,
};

static TABLE: Mapping = Mapping {
    name: "rendezvous",
    what: "a rendezvous",
    doc: "Users that reach the step wait until enough of them are there, then go on together: for load that arrives in one \
        moment. The wait is a pause: no request's time contains it, but that of the iteration and of groups around it \
        does. Users meet at one step: a step in a loop is one step, and the steps of a block are others for each call. \
        It ends with the load, and when too few users are left. It is a step of `start` and `steps` of a flow; a block \
        called elsewhere passes it.",
    fields: &[RENDEZVOUS, IF],
    example: "rendezvous: { users: 2, within: 10s }\n",
    rest: "rendezvous: 2\n",
    ..Mapping::EMPTY
};

fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    compiler.problems.fields(node, &TABLE)?;
    if !compiler.has_other_users() {
        compiler.problems.report_with(
            head.key_span,
            "users wait for each other only in `start` and `steps` of a flow",
            "remove it, or move it there",
        );
        return None;
    }
    let problems = &mut *compiler.problems;
    let (users, within, span): (Option<u32>, _, Span) = match &head.value.value {
        Content::Map(_) => {
            let fields = problems.fields(&head.value, &MEETING)?;
            let users = fields.get(&USERS);
            let span = users.map_or(head.value.span, |node| node.span);
            (
                problems.value(&fields, &USERS),
                problems.value(&fields, &WITHIN),
                span,
            )
        }
        Content::Scalar(_) => {
            let within = Node::plain(WITHIN.default_text(), Span::default());
            (
                problems.at(&head.value, &RENDEZVOUS),
                problems.at(&within, &WITHIN),
                head.value.span,
            )
        }
        Content::List(_) => {
            problems.expected(
                "a number of users, or a mapping of `users` and `within`",
                &head.value,
            );
            return None;
        }
    };
    Some(Action::Rendezvous(Rendezvous {
        users: users?,
        within: within?,
        number: 0,
        span,
    }))
}
