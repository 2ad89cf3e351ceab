//! Suggestions for unknown names.

use super::Function;
use crate::source::{did_you_mean, nearest};

/// Words of other languages for constants, and Gander's.
const VALUES: [(&str, &str); 9] = [
    ("True", "true"),
    ("TRUE", "true"),
    ("False", "false"),
    ("FALSE", "false"),
    ("None", "null"),
    ("NULL", "null"),
    ("Null", "null"),
    ("nil", "null"),
    ("undefined", "null"),
];

/// The error and the hint for an unknown name; `words` is the text that the author may have meant.
pub(super) fn name(
    name: &str,
    member: Option<&str>,
    words: &str,
    known: &[String],
) -> (String, String) {
    let written = member.map_or(name.to_owned(), |member| format!("{name}.{member}"));
    let prefix = format!("{name}.");
    let columns: Vec<&str> = known
        .iter()
        .map(String::as_str)
        .filter(|known| known.starts_with(&prefix))
        .collect();
    let message = if !columns.is_empty() && member.is_none() {
        format!("`{name}` is a feeder, not a value")
    } else if member.is_some() && known.iter().any(|known| known == name) {
        format!("`{name}` is a variable and has no columns")
    } else {
        format!("nothing is called `{written}` here")
    };
    let value = VALUES.iter().find(|(word, _)| *word == written);
    let hint = if let Some((_, value)) = value {
        did_you_mean(value)
    } else if let (Some(function), None) = (Function::named(name), member) {
        format!("write `{}` to call the function", function.usage())
    } else if let Some(near) = nearest(&written, known.iter().map(String::as_str)) {
        did_you_mean(near)
    } else if !columns.is_empty() {
        format!("name one of its columns: {}", list(&columns))
    } else if known.is_empty() {
        format!(
            "declare it under `vars`, capture it in an earlier step, or write '{words}' for a text"
        )
    } else {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        format!("write '{words}' for a text; known here: {}", list(&known))
    };
    (message, hint)
}

/// The hint for an unknown function.
pub(super) fn function(name: &str) -> String {
    if let Some(function) = elsewhere(name) {
        return did_you_mean(function.usage());
    }
    let near = nearest(name, Function::ALL.into_iter().map(Function::name));
    if let Some(function) = near.and_then(Function::named) {
        return did_you_mean(function.usage());
    }
    let usages = Function::ALL.map(Function::usage).join(", ");
    format!("the functions are {usages}, env(NAME)")
}

/// Gander's function for one of another tool.
fn elsewhere(name: &str) -> Option<Function> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Some(match &*plain {
        "randomint" | "randint" | "randomnumber" | "randomintbetween" | "randombetween" => {
            Function::Random
        }
        "uuid4" | "uuidv4" | "guid" | "randomuuid" => Function::Uuid,
        "timestamp" | "time" | "currenttimemillis" | "datenow" => Function::TimestampMs,
        "date" | "isodate" | "datetime" => Function::Now,
        "randomitem" | "sample" | "oneof" | "pick" | "randomchoice" => Function::Choice,
        "vu" | "vuid" | "userid" => Function::User,
        "iter" | "iterationid" | "counter" => Function::Iteration,
        "b64encode" | "base64encode" | "btoa" => Function::Base64,
        "encodeuricomponent" | "encodeuri" | "urlencoded" => Function::UrlEncode,
        "tojson" | "jsonstringify" | "stringify" => Function::Json,
        "hmac" | "hmacsha256" => Function::HmacSha256,
        _ => return None,
    })
}

/// True for the name of an environment variable: capitals, digits and `_`.
pub(super) fn is_environment_name(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The first names of a list, separated by commas.
fn list(names: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}
