//! Requests: method, URL, body, credentials, and where their checks and captures are read.

use std::collections::BTreeMap;

use http::Method;
use url::Url;

use super::compiler::Compiler;
use super::http::{headers, timeouts};
use super::reader::{Fields, Problems, Shape};
use super::{capture, check};
use crate::scenario::{Auth, Body, Request, Template, Timeouts};
use crate::source::brief;
use crate::source::user_info;
use crate::source::{Content, Entry, Node};

const REQUEST: Shape = Shape {
    what: "a request",
    known: &[
        "get", "post", "put", "patch", "delete", "head", "options", "if", "name", "tags", "query",
        "headers", "body", "json", "form", "auth", "timeout", "check", "capture",
    ],
    later: &[
        "multipart",
        "upload",
        "file",
        "graphql",
        "version",
        "redirects",
        "on_error",
        "include",
    ],
};

const AUTH: Shape = Shape {
    what: "`auth`",
    known: &["basic", "bearer"],
    later: &["digest", "custom", "oauth2"],
};

const BASIC: Shape = Shape {
    what: "`basic`",
    known: &["user", "password"],
    later: &[],
};

/// The keys that make a step a request.
pub(super) const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// Whether a request may have this key.
pub(super) fn is_key(key: &str) -> bool {
    REQUEST.known.contains(&key)
}

/// The method that a key names.
pub(super) fn method(key: &str) -> Option<Method> {
    Some(match key {
        "get" => Method::GET,
        "post" => Method::POST,
        "put" => Method::PUT,
        "patch" => Method::PATCH,
        "delete" => Method::DELETE,
        "head" => Method::HEAD,
        "options" => Method::OPTIONS,
        _ => return None,
    })
}

/// Reads a request whose method and URL are in `kind`.
pub(super) fn request(
    node: &Node,
    kind: &Entry,
    defaults: Timeouts,
    compiler: &mut Compiler<'_>,
) -> Option<Request> {
    let fields = compiler.problems.fields(node, &REQUEST)?;
    let method = method(&kind.key)?;
    let url = compiler.url(&kind.value, "a path such as /users, or a URL");
    let url = url.filter(|url| check_url(url, &kind.value, compiler.problems));
    let written = written(&kind.value);
    let query = fields
        .get("query")
        .map_or_else(Vec::new, |node| pairs(node, "query", compiler));
    let headers = fields
        .get("headers")
        .map_or_else(Vec::new, |node| headers(node, compiler));
    let body = body(&fields, compiler);
    let auth = fields.get("auth").and_then(|node| auth(node, compiler));
    let timeouts = fields
        .get("timeout")
        .map_or(defaults, |node| timeouts(node, defaults, compiler.problems));
    let tags = fields
        .get("tags")
        .map_or_else(BTreeMap::new, |node| tags(node, compiler.problems));
    let name = match fields.get("name") {
        Some(node) => compiler.problems.fixed_name(node, "a step's name"),
        None => None,
    };
    // Checks may compare with what was captured before, not with what this response brings.
    let checks = fields
        .get("check")
        .map_or_else(Vec::new, |node| check::checks(node, compiler));
    let captures = fields
        .get("capture")
        .map_or_else(Vec::new, |node| capture::captures(node, compiler));
    Some(Request {
        name: name.map_or_else(|| default_name(&method, &written), str::to_owned),
        method,
        url: url?,
        written,
        query,
        headers,
        body,
        auth,
        timeouts,
        tags,
        checks,
        captures,
    })
}

/// Method and path as written, so that it is the same in every environment and for every value.
fn default_name(method: &Method, written: &str) -> String {
    let path = written.split('?').next().unwrap_or_default();
    format!("{method} {}", brief(path))
}

/// A URL as it stands in the file, without `user:password@`.
fn written(node: &Node) -> String {
    let Content::Scalar(scalar) = &node.value else {
        return String::new();
    };
    let text = scalar.written.as_deref().unwrap_or(&scalar.text);
    match user_info::find(text) {
        Some(found) => format!("{}{}", &text[..found.start], &text[found.end..]),
        None => text.to_owned(),
    }
}

/// The characters of a template that do not stand in its `${…}`.
fn outside_expressions(written: &str) -> impl Iterator<Item = char> {
    written
        .split("${")
        .enumerate()
        .flat_map(|(index, part)| match (index, part.split_once('}')) {
            (0, _) => part.chars(),
            (_, Some((_, rest))) => rest.chars(),
            (_, None) => "".chars(),
        })
}

