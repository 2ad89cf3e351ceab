//! Parsing: a template's text becomes literal pieces and expressions, or says exactly where it is wrong.
//!
//! ```text
//! template   = { text | "$${" | "${" expression "}" }
//! expression = number | quoted | name [ "." ( name | quoted ) ] | name "(" [ argument { "," argument } ] ")"
//! ```
//! An argument is an expression; in `choice(a,b c)` it may also be bare words, which are text unless they are a name
//! that is known. `env(NAME)` is read here and now.

use std::mem;

use serde_json::Value;

use super::{Expression, Function, Names, TemplateError, function};

/// A piece of a template's text.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// As it stands; neither empty nor next to another.
    Literal(String),
    /// What stood between `${` and `}`.
    Expression(Expression),
}

/// Calls may be nested this deep; what is deeper was not written by hand.
const MAX_DEPTH: usize = 16;

/// Splits `text` into pieces, in order.
pub(super) fn pieces(text: &str, names: &mut dyn Names) -> Result<Vec<Piece>, TemplateError> {
    let mut parser = Parser {
        text,
        at: 0,
        open: 0,
        names,
    };
    let mut pieces = Vec::new();
    let mut literal = String::new();
    while let Some(distance) = parser.rest().find('$') {
        literal.push_str(&parser.rest()[..distance]);
        parser.at += distance;
        if parser.take("$${") {
            literal.push_str("${");
        } else if parser.take("${") {
            let expression = parser.substitution()?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(mem::take(&mut literal)));
            }
            pieces.push(Piece::Expression(expression));
        } else {
            literal.push('$');
            parser.at += 1;
        }
    }
    literal.push_str(parser.rest());
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    Ok(pieces)
}

struct Parser<'a> {
    text: &'a str,
    /// The byte to read next; always between two characters.
    at: usize,
    /// Where the `${` stands that is being read.
    open: usize,
    names: &'a mut dyn Names,
}

impl<'a> Parser<'a> {
    /// What follows `${`, up to and with its `}`.
    fn substitution(&mut self) -> Result<Expression, TemplateError> {
        self.open = self.at - 2;
        self.skip_space();
        if self.take("}") {
            return Err(self.error(
                self.open,
                "nothing stands between `${` and `}`",
                "name a variable or call a function; write `$${` for the text `${`",
            ));
        }
        let expression = self.expression(0)?;
        self.skip_space();
        if self.take("}") {
            return Ok(expression);
        }
        if self.rest().starts_with(":-") {
            let start = self.at;
            self.at += 2;
            return Err(self.error(
                start,
                "a variable of the scenario has no default",
                "only environment variables, in capitals, have one: `${NAME:-default}`",
            ));
        }
        Err(self.unexpected("`}`"))
    }

