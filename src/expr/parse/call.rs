//! Calls: parses a function's name and arguments, and checks that they match.

use super::super::{ExprError, Expression, Function, ScriptFunction, Value, cursor, suggest};
use super::Parser;

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
        if name == "file" {
            return self.file();
        }
        let Some(function) = Function::named(name) else {
            return self.script(start, name, depth);
        };
        let arguments = self.items(")", depth)?;
        self.check_arguments(start, function, &arguments)?;
        self.operation(start, Expression::Call(function, arguments.into()))
    }

    /// Parses a call of a function of the scenario's scripts.
    fn script(&mut self, start: usize, name: &str, depth: usize) -> Result<Expression, ExprError> {
        let Some(scripts) = self.names.scripts() else {
            // The fault of the scripts is already reported.
            self.items(")", depth)?;
            return Ok(Expression::Literal(Value::Null));
        };
        let Some(index) = scripts.iter().position(|known| *known == name) else {
            let hint = suggest::function(name, &scripts);
            self.cursor.at = start + name.len();
            let message = format!("there is no function `{name}`");
            return Err(self.cursor.error(start, &message, &hint));
        };
        let arguments = self.items(")", depth)?;
        let function = ScriptFunction {
            index,
            name: name.into(),
        };
        Ok(Expression::Script(function, arguments.into()))
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
        if let Some(value) = value.or_else(|| self.stand_in(&name)) {
            return Ok(Expression::Literal(Value::Text(value)));
        }
        self.cursor.at = end;
        Err(self.cursor.error(
            start,
            &format!("the environment variable `{name}` is not set"),
            &format!("set it, or give a default: `${{{name}:-default}}`"),
        ))
    }

    /// Parses the rest after `file(` and returns the text of the file.
    fn file(&mut self) -> Result<Expression, ExprError> {
        self.cursor.skip_space();
        let start = self.cursor.at;
        let Some(quote @ ('\'' | '"')) = self.cursor.peek() else {
            let mut error = self.cursor.unexpected("the path of a file in quotes");
            error.hint =
                Some("a file is read before the run, so its path is a constant".to_owned());
            return Err(error);
        };
        let path = self.cursor.quoted(quote)?;
        let end = self.cursor.at;
        self.cursor.skip_space();
        if !self.cursor.take(")") {
            return Err(self.cursor.unexpected("`)`"));
        }
        match self.names.file(&path) {
            Ok(text) => Ok(Expression::Literal(Value::Text(text))),
            Err((message, hint)) => {
                self.cursor.at = end;
                Err(ExprError {
                    hint,
                    ..self.cursor.fault(start, message)
                })
            }
        }
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
                    (_, 0) => "no argument".to_owned(),
                    (1, 1) => "1 argument".to_owned(),
                    (least, most) if least == most => format!("{least} arguments"),
                    (least, usize::MAX) => format!("{least} or more arguments"),
                    (least, most) => format!("{least} to {most} arguments"),
                },
                arguments.len()
            );
            return Err(self
                .cursor
                .error(start, &message, &format!("write `{usage}`")));
        }
        match function.mistake(arguments) {
            // The placeholder of an environment variable has no type.
            Some(_) | None if self.has_stand_in => Ok(()),
            Some((message, hint)) => Err(self.cursor.error(start, &message, &hint)),
            None => Ok(()),
        }
    }
}