/// Whether a URL can be resolved: a path from the root, an absolute URL, or an expression that will be one of them.
fn check_url(template: &Template, node: &Node, problems: &mut Problems) -> bool {
    let written = &*template.source;
    if template
        .literal()
        .is_some_and(|url| user_info::find(url).is_some())
    {
        problems.report_with(
            node.span,
            "a URL may not hold credentials",
            "give them as `auth: { basic: { user: …, password: … } }`, which no report shows",
        );
        return false;
    }
    if written.starts_with("${") {
        return true;
    }
    if outside_expressions(written).any(|c| c.is_control() || c == ' ') {
        problems.report_with(
            node.span,
            "a URL may not hold spaces or control characters",
            "write a space as `%20`, or put the value under `query:`",
        );
        return false;
    }
    if written.contains('#') {
        problems.report(node.span, "a fragment (`#…`) is never sent; remove it");
        return false;
    }
    if written.starts_with('/') && !written.starts_with("//") {
        return true;
    }
    if !written.starts_with("http://") && !written.starts_with("https://") {
        problems.report_with(
            node.span,
            format!(
                "`{}` is neither a path nor a URL",
                brief(&user_info::masked(written))
            ),
            "a path starts with `/`, a URL with http:// or https://",
        );
        return false;
    }
    // Only a literal one can be parsed now; what is rendered is checked when it is sent.
    if let Some(literal) = template.literal()
        && let Err(error) = Url::parse(literal)
    {
        problems.report(
            node.span,
            format!("`{}` is not a URL: {error}", brief(literal)),
        );
        return false;
    }
    true
}

fn pairs(node: &Node, key: &str, compiler: &mut Compiler<'_>) -> Vec<(String, Template)> {
    let what = format!("a mapping of names to values under `{key}`");
    let Some(entries) = compiler.problems.entries(node, &what) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in entries {
        // A list sends the name once for each of its values.
        let values = match &entry.value.value {
            Content::List(items) => items.iter().collect(),
            _ => vec![&entry.value],
        };
        for value in values {
            if let Some(value) = compiler.component(value, "a value") {
                pairs.push((entry.key.clone(), value));
            }
        }
    }
    pairs
}

fn body(fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> Body {
    let entry = match fields.present(&["body", "json", "form"]).as_slice() {
        [] => return Body::Empty,
        [one] => *one,
        [first, second, ..] => {
            compiler.problems.report(
                second.key_span,
                format!(
                    "a request has one body, but this one has `{}` and `{}`",
                    first.key, second.key
                ),
            );
            return Body::Empty;
        }
    };
    match entry.key.as_str() {
        "json" => compiler.json(&entry.value).map_or(Body::Empty, Body::Json),
        "form" => Body::Form(pairs(&entry.value, "form", compiler)),
        _ => compiler
            .any_text(&entry.value, "a text")
            .map_or(Body::Empty, Body::Text),
    }
}

fn auth(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    let fields = compiler.problems.fields(node, &AUTH)?;
    match (fields.get("basic"), fields.get("bearer")) {
        (None, Some(token)) => compiler.text(token, "a token").map(Auth::Bearer),
        (Some(basic), None) => {
            let fields = compiler.problems.fields(basic, &BASIC)?;
            let user = compiler.problems.require(&fields, "user");
            let password = compiler.problems.require(&fields, "password");
            let user = user.and_then(|node| compiler.any_text(node, "a user name"));
            let password = password.and_then(|node| compiler.any_text(node, "a password"));
            Some(Auth::Basic(user?, password?))
        }
        _ => {
            compiler.problems.report(
                node.span,
                "`auth` is either {bearer: token} or {basic: {user: name, password: text}}",
            );
            None
        }
    }
}

fn tags(node: &Node, problems: &mut Problems) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    let Some(entries) = problems.entries(node, "a mapping of tags to values") else {
        return tags;
    };
    for entry in entries {
        // These select by what every step has anyway.
        if ["step", "flow", "check"].contains(&entry.key.as_str()) {
            problems.report(
                entry.key_span,
                format!(
                    "`{}` is no name for a tag: thresholds select by it already",
                    entry.key
                ),
            );
        }
        if let Some(value) = problems.fixed_name(&entry.value, "a tag's value") {
            tags.insert(entry.key.clone(), value.to_owned());
        }
    }
    tags
}
