//! Suggestions for unknown names.

use super::{Function, ambient};
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
    let parts: Vec<String> = ambient::members(name)
        .map(|known| format!("{name}.{}", known.member))
        .collect();
    let is_declared = !columns.is_empty() || known.iter().any(|known| known == name);
    if !parts.is_empty() && !is_declared {
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let hint = match nearest(&written, parts.iter().copied()) {
            Some(near) if member.is_some() => did_you_mean(near),
            Some(_) | None => format!("name one of its parts: {}", list(&parts)),
        };
        // A misspelt feeder is more likely: `user.email` for `users.email`.
        let is_feeder = nearest(&written, known.iter().map(String::as_str)).is_some();
        if !is_feeder {
            return (message, hint);
        }
    }
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

/// The hint for an unknown function; `scripts` are those of the scenario's scripts.
pub(super) fn function(name: &str, scripts: &[&str]) -> String {
    if let Some(near) = nearest(name, scripts.iter().copied()) {
        return did_you_mean(&format!("{near}(…)"));
    }
    if let Some(function) = elsewhere(name).and_then(Function::named) {
        return did_you_mean(function.usage());
    }
    let near = nearest(name, Function::all().map(Function::name));
    if let Some(function) = near.and_then(Function::named) {
        return did_you_mean(function.usage());
    }
    let names: Vec<&str> = Function::all().map(Function::name).collect();
    let own = if scripts.is_empty() {
        String::new()
    } else {
        format!("{}, ", list(scripts))
    };
    format!("the functions are {own}{}, env, file", names.join(", "))
}

/// Gander's function for one of another tool or language.
fn elsewhere(name: &str) -> Option<&'static str> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    Some(match &*plain {
        "randomint" | "randint" | "randomnumber" | "randomintbetween" | "randombetween" => "random",
        "uuid4" | "uuidv4" | "guid" | "randomuuid" => "uuid",
        "timestamp" | "time" | "currenttimemillis" | "datenow" => "timestamp_ms",
        "isodate" | "datetime" => "now",
        "strftime" | "formatdate" | "dateformat" => "date",
        "randomitem" | "sample" | "oneof" | "pick" | "randomchoice" => "choice",
        "randomstring" | "randomtext" | "randstring" => "random_text",
        "gauss" | "normal" | "randomgauss" => "random_normal",
        "vu" | "vuid" | "userid" => "user",
        "iter" | "iterationid" | "counter" => "iteration",
        "b64encode" | "base64encode" | "btoa" => "base64",
        "b64decode" | "atob" | "frombase64" => "base64_decode",
        "encodeuricomponent" | "encodeuri" | "urlencode" | "urlencoded" | "quote" => "url_encode",
        "tojson" | "jsonstringify" | "stringify" => "json",
        "fromjson" | "jsonparse" | "jsondecode" => "parse_json",
        "hmac" | "hmacsha256" => "hmac_sha256",
        "str" | "tostring" | "text" => "string",
        "number" | "tonumber" | "parseint" | "toint" | "integer" => "int",
        "parsefloat" | "tofloat" | "double" => "float",
        "length" | "size" | "count" => "len",
        "lowercase" | "tolower" | "tolowercase" => "lower",
        "uppercase" | "toupper" | "touppercase" => "upper",
        "strip" => "trim",
        "substring" | "substr" => "slice",
        "includes" | "has" | "indexof" => "contains",
        "sort" => "sorted",
        "distinct" | "uniq" | "dedup" => "unique",
        "unescape" | "htmlunescape" | "unescapehtml" | "htmldecode" => "html",
        "firstname" | "fullname" | "person" | "fakename" => "name",
        "fakeemail" | "mail" => "email",
        "lorem" | "paragraph" => "sentence",
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
