//! Parses operators, one function for each precedence.

use super::super::value::Operator;
use super::super::{
    Arithmetic, Comparator, Comparison, ExprError, Expression, Pattern, cursor::Cursor, evaluate,
    slips,
};
use super::{A_VALUE, Parser};

type Parsed = Result<Expression, ExprError>;

/// The flag is true if there is an operator on texts or numbers outside parentheses.
type Operation = Result<(Expression, bool), ExprError>;

impl<'a> Parser<'a> {
    pub(super) fn expression(&mut self, depth: usize) -> Parsed {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let condition = self.any(depth)?;
        if !self.is_next(|cursor| !cursor.rest().starts_with("??") && cursor.take("?")) {
            return Ok(condition);
        }
        let depth = self.deeper(start, depth)?;
        let then = self.expression(depth)?;
        if !self.is_next(|cursor| cursor.take(":")) {
            self.cursor.skip_space();
            let mut error = slips::operator(&mut self.cursor, "`:`");
            error.hint = Some(
                "a choice has two values: `condition ? value : other`; the default of a value that may be missing \
                 comes after `??`"
                    .to_owned(),
            );
            return Err(error);
        }
        let otherwise = self.expression(depth)?;
        let choice = Expression::If(Box::new([condition, then, otherwise]));
        self.operation(start, choice)
    }

    fn any(&mut self, depth: usize) -> Parsed {
        self.several("or", Expression::Any, &mut |parser| {
            parser.several("and", Expression::All, &mut |parser| parser.negated(depth))
        })
    }

    /// Parses one operand, or several joined by `word`.
    fn several(
        &mut self,
        word: &str,
        join: fn(Box<[Expression]>) -> Expression,
        operand: &mut dyn FnMut(&mut Self) -> Parsed,
    ) -> Parsed {
        let mut operands = vec![operand(self)?];
        while self.is_next(|cursor| cursor.take_word(word)) {
            operands.push(operand(self)?);
        }
        Ok(match operands.len() {
            1 => operands.remove(0),
            _ => join(operands.into()),
        })
    }

