//! Resolves the metrics of recorded values: those of the scenario's own, and the names in `server-timing` headers.

use super::{Key, Matcher, Measure, Metric, Relation, server_timing};
use crate::expr::ExprError;
use crate::plan::Workload;

/// True if a flow records into the metric of this name.
pub(super) fn are_recorded(name: &str, workload: &Workload) -> bool {
    let mut metrics = workload.custom_metrics.iter();
    let metric = metrics.position(|metric| metric.name == name);
    metric.is_some_and(|metric| workload.records(metric))
}

/// The name of the values that the measure reads; `None` if it reads no recorded values.
pub(super) fn of(measure: &Measure) -> Result<Option<String>, ExprError> {
    if measure.metric != Metric::ServerTiming {
        return Ok(measure.custom.clone());
    }
    let is_name = |matcher: &&Matcher| is_timing_name(measure.metric, matcher);
    let mut names = measure.matchers.iter().filter(is_name);
    let (message, (offset, length)) = match (names.next(), names.next()) {
        (Some(name), None) if matches!(name.relation, Relation::Is) => {
            if name.value.bytes().all(is_token) && !name.value.is_empty() {
                return Ok(Some(server_timing(&name.value)));
            }
            let message = format!(
                "`{}` cannot be a name in a `server-timing` header",
                name.value
            );
            (message, name.value_at)
        }
        (Some(name), None) => {
            let message = "`server_timing` is judged for one name, which `=` selects";
            (message.to_owned(), name.key_at)
        }
        (Some(_), Some(second)) => {
            let message = "`server_timing` is judged for one name";
            (message.to_owned(), second.key_at)
        }
        (None, _) => {
            let message = "`server_timing` needs the name of an entry of the header";
            (message.to_owned(), measure.metric_at)
        }
    };
    Err(ExprError {
        offset,
        length: length.max(1),
        message,
        hint: Some("write it as `server_timing{name=\"db\"}`".to_owned()),
    })
}

/// True for the selector of a name in `server-timing` headers.
pub(super) fn is_timing_name(metric: Metric, matcher: &Matcher) -> bool {
    metric == Metric::ServerTiming && matches!(&matcher.key, Key::Tag(tag) if tag == "name")
}

/// True for a character of a token. Source: RFC 9110, section 5.6.2.
pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}
