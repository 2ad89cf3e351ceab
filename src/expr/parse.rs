//! Parses a template's text into literal pieces and expressions, or returns the exact position of an error.
//!
//! ```text
//! template   = { text | "$${" | "${" expression "}" }
//! expression = all { "or" all }
//! all        = negated { "and" negated }
//! negated    = "not" negated | comparison
//! comparison = default [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) default | ( "=~" | "!~" ) quoted ]
//! default    = value { "??" value }
//! value      = number | quoted | "true" | "false" | "null" | name [ "." ( name | quoted ) ] | call
//!            | "(" expression ")" | "${" expression "}"
//! call       = name "(" [ expression { "," expression } ] ")"
//! ```
//! A condition is an expression without `${` around it. A quoted text in a condition may contain `${…}`. The parser
//! itself replaces `env(NAME)` and names in capitals by their values.

use std::mem;

use super::cursor::{Cursor, is_name_start};
use super::{
    Comparator, Comparison, ExprError, Expression, Names, Number, Pattern, Value, slips, suggest,
};

/// A piece of a template's text.
#[derive(Debug, PartialEq)]
pub(super) enum TemplatePiece {
    /// Literal text; never empty, and never next to another literal.
    Literal(String),
    /// The content of `${…}`.
    Expression(Expression),
}

/// The maximum nesting depth; nobody writes deeper expressions by hand.
pub(super) const MAX_DEPTH: usize = 16;

const A_VALUE: &str = "a variable, a function, a number or a 'text'";

/// Splits `text` into pieces, in order.
pub(super) fn pieces(text: &str, names: &mut dyn Names) -> Result<Vec<TemplatePiece>, ExprError> {
    let mut parser = Parser::new(text, names);
    let mut pieces = Vec::new();
    let mut literal = String::new();
    while let Some(distance) = parser.cursor.rest().find('$') {
        literal.push_str(&parser.cursor.rest()[..distance]);
        parser.cursor.at += distance;
        if parser.cursor.take("$${") {
            literal.push_str("${");
        } else if parser.cursor.take("${") {
            let expression = parser.substitution(0)?;
            if !literal.is_empty() {
                pieces.push(TemplatePiece::Literal(mem::take(&mut literal)));
            }
            pieces.push(TemplatePiece::Expression(expression));
        } else {
            literal.push('$');
            parser.cursor.at += 1;
        }
    }
    literal.push_str(parser.cursor.rest());
    if !literal.is_empty() {
        pieces.push(TemplatePiece::Literal(literal));
    }
    Ok(pieces)
}

/// Parses a complete text as one expression.
pub(super) fn condition(text: &str, names: &mut dyn Names) -> Result<Expression, ExprError> {
    let mut parser = Parser::new(text, names);
    let expression = parser.expression(0)?;
    parser.cursor.skip_space();
    if parser.cursor.rest().is_empty() {
        return Ok(expression);
    }
    Err(slips::operator(
        &mut parser.cursor,
        "an operator or the end",
    ))
}

