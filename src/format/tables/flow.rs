//! Flows.

use super::super::{Choice, Field, Mapping, Type};
use super::auth::VALUE as CREDENTIALS;
use super::delay;
use super::load::{self, MAX_USERS};

/// The maximum weight of a flow.
const MAX_WEIGHT: u64 = 10_000;

pub(crate) const NAME: Field = Field::new(
    "name",
    Type::NAME,
    "browse",
    "The name of the flow, unique in the file. Reports show it and thresholds select by it: `{flow=\"browse\"}`.",
)
.required();

pub(crate) const WEIGHT: Field = Field::new(
    "weight",
    Type::Integer(1, MAX_WEIGHT),
    "7",
    "The share of the flow, relative to the other flows: with weights 7 and 3, seven of ten iterations run the first \
     flow. Shares are exact: after any number of started iterations, a flow has had its share of them but for less than \
     one; within that, the seed decides the order. Without `weight` and `count` it is 1.",
);

pub(crate) const COUNT: Field = Field::new(
    "count",
    Type::Integer(1, MAX_USERS as u64),
    "name: admin\ncount: 2",
    "The number of users that run this flow and no other: the first users of the load. The other users run the flows with \
     a weight. Not for a load by `rate`, whose arrivals any free user takes.",
);

/// The keys that say how often a flow runs.
pub(crate) static SHARE: Choice = Choice {
    keys: &[WEIGHT.key, COUNT.key, LOAD.key],
    is_required: false,
};

pub(crate) const LOAD: Field = Field::new(
    "load",
    Type::Mapping(&load::TABLE),
    "name: nightly import\nload: { rate: 2/s, for: 3m, max_users: 10, from: 1m }",
    "A load of this flow alone, beside those of the other flows: it has users of its own and its own schedule.",
);

pub(crate) const THINK_TIME: Field = Field::new(
    "think_time",
    delay::TYPE,
    "500ms..2s",
    "The `think_time` of this flow, instead of the scenario's; `none` for no pauses.",
);

pub(crate) const PACING: Field = Field::new(
    "pacing",
    delay::PACING,
    "5s..10s",
    "The `pacing` of this flow, instead of the scenario's; `none` for none. After an iteration of this flow, the user starts \
     its next iteration, of whichever flow, at the earliest after this time.",
);

pub(crate) const TAGS: Field = Field::new(
    "tags",
    Type::Map(&Type::NAME),
    "{ area: catalogue }",
    "Labels of every request of the flow, for threshold selectors. They replace those of the file with the same name.",
);

pub(crate) const AUTH: Field = Field::new(
    "auth",
    CREDENTIALS,
    "{ basic: { user: admin, password: '${PASSWORD:-x}' } }",
    "Credentials of every request of the flow to `target` and `targets`, instead of those of `http`. It may use values that \
     `start` captures; the steps before that need an `auth` of their own, or `auth: none`. The steps of blocks keep those \
     of `http`.",
)
.secret();

pub(crate) const START: Field = Field::new(
    "start",
    Type::OneOf(&[Type::List(&Type::Step), Type::Nothing]),
    "[ { post: /login, json: { user: me }, capture: { token: { json: '$.token' } } } ]",
    "Steps that each user runs once before its first iteration of this flow, such as a login. They are measured under \
     their own names. Their captures and the user's cookies last for all iterations of the user. If they do not \
     complete, the user repeats them with its next iteration of the flow.",
);

pub(crate) const STOP: Field = Field::new(
    "stop",
    Type::OneOf(&[Type::List(&Type::Step), Type::Nothing]),
    "[ { post: /logout } ]",
    "Steps that each user runs once when it leaves the load, such as a logout, if it has begun an iteration of this flow: \
     after its `start`, if the flow has one. They are measured under their own names; at the end of the load they have \
     the grace period. Pauses are skipped once the load has ended. A step that fails by itself there is in the report, but \
     fails no iteration. Values captured in `start` are available.",
);

pub(crate) const STEPS: Field = Field::new(
    "steps",
    Type::List(&Type::Step),
    "[ { get: / } ]",
    "The steps of an iteration, in order; at least one. A captured value lasts until the iteration ends.",
)
.required();

pub(crate) const TABLE: Mapping = Mapping {
    name: "flow",
    what: "a flow",
    doc: "A flow is a list of steps with a name, and a weight or a load of its own.",
    fields: &[
        NAME, WEIGHT, COUNT, LOAD, THINK_TIME, PACING, TAGS, AUTH, START, STEPS, STOP,
    ],
    choices: &[&SHARE],
    example: "name: browse
weight: 7
start:
  - post: /login
    json: { user: 'user${user()}' }
    capture: { token: { json: '$.token' } }
steps:
  - get: /items
    auth: { bearer: '${token}' }
",
    rest: "name: browse\nsteps: [ { get: / } ]\n",
    home: "it belongs in a flow, an item under `flows:`",
    ..Mapping::EMPTY
};
