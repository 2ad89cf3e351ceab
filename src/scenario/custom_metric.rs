//! Metrics of one's own, and the values that steps record into them.

use serde::{Deserialize, Serialize};

use super::Template;
use crate::format::words::MetricType;

/// A metric that the scenario declares under `metrics`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomMetric {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: MetricType,
    /// The unit of its values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

/// A value that a step records.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// The metric: its index in the scenario.
    pub metric: usize,
    /// One expression, or a text.
    pub value: Template,
}
