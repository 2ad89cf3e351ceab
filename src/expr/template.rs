//! Templates: text with `${…}` expressions, compiled once into segments.
//!
//! A template without expressions costs nothing at run time.

use super::{Encoding, ExprError, Expression, Names, Value, compile, parse};

/// A compiled template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Template {
    /// The segments in order; neighbouring literals are merged; empty for an empty text.
    pub segments: Box<[TemplateSegment]>,
    /// The text as written, for names and reports.
    pub source: Box<str>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplateSegment {
    /// Literal text.
    Literal(Box<str>),
    /// Evaluated, then written in this encoding.
    Expression(Expression, Encoding),
}

impl Template {
    /// Compiles `text`: literal parts stay as written, values are written in `encoding`.
    ///
    /// ```
    /// use gander::expr::{Encoding, Expression, Names, Template};
    ///
    /// struct Nothing;
    /// impl Names for Nothing {
    ///     fn resolve(&mut self, _: &str, _: Option<&str>) -> Option<Expression> {
    ///         None
    ///     }
    ///     fn known(&self) -> Vec<String> {
    ///         Vec::new()
    ///     }
    /// }
    ///
    /// let plain = Template::compile("costs $5, not $${price}", Encoding::Plain, &mut Nothing).unwrap();
    /// assert_eq!(plain.literal(), Some("costs $5, not ${price}"));
    ///
    /// let error = Template::compile("/${uid()}", Encoding::Percent, &mut Nothing).unwrap_err();
    /// assert_eq!((error.offset, error.length), (3, 3));
    /// assert_eq!(error.hint.as_deref(), Some("did you mean `uuid()`?"));
    /// ```
    pub fn compile(
        text: &str,
        encoding: Encoding,
        names: &mut dyn Names,
    ) -> Result<Self, ExprError> {
        compile::text(text, Encoding::Plain, encoding, names)
    }

    /// Compiles a URL or a path. Values are percent-encoded, unless the template is a single expression: then the value
    /// is a complete URL, such as a link captured from a response.
    pub fn url(text: &str, names: &mut dyn Names) -> Result<Self, ExprError> {
        compile::url(text, names)
    }

    /// Compiles one value of a query or a form: literal parts and values are percent-encoded.
    pub fn component(text: &str, names: &mut dyn Names) -> Result<Self, ExprError> {
        compile::text(text, Encoding::Percent, Encoding::Percent, names)
    }

    /// Compiles a JSON document in which every string, keys included, is a template.
    ///
    /// A string that is exactly one expression becomes a JSON value with the expression's type; in any other string
    /// values are escaped. The rendered text is always valid JSON.
    pub fn json(value: &Value, names: &mut dyn Names) -> Result<Self, ExprError> {
        compile::json(value, names)
    }

    /// A template that evaluates to this value, with its type.
    pub fn constant(value: Value, source: &str) -> Self {
        Self::of(Expression::Literal(value), source)
    }

    /// Parses a complete text as one expression, whose value keeps its type. A text in quotes becomes a literal.
    pub fn expression_of(text: &str, names: &mut dyn Names) -> Result<Self, ExprError> {
        Ok(match parse::condition(text, names)? {
            Expression::Literal(Value::Text(literal)) if text.starts_with(['\'', '"']) => {
                Self::from_literal(&literal)
            }
            expression => Self::of(expression, text),
        })
    }

    fn of(expression: Expression, source: &str) -> Self {
        Self {
            segments: Box::new([TemplateSegment::Expression(expression, Encoding::Plain)]),
            source: source.into(),
        }
    }

    /// A template that renders `text` unchanged.
    pub fn from_literal(text: &str) -> Self {
        Self {
            segments: if text.is_empty() {
                Box::default()
            } else {
                Box::new([TemplateSegment::Literal(text.into())])
            },
            source: text.into(),
        }
    }

    /// Joins templates into one.
    pub fn concat(parts: impl IntoIterator<Item = Self>) -> Self {
        compile::concat(parts)
    }

    /// The text, if it contains no expression; empty for an empty template.
    pub fn literal(&self) -> Option<&str> {
        match &*self.segments {
            [] => Some(""),
            [TemplateSegment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Calls `see` for every variable and column, and tells it whether the value may be missing there.
    pub(crate) fn each_use(&self, see: &mut dyn FnMut(&Expression, bool)) {
        for segment in &self.segments {
            if let TemplateSegment::Expression(expression, _) = segment {
                expression.each_use(false, see);
            }
        }
    }

    /// The expression, if the template is exactly one.
    pub fn expression(&self) -> Option<&Expression> {
        match &*self.segments {
            [TemplateSegment::Expression(expression, _)] => Some(expression),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake;
    use super::*;

    #[test]
    fn a_literal_is_known_for_one() {
        for text in ["", "/api", "${id}", "$${id}"] {
            assert_eq!(Template::from_literal(text).literal(), Some(text));
        }
        assert_eq!(Template::default().literal(), Some(""));
    }

    #[test]
    fn concatenation_merges_literals_and_keeps_encodings() {
        let mut fake = fake::Fake::with([("q", serde_json::json!("a b"))]);
        let whole = Template::concat([
            Template::from_literal("/search"),
            Template::from_literal("?q="),
            fake.compile("${q}&raw=", Encoding::Percent),
            fake.compile("${q}", Encoding::Plain),
            Template::default(),
        ]);
        assert_eq!(whole.segments.len(), 4, "{whole:?}");
        assert_eq!(&*whole.source, "/search?q=${q}&raw=${q}");
        assert_eq!(fake.rendered(&whole), "/search?q=a%20b&raw=a b");
        let literal = Template::concat(["a", "", "b"].map(Template::from_literal));
        assert_eq!(literal.literal(), Some("ab"));
    }
}
