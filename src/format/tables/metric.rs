//! Metrics of one's own.

use super::super::words::{FromWord, MetricType};
use super::super::{Field, Mapping, Type};

pub(crate) const TYPE: Field = Field::new(
    "type",
    Type::Words(&MetricType::SET),
    "counter",
    "The type of the metric, which decides what a threshold and the report can say about it.",
)
.required();

pub(crate) const UNIT: Field = Field::new(
    "unit",
    Type::NAME,
    "EUR",
    "The unit of the values, for the report. Limits in thresholds are plain numbers. A rate has none.",
);

pub(crate) const TABLE: Mapping = Mapping {
    name: "metric",
    what: "a metric",
    doc: "A metric of one's own, into which steps [record](#record) values. A value is kept to six decimals and may be at \
        most 1,000,000,000,000; percentiles and the standard deviation of a trend have three significant digits, everything else is exact.",
    fields: &[TYPE, UNIT],
    example: "type: trend\nunit: EUR\n",
    rest: "type: trend\n",
    home: "a metric is declared under `metrics:` at the top level",
    ..Mapping::EMPTY
};
