//! Evaluates expressions with operators: truth, comparisons, defaults, arithmetic.

use std::borrow::Cow;

use super::value::View;
use super::{Arithmetic, Comparison, Condition, Context, Expression, Missing, Number, Value};
use crate::source::brief;
use crate::units::ByteSize;

/// The maximum length of a text that an expression makes, in bytes.
pub(super) const LONGEST_TEXT: usize = 16 << 20;

/// An error for a text of more than [`LONGEST_TEXT`] bytes.
pub(super) fn limit_text(length: usize) -> Result<(), String> {
    if length <= LONGEST_TEXT {
        return Ok(());
    }
    let most = ByteSize(LONGEST_TEXT as u64);
    Err(format!("the text would be longer than {most}"))
}

impl Condition {
    /// True if the condition holds now. A missing value alone counts as false and is not an error.
    pub fn holds(&self, context: &mut dyn Context) -> Result<bool, Missing> {
        self.0.holds(context)
    }
}

impl Expression {
    /// True if the expression holds now. A comparison needs both values; a missing value alone counts as false.
    fn holds(&self, context: &mut dyn Context) -> Result<bool, Missing> {
        Ok(match self {
            Self::All(operands) => {
                for operand in operands {
                    if !operand.holds(context)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Any(operands) => {
                for operand in operands {
                    if operand.holds(context)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(operand) => !operand.holds(context)?,
            Self::Compare(sides) => sides.hold(context)?,
            Self::Match(text, pattern, is_wanted) => {
                pattern.0.is_match(&text.text(context)?) == *is_wanted
            }
            Self::Slot(_)
            | Self::Column { .. }
            | Self::Ambient(_)
            | Self::Response(_)
            | Self::Call(..)
            | Self::Literal(_)
            | Self::Join(_)
            | Self::Default(_)
            | Self::List(_)
            | Self::Part(_) => self.value(context).is_ok_and(|value| value.is_true()),
            // What cannot be calculated is a mistake, not a value that is not there.
            Self::Arithmetic(_) | Self::Negative(_) | Self::Script(..) => {
                self.value(context)?.is_true()
            }
            Self::If(several) => {
                let [condition, then, otherwise] = &**several;
                let is_first = condition.holds(context)?;
                let chosen = if is_first { then } else { otherwise };
                chosen.holds(context)?
            }
        })
    }

    /// The value of an expression that is neither stored nor a call.
    pub(super) fn computed(&self, context: &mut dyn Context) -> Result<Value, Missing> {
        match self {
            Self::Join(parts) => {
                let mut joined = String::new();
                for part in parts {
                    let text = part.text(context)?;
                    limit_text(joined.len() + text.len())
                        .map_err(|note| Missing::named("~").because(note))?;
                    joined.push_str(&text);
                }
                Ok(Value::Text(joined))
            }
            Self::Arithmetic(sides) => sides.result(context),
            Self::Negative(inner) => {
                let value = inner.value(context)?;
                if let Some(number) = number(&value) {
                    return Ok(number.negated().into());
                }
                let note = format!("`-` needs a number, found {}", View::from(&*value).kind());
                Err(Missing::named(format!("-{}", shown(&value))).because(note))
            }
            Self::If(several) => {
                let [condition, then, otherwise] = &**several;
                let is_first = condition.holds(context)?;
                let chosen = if is_first { then } else { otherwise };
                chosen.value(context).map(Cow::into_owned)
            }
            Self::List(items) => {
                let items = items.iter();
                let values = items.map(|item| item.value(context).map(Cow::into_owned));
                values.collect::<Result<_, _>>().map(Value::List)
            }
            Self::Default(values) => {
                let mut found = Ok(Value::Null);
                for value in values {
                    found = value.value(context).map(Cow::into_owned);
                    if matches!(&found, Ok(value) if *value != Value::Null) {
                        break;
                    }
                }
                found
            }
            Self::Ambient(_) | Self::Script(..) => self.value(context).map(Cow::into_owned),
            // `value` has cases of its own for those that are not conditions.
            Self::Slot(_)
            | Self::Column { .. }
            | Self::Response(_)
            | Self::Call(..)
            | Self::Literal(_)
            | Self::Part(_)
            | Self::All(_)
            | Self::Any(_)
            | Self::Not(_)
            | Self::Compare(_)
            | Self::Match(..) => self.holds(context).map(Value::Bool),
        }
    }
}

impl Arithmetic {
    fn result(&self, context: &mut dyn Context) -> Result<Value, Missing> {
        let left = self.left.value(context)?.into_owned();
        let right = self.right.value(context)?;
        let symbol = self.operator.symbol();
        let result = if let (Some(left), Some(right)) = (number(&left), number(&right)) {
            let result = left.apply(self.operator, &right);
            result.map_err(|error| error.to_string())
        } else {
            let [left, right] = [&left, &*right].map(|value| View::from(value).kind());
            Err(format!(
                "`{symbol}` needs two numbers, found {left} and {right}"
            ))
        };
        result.map(Value::Number).map_err(|note| {
            let asked = format!("{} {symbol} {}", shown(&left), shown(&right));
            Missing::named(asked).because(note)
        })
    }
}

/// The number to calculate with: also that of a text, since the values of a CSV file are texts.
pub(super) fn number(value: &Value) -> Option<Cow<'_, Number>> {
    match value {
        Value::Number(number) => Some(Cow::Borrowed(number)),
        Value::Text(text) => Number::from_text(text.trim()).map(Cow::Owned),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// A value in a message, shortened.
pub(super) fn shown(value: &Value) -> String {
    brief(&value.to_string())
}

impl Comparison {
    fn hold(&self, context: &mut dyn Context) -> Result<bool, Missing> {
        let left = self.left.value(context)?.into_owned();
        let right = self.right.value(context)?;
        let (left, right) = (View::from(&left), View::from(&*right));
        let decided = self.comparator.decides(&left, &right, self.as_texts);
        decided.ok_or_else(|| {
            let asked = format!("{left} {} {right}", self.comparator.symbol());
            let (left, right) = (left.kind(), right.kind());
            Missing::named(asked).because(format!("{left} and {right} have no order"))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fake::Fake;
    use super::*;

    fn fake() -> Fake {
        let mut fake = Fake::with([
            ("page", json!(3)),
            ("pages", json!("3")),
            ("flag", json!("false")),
            ("word", json!("red wine")),
            ("nothing", json!(null)),
        ]);
        fake.slots.push(("later", None));
        fake
    }

    fn holds(text: &str) -> Result<bool, Missing> {
        let mut fake = fake();
        let expression = Expression::condition(text, &mut fake).expect(text);
        Condition(expression).holds(&mut fake)
    }

    #[test]
    fn a_lone_operand_holds_when_there_is_something() {
        for (value, expected) in [
            (json!(null), false),
            (json!(false), false),
            (json!(true), true),
            (json!(0), false),
            (json!(-0.0), false),
            (json!(0.1), true),
            (json!(""), false),
            (json!("false"), false),
            (json!("0"), false),
            (json!("00"), true),
            (json!([]), true),
            (json!([0]), true),
            (json!({}), true),
        ] {
            let mut fake = Fake::with([("it", value.clone())]);
            let expression = Expression::condition("${it}", &mut fake).expect("a condition");
            assert_eq!(
                Condition(expression).holds(&mut fake),
                Ok(expected),
                "{value}"
            );
        }
    }

    #[test]
    fn operators_bind_as_they_are_read() {
        for (text, expected) in [
            ("true", true),
            ("false", false),
            ("0", false),
            ("''", false),
            ("page", true),
            ("${page}", true),
            ("page == pages", true),
            ("${page} < ${pages}", false),
            ("page < 10 and word == 'red wine'", true),
            ("flag or page == 4 or word =~ '^red'", true),
            ("not flag and not page == 4", true),
            ("not (flag or page == 3)", false),
            ("word !~ 'wine$'", false),
            ("true or true and false", true),
            ("(true or true) and false", false),
            ("word == \"red ${'wine'}\"", true),
            ("\"${page}${pages}\" == '33'", true),
            ("page < \"20\"", false),
            ("later", false),
            ("not later", true),
            ("later and page == 3", false),
            ("later ?? page == 3", true),
            ("nothing ?? later ?? 'x' == 'x'", true),
            ("nothing == null", true),
            ("later ?? null == null", true),
            ("123456789012345678901 == 123456789012345678902", false),
            ("1.10 == 1.1", true),
            ("'1.10' == '1.1'", false),
            ("user() == 7", true),
        ] {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_comparison_with_what_is_absent_is_missing_a_value() {
        for text in ["later == 1", "page == 3 and later == 1", "later =~ 'x'"] {
            assert_eq!(holds(text), Err(Missing::named("later")), "{text}");
        }
        assert_eq!(holds("page == 4 and later == 1"), Ok(false));
    }

    #[test]
    fn what_has_no_order_is_told_and_not_false() {
        for (text, told) in [
            (
                "word > 0",
                "no value for `\"red wine\" > 0`: a text and a number have no order",
            ),
            (
                "not (flag < 1)",
                "no value for `\"false\" < 1`: a text and a number have no order",
            ),
            (
                "true >= 0",
                "no value for `true >= 0`: true or false and a number have no order",
            ),
            (
                "nothing <= page",
                "no value for `null <= 3`: nothing and a number have no order",
            ),
        ] {
            let missing = holds(text).expect_err(text);
            assert_eq!(missing.to_string(), told);
        }
        assert_eq!(holds("word == 0"), Ok(false));
        assert_eq!(holds("word != 0"), Ok(true));
    }

    #[test]
    fn operators_stand_in_templates_too() {
        for (text, expected) in [
            ("/${later ?? 'none'}", "/none"),
            ("/${page == 3}", "/true"),
            ("/${nothing ?? page}", "/3"),
        ] {
            assert_eq!(fake().render(text, super::super::Encoding::Plain), expected);
        }
    }
}
