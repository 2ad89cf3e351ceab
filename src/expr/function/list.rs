//! Lists and mappings.

use std::cmp::Ordering;

use super::arguments::{Arguments, MOST_ITEMS};
use super::{Entry, Kind};
use crate::expr::value::View;
use crate::expr::{Missing, Value};

const LIST: &[Kind] = &[Kind::List];

pub(super) const GROUP: &[&Entry] = &[&FIRST, &LAST, &KEYS, &RANGE, &SORTED, &UNIQUE];

static FIRST: Entry = Entry::pure("first(list)", LIST, |arguments| end(arguments, true))
    .doc("The first item of a list.")
    .example("first(['a', 'b'])", "\"a\"");

static LAST: Entry = Entry::pure("last(list)", LIST, |arguments| end(arguments, false))
    .doc("The last item of a list.")
    .example("last(['a', 'b'])", "\"b\"");

static KEYS: Entry = Entry::pure("keys(mapping)", &[Kind::Any], keys)
    .doc("The names of a mapping's members, in their order, as a list.")
    .example("keys(parse_json('{\"b\": 1, \"a\": 2}'))", "[\"b\",\"a\"]");

static RANGE: Entry = Entry::pure("range(a,b)", &[Kind::Whole, Kind::Whole], range)
    .doc("The whole numbers from `a` to `b`, both included, as a list; at most a million.")
    .example("range(1, 4)", "[1,2,3,4]");

static SORTED: Entry = Entry::pure("sorted(list)", LIST, sorted)
    .doc("The items of a list in order: numbers by size, texts by their characters.")
    .example("sorted([10, 9, 1.5])", "[1.5,9,10]");

static UNIQUE: Entry = Entry::pure("unique(list)", LIST, unique)
    .doc("The items of a list, each once, at its first place.")
    .example("unique(['b', 'a', 'b'])", "[\"b\",\"a\"]");

fn end(arguments: &mut Arguments<'_>, is_first: bool) -> Result<Value, Missing> {
    let mut items = arguments.list(0)?;
    let found = if is_first && !items.is_empty() {
        Some(items.swap_remove(0))
    } else {
        items.pop()
    };
    found.ok_or_else(|| arguments.fail("the list is empty"))
}

fn keys(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let names = match &*arguments.value(0)? {
        Value::Map(members) => Some(members.iter().map(|(name, _)| name.as_str().into())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
    }
    .map(Iterator::collect);
    names
        .map(Value::List)
        .ok_or_else(|| arguments.fail("it is not a mapping"))
}

fn range(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let (from, to) = (arguments.whole(0)?, arguments.whole(1)?);
    let length = i128::from(to) - i128::from(from) + 1;
    arguments.limit_items(usize::try_from(length).unwrap_or(if length < 0 {
        0
    } else {
        MOST_ITEMS + 1
    }))?;
    Ok(Value::List((from..=to).map(Value::from).collect()))
}

fn sorted(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let mut items = arguments.list(0)?;
    let are_texts = items.iter().all(|item| matches!(item, Value::Text(_)));
    let are_numbers = items.iter().all(|item| matches!(item, Value::Number(_)));
    if !are_texts && !are_numbers {
        return Err(arguments.fail("the items are not all numbers or all texts"));
    }
    items.sort_by(|left, right| match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.compare(right),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_),
            _,
        ) => Ordering::Equal,
    });
    Ok(Value::List(items))
}

fn unique(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let items = arguments.list(0)?;
    // By kind and text, so that 1 and '1' differ, and a long list takes no quadratic time.
    let mut seen = std::collections::HashSet::new();
    let mut kept = Vec::new();
    for item in items {
        if seen.insert((View::from(&item).kind(), item.to_string())) {
            kept.push(item);
        }
    }
    Ok(Value::List(kept))
}
