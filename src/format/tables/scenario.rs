//! The top level of the file.

use super::super::words::{FromWord, Kind, OnError};
use super::super::{Field, Mapping, Type};
use super::{data, delay, flow, http, load, threshold};

const STEPS: Type = Type::OneOf(&[Type::List(&Type::Step), Type::Nothing]);

pub(crate) const NAME: Field = Field::new(
    "name",
    Type::Name,
    "checkout",
    "The name of the scenario, as every output shows it. At most 200 characters, and no `${…}` in them.",
)
.required();

pub(crate) const KIND: Field = Field::new(
    "kind",
    Type::Words(&Kind::SET),
    "baseline",
    "What kind of test this is: a label for reports, and a promise. Gander refuses a load that does not fit its kind.",
)
.default("custom");

pub(crate) const DESCRIPTION: Field = Field::new(
    "description",
    Type::Text,
    "Readers and buyers on an ordinary day.",
    "A sentence for the reader of the report.",
);

pub(crate) const TARGET: Field = Field::new(
    "target",
    Type::OneOf(&[Type::Literal("bundled"), Type::BaseUrl]),
    "https://shop.test/api",
    "What is driven: a base URL with http:// or https://, or `bundled` for Folio, the target app inside Gander. Paths of \
     requests are joined to the URL, a path that it has included. It may hold no credentials, no `?` and no `#`. Loopback \
     and private addresses are free; any other host must be named with `--allow-host`.",
)
.required();

pub(crate) const LOAD: Field = Field::new(
    "load",
    Type::Mapping(&load::TABLE),
    "{ users: 20, for: 5m }",
    "How much load, and for how long.",
)
.required();

pub(crate) const WARM_UP: Field = Field::new(
    "warm_up",
    Type::Duration,
    "10s",
    "The first part of the load that is run and shown but left out of totals and thresholds. It is a part of the load, not \
     an addition to it, and must be shorter than the load.",
)
.default("0s");

pub(crate) const THINK_TIME: Field = Field::new(
    "think_time",
    delay::TYPE,
    "1s..3s",
    "A pause between every two steps of an iteration, drawn anew each time; in a closed model (`users`) also between an \
     iteration and the next one of the same user. It does not stand beside a `think` step, nor before the first or after \
     the last step. A step skipped by its `if` takes its pause with it. Without it a user pauses nowhere but at `think`.",
)
.default("none");

pub(crate) const PACING: Field = Field::new(
    "pacing",
    Type::Positive,
    "5s",
    "The shortest time from the start of an iteration to the start of the same user's next. An iteration that takes longer \
     is followed by the next at once. It is refused for a load by `rate`, where the schedule alone starts iterations. \
     Without it a user starts again as soon as its iteration and its think time are over.",
);

pub(crate) const HTTP: Field = Field::new(
    "http",
    Type::Mapping(&http::TABLE),
    "{ timeout: 5s, headers: { accept: application/json } }",
    "Defaults of every request.",
);

pub(crate) const ON_ERROR: Field = Field::new(
    "on_error",
    Type::Words(&OnError::SET),
    "stop_user",
    "What follows when a later step may lack a value: a capture found nothing (also because its request failed), an \
     expression has no value to insert, or a request could not be built. A failed request without captures and a check that \
     does not hold are counted and change nothing: the iteration goes on. Setup and teardown end at any failure.",
)
.default("stop_iteration");

pub(crate) const VARS: Field = Field::new(
    "vars",
    Type::Map(&Type::Any),
    "{ page_size: 20, words: [ tea, coffee ] }",
    "Values that templates insert by name: `${page_size}`. They are constants for the whole run; a `${…}` in them is \
     refused, but for `${NAME}` of the environment. Names have letters, digits and `_` and are not all upper-case, since \
     such names belong to the environment. The value of a name that sounds like a secret (`token`, `password`, …) is \
     masked in everything that is shown or stored.",
);

pub(crate) const DATA: Field = Field::new(
    "data",
    Type::Map(&Type::Mapping(&data::TABLE)),
    "{ users: { file: ../fixtures/users.csv } }",
    "Feeders: rows of test input by name. An iteration takes one row of each feeder, and `${users.email}` inserts a column \
     of it.",
);

pub(crate) const SETUP: Field = Field::new(
    "setup",
    STEPS,
    "[ { post: /login, json: { user: root }, capture: { admin: { json: '$.token' } } } ]",
    "Steps that one user runs once before the load. They are not measured. Every flow can use what they capture. A step \
     that fails in any way, a check included, ends the run before its load.",
);

pub(crate) const TEARDOWN: Field = Field::new(
    "teardown",
    STEPS,
    "[ { delete: /orders } ]",
    "Steps that one user runs once after the load, not measured, also when setup or the load failed. They can use what \
     `setup` captured. They have as long as `--grace` says.",
);

pub(crate) const FLOWS: Field = Field::new(
    "flows",
    Type::List(&Type::Mapping(&flow::TABLE)),
    "[ { name: browse, steps: [ { get: / } ] } ]",
    "What users do. Each iteration picks one of the flows by weight.",
)
.required();

pub(crate) const THRESHOLDS: Field = Field::new(
    "thresholds",
    Type::OneOf(&[
        Type::List(&Type::OneOf(&[
            Type::Threshold,
            Type::Mapping(&threshold::TABLE),
        ])),
        Type::Nothing,
    ]),
    "[ p95(response_time) < 500ms, 'ratio(failed) < 1%' ]",
    "Rules that the run must meet: an expression, or an expression with options. Two rules hold without being written, \
     unless a threshold is about the same metric: `ratio(failed_iterations) < 5%`, and for a load by `rate` or \
     `iterations` `ratio(started) >= 99%`. A run without thresholds has no verdict unless one of these breaks.",
);

pub(crate) const TABLE: Mapping = Mapping {
    name: "scenario",
    what: "a scenario",
    doc: "A file is one scenario. `${NAME}` and `${NAME:-default}` insert a variable of the environment into any value; it \
          is read before anything else. Files that a scenario names are relative to it and stay below its root: the nearest \
          folder above it with `.git` or `gander.toml`, else its own folder; `--root` names another.",
    fields: &[
        NAME,
        KIND,
        DESCRIPTION,
        TARGET,
        LOAD,
        WARM_UP,
        THINK_TIME,
        PACING,
        HTTP,
        ON_ERROR,
        VARS,
        DATA,
        SETUP,
        TEARDOWN,
        FLOWS,
        THRESHOLDS,
    ],
    example: "name: checkout
kind: baseline
target: https://shop.test
load: { rate: 200/s, for: 5m, max_users: 300 }
warm_up: 10s
think_time: 500ms..2s
vars: { page_size: 20 }
flows:
  - name: buy
    steps:
      - get: /api/v1/documents?limit=${page_size}
        name: list documents
        check: [ { status: 200 }, { json: '$.items', length: '>= 1' } ]
        capture: { id: { json: '$.items[*].id', pick: random } }
      - get: /api/v1/documents/${id}
thresholds:
  - p95(response_time) < 500ms
  - ratio(failed) < 1%
",
    rest: "name: example
target: http://127.0.0.1:8080
load: { users: 2, for: 5m }
flows: [ { name: only, steps: [ { get: / } ] } ]
",
    home: "it stands in the first level of the file",
    ..Mapping::EMPTY
};
