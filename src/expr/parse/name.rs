//! Parses names: variables, columns, environment variables, and words such as `true`.

use super::super::cursor::is_name_start;
use super::super::{ExprError, Expression, ResponsePart, Value, ambient, suggest};
use super::Parser;

impl<'a> Parser<'a> {
    /// Parses a variable, a column, a call, or a word such as `true`.
    pub(super) fn named(&mut self, start: usize, depth: usize) -> Result<Expression, ExprError> {
        let name = self.cursor.name();
        let after_name = self.cursor.at;
        self.cursor.skip_space();
        if self.cursor.take("(") {
            return self.call(start, name, depth);
        }
        self.cursor.at = after_name;
        if !self.cursor.rest().starts_with('.') {
            match name {
                "true" => return Ok(Expression::Literal(Value::Bool(true))),
                "false" => return Ok(Expression::Literal(Value::Bool(false))),
                "null" => return Ok(Expression::Literal(Value::Null)),
                _ if suggest::is_environment_name(name) => return self.variable(start, name),
                _ => {}
            }
        }
        let member = self.column(name)?;
        if let Some(member) = &member
            && let Some(column) = self.names.resolve(name, Some(member))
        {
            return Ok(column);
        }
        let after_member = std::mem::replace(&mut self.cursor.at, after_name);
        if let Some(variable) = self.names.resolve(name, None) {
            return Ok(variable);
        }
        self.cursor.at = after_member;
        if let Some(member) = &member
            && let Some(found) = ambient::expression(name, member)
        {
            return self.header(found);
        }
        let written = self.bare_words(start);
        let (message, hint) = suggest::name(name, member.as_deref(), written, &self.names.known());
        Err(self.cursor.error(start, &message, &hint))
    }

    /// Parses the name of a header after `response.headers`, which may contain `-` and capitals.
    fn header(&mut self, found: Expression) -> Result<Expression, ExprError> {
        if found != Expression::Response(ResponsePart::Headers) {
            return Ok(found);
        }
        let before = self.cursor.at;
        let is_bare = self.cursor.take(".");
        let name = match self.cursor.peek() {
            Some(c) if is_bare && is_name_start(c) => {
                let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                Some(self.cursor.word(belongs).to_owned())
            }
            Some(quote @ ('\'' | '"')) if is_bare => Some(self.cursor.quoted(quote)?),
            Some('[') if !is_bare => {
                self.cursor.at += 1;
                match self.cursor.peek() {
                    Some(quote @ ('\'' | '"')) => {
                        let name = self.cursor.quoted(quote)?;
                        self.cursor.take("]").then_some(name)
                    }
                    Some(_) | None => None,
                }
            }
            Some(_) | None => None,
        };
        let Some(name) = name else {
            self.cursor.at = before;
            return Ok(found);
        };
        let name = name.to_ascii_lowercase().into();
        Ok(Expression::Response(ResponsePart::Header(name)))
    }

    /// Parses the name after `.` or in `["…"]`, which may be that of a feeder's column.
    fn column(&mut self, feeder: &str) -> Result<Option<String>, ExprError> {
        let before = self.cursor.at;
        if self.cursor.take(".") {
            let member = self.member("the name of a column")?;
            if !self.cursor.rest().starts_with('-') {
                return Ok(Some(member));
            }
            // `users.first-name` is a column if there is one, else a difference.
            let end = self.cursor.at;
            let belongs = |c: char| is_name_start(c) || c.is_ascii_digit() || c == '-';
            let longer = format!("{member}{}", self.cursor.word(belongs));
            if self.names.known().contains(&format!("{feeder}.{longer}")) {
                return Ok(Some(longer));
            }
            self.cursor.at = end;
            return Ok(Some(member));
        }
        if self.cursor.take("[")
            && let Some(quote @ ('\'' | '"')) = self.cursor.peek()
        {
            let member = self.cursor.quoted(quote)?;
            if self.cursor.take("]") {
                return Ok(Some(member));
            }
        }
        self.cursor.at = before;
        Ok(None)
    }

    /// Parses an environment variable and its default after `:-`, which is always a text.
    fn variable(&mut self, start: usize, name: &str) -> Result<Expression, ExprError> {
        let default = if self.cursor.open.is_some() && self.cursor.take(":-") {
            Some(self.cursor.word(|c| c != '}'))
        } else {
            None
        };
        let value = self.names.environment(name);
        let value = value.filter(|value| default.is_none() || !value.is_empty());
        let value = value.or_else(|| default.map(str::to_owned));
        match value.or_else(|| self.stand_in(name)) {
            Some(value) => Ok(Expression::Literal(Value::Text(value))),
            None => Err(self.cursor.error(
                start,
                &format!("the environment variable `{name}` is not set"),
                &format!("set it, or give a default: `${{{name}:-default}}`"),
            )),
        }
    }

    /// A placeholder for an environment variable that need not be set.
    pub(super) fn stand_in(&mut self, name: &str) -> Option<String> {
        let stand_in = self.names.stand_in(name);
        self.has_stand_in |= stand_in.is_some();
        stand_in
    }

    /// The text from `start` to the next character that ends a value; the author may have meant it as a text.
    fn bare_words(&self, start: usize) -> &'a str {
        const ENDS: [char; 12] = [',', ')', '(', '}', '{', '\'', '"', '$', '=', '!', '<', '>'];
        let rest = &self.cursor.text[start..];
        rest[..rest.find(ENDS).unwrap_or(rest.len())].trim_end()
    }

    /// Parses a name after `.`.
    pub(super) fn member(&mut self, expected: &str) -> Result<String, ExprError> {
        match self.cursor.peek() {
            Some(quote @ ('\'' | '"')) => self.cursor.quoted(quote),
            Some(c) if is_name_start(c) => Ok(self.cursor.name().to_owned()),
            Some(_) | None => Err(self.cursor.unexpected(expected)),
        }
    }
}
