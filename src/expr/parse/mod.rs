//! Parses a template's text into literal pieces and expressions, or returns the exact position of an error.
//!
//! ```text
//! template   = { text | "$${" | "${" expression "}" }
//! expression = any [ "?" expression ":" expression ]
//! any        = all { "or" all }
//! all        = negated { "and" negated }
//! negated    = "not" negated | comparison
//! comparison = default [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) default | ( "=~" | "!~" ) quoted ]
//! default    = joined { "??" joined }
//! joined     = sum { "~" sum }
//! sum        = product { ( "+" | "-" ) product }
//! product    = signed { ( "*" | "/" | "%" ) signed }
//! signed     = "-" signed | part
//! part       = value { "." name | "[" expression "]" }
//! value      = number | quoted | "true" | "false" | "null" | name | column | call | list
//!            | "(" expression ")" | "${" expression "}"
//! column     = name "." ( name | quoted )
//! call       = name "(" [ expression { "," expression } ] ")"
//! list       = "[" [ expression { "," expression } ] "]"
//! ```
//! An operator binds more tightly than those above it. A condition is an expression without `${` around it. A quoted
//! text in a condition may contain `${…}`. The parser itself replaces `env(NAME)` and names in capitals by their values,
//! and an operation on constants by its result.

mod call;
mod name;
mod operators;
mod value;

use std::mem;

use super::cursor::Cursor;
use super::{ExprError, Expression, Names, compile, slips};

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

/// The maximum number of operators that follow each other in one expression, since each is a level of the tree.
const MAX_OPERATORS: usize = 200;

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
            parser.operators = 0;
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
struct Parser<'a> {
    cursor: Cursor<'a>,
    names: &'a mut dyn Names,
    /// The number of operators so far that nest to the left: arithmetic and parts of values.
    operators: usize,
    /// The start and the end of the last text in quotes.
    quoted: (usize, usize),
    /// True if a placeholder stands for an environment variable; then the result of an operation is not known.
    has_stand_in: bool,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, names: &'a mut dyn Names) -> Self {
        Self {
            cursor: Cursor::new(text),
            names,
            operators: 0,
            quoted: (0, 0),
            has_stand_in: false,
        }
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

    /// An operation from `start` to the cursor: its value if it is constant, or the reason why it has none.
    fn operation(&self, start: usize, operation: Expression) -> Result<Expression, ExprError> {
        if !operation.is_constant() {
            return Ok(operation);
        }
        match compile::constant(&operation) {
            // The text around it decides whether it is encoded.
            Ok(_) if operation.is_encoded_by_its_place() => Ok(operation),
            Ok(value) => Ok(Expression::Literal(value)),
            Err(_) if self.has_stand_in => Ok(operation),
            Err(missing) => Err(self.cursor.fault(start, missing.to_string())),
        }
    }

    /// The next nesting level, or an error beyond the maximum.
    fn deeper(&self, start: usize, depth: usize) -> Result<usize, ExprError> {
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

    /// Counts an operator at `start`, or returns an error beyond the maximum.
    fn count_operator(&mut self, start: usize) -> Result<(), ExprError> {
        self.operators += 1;
        if self.operators <= MAX_OPERATORS {
            return Ok(());
        }
        let message = format!("an expression has more than {MAX_OPERATORS} operators");
        Err(self.cursor.error(
            start,
            &message,
            "compute a part of it in an earlier `set` step",
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

#[cfg(test)]
mod tests;
