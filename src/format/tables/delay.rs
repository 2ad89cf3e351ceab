//! Pauses: the value of `think` and `think_time`.

use super::super::{Field, Form, Mapping, Type};

/// A pause in any of its forms, or `none`.
pub(crate) const TYPE: Type = Type::OneOf(&[
    Type::DURATION,
    Type::RANGE,
    Type::Mapping(&TABLE),
    Type::Literal("none"),
]);

/// A pacing in any of its forms, or `none`.
pub(crate) const PACING: Type = Type::OneOf(&[
    Type::Positive,
    Type::RANGE,
    Type::Mapping(&TABLE),
    Type::Literal("none"),
]);

pub(crate) const NORMAL: Field = Field::new(
    "normal",
    Type::DURATION,
    "normal: 2s\nsd: 500ms",
    "The mean of a normal distribution, cut off at zero and at the bounds `min` and `max`; needs `sd`.",
);

pub(crate) const SD: Field = Field::new(
    "sd",
    Type::DURATION,
    "normal: 2s\nsd: 500ms",
    "The standard deviation of `normal`.",
);

pub(crate) const EXPONENTIAL: Field = Field::new(
    "exponential",
    Type::Positive,
    "exponential: 2s",
    "The mean of an exponential distribution: many short pauses and a few long ones, like those of people.",
);

pub(crate) const MIN: Field = Field::new(
    "min",
    Type::DURATION,
    "normal: 2s\nsd: 500ms\nmin: 1s",
    "The shortest value: shorter ones become this one.",
);

pub(crate) const MAX: Field = Field::new(
    "max",
    Type::Positive,
    "exponential: 2s\nmax: 10s",
    "The longest value: longer ones become this one.",
);

static IS_NORMAL: Form = Form {
    what: "a normal delay",
    needs: &["normal", "sd"],
    may: &["min", "max"],
};
static IS_EXPONENTIAL: Form = Form {
    what: "an exponential delay",
    needs: &["exponential"],
    may: &["min", "max"],
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "delay",
    what: "a random delay",
    doc: "A pause is a duration (`2s`), a range from which each value is equally likely (`1s..3s`), one of the two \
          distributions below, or `none`.",
    fields: &[NORMAL, SD, EXPONENTIAL, MIN, MAX],
    forms: &[&IS_NORMAL, &IS_EXPONENTIAL],
    example: "normal: 2s\nsd: 500ms\n",
    ..Mapping::EMPTY
};
