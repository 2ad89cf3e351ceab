//! The top level of the file.

use super::super::words::{FromWord, Kind, MetricType, OnError};
use super::super::{Field, Mapping, Type};
use super::{block, data, delay, flow, http, load, metric, monitor, secret, target, threshold};

const STEPS: Type = Type::OneOf(&[Type::List(&Type::Step), Type::Nothing]);

pub(crate) const NAME: Field = Field::new(
    "name",
    Type::NAME,
    "checkout",
    "The name of the scenario in every output. At most 200 characters, without `${…}`.",
)
.required();

pub(crate) const KIND: Field = Field::new(
    "kind",
    Type::Words(&Kind::SET),
    "baseline",
    "The kind of test: a label for reports, and a check. Gander refuses a load that does not fit its kind.",
)
.default("custom");

pub(crate) const DESCRIPTION: Field = Field::new(
    "description",
    Type::Text,
    "Readers and buyers on an ordinary day.",
    "A description for the reader of the report.",
);

pub(crate) const TARGET: Field = Field::new(
    "target",
    Type::OneOf(&[
        Type::Literal("bundled"),
        Type::BASE_URL,
        Type::Mapping(&target::TABLE),
    ]),
    "https://shop.test/api",
    "The target: a base URL with http:// or https://; `bundled` for Folio, the target app inside Gander; or a \
     [command](#target) that Gander starts for the run. Request paths are joined to the URL, including its path. The \
     URL may not contain credentials, `?` or `#`. Loopback and private addresses are always allowed; any other host \
     needs `--allow-host`.",
)
.with_secrets()
.required();

pub(crate) const TARGETS: Field = Field::new(
    "targets",
    Type::Map(&Type::BASE_URL),
    "{ cdn: 'https://cdn.shop.test' }",
    "Base URLs of further targets, by name: `get: cdn:/logo.png` sends a request to one of them. As with `target`, any \
     host that is not loopback or private needs `--allow-host`.",
);

pub(crate) const TAGS: Field = Field::new(
    "tags",
    Type::Map(&Type::NAME),
    "{ team: shop }",
    "Labels of every request, for threshold selectors. A flow and a step may have labels of their own, which replace \
     those with the same name. `--tag team=shop` sets one on the command line.",
);

pub(crate) const LOAD: Field = Field::new(
    "load",
    Type::Mapping(&load::TABLE),
    "{ users: 20, for: 5m }",
    "The load and its duration. The flows share it by their weights, except those with a `load` of their own; it is needed \
     unless every flow has one.",
);

pub(crate) const WARM_UP: Field = Field::new(
    "warm_up",
    Type::DURATION,
    "10s",
    "The length of the first part of the load, which charts show, but totals and thresholds exclude. It is a part of \
     the load, not an addition to it, and must be shorter than the load.",
)
.default("0s");

pub(crate) const THINK_TIME: Field = Field::new(
    "think_time",
    delay::TYPE,
    "1s..3s",
    "A pause between every two steps of an iteration, drawn again each time; in a closed model (`users`) also between \
     two iterations of the same user. There is no such pause next to a `think` step, nor before the first or after the \
     last step. If `if` skips a step, the pause is skipped too. Without `think_time` a user pauses only at `think`. A flow may have a \
     `think_time` of its own.",
)
.default("none");

pub(crate) const PACING: Field = Field::new(
    "pacing",
    delay::PACING,
    "5s",
    "The minimum time between the starts of two iterations of the same user; a random one is drawn again for each \
     iteration. If an iteration takes longer, the next one starts at once. It is an error with a load by `rate`, where \
     only the schedule starts iterations. Without it a user starts again as soon as its iteration and its think time are \
     over. A flow may have a `pacing` of its own.",
);

pub(crate) const HTTP: Field = Field::new(
    "http",
    Type::Mapping(&http::TABLE),
    "{ timeout: 5s, headers: { accept: application/json } }",
    "Defaults of every request.",
)
.with_secrets();