    fn expression(&mut self, depth: usize) -> Result<Expression, TemplateError> {
        let start = self.at;
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote).map(text),
            Some(c) if c.is_ascii_digit() || c == '-' => self.number(),
            Some(c) if is_name_start(c) => {
                let name = self.name();
                let after_name = self.at;
                self.skip_space();
                if self.take("(") {
                    return self.call(start, name, depth);
                }
                self.at = after_name;
                let member = if self.take(".") {
                    Some(self.member()?)
                } else {
                    None
                };
                self.names
                    .resolve(name, member.as_deref())
                    .ok_or_else(|| self.unknown_name(start, name, member.as_deref()))
            }
            _ => Err(self.unexpected("a variable, a function, a number or a 'text'")),
        }
    }

    /// A call from after its `(` to its `)`; `start` is where the name stands.
    fn call(
        &mut self,
        start: usize,
        name: &str,
        depth: usize,
    ) -> Result<Expression, TemplateError> {
        if depth == MAX_DEPTH {
            let message = format!("calls are nested more than {MAX_DEPTH} deep");
            return Err(self.error(start, &message, "capture what is inside in a step before"));
        }
        if name == "env" {
            return self.environment();
        }
        let Some(function) = Function::named(name) else {
            self.at = start + name.len();
            return Err(self.unknown_function(start, name));
        };
        let mut arguments = Vec::new();
        self.skip_space();
        if !self.take(")") {
            loop {
                self.skip_space();
                arguments.push(match function {
                    Function::Choice => self.alternative(depth + 1)?,
                    _ => self.expression(depth + 1)?,
                });
                self.skip_space();
                if self.take(")") {
                    break;
                }
                if !self.take(",") {
                    return Err(self.unexpected("`,` or `)`"));
                }
            }
        }
        self.check_arguments(start, function, &arguments)?;
        Ok(Expression::Call(function, arguments.into_boxed_slice()))
    }

    /// An argument of `choice`: bare words up to the next `,` or `)`, or an expression.
    fn alternative(&mut self, depth: usize) -> Result<Expression, TemplateError> {
        const DELIMITERS: [char; 8] = [',', ')', '(', '}', '{', '\'', '"', '$'];
        let start = self.at;
        let words = self.rest().find(DELIMITERS).and_then(|end| {
            let (words, after) = self.rest().split_at(end);
            let words = words.trim_end();
            (after.starts_with([',', ')']) && !words.is_empty()).then_some(words)
        });
        let Some(words) = words else {
            return self.expression(depth);
        };
        // A name or a number if it is one to its end, and text otherwise.
        let parsed = self.expression(depth).ok();
        let is_whole = self.at == start + words.len();
        self.at = start + words.len();
        Ok(parsed.filter(|_| is_whole).unwrap_or_else(|| text(words)))
    }

    /// What follows `env(`: the value of the environment variable, as a literal.
    fn environment(&mut self) -> Result<Expression, TemplateError> {
        self.skip_space();
        let start = self.at;
        let name = match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            Some(c) if is_name_start(c) => self.name().to_owned(),
            _ => return Err(self.unexpected("the name of an environment variable")),
        };
        let end = self.at;
        self.skip_space();
        if !self.take(")") {
            return Err(self.unexpected("`)`"));
        }
        self.names.environment(&name).map(text).ok_or_else(|| {
            self.at = end;
            self.error(
                start,
                &format!("the environment variable `{name}` is not set"),
                &format!("set it, or give a default: `${{{name}:-default}}`"),
            )
        })
    }

    fn member(&mut self) -> Result<String, TemplateError> {
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            Some(c) if is_name_start(c) => Ok(self.name().to_owned()),
            _ => Err(self.unexpected("the name of a column")),
        }
    }

    /// A text in quotes; a backslash stands before a quote or a backslash that is part of it.
    fn quoted(&mut self, quote: char) -> Result<String, TemplateError> {
        let start = self.at;
        let mut content = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, character)) = characters.next() {
            if character == quote {
                self.at = start + offset + 1;
                return Ok(content);
            }
            let escaped =
                characters.next_if(|&(_, c)| character == '\\' && (c == quote || c == '\\'));
            content.push(escaped.map_or(character, |(_, c)| c));
        }
        self.at = start + 1;
        let message = format!("the text that starts with {quote} is never closed");
        Err(self.error(start, &message, &format!("end it with {quote}")))
    }

    fn number(&mut self) -> Result<Expression, TemplateError> {
        let start = self.at;
        let word = self.word(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_'));
        match serde_json::from_str(word) {
            Ok(number @ Value::Number(_)) => Ok(Expression::Literal(number)),
            _ => Err(self.error(
                start,
                &format!("`{word}` is not a number"),
                &format!("write 42, -1 or 0.5, or '{word}' for a text"),
            )),
        }
    }

    fn check_arguments(
        &self,
        start: usize,
        function: Function,
        arguments: &[Expression],
    ) -> Result<(), TemplateError> {
        let (least, most) = function.arity();
        let usage = function.usage();
        if !(least..=most).contains(&arguments.len()) {
            let message = format!(
                "`{}` takes {}, found {}",
                function.name(),
                match (least, most) {
                    (0, _) => "no argument".to_owned(),
                    (1, 1) => "1 argument".to_owned(),
                    (least, most) if least == most => format!("{least} arguments"),
                    (least, _) => format!("{least} or more arguments"),
                },
                arguments.len()
            );
            return Err(self.error(start, &message, &format!("write `{usage}`")));
        }
        if function != Function::Random {
            return Ok(());
        }
        let mut bounds = Vec::new();
        for argument in arguments {
            if let Expression::Literal(value) = argument {
                bounds.push(function::whole_number(value).ok_or_else(|| {
                    let message = format!("{value} is not a whole number");
                    self.error(
                        start,
                        &message,
                        "`random(a,b)` gives a whole number from a to b",
                    )
                })?);
            }
        }
        match *bounds {
            [low, high] if low > high => Err(self.error(
                start,
                &format!("{low} is more than {high}"),
                &format!("write `random({high},{low})`"),
            )),
            _ => Ok(()),
        }
    }

    fn unknown_name(&self, start: usize, name: &str, member: Option<&str>) -> TemplateError {
        let known = self.names.known();
        let written = member.map_or(name.to_owned(), |member| format!("{name}.{member}"));
        let columns: Vec<&str> = known
            .iter()
            .filter(|known| known.starts_with(&format!("{name}.")))
            .map(String::as_str)
            .collect();
        let message = if !columns.is_empty() && member.is_none() {
            format!("`{name}` is a feeder, not a value")
        } else if member.is_some() && known.iter().any(|known| known == name) {
            format!("`{name}` is a variable and has no columns")
        } else {
            format!("nothing is called `{written}` here")
        };
        let hint = if let Some(function) = Function::named(name) {
            format!("write `{}` to call the function", function.usage())
        } else if let Some(near) = nearest(&written, known.iter().map(String::as_str)) {
            format!("did you mean `{near}`?")
        } else if !columns.is_empty() {
            format!("name one of its columns: {}", list(&columns))
        } else if name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
        {
            format!("set the environment variable, or give a default: `${{{name}:-default}}`")
        } else if known.is_empty() {
            format!(
                "declare it under `vars`, capture it in a step before, or write '{written}' for a text"
            )
        } else {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            format!("known here: {}", list(&known))
        };
        self.error(start, &message, &hint)
    }

    fn unknown_function(&self, start: usize, name: &str) -> TemplateError {
        let message = format!("there is no function `{name}`");
        let near = nearest(name, Function::ALL.into_iter().map(Function::name));
        let hint = match near.and_then(Function::named) {
            Some(function) => format!("did you mean `{}`?", function.usage()),
            None => {
                let mut usages: Vec<&str> = Function::ALL.map(Function::usage).into();
                usages.push("env(NAME)");
                format!("there are {}", usages.join(", "))
            }
        };
        self.error(start, &message, &hint)
    }

    /// That something else than `expected` comes next.
    fn unexpected(&mut self, expected: &str) -> TemplateError {
        let start = self.at;
        match self.peek() {
            None => {
                self.at = self.open + 2;
                self.error(
                    self.open,
                    &format!("`${{` is never closed: the text ends where {expected} was expected"),
                    "close it with `}`; write `$${` for the text `${`",
                )
            }
            Some(found) => {
                self.at += found.len_utf8();
                self.error(
                    start,
                    &format!("found `{}` where {expected} was expected", found.escape_debug()),
                    "inside `${…}` stands a variable, a column such as users.email, or a function such as random(1,3)",
                )
            }
        }
    }

    /// An error about what stands from `start` up to where the parser is.
    fn error(&self, start: usize, message: &str, hint: &str) -> TemplateError {
        let characters = |range: &str| range.chars().count();
        TemplateError {
            offset: characters(&self.text[..start]),
            length: characters(&self.text[start..self.at]).max(1),
            message: message.to_owned(),
            hint: Some(hint.to_owned()),
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        if is_next {
            self.at += expected.len();
        }
        is_next
    }

    fn skip_space(&mut self) {
        self.word(char::is_whitespace);
    }

    fn name(&mut self) -> &'a str {
        self.word(|c| is_name_start(c) || c.is_ascii_digit() || c == '-')
    }

    /// The longest run of characters that belong.
    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_'
}

fn text(content: impl Into<String>) -> Expression {
    Expression::Literal(Value::String(content.into()))
}

/// The candidate that was most likely meant, if one is near enough for a slip of the keyboard.
fn nearest<'k>(written: &str, candidates: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    candidates
        .map(|candidate| (strsim::osa_distance(written, candidate), candidate))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, _)| distance <= 1 + written.chars().count() / 4)
        .map(|(_, candidate)| candidate)
}

/// The first of many, separated by commas.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