/// Parses expressions from a cursor.
pub(super) struct Parser<'a> {
    pub(super) cursor: Cursor<'a>,
    pub(super) names: &'a mut dyn Names,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, names: &'a mut dyn Names) -> Self {
        let cursor = Cursor::new(text);
        Self { cursor, names }
    }

    /// Parses the rest after `${`, including its `}`.
    fn substitution(&mut self, depth: usize) -> Result<Expression, ExprError> {
        let open = self.cursor.at - 2;
        let outer = self.cursor.open.replace(open);
        self.cursor.skip_space();
        if self.cursor.take("}") {
            return Err(self.cursor.error(
                open,
                "there is nothing between `${` and `}`",
                "name a variable or call a function; write `$${` for the text `${`",
            ));
        }
        let expression = self.expression(depth)?;
        self.cursor.skip_space();
        if self.cursor.take("}") {
            self.cursor.open = outer;
            return Ok(expression);
        }
        Err(slips::operator(&mut self.cursor, "`}`"))
    }

    pub(super) fn expression(&mut self, depth: usize) -> Result<Expression, ExprError> {
        self.joined("or", Expression::Any, &mut |parser| {
            parser.joined("and", Expression::All, &mut |parser| parser.negated(depth))
        })
    }

    /// Parses one operand, or several joined by `word`.
    fn joined(
        &mut self,
        word: &str,
        join: fn(Box<[Expression]>) -> Expression,
        operand: &mut dyn FnMut(&mut Self) -> Result<Expression, ExprError>,
    ) -> Result<Expression, ExprError> {
        let first = operand(self)?;
        let mut operands = vec![first];
        while self.is_next(|cursor| cursor.take_word(word)) {
            operands.push(operand(self)?);
        }
        Ok(match operands.len() {
            1 => operands.remove(0),
            _ => join(operands.into()),
        })
    }

    fn negated(&mut self, depth: usize) -> Result<Expression, ExprError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        if self.cursor.rest().starts_with('!') {
            return Err(slips::operator(&mut self.cursor, A_VALUE));
        }
        if !self.cursor.take_word("not") {
            return self.comparison(depth);
        }
        let depth = self.deeper(start, depth)?;
        self.negated(depth)
            .map(|inner| Expression::Not(Box::new(inner)))
    }

    fn comparison(&mut self, depth: usize) -> Result<Expression, ExprError> {
        let (left, left_is_quoted) = self.operand(depth)?;
        let Some(relation) = self.relation() else {
            return Ok(left);
        };
        let compared = match relation {
            ComparisonOperator::Compares(comparator) => {
                let (right, right_is_quoted) = self.operand(depth)?;
                Expression::Compare(Box::new(Comparison {
                    left,
                    comparator,
                    right,
                    as_texts: left_is_quoted || right_is_quoted,
                }))
            }
            ComparisonOperator::Matches(is_wanted) => {
                let pattern = self.pattern()?;
                Expression::Match(Box::new(left), pattern, is_wanted)
            }
        };
        self.cursor.skip_space();
        let start = self.cursor.at;
        if self.relation().is_some() {
            return Err(self.cursor.error(
                start,
                "a comparison has two sides",
                "join two comparisons with `and`: `1 < page and page < 5`",
            ));
        }
        Ok(compared)
    }

    /// The comparison operator that comes next, if any.
    fn relation(&mut self) -> Option<ComparisonOperator> {
        self.cursor.skip_space();
        let rest = self.cursor.rest();
        if ["===", "!==", "<>"]
            .iter()
            .any(|slip| rest.starts_with(slip))
        {
            return None;
        }
        for (symbol, is_wanted) in [("=~", true), ("!~", false)] {
            if self.cursor.take(symbol) {
                return Some(ComparisonOperator::Matches(is_wanted));
            }
        }
        let comparator = Comparator::leading(rest)?;
        self.cursor.at += comparator.symbol().len();
        Some(ComparisonOperator::Compares(comparator))
    }

    /// Parses a side of a comparison; true if it is a text in quotes.
    fn operand(&mut self, depth: usize) -> Result<(Expression, bool), ExprError> {
        self.cursor.skip_space();
        let is_quoted = self.cursor.rest().starts_with(['\'', '"']);
        let first = self.value(depth)?;
        let mut values = vec![first];
        while self.is_next(|cursor| cursor.take("??")) {
            values.push(self.value(depth)?);
        }
        Ok(match values.len() {
            1 => (values.remove(0), is_quoted),
            _ => (Expression::Default(values.into()), false),
        })
    }

    /// Parses the regular expression after `=~`.
    fn pattern(&mut self) -> Result<Pattern, ExprError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let Some(quote @ ('\'' | '"')) = self.cursor.peek() else {
            return Err(self.cursor.unexpected("a regular expression in quotes"));
        };
        let text = self.cursor.quoted(quote)?;
        self.cursor.regex(start, &text, false).map(Pattern)
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
            Some('$') if self.cursor.take("${") => {
                let depth = self.deeper(start, depth)?;
                self.substitution(depth)
            }
            Some(quote @ ('\'' | '"')) => {
                let text = self.cursor.quoted(quote)?;
                self.interpolated(start, text, depth)
            }
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            Some(c) if is_name_start(c) => self.named(start, depth),
            _ => Err(slips::operator(&mut self.cursor, A_VALUE)),
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

    /// Parses a variable, a column, a call, or a word such as `true`.
    fn named(&mut self, start: usize, depth: usize) -> Result<Expression, ExprError> {
        let name = self.cursor.name();
        let after_name = self.cursor.at;
        self.cursor.skip_space();
        if self.cursor.take("(") {
            return self.call(start, name, depth);
        }
        self.cursor.at = after_name;
        let member = if self.cursor.take(".") {
            Some(self.member()?)
        } else {
            None
        };
        match (name, &member) {
            ("true", None) => return Ok(Expression::Literal(Value::Bool(true))),
            ("false", None) => return Ok(Expression::Literal(Value::Bool(false))),
            ("null", None) => return Ok(Expression::Literal(Value::Null)),
            _ => {}
        }
        if member.is_none() && suggest::is_environment_name(name) {
            return self.variable(start, name);
        }
        let member = member.as_deref();
        if let Some(found) = self.names.resolve(name, member) {
            return Ok(found);
        }
        let written = self.bare_words(start);
        let (message, hint) = suggest::name(name, member, written, &self.names.known());
        Err(self.cursor.error(start, &message, &hint))
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
        match value.or_else(|| self.names.stand_in(name)) {
            Some(value) => Ok(Expression::Literal(Value::Text(value))),
            None => Err(self.cursor.error(
                start,
                &format!("the environment variable `{name}` is not set"),
                &format!("set it, or give a default: `${{{name}:-default}}`"),
            )),
        }
    }

    /// The text from `start` to the next character that ends a value; the author may have meant it as a text.
    fn bare_words(&self, start: usize) -> &'a str {
        const ENDS: [char; 12] = [',', ')', '(', '}', '{', '\'', '"', '$', '=', '!', '<', '>'];
        let rest = &self.cursor.text[start..];
        rest[..rest.find(ENDS).unwrap_or(rest.len())].trim_end()
    }

    fn member(&mut self) -> Result<String, ExprError> {
        match self.cursor.peek() {
            Some(quote @ ('\'' | '"')) => self.cursor.quoted(quote),
            Some(c) if is_name_start(c) => {
                let belongs = |c| is_name_start(c) || c.is_ascii_digit() || c == '-';
                Ok(self.cursor.word(belongs).to_owned())
            }
            _ => Err(self.cursor.unexpected("the name of a column")),
        }
    }

    fn number(&mut self) -> Result<Expression, ExprError> {
        let start = self.cursor.at;
        let belongs = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
        let word = self.cursor.word(belongs);
        match Number::from_json(word) {
            Some(number) => Ok(Expression::Literal(Value::Number(number))),
            None => Err(self.cursor.error(
                start,
                &format!("`{word}` is not a number"),
                &format!("write 42, -1 or 0.5, or '{word}' for a text"),
            )),
        }
    }

    /// The next nesting level, or an error beyond the maximum.
    pub(super) fn deeper(&self, start: usize, depth: usize) -> Result<usize, ExprError> {
        if depth < MAX_DEPTH {
            return Ok(depth + 1);
        }
        let message = format!("expressions are nested more than {MAX_DEPTH} deep");
        Err(self.cursor.error(
            start,
            &message,
            "compute the inner part in an earlier `set` step",
        ))
    }

    /// Skips white space and calls `take`; goes back if it takes nothing.
    fn is_next(&mut self, take: impl FnOnce(&mut Cursor<'a>) -> bool) -> bool {
        let before = self.cursor.at;
        self.cursor.skip_space();
        let is_next = take(&mut self.cursor);
        if !is_next {
            self.cursor.at = before;
        }
        is_next
    }
}

/// The operator between the sides of a comparison.
#[derive(Clone, Copy)]
enum ComparisonOperator {
    Compares(Comparator),
    Matches(bool),
}

#[cfg(test)]
mod tests;
