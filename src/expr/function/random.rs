//! Random values, all from the context's random bits.

use std::borrow::Cow;
use std::f64::consts::TAU;

use uuid::Uuid;

use super::arguments::Arguments;
use super::{Entry, Evaluate, Kind};
use crate::expr::{Context, Expression, Missing, Number, Value};

pub(super) const GROUP: &[&Entry] = &[
    &RANDOM,
    &RANDOM_NORMAL,
    &RANDOM_TEXT,
    &CHOICE,
    &WEIGHTED,
    &UUID,
];

static RANDOM: Entry = Entry {
    check: check_bounds,
    ..Entry::varying("random(a,b)", &[Kind::Whole, Kind::Whole], random)
        .doc("A whole number from `a` to `b`, both included.")
        .example("random(1, 6)", "^[1-6]$")
};

static RANDOM_NORMAL: Entry = Entry::varying(
    "random_normal(mean,sd)",
    &[Kind::Number, Kind::Number],
    random_normal,
)
.doc("A number of the normal distribution with this mean and standard deviation.")
.example("round(random_normal(100, 0))", "^100$");

static RANDOM_TEXT: Entry = Entry::varying("random_text(n)", &[Kind::Whole], random_text)
    .doc("A text of `n` letters and digits.")
    .example("random_text(8)", "^\"[a-zA-Z0-9]{8}\"$");

/// One of the arguments, or one item of the only one.
static CHOICE: Entry = Entry::of(
    "choice(a,b,c)",
    &[Kind::Any],
    Evaluate::Picks(|arguments| {
        Ok(match arguments.len() {
            1 => None,
            count => {
                let index = below(count as u64, arguments.random());
                Some(index as usize)
            }
        })
    }),
)
.repeating()
.doc(
    "A random one of the values, or of the items of a list: `choice(ids)`. Texts need quotes: `choice('red', 'blue')`.",
)
.example("choice('red', 'blue')", "^\"(red|blue)\"$");

static WEIGHTED: Entry = Entry {
    check: check_weights,
    ..Entry::of(
        "weighted(a,weight,…)",
        &[Kind::Any, Kind::Any],
        Evaluate::Picks(weighted),
    )
    .repeating()
    .doc("A random one of the values, each followed by its weight: `weighted('S', 3, 'L', 1)` gives S three times in four.")
    .example("weighted('S', 3, 'L', 1)", "^\"[SL]\"$")
};

/// Version 4, from the seed.
pub(in crate::expr) static UUID: Entry = Entry::varying("uuid()", &[], |arguments| {
    Ok(uuid(arguments.context()).hyphenated().to_string().into())
})
.doc("A version 4 UUID.")
.example("uuid()", "^\"[0-9a-f-]{36}\"$");

fn random(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let (low, high) = (arguments.whole(0)?, arguments.whole(1)?);
    let drawn = between(low.min(high), low.max(high), arguments.random());
    Ok(drawn.into())
}

fn check_bounds(arguments: &[Expression]) -> Option<(String, String)> {
    match arguments {
        [
            Expression::Literal(Value::Number(low)),
            Expression::Literal(Value::Number(high)),
        ] if low.compare(high).is_gt() => Some((
            format!("{low} is more than {high}"),
            format!("write `random({high},{low})`"),
        )),
        _ => None,
    }
}

/// By the method of Box and Muller (1958).
fn random_normal(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let (mean, sd) = (
        arguments.number(0)?.to_float(),
        arguments.number(1)?.to_float(),
    );
    let (radius, angle) = (unit(arguments.random()), unit(arguments.random()));
    // From (0, 1], so that the logarithm is finite.
    let normal = (-2.0 * (1.0 - radius).ln()).sqrt() * (TAU * angle).cos();
    Number::from_float(mean + sd * normal)
        .map(Value::from)
        .ok_or_else(|| arguments.fail("the result is not a number"))
}

/// A number from 0 to below 1 from random bits.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

fn random_text(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const LONGEST: usize = 1 << 20;
    let length = arguments.count(0, LONGEST)?;
    let letters = (0..length).map(|_| {
        let index = below(LETTERS.len() as u64, arguments.random());
        char::from(LETTERS[index as usize])
    });
    Ok(letters.collect::<String>().into())
}

/// One item of the list that is the only argument; any other value is itself.
pub(super) fn item(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let bits = arguments.random();
    if *arguments.value(0)? == Value::Null {
        // The error names the argument.
        return arguments.text(0).map(Value::from);
    }
    match arguments.value(0)? {
        Cow::Borrowed(Value::List(items)) => {
            let index = below(items.len() as u64, bits);
            items.get(index as usize).cloned()
        }
        Cow::Owned(Value::List(mut items)) => {
            let index = below(items.len() as u64, bits);
            (!items.is_empty()).then(|| items.swap_remove(index as usize))
        }
        single => Some(single.into_owned()),
    }
    .ok_or_else(|| arguments.fail("the list is empty"))
}

fn weighted(arguments: &mut Arguments<'_>) -> Result<Option<usize>, Missing> {
    let mut total = 0.0;
    let mut weights = Vec::with_capacity(arguments.len() / 2);
    for index in (1..arguments.len()).step_by(2) {
        let weight = arguments.number(index)?.to_float();
        if weight < 0.0 {
            return Err(arguments.fail(format!("a weight is not below 0, found {weight}")));
        }
        total += weight;
        weights.push(weight);
    }
    if total <= 0.0 {
        return Err(arguments.fail("every weight is 0"));
    }
    let mut point = unit(arguments.random()) * total;
    let mut last = 0;
    for (index, weight) in weights.into_iter().enumerate() {
        if weight > 0.0 {
            last = index;
            if point < weight {
                break;
            }
        }
        point -= weight;
    }
    Ok(Some(last * 2))
}

fn check_weights(arguments: &[Expression]) -> Option<(String, String)> {
    let hint = || "write a weight after each value: `weighted('S', 3, 'L', 1)`".to_owned();
    if arguments.len() % 2 == 1 {
        return Some(("the last value has no weight".to_owned(), hint()));
    }
    arguments.iter().skip(1).step_by(2).find_map(|weight| {
        let Expression::Literal(weight) = weight else {
            return None;
        };
        let message = Kind::Number.refuse(weight)?;
        Some((message, hint()))
    })
}

/// A version 4 UUID from 128 of the context's random bits.
pub(in crate::expr) fn uuid(context: &mut dyn Context) -> Uuid {
    let bits = u128::from(context.random()) << 64 | u128::from(context.random());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

/// A whole number from `low` to `high`, both included, from 64 random bits: Lemire, "Fast Random Integer Generation in
/// an Interval" (2019), without the rejection step; the bias is below range / 2⁶⁴.
pub(super) fn between(low: i64, high: i64, bits: u64) -> i64 {
    let range = (i128::from(high) - i128::from(low) + 1).unsigned_abs();
    let offset = (u128::from(bits) * range) >> 64;
    (i128::from(low) + offset as i128) as i64
}

/// A whole number below `count` (0 if `count` is 0), from 64 random bits, by the same method.
pub(crate) fn below(count: u64, bits: u64) -> u64 {
    ((u128::from(bits) * u128::from(count)) >> 64) as u64
}
