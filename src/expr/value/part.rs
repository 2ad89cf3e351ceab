//! Parts of values: members of mappings by name, items of lists by index.

use super::{Value, View};
use crate::source::{brief, did_you_mean, nearest};

impl Value {
    /// The part that `key` names: a member by its name, an item by its index from 0; -1 is the last item. The error
    /// says why there is none.
    pub fn part(&self, key: &Self) -> Result<&Self, String> {
        match self {
            Self::Map(members) => {
                let position = member(members, key)?;
                Ok(&members[position].1)
            }
            Self::List(items) => Ok(&items[index(items, key)?]),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => Err(self.no_parts()),
        }
    }

    /// As [`Self::part`], without a copy.
    pub fn into_part(self, key: &Self) -> Result<Self, String> {
        match self {
            Self::Map(mut members) => {
                let position = member(&members, key)?;
                Ok(members.swap_remove(position).1)
            }
            Self::List(mut items) => {
                let position = index(&items, key)?;
                Ok(items.swap_remove(position))
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => Err(self.no_parts()),
        }
    }

    fn no_parts(&self) -> String {
        format!("{} has no parts", View::from(self).kind())
    }
}

fn member(members: &[(String, Value)], key: &Value) -> Result<usize, String> {
    let Value::Text(name) = key else {
        return Err(format!(
            "a mapping has names, found {}",
            brief(&key.to_string())
        ));
    };
    let position = members.iter().position(|(known, _)| known == name);
    position.ok_or_else(|| {
        let known = members.iter().map(|(known, _)| known.as_str());
        let near = nearest(name, known.clone());
        let name = brief(name);
        match near {
            Some(near) => format!("there is no `{name}`; {}", did_you_mean(near)),
            None if members.is_empty() => "the mapping is empty".to_owned(),
            None => {
                let known: Vec<String> = known.take(5).map(brief).collect();
                format!("there is no `{name}`, but {}", known.join(", "))
            }
        }
    })
}

fn index(items: &[Value], key: &Value) -> Result<usize, String> {
    let wanted = match key {
        Value::Number(number) => number.as_whole(),
        Value::Text(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    };
    let Some(wanted) = wanted else {
        let found = brief(&key.to_string());
        return Err(format!(
            "an item of a list has a whole number, found {found}"
        ));
    };
    let position = if wanted < 0 {
        wanted.checked_add_unsigned(items.len() as u64)
    } else {
        Some(wanted)
    };
    let position = position.and_then(|position| usize::try_from(position).ok());
    position
        .filter(|position| *position < items.len())
        .ok_or_else(|| match items.len() {
            0 => "the list is empty".to_owned(),
            1 => "the list has 1 item, which is [0]".to_owned(),
            count => format!("the list has {count} items, from [0] to [{}]", count - 1),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_items_are_found_or_it_is_said_why_not() {
        let value = Value::from_json(r#"{"name": "Ann", "tags": ["a", "b", "c"], "none": []}"#);
        let value = value.expect("JSON");
        let tags = value.part(&"tags".into()).expect("a member");
        for (key, expected) in [(0_i64, "a"), (2, "c"), (-1, "c"), (-3, "a")] {
            let key = Value::from(key);
            assert_eq!(tags.part(&key), Ok(&expected.into()));
            assert_eq!(tags.clone().into_part(&key), Ok(expected.into()));
        }
        assert_eq!(value.clone().into_part(&"name".into()), Ok("Ann".into()));
        let none = value.part(&"none".into()).expect("a member");
        for (whole, key, reason) in [
            (
                &value,
                Value::from("nmae"),
                "there is no `nmae`; did you mean `name`?",
            ),
            (
                &value,
                "zzzzzz".into(),
                "there is no `zzzzzz`, but name, tags, none",
            ),
            (&value, Value::from(0_i64), "a mapping has names, found 0"),
            (
                tags,
                Value::from(3_i64),
                "the list has 3 items, from [0] to [2]",
            ),
            (
                tags,
                Value::from(i64::MIN),
                "the list has 3 items, from [0] to [2]",
            ),
            (
                tags,
                "x".into(),
                "an item of a list has a whole number, found \"x\"",
            ),
            (none, Value::from(0_i64), "the list is empty"),
            (
                &Value::from("text"),
                Value::from(0_i64),
                "a text has no parts",
            ),
            (&Value::Null, "a".into(), "nothing has no parts"),
        ] {
            assert_eq!(whole.part(&key), Err(reason.to_owned()), "{key}");
        }
    }
}
