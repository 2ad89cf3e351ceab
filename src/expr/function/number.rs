//! Numbers.

use super::super::value::Rounding;
use super::arguments::Arguments;
use super::{Entry, Kind};
use crate::expr::{Missing, Number, Value};

const NUMBER: &[Kind] = &[Kind::Number];
/// Numbers, or one list of them.
const NUMBERS: &[Kind] = &[Kind::Any];

pub(super) const GROUP: &[&Entry] = &[
    &INT, &FLOAT, &BOOL, &MIN, &MAX, &SUM, &ROUND, &FLOOR, &CEIL, &ABS,
];

static INT: Entry = Entry::pure("int(x)", &[Kind::Any], int)
    .doc("The whole number in a number or a text, without its decimals; true is 1, false 0.")
    .example("int('12.9')", "12");

static FLOAT: Entry = Entry::pure("float(x)", NUMBER, float)
    .doc("`x` as a number with decimals, so that JSON has them: 3 becomes 3.0.")
    .example("float('3')", "3.0");

static BOOL: Entry = Entry::pure("bool(x)", &[Kind::Any], |arguments| {
    Ok(arguments.value(0)?.is_true().into())
})
.doc("`x` as true or false, as a condition sees it.")
.example("bool('0')", "false");

static MIN: Entry = Entry::pure("min(a,b,…)", NUMBERS, |arguments| {
    extreme(arguments, std::cmp::Ordering::Less)
})
.repeating()
.doc("The least of the numbers, or of those in a list.")
.example("min(3, 1.5, 2)", "1.5");

static MAX: Entry = Entry::pure("max(a,b,…)", NUMBERS, |arguments| {
    extreme(arguments, std::cmp::Ordering::Greater)
})
.repeating()
.doc("The greatest of the numbers, or of those in a list.")
.example("max([3, 1.5])", "3");

static SUM: Entry = Entry::pure("sum(a,b,…)", NUMBERS, sum)
    .repeating()
    .doc("The sum of the numbers, or of those in a list; 0 of an empty one.")
    .example("sum([9.90, 0.10])", "10.00");

static ROUND: Entry = Entry::pure("round(x[,decimals])", &[Kind::Number, Kind::Whole], round)
    .at_least(1)
    .doc("`x` rounded to a whole number, or to so many decimals; halves away from zero.")
    .example("round(2.345, 2)", "2.35");

static FLOOR: Entry = Entry::pure("floor(x)", NUMBER, |arguments| {
    Ok(arguments.number(0)?.rounded(0, Rounding::Floor).into())
})
.doc("The next whole number that is not above `x`.")
.example("floor(-2.1)", "-3");

static CEIL: Entry = Entry::pure("ceil(x)", NUMBER, |arguments| {
    Ok(arguments.number(0)?.rounded(0, Rounding::Ceiling).into())
})
.doc("The next whole number that is not below `x`.")
.example("ceil(2.1)", "3");

static ABS: Entry = Entry::pure("abs(x)", NUMBER, abs)
    .doc("`x` without its sign.")
    .example("abs(-2.50)", "2.50");

fn int(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    if let Value::Bool(flag) = &*arguments.value(0)? {
        return Ok(i64::from(*flag).into());
    }
    let number = arguments.number(0)?;
    let rounding = if number.compare(&0_i64.into()).is_lt() {
        Rounding::Ceiling
    } else {
        Rounding::Floor
    };
    Ok(number.rounded(0, rounding).into())
}

fn float(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let number = arguments.number(0)?;
    let Some(whole) = number.as_whole() else {
        return Ok(number.into());
    };
    Ok(Number::from_json(&format!("{whole}.0"))
        .unwrap_or(number)
        .into())
}

fn extreme(arguments: &mut Arguments<'_>, wanted: std::cmp::Ordering) -> Result<Value, Missing> {
    let numbers = arguments.numbers()?.into_iter();
    let found = numbers.reduce(|best, next| {
        if next.compare(&best) == wanted {
            next
        } else {
            best
        }
    });
    found
        .map(Value::from)
        .ok_or_else(|| arguments.fail("the list is empty"))
}

fn sum(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    use super::super::value::Operator;
    let mut total = Number::from(0_i64);
    for number in arguments.numbers()? {
        total = total
            .apply(Operator::Add, &number)
            .map_err(|error| arguments.fail(error.to_string()))?;
    }
    Ok(total.into())
}

fn round(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    const MOST_DECIMALS: usize = 30;
    let decimals = match arguments.len() {
        1 => 0,
        _ => arguments.count(1, MOST_DECIMALS)?,
    };
    let number = arguments.number(0)?;
    Ok(number.rounded(decimals as u32, Rounding::Nearest).into())
}

fn abs(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let number = arguments.number(0)?;
    let is_negative = number.to_string().starts_with('-');
    Ok(if is_negative {
        number.negated()
    } else {
        number
    }
    .into())
}
