//! Parses values: numbers, texts, lists, what is in parentheses, and the parts of values.

use super::super::cursor::{Cursor, is_name_start};
use super::super::expression::Part;
use super::super::{ExprError, Expression, Number, Value, slips};
use super::{A_VALUE, Parser, TemplatePiece, pieces};

impl Parser<'_> {
    /// Parses a value and the path to a part of it.
    pub(super) fn part(&mut self, depth: usize) -> Result<Expression, ExprError> {
        let start = self.cursor.at;
        let mut value = self.value(depth)?;
        loop {
            let at = self.cursor.at;
            let key = if self.cursor.rest().starts_with('.') {
                self.cursor.at += 1;
                Expression::Literal(self.member("the name of a part")?.into())
            } else if self.cursor.take("[") {
                let depth = self.deeper(at, depth)?;
                let key = self.expression(depth)?;
                self.cursor.skip_space();
                if !self.cursor.take("]") {
                    return Err(slips::operator(&mut self.cursor, "`]`"));
                }
                key
            } else {
                return Ok(value);
            };
            self.count_operator(at)?;
            let part = Part {
                whole: value,
                key,
                written: self.cursor.text[start..self.cursor.at].into(),
            };
            value = self.operation(start, Expression::Part(Box::new(part)))?;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Expression, ExprError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        match self.cursor.peek() {
            Some('(') => {
                let depth = self.deeper(start, depth)?;
                self.cursor.at += 1;
                let inner = self.expression(depth)?;
                self.cursor.skip_space();
                if self.cursor.take(")") {
                    Ok(inner)
                } else {
                    Err(slips::operator(&mut self.cursor, "`)`"))
                }
            }
            Some('[') => {
                let depth = self.deeper(start, depth)?;
                self.cursor.at += 1;
                let items = self.items("]", depth)?;
                self.operation(start, Expression::List(items.into()))
            }
            Some('$') if self.cursor.take("${") => {
                let depth = self.deeper(start, depth)?;
                self.substitution(depth)
            }
            Some(quote @ ('\'' | '"')) => {
                let text = self.cursor.quoted(quote)?;
                self.quoted = (start, self.cursor.at);
                self.interpolated(start, text, depth)
            }
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            Some(c) if is_name_start(c) => self.named(start, depth),
            Some(_) | None => Err(slips::operator(&mut self.cursor, A_VALUE)),
        }
    }

    /// Parses expressions separated by commas, to the text `close`.
    pub(super) fn items(
        &mut self,
        close: &str,
        depth: usize,
    ) -> Result<Vec<Expression>, ExprError> {
        let mut items = Vec::new();
        self.cursor.skip_space();
        if self.cursor.take(close) {
            return Ok(items);
        }
        loop {
            self.cursor.skip_space();
            items.push(self.expression(depth)?);
            self.cursor.skip_space();
            if self.cursor.take(close) {
                return Ok(items);
            }
            if !self.cursor.take(",") {
                let expected = format!("`,` or `{close}`");
                return Err(slips::operator(&mut self.cursor, &expected));
            }
        }
    }

    /// Expands the expressions in a quoted text of a condition; a quoted text inside `${…}` is literal.
    fn interpolated(
        &mut self,
        start: usize,
        text: String,
        depth: usize,
    ) -> Result<Expression, ExprError> {
        if self.cursor.open.is_some() || !text.contains("${") {
            return Ok(Expression::Literal(Value::Text(text)));
        }
        self.deeper(start, depth)?;
        let inner = pieces(&text, &mut *self.names).map_err(|error| {
            let quoted = &self.cursor.text[start + 1..];
            let offset = self.cursor.text[..=start].chars().count();
            // An escape in the text moves positions; then the whole text is underlined.
            if quoted.starts_with(&text) {
                return ExprError {
                    offset: offset + error.offset,
                    ..error
                };
            }
            let hint = error.hint.unwrap_or_default();
            self.cursor.error(start, &error.message, &hint)
        })?;
        let parts = inner.into_iter().map(|piece| match piece {
            TemplatePiece::Literal(text) => Expression::Literal(Value::Text(text)),
            TemplatePiece::Expression(expression) => expression,
        });
        Ok(Expression::Join(parts.collect()))
    }

    fn number(&mut self) -> Result<Expression, ExprError> {
        let start = self.cursor.at;
        let word = number_word(&mut self.cursor);
        let error = |cursor: &Cursor<'_>, found: &str, what: &str| {
            let message = format!("`{found}` is {what}");
            let hint = format!("write 42, -1 or 0.5, or '{found}' for a text");
            Err(cursor.error(start, &message, &hint))
        };
        if is_date(&self.cursor.text[start..]) {
            let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.');
            self.cursor.word(belongs);
            let date = &self.cursor.text[start..self.cursor.at];
            return error(&self.cursor, date, "a date, and a date is a text");
        }
        match Number::from_json(word) {
            Some(number) => Ok(Expression::Literal(Value::Number(number))),
            None => error(&self.cursor, word, "not a number"),
        }
    }
}

/// Takes the longest text that may be meant as a number.
fn number_word<'a>(cursor: &mut Cursor<'a>) -> &'a str {
    let start = cursor.at;
    cursor.take("-");
    let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    cursor.word(belongs);
    let word = &cursor.text[start..cursor.at];
    // The sign of an exponent: `1e-3`.
    let mantissa = word.strip_suffix(['e', 'E']);
    if mantissa.is_some_and(|mantissa| Number::from_json(mantissa).is_some())
        && cursor.rest().starts_with(['+', '-'])
    {
        cursor.at += 1;
        cursor.word(belongs);
    }
    &cursor.text[start..cursor.at]
}

/// True for a text such as `2026-01-31`, which as arithmetic would be 1994.
fn is_date(text: &str) -> bool {
    let form: String = text.chars().take(11).collect();
    let is_digit = |c: char| c.is_ascii_digit();
    let digits =
        |from: usize, to: usize| form.get(from..to).is_some_and(|d| d.chars().all(is_digit));
    form.as_bytes().get(4) == Some(&b'-')
        && form.as_bytes().get(7) == Some(&b'-')
        && digits(0, 4)
        && digits(5, 7)
        && digits(8, 10)
        && !form
            .get(10..)
            .is_some_and(|rest| rest.starts_with(is_digit))
}