pub(crate) const ON_ERROR: Field = Field::new(
    "on_error",
    Type::Words(&OnError::SET),
    "stop_user",
    "The reaction when a later step may lack a value: a capture found nothing (possibly because its request failed), \
     an expression has no value, or a request could not be built. A failed request without captures and a failed check \
     are only counted: the iteration continues. Setup and teardown end at any failure.",
)
.default("stop_iteration");

pub(crate) const USE: Field = Field::new(
    "use",
    Type::OneOf(&[Type::FILE, Type::List(&Type::FILE)]),
    "[ flows/shop.yaml ]",
    "Files whose parts belong to this scenario: `vars`, `data`, `http`, `blocks`, `metrics`, `monitor`, `flows`, `setup`, \
     `teardown` and `thresholds`. Lists are joined, those of the used files first; a name that is defined twice is an error. Only the \
     scenario itself has a name, a target and a load. A used file names files relative to itself, and may use others, at \
     most 8 deep.",
);

pub(crate) const VARS: Field = Field::new(
    "vars",
    Type::Map(&Type::Any),
    "{ page_size: 20, words: [ tea, coffee ], tag: 'run-${random_text(6)}' }",
    "Values that templates insert by name: `${page_size}`. They are the same for the whole run and all users: an \
     expression, such as `${random(1, 9)}` or one over the variables before it, is drawn once, from the seed. A `set` \
     step in a flow's `start` sets a value for each user, one in `steps` for each iteration. Names consist of letters, digits and `_` and are not all \
     upper-case, because upper-case names are environment variables. Values whose name suggests a secret (`token`, \
     `password`, …) are masked in all output and in all files.",
)
.secret();

pub(crate) const FUNCTIONS: Field = Field::new(
    "functions",
    Type::OneOf(&[Type::Text, Type::List(&Type::Text)]),
    "helpers.js",
    "ECMAScript modules, whose exported functions any expression can call: `${sign(body, api_key)}`. They are files \
     relative to the scenario, below its root. See [functions of your own](#functions-of-your-own).",
);
pub(crate) const SECRETS: Field = Field::new(
    "secrets",
    Type::Map(&Type::OneOf(&[
        Type::Text,
        Type::Mapping(&secret::TABLE),
    ])),
    "{ api_key: '${API_KEY:-only-for-tests}', signing_key: { file: ../fixtures/token.txt } }",
    "Secret texts that templates insert by name, as `vars` do: `${api_key}`. A secret comes from an environment variable, \
     a file or a [command](#secret); a constant in the file is an error, because everyone who reads the scenario would \
     know it. No output and no file shows a secret, in whatever form a target returns it: plain, escaped, in hex or \
     base64, also as a part of longer base64. An empty secret is an error. A secret of fewer than four characters cannot \
     be searched for without removing half of every text: Gander warns, and masks it only next to a name that suggests a \
     secret (`pin=123`). The hash of the plan does not contain the values.",
)
.secret();

pub(crate) const DATA: Field = Field::new(
    "data",
    Type::Map(&Type::Mapping(&data::TABLE)),
    "{ users: { file: ../fixtures/users.csv } }",
    "Feeders: rows of test input by name. An iteration takes one row of each feeder, and `${users.email}` inserts a \
     column of it.",
)
.with_secrets();

pub(crate) const BLOCKS: Field = Field::new(
    "blocks",
    Type::Map(&Type::Mapping(&block::TABLE)),
    "{ log in: { with: [ email ], steps: [ { post: /login, json: { email: '${email}' } } ] } }",
    "Steps to call from several places, by name.",
)
.with_secrets();

pub(crate) const METRICS: Field = Field::new(
    "metrics",
    Type::Map(&Type::OneOf(&[
        Type::Words(&MetricType::SET),
        Type::Mapping(&metric::TABLE),
    ])),
    "{ basket: { type: trend, unit: EUR }, orders: counter }",
    "Metrics of one's own, by name: each has a type, or a mapping with a type and a unit. A [record](#record) step, or \
     `record:` in a request, records values; thresholds judge them: `p95(basket) < 50`, `count(orders) > 100`.",
);

