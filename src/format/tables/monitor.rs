//! Sources of the target's own metrics.

use super::super::{Choice, Field, Form, Mapping, Type};
use super::http;

/// A list of sources.
pub(crate) const LIST: Type = Type::OneOf(&[Type::List(&Type::Mapping(&TABLE)), Type::Nothing]);

pub(crate) const PROMETHEUS: Field = Field::new(
    "prometheus",
    Type::Text,
    "/metrics",
    "A page in the text format of Prometheus or `OpenMetrics`: a path on the target, or a complete URL. A host that is \
     neither loopback nor private needs `--allow-host`.",
);

pub(crate) const JSON: Field = Field::new(
    "json",
    Type::Text,
    "json: /stats\nkeep: { queue: $.queue.depth }\n",
    "A JSON document: a path on the target, or a complete URL. A host that is neither loopback nor private needs \
     `--allow-host`.",
);

pub(crate) const EVERY: Field = Field::new(
    "every",
    Type::Positive,
    "5s",
    "The time between two scrapes, at least 1 s. A scrape has nine tenths of it, at most 10 s, to answer, and there are \
     never two at once.",
)
.default("1s");

pub(crate) const HEADERS: Field = Field::new(
    "headers",
    Type::Map(&Type::TEMPLATE),
    "{ authorization: 'Bearer ${METRICS_TOKEN:-x}' }",
    "Headers of the scrapes. Their values may contain `vars` and `secrets`, but nothing that only a user has.",
)
.secret()
.home(http::HEADERS.home);

pub(crate) const KEEP: Field = Field::new(
    "keep",
    Type::Map(&Type::Text),
    "{ queue: job_queue_depth, queries: 'rate(db_queries_total)' }",
    "The metrics that are kept, by the name that they get: `target.NAME` in thresholds and reports. In a page of \
     Prometheus a metric is a selector such as `cache_hit_ratio{layer=\"l1\"}`, whose labels are compared by `=`, `!=`, \
     `=~` and `!~`; several series that match are summed. A gauge gives its value; a histogram the distribution of what \
     it observed between two scrapes, which `p99(target.NAME)` reads; `rate(…)` a counter's increase per second; and \
     one selector or rate divided by another their quotient. A counter that starts again from zero is noticed. In JSON \
     a metric is a JSON path such as `$.queue.depth`, and several numbers that it finds are summed. NaN and infinite \
     values are left out. A metric that never appeared is a warning.",
)
.required();

/// The sources, of which an entry has one.
pub(crate) static SOURCE: Choice = Choice {
    keys: &["prometheus", "json"],
    is_required: true,
};

static OF_PROMETHEUS: Form = Form {
    what: "a page of Prometheus",
    needs: &["prometheus", "keep"],
    may: &["every", "headers"],
};

static OF_JSON: Form = Form {
    what: "a JSON document",
    needs: &["json", "keep"],
    may: &["every", "headers"],
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "monitor",
    what: "a source of metrics",
    doc: "A source of the target's own metrics. Gander reads it from the start of the load to its end, apart from the \
        users; it costs the target one request each time. A reading belongs to the second in which it arrived. See \
        the guide, `docs/guide/monitor.md`.",
    fields: &[PROMETHEUS, JSON, EVERY, HEADERS, KEEP],
    forms: &[&OF_PROMETHEUS, &OF_JSON],
    choices: &[&SOURCE],
    example: "prometheus: /metrics
every: 1s
keep:
  hit_ratio: 'cache_hit_ratio{layer=\"l1\"}'
  pool_wait: pool_wait_seconds
  queries: rate(db_queries_total)
  queries_per_request: rate(db_queries_total) / rate(http_requests_total)
",
    rest: "prometheus: /metrics\nkeep: { queue: job_queue_depth }\n",
    home: "it belongs to a source under `monitor:` at the top level",
};
