//! Thresholds with options.

use super::super::words::{FromWord, Severity};
use super::super::{Field, Mapping, Type};

/// A list of rules.
pub(crate) const LIST: Type = Type::List(&Type::OneOf(&[Type::THRESHOLD, Type::Mapping(&TABLE)]));

pub(crate) const EXPECT: Field = Field::new(
    "expect",
    Type::THRESHOLD,
    "p95(response_time) < 500ms",
    "The rule: an aggregate of a metric, compared with a limit.",
)
.required();

pub(crate) const WINDOW: Field = Field::new(
    "window",
    Type::OneOf(&[Type::Literal("total"), Type::Mapping(&window::TABLE)]),
    "{ rolling: 10s }",
    "The part of the run that is judged. `total` is the whole run without the warm-up.",
)
.default("total");

pub(crate) const MIN_SAMPLES: Field = Field::new(
    "min_samples",
    Type::Integer(1, 1_000_000_000_000),
    "100",
    "With fewer samples the threshold has no verdict, which fails the run. By default a percentile, a mean or a ratio \
     needs one sample, and a count needs none. A number that the run cannot reach is an error.",
);

pub(crate) const ABORT: Field = Field::new(
    "abort",
    Type::Mapping(&abort::TABLE),
    "{ after: 30s }",
    "Stops the run when the threshold fails; users stop as at the end of the load, and the report is written. Without \
     it the run continues to its end.",
);

pub(crate) const SEVERITY: Field = Field::new(
    "severity",
    Type::Words(&Severity::SET),
    "warn",
    "The effect of a failure. A run in which every threshold only warns has no verdict.",
)
.default("fail");

pub(crate) const TABLE: Mapping = Mapping {
    name: "threshold",
    what: "a threshold",
    doc: "A threshold is an expression, or a mapping with an expression and options. A threshold without data fails, \
        because a rule that was not measured has not passed.",
    fields: &[EXPECT, WINDOW, MIN_SAMPLES, ABORT, SEVERITY],
    example: "expect: p95(response_time{step=\"list documents\"}) < 500ms
window: { rolling: 10s }
abort: { after: 30s }
",
    rest: "expect: p95(response_time) < 500ms\n",
    home: "it belongs in a threshold, beside `expect:`",
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
        "The threshold fails only if its limit is broken for this long, in every second.",
    );

    pub(crate) static LENGTH: Choice = Choice {
        keys: &["rolling", "sustained"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "window",
        what: "a window",
        doc: "The window over which a threshold is judged; at most as long as the measured part of the run.",
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
        Type::DURATION,
        "30s",
        "The time before the threshold may stop the run, so that the first few samples do not stop it.",
    )
    .required();

    pub(crate) const TABLE: Mapping = Mapping {
        name: "abort",
        what: "`abort`",
        doc: "Stops the run when the threshold fails.",
        fields: &[AFTER],
        example: "after: 30s\n",
        ..Mapping::EMPTY
    };
}