    fn negated(&mut self, depth: usize) -> Parsed {
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

    fn comparison(&mut self, depth: usize) -> Parsed {
        let (left, left_is_quoted) = self.side(depth)?;
        let Some(relation) = self.relation() else {
            return Ok(left);
        };
        let compared = match relation {
            Relation::Compares(comparator) => {
                let (right, right_is_quoted) = self.side(depth)?;
                Expression::Compare(Box::new(Comparison {
                    left,
                    comparator,
                    right,
                    as_texts: left_is_quoted || right_is_quoted,
                }))
            }
            Relation::Matches(is_wanted) => {
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
    fn relation(&mut self) -> Option<Relation> {
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
                return Some(Relation::Matches(is_wanted));
            }
        }
        let comparator = Comparator::leading(rest)?;
        self.cursor.at += comparator.symbol().len();
        Some(Relation::Compares(comparator))
    }

    /// Parses a side of a comparison; true if it is a text in quotes and nothing else.
    fn side(&mut self, depth: usize) -> Result<(Expression, bool), ExprError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let side = self.default(depth)?;
        Ok((side, self.quoted == (start, self.cursor.at)))
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

    fn default(&mut self, depth: usize) -> Parsed {
        let mut values = Vec::new();
        let mut has_operator = false;
        loop {
            self.cursor.skip_space();
            let start = self.cursor.at;
            let (value, is_joined) = self.joined(depth)?;
            has_operator |= is_joined;
            values.push(value);
            let is_more = self.is_next(|cursor| cursor.take("??"));
            if has_operator && (is_more || values.len() > 1) {
                // Languages disagree about which of the two comes first, and no reader can know.
                return Err(self.cursor.error(
                    start,
                    "`??` beside another operator needs parentheses",
                    "write `(a ?? 0) + b` or `a ?? (0 + b)`",
                ));
            }
            if !is_more {
                break;
            }
        }
        Ok(match values.len() {
            1 => values.remove(0),
            _ => Expression::Default(values.into()),
        })
    }

    /// Parses texts joined by `~`; true if there is an operator of this precedence or of arithmetic.
    fn joined(&mut self, depth: usize) -> Operation {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let (first, has_operator) = self.sum(depth)?;
        let mut parts = vec![first];
        while self.is_next(|cursor| cursor.take("~")) {
            parts.push(self.sum(depth)?.0);
        }
        if parts.len() == 1 {
            return Ok((parts.remove(0), has_operator));
        }
        let joined = self.operation(start, Expression::Join(parts.into()))?;
        Ok((joined, true))
    }

    fn sum(&mut self, depth: usize) -> Operation {
        self.arithmetic(
            |cursor| {
                let sum = [("+", Operator::Add), ("-", Operator::Subtract)];
                taken(cursor, &sum)
            },
            &mut |parser| parser.product(depth),
        )
    }

    fn product(&mut self, depth: usize) -> Operation {
        self.arithmetic(
            |cursor| {
                if is_percentage(cursor) || cursor.rest().starts_with("**") {
                    return None;
                }
                let product = [
                    ("*", Operator::Multiply),
                    ("/", Operator::Divide),
                    ("%", Operator::Remainder),
                ];
                taken(cursor, &product)
            },
            &mut |parser| Ok((parser.signed(depth)?, false)),
        )
    }

    /// Parses operands joined by operators of one precedence, from left to right; true if there is an operator.
    fn arithmetic(
        &mut self,
        operator: impl Fn(&mut Cursor<'a>) -> Option<Operator>,
        operand: &mut dyn FnMut(&mut Self) -> Operation,
    ) -> Operation {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let (mut left, mut has_operator) = operand(self)?;
        loop {
            let before = self.cursor.at;
            self.cursor.skip_space();
            let at = self.cursor.at;
            let Some(operator) = operator(&mut self.cursor) else {
                self.cursor.at = before;
                return Ok((left, has_operator));
            };
            self.count_operator(at)?;
            let (right, _) = operand(self)?;
            for side in [&left, &right] {
                self.check_number(start, operator, side)?;
            }
            let arithmetic = Arithmetic {
                left,
                operator,
                right,
            };
            left = self.operation(start, Expression::Arithmetic(Box::new(arithmetic)))?;
            has_operator = true;
        }
    }

    /// An error for a constant that is no number beside an arithmetic operator.
    fn check_number(
        &self,
        start: usize,
        operator: Operator,
        side: &Expression,
    ) -> Result<(), ExprError> {
        let Expression::Literal(value) = side else {
            return Ok(());
        };
        if self.has_stand_in || evaluate::number(value).is_some() {
            return Ok(());
        }
        let symbol = operator.symbol();
        let shown = evaluate::shown(value);
        let message = format!("`{symbol}` needs two numbers, found {shown}");
        Err(self
            .cursor
            .error(start, &message, "to join texts, write `~`: `a ~ b`"))
    }

    fn signed(&mut self, depth: usize) -> Parsed {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let is_number = |rest: &str| rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let rest = self.cursor.rest();
        if !rest.starts_with('-') || is_number(rest) {
            return self.part(depth);
        }
        let depth = self.deeper(start, depth)?;
        self.cursor.at += 1;
        let inner = self.signed(depth)?;
        self.operation(start, Expression::Negative(Box::new(inner)))
    }
}

/// Takes the operator that comes next.
fn taken(cursor: &mut Cursor<'_>, operators: &[(&str, Operator)]) -> Option<Operator> {
    let found = operators.iter().find(|(symbol, _)| cursor.take(symbol));
    found.map(|(_, operator)| *operator)
}

/// True for the `%` of `30%`, which nothing follows.
fn is_percentage(cursor: &Cursor<'_>) -> bool {
    cursor
        .rest()
        .strip_prefix('%')
        .is_some_and(|after| after.trim_start().is_empty() || after.trim_start().starts_with('}'))
}

/// The operator between the sides of a comparison.
#[derive(Clone, Copy)]
enum Relation {
    Compares(Comparator),
    Matches(bool),
}
