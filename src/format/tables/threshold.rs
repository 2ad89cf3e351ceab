//! Thresholds with options.

use super::super::words::{FromWord, Severity};
use super::super::{Field, Mapping, Type};

pub(crate) const EXPECT: Field = Field::new(
    "expect",
    Type::Threshold,
    "p95(response_time) < 500ms",
    "What must hold: an aggregate of a metric, compared with a limit.",
)
.required();

pub(crate) const WINDOW: Field = Field::new(
    "window",
    Type::OneOf(&[Type::Literal("total"), Type::Mapping(&window::TABLE)]),
    "{ rolling: 10s }",
    "Over which part of the run. `total` is all of it but the warm-up.",
)
.default("total");

pub(crate) const MIN_SAMPLES: Field = Field::new(
    "min_samples",
    Type::Integer(1, 1_000_000_000_000),
    "100",
    "With fewer samples than this the threshold has no verdict, which fails the run. Without it one sample is enough for a \
     percentile, a mean or a ratio, and none for a count. A number that the run cannot reach is refused.",
);

pub(crate) const ABORT: Field = Field::new(
    "abort",
    Type::Mapping(&abort::TABLE),
    "{ after: 30s }",
    "Ends the run when the threshold breaks; users stop as they do at the end of the load, and the report is written. \
     Without it the run goes on to its end.",
);

pub(crate) const SEVERITY: Field = Field::new(
    "severity",
    Type::Words(&Severity::SET),
    "warn",
    "What a breach means. A run whose every threshold only warns has no verdict.",
)
.default("fail");

pub(crate) const TABLE: Mapping = Mapping {
    name: "threshold",
    what: "a threshold",
    doc: "A threshold is an expression, or a mapping with an expression and options. A threshold without data fails: \
          nothing is green that was not proven.",
    fields: &[EXPECT, WINDOW, MIN_SAMPLES, ABORT, SEVERITY],
    example: "expect: p95(response_time{step=\"list documents\"}) < 500ms
window: { rolling: 10s }
abort: { after: 30s }
",
    rest: "expect: p95(response_time) < 500ms\n",
    home: "it stands in a threshold, beside `expect:`",
    ..Mapping::EMPTY
};

pub(crate) mod window {
    //! The part of the run over which a threshold is judged.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const ROLLING: Field = Field::new(
        "rolling",
        Type::Positive,
        "10s",
        "The threshold must hold in every window of this length.",
    );

    pub(crate) const SUSTAINED: Field = Field::new(
        "sustained",
        Type::Positive,
        "10s",
        "The threshold must be broken for this long, in each second of it, to count as broken.",
    );

    pub(crate) static LENGTH: Choice = Choice {
        keys: &["rolling", "sustained"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "window",
        what: "a window",
        doc: "A window in which a threshold is judged; at most as long as what is measured of the run.",
        fields: &[ROLLING, SUSTAINED],
        choices: &[&LENGTH],
        example: "rolling: 10s\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod abort {
    //! Stopping the run when a threshold fails.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const AFTER: Field = Field::new(
        "after",
        Type::Duration,
        "30s",
        "How much of the run must have passed before it may be ended, so that the first few samples do not end it.",
    )
    .required();

    pub(crate) const TABLE: Mapping = Mapping {
        name: "abort",
        what: "`abort`",
        doc: "When a broken threshold ends the run.",
        fields: &[AFTER],
        example: "after: 30s\n",
        ..Mapping::EMPTY
    };
}
