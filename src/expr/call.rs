//! Calls: parses a function's name and arguments, and checks that they match.

use super::parse::Parser;
use super::{ExprError, Expression, Function, Value, cursor, function, slips, suggest};

impl Parser<'_> {
    /// Parses a call from after its `(` to its `)`; `start` is the position of the name.
    pub(super) fn call(
        &mut self,
        start: usize,
        name: &str,
        depth: usize,
    ) -> Result<Expression, ExprError> {
        let depth = self.deeper(start, depth)?;
        if name == "env" {
            return self.environment();
        }
        let Some(function) = Function::named(name) else {
            self.cursor.at = start + name.len();
            let message = format!("there is no function `{name}`");
            return Err(self.cursor.error(start, &message, &suggest::function(name)));
        };
        let mut arguments = Vec::new();
        self.cursor.skip_space();
        if !self.cursor.take(")") {
            loop {
                self.cursor.skip_space();
                arguments.push(self.expression(depth)?);
                self.cursor.skip_space();
                if self.cursor.take(")") {
                    break;
                }
                if !self.cursor.take(",") {
                    return Err(slips::operator(&mut self.cursor, "`,` or `)`"));
                }
            }
        }
        self.check_arguments(start, function, &arguments)?;
        Ok(Expression::Call(function, arguments.into_boxed_slice()))
    }

    /// Parses the rest after `env(` and returns the value of the environment variable.
    fn environment(&mut self) -> Result<Expression, ExprError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let name = match self.cursor.peek() {
            Some(quote @ ('\'' | '"')) => self.cursor.quoted(quote)?,
            Some(c) if cursor::is_name_start(c) => self.cursor.name().to_owned(),
            _ => {
                return Err(self
                    .cursor
                    .unexpected("the name of an environment variable"));
            }
        };
        let end = self.cursor.at;
        self.cursor.skip_space();
        if !self.cursor.take(")") {
            return Err(self.cursor.unexpected("`)`"));
        }
        let value = self.names.environment(&name);
        if let Some(value) = value.or_else(|| self.names.stand_in(&name)) {
            return Ok(Expression::Literal(Value::Text(value)));
        }
        self.cursor.at = end;
        Err(self.cursor.error(
            start,
            &format!("the environment variable `{name}` is not set"),
            &format!("set it, or give a default: `${{{name}:-default}}`"),
        ))
    }

    fn check_arguments(
        &self,
        start: usize,
        function: Function,
        arguments: &[Expression],
    ) -> Result<(), ExprError> {
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
            return Err(self
                .cursor
                .error(start, &message, &format!("write `{usage}`")));
        }
        if function != Function::Random {
            return Ok(());
        }
        let mut bounds = Vec::new();
        for argument in arguments {
            if let Expression::Literal(value) = argument {
                bounds.push(function::whole_number(value).ok_or_else(|| {
                    let message = format!("{value} is not a whole number");
                    self.cursor.error(
                        start,
                        &message,
                        "`random(a,b)` gives a whole number from a to b",
                    )
                })?);
            }
        }
        match *bounds {
            [low, high] if low > high => Err(self.cursor.error(
                start,
                &format!("{low} is more than {high}"),
                &format!("write `random({high},{low})`"),
            )),
            _ => Ok(()),
        }
    }
}
