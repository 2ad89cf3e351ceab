//! Judges checks: one rule against one response.
//!
//! A failed check reports the value found, shortened. A rule on the status or the time reads nothing else and allocates
//! nothing.

mod json;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::Uri;

use super::response::{Response, clipped};
use crate::expr::{Context, Missing};
use crate::mask::{REDACTED, is_secret_name};
use crate::scenario::{CheckRule, CssRule, TextRule};
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

/// The reason why a rule can neither hold nor fail: a value to compare with is missing, or the body is not JSON.
#[derive(Debug)]
struct Undecided(String);

impl From<Missing> for Undecided {
    fn from(missing: Missing) -> Self {
        Self(format!("{missing} to compare with"))
    }
}

/// Judges one rule; it fails if it cannot be decided.
pub fn judge(rule: &CheckRule, response: &Response<'_>, context: &mut dyn Context) -> CheckResult {
    decide(rule, response, context).unwrap_or_else(|Undecided(found)| CheckResult::failed(&found))
}

fn decide(
    rule: &CheckRule,
    response: &Response<'_>,
    context: &mut dyn Context,
) -> Result<CheckResult, Undecided> {
    let shown = || shown(rule, response);
    let holds = match rule {
        CheckRule::Status(ranges) => {
            let status = response.status;
            ranges.iter().any(|range| range.contains(status))
        }
        CheckRule::Time(comparator, limit) => comparator.holds(&response.service_time, limit),
        CheckRule::Size(comparator, limit) => {
            comparator.holds(&(response.body.len() as u64), &limit.0)
        }
        CheckRule::That(condition) => {
            let holds = condition.holds(context);
            let holds = holds.map_err(|missing| Undecided(missing.to_string()))?;
            return Ok(CheckResult::of(holds, || condition.0.shown_values(context)));
        }
        CheckRule::Header(name, rule) => {
            let texts = response.header(name).collect::<Vec<_>>();
            text_rule(rule, &texts, context)?
        }
        CheckRule::Body(TextRule::Exists) => !response.body.is_empty(),
        CheckRule::Body(rule) => text_rule(rule, &[Cow::Borrowed(response.text())], context)?,
        CheckRule::Url(rule) => {
            let url = response.url.map(|url| Cow::Owned(url.to_string()));
            text_rule(rule, url.as_slice(), context)?
        }
        CheckRule::Css(query, rule) => {
            let html = response.html().map_err(Undecided)?;
            let texts = query.texts(html).map(Cow::Owned);
            match rule {
                CssRule::Text(rule) => text_rule(rule, &texts.collect::<Vec<_>>(), context)?,
                CssRule::Count(comparator, count) => {
                    comparator.holds(&(texts.count() as u64), count)
                }
            }
        }
        CheckRule::Json(path, rule) => {
            let Some(place) = response.at(path).map_err(Undecided)? else {
                return Ok(CheckResult::failed(&format!("nothing at {path}")));
            };
            let body = place.json().map_err(Undecided)?;
            return json::judge(path, rule, &place, body, context);
        }
        CheckRule::Schema(schema) => {
            let fault = schema.validate(response.json().map_err(Undecided)?);
            return Ok(match fault {
                Ok(()) => CheckResult::Passed,
                Err(fault) => CheckResult::failed(&fault),
            });
        }
        CheckRule::Not(inner) => {
            let holds = decide(inner, response, context)? == CheckResult::Passed;
            return Ok(CheckResult::of(!holds, || self::shown(inner, response)));
        }
    };
    Ok(CheckResult::of(holds, shown))
}

/// The value that a rule examines, at most [`super::response::MAX_FOUND`] characters.
pub fn found(rule: &CheckRule, response: &Response<'_>, context: &dyn Context) -> String {
    clipped(&match rule {
        CheckRule::That(condition) => condition.0.shown_values(context),
        rule => shown(rule, response),
    })
}

/// The part of the response that a rule examines, for the message of a failed check.
fn shown(rule: &CheckRule, response: &Response<'_>) -> String {
    match rule {
        CheckRule::Status(_) => response.status.to_string(),
        CheckRule::Time(..) => Micros::from(response.service_time).to_string(),
        CheckRule::Size(..) => format!("{} B", response.body.len()),
        CheckRule::Header(name, _) => match &*response.header(name).collect::<Vec<_>>() {
            [] => format!("no header {name}"),
            _ if is_secret_name(name.as_str()) => REDACTED.to_owned(),
            texts => texts.join(", "),
        },
        CheckRule::Body(_) | CheckRule::Schema(_) | CheckRule::That(_) => response.excerpt(),
        CheckRule::Url(_) => response.url.map(Uri::to_string).unwrap_or_default(),
        CheckRule::Css(query, rule) => {
            let texts = response.html().map(|html| query.texts(html).collect());
            let texts: Vec<String> = texts.unwrap_or_default();
            match (&*texts, rule) {
                ([], _) => format!("nothing at {query}"),
                (texts, CssRule::Count(..)) => format!("{} elements", texts.len()),
                _ if is_secret_name(&query.to_string()) => REDACTED.to_owned(),
                (texts, CssRule::Text(_)) => texts.join(", "),
            }
        }
        CheckRule::Json(path, _) => json::shown(path, response),
        CheckRule::Not(inner) => shown(inner, response),
    }
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
        TextRule::Length(comparator, expected) => {
            comparator.holds(&(text.chars().count() as u64), expected)
        }
    }))
}
