//! Texts.

use std::borrow::Cow;

use super::arguments::Arguments;
use super::{Entry, Kind};
use crate::expr::value::View;
use crate::expr::{Comparator, Missing, Value};

const TEXT: &[Kind] = &[Kind::Text];

pub(super) const GROUP: &[&Entry] = &[
    &STRING, &LEN, &LOWER, &UPPER, &TRIM, &REPLACE, &SPLIT, &JOIN, &SLICE, &CONTAINS,
];

static STRING: Entry = Entry::pure("string(x)", TEXT, string)
    .doc("`x` as a text, so that JSON has it in quotes; a list or a mapping as its JSON.")
    .example("string(7)", "\"7\"");

static LEN: Entry = Entry::pure("len(x)", &[Kind::Any], len)
    .doc("The number of characters of a text, of items of a list or of members of a mapping.")
    .example("len(['a', 'b'])", "2");

static LOWER: Entry = Entry::pure("lower(x)", TEXT, |arguments| {
    Ok(arguments.text(0)?.to_lowercase().into())
})
.doc("`x` in small letters.")
.example("lower('Ärger')", "\"ärger\"");

static UPPER: Entry = Entry::pure("upper(x)", TEXT, |arguments| {
    Ok(arguments.text(0)?.to_uppercase().into())
})
.doc("`x` in capitals.")
.example("upper('red')", "\"RED\"");

static TRIM: Entry = Entry::pure("trim(x)", TEXT, |arguments| {
    Ok(arguments.text(0)?.trim().into())
})
.doc("`x` without white space at its ends.")
.example("trim(' a b ')", "\"a b\"");

static REPLACE: Entry = Entry::pure(
    "replace(x,old,new)",
    &[Kind::Text, Kind::Text, Kind::Text],
    replace,
)
.doc("`x` with `new` in place of each `old`.")
.example("replace('a-b-c', '-', '/')", "\"a/b/c\"");

static SPLIT: Entry = Entry::pure("split(x,separator)", &[Kind::Text, Kind::Text], split)
    .doc("The parts of `x` between the separators, as a list; with an empty separator, its characters.")
    .example("split('a,b,c', ',')", "[\"a\",\"b\",\"c\"]");

static JOIN: Entry = Entry::pure("join(list,separator)", &[Kind::List, Kind::Text], join)
    .at_least(1)
    .doc("The items of a list as one text, with the separator between them.")
    .example("join([1, 2, 3], '-')", "\"1-2-3\"");

static SLICE: Entry = Entry::pure("slice(x,from[,to])", &[Kind::Any, Kind::Whole, Kind::Whole], slice)
    .at_least(2)
    .doc(
        "The characters of a text, or the items of a list, from index `from` to before `to`, without `to` to the end. \
         Indices begin at 0; a negative one counts from the end.",
    )
    .example("slice('gander', 1, -1)", "\"ande\"");

static CONTAINS: Entry = Entry::pure("contains(x,part)", &[Kind::Any, Kind::Any], contains)
    .doc("True if a text contains the text `part`, a list the item, or a mapping the name.")
    .example("contains(['a', 'b'], 'b')", "true");

fn string(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    Ok(arguments.text(0)?.into())
}

fn len(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let length = match &*arguments.value(0)? {
        Value::Text(text) => Ok(text.chars().count()),
        Value::List(items) => Ok(items.len()),
        Value::Map(members) => Ok(members.len()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => Err(other.to_string()),
    };
    let length = length.map_err(|found| arguments.fail(format!("{found} has no length")))?;
    Ok(Value::from(length as u64))
}

fn replace(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let text = arguments.text(0)?.into_owned();
    let old = arguments.text(1)?.into_owned();
    let new = arguments.text(2)?.into_owned();
    if new.len() > old.len() {
        let growth = text
            .matches(&*old)
            .count()
            .saturating_mul(new.len() - old.len());
        arguments.limit_text(text.len().saturating_add(growth))?;
    }
    Ok(text.replace(&*old, &new).into())
}

fn split(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let text = arguments.text(0)?.into_owned();
    let separator = arguments.text(1)?.into_owned();
    let parts: Vec<Value> = if separator.is_empty() {
        arguments.limit_items(text.chars().count())?;
        text.chars().map(|c| Value::Text(c.to_string())).collect()
    } else {
        arguments.limit_items(text.matches(&*separator).count() + 1)?;
        text.split(&*separator).map(Value::from).collect()
    };
    Ok(Value::List(parts))
}

fn join(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let items = arguments.list(0)?;
    let separator = if arguments.len() > 1 {
        arguments.text(1)?.into_owned()
    } else {
        String::new()
    };
    let mut joined = String::new();
    for (index, item) in items.into_iter().enumerate() {
        let text = item.into_text();
        arguments.limit_text(joined.len() + separator.len() + text.len())?;
        if index > 0 {
            joined.push_str(&separator);
        }
        joined.push_str(&text);
    }
    Ok(joined.into())
}

fn slice(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let from = arguments.whole(1)?;
    let to = match arguments.len() {
        2 => None,
        _ => Some(arguments.whole(2)?),
    };
    let bounds = |length: usize| {
        let place = |index: i64| {
            if index < 0 {
                length.saturating_sub(usize::try_from(index.unsigned_abs()).unwrap_or(usize::MAX))
            } else {
                usize::try_from(index).unwrap_or(usize::MAX).min(length)
            }
        };
        let (from, to) = (place(from), to.map_or(length, place));
        (from, to.saturating_sub(from))
    };
    Ok(match arguments.value(0)? {
        Cow::Borrowed(Value::List(items)) => {
            let (from, count) = bounds(items.len());
            Value::List(items[from..from + count].to_vec())
        }
        Cow::Owned(Value::List(mut items)) => {
            let (from, count) = bounds(items.len());
            Value::List(items.drain(from..from + count).collect())
        }
        other => {
            drop(other);
            let text = arguments.text(0)?;
            let (from, count) = bounds(text.chars().count());
            let part: String = text.chars().skip(from).take(count).collect();
            part.into()
        }
    })
}

fn contains(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let part = arguments.value(1)?.into_owned();
    let is_there = match &*arguments.value(0)? {
        Value::List(items) => items.iter().any(|item| is_equal(item, &part)),
        Value::Map(members) => {
            matches!(&part, Value::Text(name) if members.iter().any(|(known, _)| known == name))
        }
        Value::Text(text) => text.contains(&part.into_text()),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => {
            let reason = format!("{other} contains nothing");
            return Err(arguments.fail(reason));
        }
    };
    Ok(is_there.into())
}

fn is_equal(left: &Value, right: &Value) -> bool {
    Comparator::Equal.holds_between(&View::from(left), &View::from(right), false)
}
