//! Renders segments to a text, or to a value with its type.

use std::borrow::Cow;

use uuid::Uuid;

use super::function::{self, UUID};
use super::{
    Context, Encoding, Expression, Missing, StoredValue, Template, TemplateSegment, Value,
};

impl Template {
    /// Appends the rendered text to `out`. If values are texts and numbers, only `out` itself allocates.
    ///
    /// On [`Missing`], `out` contains the text before the missing value.
    pub fn render(&self, context: &mut dyn Context, out: &mut String) -> Result<(), Missing> {
        for segment in &self.segments {
            match segment {
                TemplateSegment::Literal(text) => out.push_str(text),
                TemplateSegment::Expression(expression, encoding) => {
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
        Ok(Value::Text(out))
    }
}

impl Expression {
    /// The value, borrowed if it is stored.
    pub(super) fn value<'c>(
        &'c self,
        context: &'c mut dyn Context,
    ) -> Result<Cow<'c, Value>, Missing> {
        match self {
            Self::Call(function, arguments) => function.call(arguments, context).map(Cow::Owned),
            Self::Script(function, arguments) => function.call(arguments, context).map(Cow::Owned),
            Self::Slot(_) | Self::Column { .. } | Self::Response(_) | Self::Literal(_) => {
                self.stored(context).map(StoredValue::into_value)
            }
            Self::Ambient(ambient) => {
                let value = context.ambient(*ambient).map(Cow::Owned);
                value.ok_or_else(|| self.missing(context))
            }
            Self::Part(part) => part.value(context),
            Self::Join(_)
            | Self::Default(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_)
            | Self::Compare(_)
            | Self::Match(..)
            | Self::Arithmetic(_)
            | Self::Negative(_)
            | Self::If(_)
            | Self::List(_) => self.computed(context).map(Cow::Owned),
        }
    }

    /// True if the value is stored and only needs a lookup.
    const fn is_stored(&self) -> bool {
        matches!(
            self,
            Self::Slot(_) | Self::Column { .. } | Self::Response(_) | Self::Literal(_)
        )
    }

    /// The value as plain text; null is a missing value.
    pub(super) fn text<'c>(
        &'c self,
        context: &'c mut dyn Context,
    ) -> Result<Cow<'c, str>, Missing> {
        if let Self::Call(function, arguments) = self {
            if let Some(picked) = function.picked(arguments, context)? {
                return picked.text(context);
            }
            return match function.call(arguments, context)? {
                Value::Null => Err(self.missing(context).null()),
                value => Ok(Cow::Owned(value.into_text())),
            };
        }
        if let Self::Part(part) = self {
            return match part.value(context)? {
                value if *value == Value::Null => Err(part.missing().null()),
                Cow::Borrowed(Value::Text(text)) => Ok(Cow::Borrowed(text)),
                value => Ok(Cow::Owned(value.into_owned().into_text())),
            };
        }
        if !self.is_stored() {
            let value = self.computed(context)?;
            return match value {
                Value::Null => Err(self.missing(context).null()),
                value => Ok(Cow::Owned(value.into_text())),
            };
        }
        match self.stored(context)? {
            stored if stored.is_null() => Err(self.missing(context).null()),
            stored => Ok(stored.text()),
        }
    }

    /// Appends the value in an encoding; null is a missing value except in JSON.
    fn write(
        &self,
        encoding: Encoding,
        context: &mut dyn Context,
        out: &mut String,
    ) -> Result<(), Missing> {
        match self {
            Self::Call(function, _) if function.is(&UUID) => {
                let mut buffer = Uuid::encode_buffer();
                let id = function::uuid(context);
                encoding.write(id.hyphenated().encode_lower(&mut buffer), out);
            }
            Self::Call(function, arguments) => {
                if let Some(picked) = function.picked(arguments, context)? {
                    return picked.write(encoding, context, out);
                }
                match function.call(arguments, context)? {
                    Value::Null if encoding != Encoding::Json => {
                        return Err(self.missing(context).null());
                    }
                    value => encoding.write_value(&value, out),
                }
            }
            Self::Part(part) => match part.value(context)? {
                value if *value == Value::Null && encoding != Encoding::Json => {
                    return Err(part.missing().null());
                }
                value => encoding.write_value(&value, out),
            },
            Self::Ambient(_)
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
            | Self::List(_) => match self.computed(context)? {
                Value::Null if encoding != Encoding::Json => {
                    return Err(self.missing(context).null());
                }
                value => encoding.write_value(&value, out),
            },
            Self::Slot(_) | Self::Column { .. } | Self::Response(_) | Self::Literal(_) => {
                match self.stored(context)? {
                    stored if stored.is_null() && encoding != Encoding::Json => {
                        return Err(self.missing(context).null());
                    }
                    stored => encoding.write_stored(stored, out),
                }
            }
        }
        Ok(())
    }

    /// The stored value.
    pub(super) fn stored<'c>(
        &'c self,
        context: &'c dyn Context,
    ) -> Result<StoredValue<'c>, Missing> {
        match self {
            Self::Slot(slot) => context.slot(*slot).map(StoredValue::Value),
            Self::Column { feed, column } => context.column(*feed, *column),
            Self::Literal(value) => Some(StoredValue::Value(value)),
            Self::Response(part) => {
                let value = context.response(part).map(StoredValue::Value);
                return value.map_err(|reason| self.missing(context).because(reason));
            }
            Self::Ambient(_)
            | Self::Call(..)
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
            | Self::List(_)
            | Self::Part(_) => None,
        }
        .ok_or_else(|| self.missing(context))
    }

    /// The error that this expression has no value, with its name.
    pub(super) fn missing(&self, context: &dyn Context) -> Missing {
        match self {
            Self::Slot(slot) => Missing::named(context.slot_name(*slot)),
            Self::Column { feed, column } => Missing::named(context.column_name(*feed, *column)),
            Self::Ambient(ambient) => Missing::named(ambient.written()),
            Self::Response(part) => Missing::named(part.written()),
            Self::Call(function, _) => Missing::named(function.usage()),
            Self::Script(function, _) => function.missing(),
            Self::Literal(value) => Missing::named(value.to_string()),
            // All values are missing; name the last one.
            Self::Default(values) => values
                .last()
                .map_or_else(|| Missing::named("??"), |last| last.missing(context)),
            Self::Part(part) => part.missing(),
            Self::Join(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_)
            | Self::Compare(_)
            | Self::Match(..)
            | Self::Arithmetic(_)
            | Self::Negative(_)
            | Self::If(_)
            | Self::List(_) => Missing::named("an expression"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fake::Fake;
    use super::*;

    fn fake() -> Fake {
        Fake {
            slots: vec![
                ("id", Some("a/b".into())),
                ("page", Some(2_i64.into())),
                ("nothing", Some(Value::Null)),
                ("later", None),
            ],
            columns: vec![
                ("email", "ann@example.com".into()),
                ("first name", "Ann".into()),
            ],
            ..Fake::default()
        }
    }

    #[test]
    fn values_are_written_in_the_encoding_of_their_surroundings() {
        for (encoding, text, expected) in [
            (Encoding::Plain, "", ""),
            (Encoding::Plain, "no expression", "no expression"),
            (Encoding::Plain, "${id}", "a/b"),
            (
                Encoding::Percent,
                "/d/${id}?page=${ page }",
                "/d/a%2Fb?page=2",
            ),
            (Encoding::Percent, "${users.email}", "ann%40example.com"),
            (
                Encoding::Plain,
                "${users.'first name'} ü ${page}",
                "Ann ü 2",
            ),
            (
                Encoding::Json,
                "[${id}, ${page}, ${nothing}]",
                r#"["a/b", 2, null]"#,
            ),
            (Encoding::Percent, "q=${url_encode(id)}", "q=a%2Fb"),
            (
                Encoding::Percent,
                "q=${url_encode(url_encode(id))}",
                "q=a%252Fb",
            ),
            (Encoding::Percent, "q=${url_encode('a/b')}", "q=a%2Fb"),
            (Encoding::Plain, "q=${url_encode(id)}", "q=a%2Fb"),
            (
                Encoding::Percent,
                "${choice(id)}${uuid()}",
                "a%2Fb00000000-0000-4000-8000-000000000000",
            ),
        ] {
            assert_eq!(
                fake().render(text, encoding),
                expected,
                "{encoding:?} {text}"
            );
        }
    }

    #[test]
    fn a_single_expression_evaluates_to_its_own_type_and_anything_else_to_text() {
        for (text, expected) in [
            ("${page}", json!(2)),
            ("${nothing}", json!(null)),
            ("${page} ", json!("2 ")),
            ("${page}${page}", json!("22")),
            ("2", json!("2")),
            ("", json!("")),
        ] {
            let mut fake = fake();
            let template = fake.compile(text, Encoding::Plain);
            assert_eq!(template.evaluate(&mut fake), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn an_absent_value_is_missing_by_name_and_so_is_null_where_it_has_no_text() {
        for (encoding, text, name) in [
            (Encoding::Plain, "${later}", "later"),
            (Encoding::Json, "${later}", "later"),
            (Encoding::Percent, "/d/${nothing}", "nothing"),
            (Encoding::JsonString, "${nothing}", "nothing"),
            (Encoding::Plain, "${base64(nothing)}", "nothing"),
            (Encoding::Plain, "${choice(later)}", "later"),
            (Encoding::Plain, "x${choice(nothing)}", "nothing"),
            (Encoding::Plain, "${sha256(choice(nothing))}", "nothing"),
            (Encoding::Plain, "${random(1,later)}", "later"),
        ] {
            let mut fake = fake();
            let template = fake.compile(text, encoding);
            let mut out = String::new();
            let missing = template.render(&mut fake, &mut out);
            let expected = Missing {
                note: (name == "nothing").then(|| "it is null".to_owned()),
                ..Missing::named(name)
            };
            assert_eq!(missing, Err(expected), "{text}");
        }
        let mut rowless = fake();
        let template = rowless.compile("${users.email}", Encoding::Plain);
        rowless.columns.clear();
        assert!(template.render(&mut rowless, &mut String::new()).is_err());
    }

    #[test]
    fn rendering_appends() {
        let mut fake = fake();
        let template = fake.compile("${page}", Encoding::Plain);
        let mut out = String::from("page ");
        assert_eq!(template.render(&mut fake, &mut out), Ok(()));
        assert_eq!(out, "page 2");
    }
}