pub(crate) const MONITOR: Field = Field::new(
    "monitor",
    monitor::LIST,
    "[ { prometheus: /metrics, keep: { queue: job_queue_depth, queries: 'rate(db_queries_total)' } } ]",
    "The target's own metrics, read beside the load and shown on its time axis. Thresholds judge them as \
     `target.NAME`: `max(target.queue) < 100`. With `target: bundled` Folio's own are kept unless this key is there: `[]` keeps none. A source that does not answer is a gap in its metrics, never a zero, and \
     never slows the load.",
)
.with_secrets();

pub(crate) const SETUP: Field = Field::new(
    "setup",
    STEPS,
    "[ { post: /login, json: { user: root }, capture: { admin: { json: '$.token' } } } ]",
    "Steps that one user runs once before the load. They are not measured. Every flow can use their captures. If a \
     step fails, even by a check, the run ends before its load.",
)
.with_secrets();

pub(crate) const TEARDOWN: Field = Field::new(
    "teardown",
    STEPS,
    "[ { delete: /orders } ]",
    "Steps that one user runs once after the load, even if setup or the load failed. They are not measured. They can \
     use the captures of `setup`. Their time limit is `--grace`.",
)
.with_secrets();

pub(crate) const FLOWS: Field = Field::new(
    "flows",
    Type::List(&Type::Mapping(&flow::TABLE)),
    "[ { name: browse, steps: [ { get: / } ] } ]",
    "The actions of users; at least one flow, here or in a file under `use`. Each iteration runs one of the flows, by weight.",
)
.with_secrets();

pub(crate) const THRESHOLDS: Field = Field::new(
    "thresholds",
    Type::OneOf(&[threshold::LIST, Type::Nothing]),
    "[ p95(response_time) < 500ms, 'ratio(failed) < 1%' ]",
    "Rules that the run must satisfy: an expression, or an expression with options. Two rules are built in and apply \
     unless a threshold uses the same metric: `ratio(failed_iterations) < 5%`, and, for a load by `rate` or \
     `iterations`, `ratio(started) >= 99%`. A run without thresholds has no verdict unless a built-in rule fails.",
);

pub(crate) const TRACE_URL: Field = Field::new(
    "trace_url",
    Type::TRACE_URL,
    "https://tempo.test/trace/${trace_id}",
    "The address of a trace in a tool such as Tempo or Jaeger. The report links each of its slowest requests that sent a \
     `traceparent` to it; `${trace_id}` is the id of the trace, 32 hexadecimal digits. See `trace_context` of \
     [http](#http).",
);

pub(crate) const ENVIRONMENTS: Field = Field::new(
    "environments",
    Type::Map(&Type::Map(&Type::Any)),
    "{ ci: { load.for: 30s, target: 'http://127.0.0.1:8080' }, staging: { target: 'https://staging.shop.test' } }",
    "Named changes to the file, of which `--env NAME` applies one. Each is a mapping of paths to the values at these paths. \
     A path consists of keys joined by `.`; an item of a list is named, or counted from 0: `flows.buy.weight`, \
     `flows.buy.steps.\"list documents\".timeout`, `flows[0].weight`. A name with a `.` in it is put in quotes. The value \
     replaces the value at the path; if the file has none, it is added. `--set` uses the same paths and is applied later.",
)
.secret();

pub(crate) const TABLE: Mapping = Mapping {
    name: "scenario",
    what: "a scenario",
    doc: "A file is one scenario. `${NAME}` and `${NAME:-default}` insert an environment variable into any value, \
        before the value is read. Files that a scenario names are relative to it and must be below its root: the \
        nearest folder above it with `.git` or `gander.toml`, otherwise its own folder; `--root` sets another.",
    fields: &[
        NAME,
        KIND,
        DESCRIPTION,
        TARGET,
        TARGETS,
        TAGS,
        LOAD,
        WARM_UP,
        THINK_TIME,
        PACING,
        HTTP,
        ON_ERROR,
        USE,
        VARS,
        FUNCTIONS,
        SECRETS,
        DATA,
        BLOCKS,
        METRICS,
        MONITOR,
        SETUP,
        TEARDOWN,
        FLOWS,
        THRESHOLDS,
        TRACE_URL,
        ENVIRONMENTS,
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
    home: "it belongs at the top level of the file",
    ..Mapping::EMPTY
};
