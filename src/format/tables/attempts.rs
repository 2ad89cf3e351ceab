//! Attempts: the value of `retry`, and the ends of requests that it reacts to.

use super::super::words::{EndWord, FromWord as _};
use super::super::{Field, Mapping, Type};

/// The maximum number of attempts.
pub(crate) const MOST: u64 = 100_000;

const END: Type = Type::OneOf(&[Type::STATUS, Type::Words(&EndWord::SET)]);

pub(crate) const TIMES: Field = Field::new(
    "times",
    Type::Integer(2, MOST),
    "5",
    "The maximum number of attempts, the first one included: with 3, the steps run at most three times.",
)
.default("3");

pub(crate) const ON: Field = Field::new(
    "on",
    Type::OneOf(&[Type::STATUS, Type::Words(&EndWord::SET), Type::List(&END)]),
    "[ connect, 429, 503, check ]",
    "The ends of a request after which the steps run again: a status, a class, a range, an outcome, or a list of them. A \
     status counts even if it does not fail the request, so that `on: 202` waits until a job is done. `any` is every \
     failure.",
)
.default("[ connect, reset, timeout, 5xx ]");

pub(crate) const WAIT: Field = Field::new(
    "wait",
    Type::OneOf(&[
        Type::DURATION,
        Type::RANGE,
        Type::Mapping(&backoff::TABLE),
        Type::Literal("none"),
    ]),
    "100ms..300ms",
    "The pause between two attempts: a duration, a range, a backoff that grows, or `none`. It is a pause like `think`: \
     no request's time contains it. It replaces the default `think_time` between attempts.",
)
.default("{ exponential: 200ms, at_most: 5s }");

pub(crate) const TABLE: Mapping = Mapping {
    name: "attempts",
    what: "`retry`",
    doc: "When the steps of [retry](#retry) run again.",
    fields: &[TIMES, ON, WAIT],
    example: "times: 5\non: [ connect, timeout, 5xx ]\nwait: { exponential: 200ms, at_most: 5s }\n",
    ..Mapping::EMPTY
};

pub(crate) mod backoff {
    use super::{Field, Mapping, Type};

    pub(crate) const EXPONENTIAL: Field = Field::new(
        "exponential",
        Type::Positive,
        "200ms",
        "The upper bound of the first pause; it doubles with each further one.",
    )
    .required();

    pub(crate) const AT_MOST: Field =
        Field::new("at_most", Type::Positive, "5s", "The maximum of a pause.").default("30s");

    pub(crate) const TABLE: Mapping = Mapping {
        name: "backoff",
        what: "a backoff",
        doc: "An exponential backoff with full jitter: each pause is drawn between zero and its upper bound, each length \
              equally likely, from the run's seed. If the response has status 429 or 503 and a `retry-after` in seconds \
              that is longer, the pause lasts that long, but no longer than `at_most`.",
        fields: &[EXPONENTIAL, AT_MOST],
        example: "exponential: 200ms\nat_most: 5s\n",
        rest: "exponential: 200ms\n",
        ..Mapping::EMPTY
    };
}
