//! Evaluates parts of values, and calls of functions of one's own.

use std::borrow::Cow;

use super::{Context, Expression, Missing, Part, ScriptFunction, Value};
use crate::source::brief;

impl ScriptFunction {
    pub(super) fn call(
        &self,
        arguments: &[Expression],
        context: &mut dyn Context,
    ) -> Result<Value, Missing> {
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(argument.value(context)?.into_owned());
        }
        let returned = context.script(self.index, &values);
        returned.map_err(|reason| self.missing().because(reason))
    }

    pub(super) fn missing(&self) -> Missing {
        Missing::named(format!("{}(…)", self.name))
    }
}

impl Part {
    /// The part, borrowed if the value is stored.
    pub(super) fn value<'c>(
        &'c self,
        context: &'c mut dyn Context,
    ) -> Result<Cow<'c, Value>, Missing> {
        let computed;
        let key = match &self.key {
            Expression::Literal(key) => key,
            key => {
                computed = key.value(&mut *context)?.into_owned();
                &computed
            }
        };
        let part = match self.whole.value(context)? {
            Cow::Borrowed(whole) => whole.part(key).map(Cow::Borrowed),
            Cow::Owned(whole) => whole.into_part(key).map(Cow::Owned),
        };
        part.map_err(|note| self.missing().because(note))
    }

    pub(super) fn missing(&self) -> Missing {
        Missing::named(brief(&self.written))
    }
}
