//! Rendering: segments and a context give text, or a value of its own type.

use std::borrow::Cow;

use serde_json::Value;
use uuid::Uuid;

use super::function::{self, Function};
use super::{Context, Encoding, Expression, Missing, Segment, Template};

impl Template {
    /// Appends the rendered text to `out`; nothing is allocated but `out` itself when values are texts and numbers.
    ///
    /// On [`Missing`], `out` holds what came before the absent value.
    pub fn render(&self, context: &mut dyn Context, out: &mut String) -> Result<(), Missing> {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Expression(expression, encoding) => {
                    expression.write(*encoding, context, out)?;
                }
            }
        }
        Ok(())
    }

    /// The value: with its own type if the template is exactly one expression, else the rendered text.
    pub fn evaluate(&self, context: &mut dyn Context) -> Result<Value, Missing> {
        if let Some(expression) = self.expression() {
            return expression.value(context).map(Cow::into_owned);
        }
        let mut out = String::new();
        self.render(context, &mut out)?;
        Ok(Value::String(out))
    }
}

impl Expression {
    /// The value, borrowed where it is kept.
    pub(super) fn value<'c>(
        &'c self,
        context: &'c mut dyn Context,
    ) -> Result<Cow<'c, Value>, Missing> {
        match self {
            Self::Call(function, arguments) => function.call(arguments, context).map(Cow::Owned),
            _ => self.stored(context).map(Cow::Borrowed),
        }
    }

    /// The value as plain text. Null has none.
    pub(super) fn text<'c>(
        &'c self,
        context: &'c mut dyn Context,
    ) -> Result<Cow<'c, str>, Missing> {
        if let Self::Call(Function::Choice, arguments) = self {
            return Function::chosen(arguments, context)?.text(context);
        }
        if let Self::Call(function, arguments) = self {
            return Ok(Cow::Owned(match function.call(arguments, context)? {
                Value::String(text) => text,
                other => other.to_string(),
            }));
        }
        match self.stored(context)? {
            Value::String(text) => Ok(Cow::Borrowed(text)),
            Value::Null => Err(self.missing(context)),
            other => Ok(Cow::Owned(other.to_string())),
        }
    }

    /// Appends the value in an encoding. Null can only be written as JSON.
    fn write(
        &self,
        encoding: Encoding,
        context: &mut dyn Context,
        out: &mut String,
    ) -> Result<(), Missing> {
        match self {
            Self::Call(Function::Choice, arguments) => {
                return Function::chosen(arguments, context)?.write(encoding, context, out);
            }
            Self::Call(Function::Uuid, _) => {
                let mut buffer = Uuid::encode_buffer();
                let id = function::uuid(context);
                encoding.write(id.hyphenated().encode_lower(&mut buffer), out);
            }
            Self::Call(function, arguments) => {
                encoding.write_value(&function.call(arguments, context)?, out);
            }
            _ => match self.stored(context)? {
                Value::Null if encoding != Encoding::Json => return Err(self.missing(context)),
                value => encoding.write_value(value, out),
            },
        }
        Ok(())
    }

    /// The value of anything but a call.
    fn stored<'c>(&'c self, context: &'c dyn Context) -> Result<&'c Value, Missing> {
        match self {
            Self::Slot(slot) => context.slot(*slot),
            Self::Column { feed, column } => context.column(*feed, *column),
            Self::Literal(value) => Some(value),
            Self::Call(..) => None,
        }
        .ok_or_else(|| self.missing(context))
    }

    /// That this has no value, by its name.
    fn missing(&self, context: &dyn Context) -> Missing {
        match self {
            Self::Slot(slot) => Missing::named(context.slot_name(*slot)),
            Self::Column { feed, column } => Missing::named(context.column_name(*feed, *column)),
            Self::Call(function, _) => Missing::named(function.usage()),
            Self::Literal(value) => Missing::named(value.to_string()),
        }
    }
}
