//! The built-in functions: a table of entries, grouped by subject. To add a function, add an entry to a group.

mod arguments;
mod digest;
mod encode;
mod jwt;
mod list;
mod made_up;
mod number;
mod random;
mod run;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;
use std::fmt;

use self::arguments::Arguments;
use super::{Context, Expression, Missing, Value, compile};

pub(super) use self::encode::{RAW, URL_ENCODE};
pub(crate) use self::random::below;
pub(super) use self::random::{UUID, uuid};

/// A built-in function.
#[derive(Clone, Copy)]
pub struct Function(&'static Entry);

/// A function: its documentation, its arguments and its evaluation.
pub(super) struct Entry {
    /// The call as written: `random(a,b)`; optional arguments are in brackets.
    usage: &'static str,
    /// The description for the reference.
    doc: &'static str,
    /// A call, and its value as JSON or a regular expression for it.
    example: (&'static str, &'static str),
    /// What each argument must be.
    takes: &'static [Kind],
    /// The minimum number of arguments; `takes` has the maximum, unless the last one may repeat.
    least: usize,
    repeats: bool,
    evaluate: Evaluate,
    /// Finds a mistake in constant arguments that their kinds allow; the message and the hint.
    check: fn(&[Expression]) -> Option<(String, String)>,
}

/// The evaluation of a function. The number of arguments is right.
#[derive(Clone, Copy)]
enum Evaluate {
    /// The same arguments always give the same value.
    Pure(fn(&mut Arguments<'_>) -> Result<Value, Missing>),
    /// The value depends on the user, the clock or random numbers.
    Varies(fn(&mut Arguments<'_>) -> Result<Value, Missing>),
    /// The value is that of the argument with this index; the others are not evaluated. `None` if the only argument is a
    /// list to pick from.
    Picks(fn(&mut Arguments<'_>) -> Result<Option<usize>, Missing>),
}

/// What an argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    /// A text, or what can be written as one: anything but null.
    Text,
    Number,
    Whole,
    List,
    /// A chrono `strftime` format.
    Format,
    /// A duration with an optional sign, or a number of seconds.
    Offset,
    /// `hex`, `base64` or `base64url`.
    Encoding,
}

impl Entry {
    /// A pure function of these arguments.
    const fn pure(
        usage: &'static str,
        takes: &'static [Kind],
        evaluate: fn(&mut Arguments<'_>) -> Result<Value, Missing>,
    ) -> Self {
        Self::of(usage, takes, Evaluate::Pure(evaluate))
    }

    /// A function whose value differs from call to call.
    const fn varying(
        usage: &'static str,
        takes: &'static [Kind],
        evaluate: fn(&mut Arguments<'_>) -> Result<Value, Missing>,
    ) -> Self {
        Self::of(usage, takes, Evaluate::Varies(evaluate))
    }

    const fn of(usage: &'static str, takes: &'static [Kind], evaluate: Evaluate) -> Self {
        Self {
            usage,
            doc: "",
            example: ("", ""),
            takes,
            least: takes.len(),
            repeats: false,
            evaluate,
            check: |_| None,
        }
    }

    const fn doc(self, doc: &'static str) -> Self {
        Self { doc, ..self }
    }

    /// A call and its value, for the reference; a test holds them together.
    const fn example(self, call: &'static str, value: &'static str) -> Self {
        let example = (call, value);
        Self { example, ..self }
    }

    /// The arguments from this number on are optional.
    const fn at_least(self, least: usize) -> Self {
        Self { least, ..self }
    }

    /// The last argument may repeat.
    const fn repeating(self) -> Self {
        Self {
            repeats: true,
            ..self
        }
    }
}

/// The groups of the table, in the order of the documentation.
const GROUPS: [&[&Entry]; 9] = [
    random::GROUP,
    made_up::GROUP,
    run::GROUP,
    text::GROUP,
    number::GROUP,
    list::GROUP,
    encode::GROUP,
    digest::GROUP,
    jwt::GROUP,
];

impl Function {
    /// Every function, in the order of the documentation.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        GROUPS.into_iter().flatten().copied().map(Self)
    }

    /// The function with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::all().find(|function| function.name() == name)
    }

    /// The call as written: `random(a,b)`.
    pub const fn usage(self) -> &'static str {
        self.0.usage
    }

    /// The description for the reference.
    pub(crate) const fn doc(self) -> &'static str {
        self.0.doc
    }

    /// A call and its value, for the reference.
    pub(crate) const fn example(self) -> (&'static str, &'static str) {
        self.0.example
    }

    /// The name before the parenthesis.
    pub fn name(self) -> &'static str {
        let usage = self.usage();
        usage.split_once('(').map_or(usage, |(name, _)| name)
    }

    /// True if the value belongs to a user or its iteration.
    pub(crate) fn is_of_user(self) -> bool {
        self.is(&run::ITERATION) || self.is(&run::USER)
    }

    /// True if this is the function of an entry.
    pub(super) fn is(self, entry: &'static Entry) -> bool {
        std::ptr::eq(self.0, entry)
    }

    /// The minimum and the maximum number of arguments.
    pub(super) const fn arity(self) -> (usize, usize) {
        let most = if self.0.repeats {
            usize::MAX
        } else {
            self.0.takes.len()
        };
        (self.0.least, most)
    }

    /// True if the same arguments always give the same value.
    pub(super) const fn is_pure(self) -> bool {
        match self.0.evaluate {
            Evaluate::Pure(_) => true,
            Evaluate::Varies(_) | Evaluate::Picks(_) => false,
        }
    }

    /// A mistake in the arguments that are constant: the message and the hint.
    pub(super) fn mistake(self, arguments: &[Expression]) -> Option<(String, String)> {
        let wrong = arguments.iter().enumerate().find_map(|(index, argument)| {
            let Expression::Literal(value) = argument else {
                return None;
            };
            self.kind(index).refuse(value)
        });
        match wrong {
            Some(message) => Some((message, format!("`{}`: {}", self.usage(), self.doc()))),
            None => (self.0.check)(arguments),
        }
    }

    fn kind(self, index: usize) -> Kind {
        let last = self.0.takes.len().saturating_sub(1);
        self.0
            .takes
            .get(index.min(last))
            .copied()
            .unwrap_or(Kind::Any)
    }

    /// The value for these arguments, whose number matches [`Self::arity`].
    pub(super) fn call(
        self,
        expressions: &[Expression],
        context: &mut dyn Context,
    ) -> Result<Value, Missing> {
        let mut arguments = Arguments::new(self, expressions, context);
        match self.0.evaluate {
            Evaluate::Pure(evaluate) | Evaluate::Varies(evaluate) => evaluate(&mut arguments),
            Evaluate::Picks(pick) => match pick(&mut arguments)? {
                Some(index) => arguments.value(index).map(Cow::into_owned),
                None => random::item(&mut arguments),
            },
        }
    }

    /// The argument that the function picks, if it picks one.
    pub(super) fn picked<'e>(
        self,
        expressions: &'e [Expression],
        context: &mut dyn Context,
    ) -> Result<Option<&'e Expression>, Missing> {
        match self.0.evaluate {
            Evaluate::Picks(pick) if expressions.len() > 1 => {
                let index = pick(&mut Arguments::new(self, expressions, context))?;
                Ok(index.map(|index| &expressions[index]))
            }
            Evaluate::Pure(_) | Evaluate::Varies(_) | Evaluate::Picks(_) => Ok(None),
        }
    }
}

/// The names of the functions that always give the same value for the same arguments.
pub(crate) fn pure_functions() -> impl Iterator<Item = &'static str> {
    Function::all()
        .filter(|function| function.is_pure())
        .map(Function::name)
}

/// True for the name of a function, `env` and `file` among them.
pub(crate) fn is_function(name: &str) -> bool {
    matches!(name, "env" | "file") || Function::named(name).is_some()
}

/// The value of a pure function, or the reason why there is none.
pub(crate) fn call_pure(name: &str, arguments: Vec<Value>) -> Result<Value, String> {
    let function = Function::named(name).filter(|function| function.is_pure());
    let function = function.ok_or_else(|| format!("there is no function `{name}`"))?;
    let (least, most) = function.arity();
    if !(least..=most).contains(&arguments.len()) {
        return Err(format!("write `{}`", function.usage()));
    }
    let arguments = arguments.into_iter().map(Expression::Literal);
    let call = Expression::Call(function, arguments.collect());
    compile::constant(&call).map_err(|missing| missing.to_string())
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.usage())
    }
}
