//! A level: a number of users, or a rate.

use super::level_rate;
use crate::format::tables::load::MAX_USERS;
use crate::format::{Field, Problems};
use crate::source::{Node, did_you_mean};
use crate::units::Rate;

/// A level as written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    Users(u32),
    Rate(Rate),
}

impl Level {
    /// Reads `20`, or `20/s`.
    pub(super) fn read(node: &Node, field: &Field, problems: &mut Problems) -> Option<Self> {
        let text = &problems
            .scalar(node, "a number of users, or a rate such as 20/s")?
            .text;
        if text.contains('/') {
            return level_rate(node, field, problems).map(Self::Rate);
        }
        let users: u32 = problems.at(node, field)?;
        if users > MAX_USERS {
            let message = format!("expected at most {MAX_USERS} users, found {users}");
            problems.report(node.span, message);
            return None;
        }
        Some(Self::Users(users))
    }

    /// Reads a level in the unit of another one.
    pub(super) fn of_unit(
        is_rate: bool,
        node: &Node,
        field: &Field,
        problems: &mut Problems,
    ) -> Option<f64> {
        let level = Self::read(node, field, problems)?;
        if level.is_rate() == is_rate {
            return Some(level.per_second_or_users());
        }
        let (message, hint) = if is_rate {
            (
                format!(
                    "`{}` is a number of users, but this stage is by rate",
                    field.key
                ),
                format!("write `{}: {}/s`", field.key, level.per_second_or_users()),
            )
        } else {
            (
                format!("`{}` is a rate, but this stage is by users", field.key),
                format!("write `{}` without a unit", field.key),
            )
        };
        problems.report_with(node.span, message, hint);
        None
    }

    pub(super) const fn is_rate(self) -> bool {
        matches!(self, Self::Rate(_))
    }

    pub(super) fn per_second_or_users(self) -> f64 {
        match self {
            Self::Users(users) => f64::from(users),
            Self::Rate(rate) => rate.as_per_second(),
        }
    }
}

/// Reads `20..60` or `20/s..60/s`: the lower and the higher level, and whether they are rates.
pub(super) fn levels(
    node: &Node,
    field: &Field,
    problems: &mut Problems,
) -> Option<(f64, f64, bool)> {
    const WHAT: &str = "two levels such as 20..60 or 20/s..60/s";
    let text = &problems.scalar(node, WHAT)?.text;
    let Some((low, high)) = text.split_once("..") else {
        problems.expected(WHAT, node);
        return None;
    };
    let (low, high) = (low.trim(), high.trim());
    let mut read = |text: &str| Level::read(&Node::plain(text, node.span), field, problems);
    let (from, to) = (read(low)?, read(high)?);
    if from.is_rate() != to.is_rate() {
        problems.report(
            node.span,
            format!("found {low} and {high}, expected both with a unit or both without"),
        );
        return None;
    }
    let is_rate = from.is_rate();
    let (from, to) = (from.per_second_or_users(), to.per_second_or_users());
    if from > to {
        problems.report_with(
            node.span,
            format!("this range is reversed, from {low} to {high}"),
            did_you_mean(&format!("{high}..{low}")),
        );
        return None;
    }
    Some((from, to, is_rate))
}
