//! Blocks: steps that several places call.

use super::super::{Field, Mapping, Type};

pub(crate) const WITH: Field = Field::new(
    "with",
    Type::OneOf(&[Type::List(&Type::NAME), Type::Nothing]),
    "[ email, password ]",
    "The names of the parameters. Each call gives each of them a value, which only the steps of the block see.",
);

pub(crate) const STEPS: Field = Field::new(
    "steps",
    Type::List(&Type::Step),
    "[ { post: /login } ]",
    "The steps; at least one. They see the parameters, `vars`, `data`, the captures of `setup` and those of the block \
     itself. What they capture or set is available after the call.",
)
.required();

pub(crate) const TABLE: Mapping = Mapping {
    name: "block",
    what: "a block",
    doc: "Steps that flows, setup, teardown and other blocks [call](#call). Its requests belong to the flow that calls \
        it. A block may not call itself, directly or through others.",
    fields: &[WITH, STEPS],
    example: "with: [ email ]
steps:
  - post: /login
    json: { email: '${email}' }
    capture: { token: { json: '$.token' } }
",
    rest: "steps: [ { get: / } ]\n",
    ..Mapping::EMPTY
};
