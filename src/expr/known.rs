//! Values that are known without a calculation: those of names, and of constant parts of them.

use super::{Context, Expression, Part, Value};
use crate::source::brief;

impl Expression {
    /// The value of a name, or of a constant part of one, without any calculation.
    pub(crate) fn known(&self, context: &dyn Context) -> Option<Value> {
        match self {
            Self::Slot(_) | Self::Column { .. } | Self::Response(_) | Self::Literal(_) => {
                let stored = self.stored(context).ok()?;
                Some(stored.into_value().into_owned())
            }
            Self::Ambient(ambient) => context.ambient(*ambient),
            Self::Part(part) => {
                let key = part.key.known(context)?;
                part.whole.known(context)?.into_part(&key).ok()
            }
            Self::Call(..)
            | Self::Script(..)
            | Self::Join(_)
            | Self::Default(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_)
            | Self::Compare(_)
            | Self::Match(..)
            | Self::Arithmetic(_)
            | Self::Negative(_)
            | Self::If(_)
            | Self::List(_) => None,
        }
    }

    /// True for a name: a variable, a column, a value of the run, or the response.
    const fn is_name(&self) -> bool {
        matches!(
            self,
            Self::Slot(_) | Self::Column { .. } | Self::Ambient(_) | Self::Response(_)
        )
    }

    /// The names in the expression with their present values, for the message of a condition that does not hold:
    /// `page = 3, response.status = 500`.
    pub(crate) fn shown_values(&self, context: &dyn Context) -> String {
        let mut found: Vec<String> = Vec::new();
        self.show_values(context, &mut found);
        found.join(", ")
    }

    fn show_values(&self, context: &dyn Context, found: &mut Vec<String>) {
        let name = match self {
            Self::Part(part) if part.is_path() => brief(&part.written),
            name if name.is_name() => name.missing(context).name,
            whole => {
                for operand in whole.operands() {
                    operand.show_values(context, found);
                }
                return;
            }
        };
        let shown = match self.known(context) {
            Some(value) => format!("{name} = {}", brief(&value.to_string())),
            None => format!("{name} has no value"),
        };
        if !found.contains(&shown) {
            found.push(shown);
        }
    }
}

impl Part {
    /// True for a part of a response.
    pub(crate) fn reads_response(&self) -> bool {
        matches!(self.whole, Expression::Response(_))
            || matches!(&self.whole, Expression::Part(inner) if inner.reads_response())
    }

    /// True for a part of a name with constant keys.
    fn is_path(&self) -> bool {
        let is_name = match &self.whole {
            Expression::Part(inner) => inner.is_path(),
            whole => whole.is_name(),
        };
        is_name && matches!(self.key, Expression::Literal(_))
    }
}
