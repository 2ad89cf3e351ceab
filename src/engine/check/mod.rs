//! Judges checks: one rule against one response.
//!
//! A failed check reports the value found, shortened. A rule on the status or the time reads nothing else and allocates
//! nothing.

mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::response::{Response, clipped};
use crate::expr::{Context, Missing};
use crate::mask::{REDACTED, is_secret_name};
use crate::scenario::{CheckRule, TextRule};
use crate::units::Micros;

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// The rule holds.
    Passed,
    /// The rule does not hold.
    Failed {
        /// The value found instead, at most [`super::response::MAX_FOUND`] characters.
        found: String,
    },
}

impl CheckResult {
    /// Passed if it holds; `found` is called only if it does not.
    fn of(holds: bool, found: impl FnOnce() -> String) -> Self {
        if holds {
            Self::Passed
        } else {
            Self::failed(&found())
        }
    }

    fn failed(found: &str) -> Self {
        Self::Failed {
            found: clipped(found),
        }
    }
}

/// Judges one rule; it fails if a value to compare with is missing.
pub fn judge(rule: &CheckRule, response: &Response<'_>, context: &mut dyn Context) -> CheckResult {
    let judged = match rule {
        CheckRule::Status(ranges) => {
            let status = response.status;
            let holds = ranges.iter().any(|range| range.contains(status));
            return CheckResult::of(holds, || status.to_string());
        }
        CheckRule::Time(comparator, limit) => {
            let time = response.service_time;
            return CheckResult::of(comparator.holds(&time, limit), || {
                Micros::from(time).to_string()
            });
        }
        CheckRule::Size(comparator, limit) => {
            let size = response.body.len() as u64;
            return CheckResult::of(comparator.holds(&size, &limit.0), || format!("{size} B"));
        }
        CheckRule::That(condition) => {
            return match condition.holds(context) {
                Ok(true) => CheckResult::Passed,
                Ok(false) => CheckResult::failed(&condition.0.shown_values(context)),
                Err(missing) => CheckResult::failed(&missing.to_string()),
            };
        }
        CheckRule::Header(name, rule) => {
            let texts = response.header(name).collect::<Vec<_>>();
            text_rule(rule, &texts, context).map(|holds| {
                CheckResult::of(holds, || match &*texts {
                    [] => format!("no header {name}"),
                    _ if is_secret_name(name.as_str()) => REDACTED.to_owned(),
                    texts => texts.join(", "),
                })
            })
        }
        CheckRule::Body(rule) => {
            let holds = match rule {
                TextRule::Exists => Ok(!response.body.is_empty()),
                TextRule::Equals(_) | TextRule::Contains(_) | TextRule::Matches(_) => {
                    text_rule(rule, &[Cow::Borrowed(response.text())], context)
                }
            };
            holds.map(|holds| CheckResult::of(holds, || response.excerpt()))
        }
        CheckRule::Json(path, rule) => {
            let place = match response.at(path) {
                Ok(Some(place)) => place,
                Ok(None) => return CheckResult::failed(&format!("nothing at {path}")),
                Err(found) => return CheckResult::failed(&found),
            };
            match place.json() {
                Ok(body) => json::judge(path, rule, &place, body, context),
                Err(found) => return CheckResult::failed(&found),
            }
        }
    };
    judged.unwrap_or_else(|missing| CheckResult::failed(&format!("{missing} to compare with")))
}

/// True if the rule holds for any of the texts.
fn text_rule(
    rule: &TextRule,
    texts: &[Cow<'_, str>],
    context: &mut dyn Context,
) -> Result<bool, Missing> {
    let mut rendered = String::new();
    if let TextRule::Equals(expected) | TextRule::Contains(expected) = rule {
        expected.render(context, &mut rendered)?;
    }
    Ok(texts.iter().any(|text| match rule {
        TextRule::Exists => true,
        TextRule::Equals(_) => *text == rendered,
        TextRule::Contains(_) => text.contains(&rendered),
        TextRule::Matches(expression) => expression.is_match(text),
    }))
}
