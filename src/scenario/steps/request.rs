//! `get`, `post` …: a step that sends a request. Reads its method, URL, body, credentials, checks and captures.

use std::collections::BTreeMap;

use http::Method;
use url::Url;

use super::{IF, StepKind};
use crate::format::tables::http::{HEADERS, TIMEOUT, auth as credentials};
use crate::format::tables::{capture as captured, check as checked};
use crate::format::{Choice, Field, Fields, Mapping, Problems, Type};
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::http::{headers, timeouts};
use crate::scenario::validate::{capture, check};
use crate::scenario::{Action, Auth, Body, Request, Template};
use crate::source::brief;
use crate::source::user_info;
use crate::source::{Content, Entry, Node};

const fn method(key: &'static str, example: &'static str, doc: &'static str) -> Field {
    Field::new(key, Type::URL, example, doc)
        .home("a request is a step: an item under `steps:` of a flow, such as `- get: /path`")
}

const GET: Field = method(
    "get",
    "/items/${id}?limit=20",
    "Sends `GET`. The value is an absolute path, joined to `target`, or a complete URL; `${…}` inserts values. A value \
     inside a path or a query is percent-encoded. A value at the beginning of the URL is a link; a relative link is \
     resolved against the page from which it was captured. Write a space as `%20`; a fragment (`#…`) is an error.",
);
const POST: Field = method("post", "/orders", "Sends `POST`.");
const PUT: Field = method("put", "/items/${id}", "Sends `PUT`.");
const PATCH: Field = method("patch", "/items/${id}", "Sends `PATCH`.");
const DELETE: Field = method("delete", "/items/${id}", "Sends `DELETE`.");
const HEAD: Field = method("head", "/items", "Sends `HEAD`.");
const OPTIONS: Field = method("options", "/items", "Sends `OPTIONS`.");

const IN_A_REQUEST: &str = "it belongs in a request, beside its method";

const NAME: Field = Field::new(
    "name",
    Type::NAME,
    "list documents",
    "The name of the step in reports and threshold selectors: `{step=\"list documents\"}`. The default is the method \
     and the path as written, without the query: `GET /items/${id}`. Steps with the same name in a flow share a \
     series.",
);
const TAGS: Field = Field::new(
    "tags",
    Type::Map(&Type::NAME),
    "{ area: catalogue }",
    "Labels for threshold selectors: `{area=\"catalogue\"}`. `step`, `flow` and `check` are reserved.",
);
const QUERY: Field = Field::new(
    "query",
    Type::Map(&Type::OneOf(&[Type::TEMPLATE, Type::List(&Type::TEMPLATE)])),
    "{ q: red tea, tag: [ new, sale ] }",
    "Pairs that are added to the URL, percent-encoded. A list sends its name once for each value.",
)
.secret();
const BODY: Field = Field::new(
    "body",
    Type::TEMPLATE,
    "post: /notes\nbody: 'hello ${user()}'\nheaders: { content-type: text/plain }",
    "A text body, sent as written with values inserted. No content type is added.",
)
.secret();
const JSON: Field = Field::new(
    "json",
    Type::Any,
    "post: /orders\njson: { document_id: '${id}', quantity: 2 }",
    "A JSON body, written as YAML. A text that consists of one `${…}` keeps the type of its value; inside a longer \
     text the value is inserted as text. Adds `content-type: application/json` unless a header says otherwise.",
)
.secret();
const FORM: Field = Field::new(
    "form",
    Type::Map(&Type::OneOf(&[Type::TEMPLATE, Type::List(&Type::TEMPLATE)])),
    "post: /login\nform: { user: me, tag: [ a, b ] }",
    "A form body of pairs, encoded. Adds `content-type: application/x-www-form-urlencoded`.",
)
.secret();
const AUTH: Field = Field::new(
    "auth",
    Type::Mapping(&credentials::TABLE),
    "{ bearer: '${API_TOKEN:-x}' }",
    "Credentials for the `authorization` header.",
)
.secret();
const CHECK: Field = Field::new(
    "check",
    Type::OneOf(&[
        Type::Mapping(&checked::TABLE),
        Type::List(&Type::Mapping(&checked::TABLE)),
    ]),
    "[ { status: 200 }, { time: '< 500ms' } ]",
    "Conditions on the response: a check, or a list of checks. They can use values of earlier steps, but no captures \
     of this response.",
);
const CAPTURE: Field = Field::new(
    "capture",
    Type::Map(&Type::Mapping(&captured::TABLE)),
    "{ id: { json: '$.items[0].id' } }",
    "Values to capture from the response, by name; `${id}` inserts one in later steps. A value lasts until the \
     iteration ends; if captured in a flow's `start`, as long as the user; if captured in `setup`, for the whole run.",
);

static METHOD: Choice = Choice {
    keys: KIND.heads,
    is_required: true,
};
static BODIES: Choice = Choice {
    keys: &["body", "json", "form"],
    is_required: false,
};

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["get", "post", "put", "patch", "delete", "head", "options"],
    lack: "no method, such as `get: /path`",
    read,
    captures: Some(&CAPTURE),
    children: &[],
    headless: "",
};

static TABLE: Mapping = Mapping {
    name: "request",
    what: "a request",
    doc: "Sends one request and reads its response. A request fails if no complete response arrives, if its status is \
        400 or above and no check accepts it, if a check fails, or if a capture finds nothing.",
    fields: &[
        GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, IF, NAME, TAGS, QUERY, HEADERS, BODY, JSON,
        FORM, AUTH, TIMEOUT, CHECK, CAPTURE,
    ],
    choices: &[&METHOD, &BODIES],
    example: "post: /orders
name: buy
json: { document_id: '${user()}', quantity: '${random(1, 3)}' }
headers: { x-request: '${uuid()}' }
check: [ { status: 201 } ]
capture: { order: { json: '$.id' } }
",
    rest: "get: /items\n",
    home: IN_A_REQUEST,
    ..Mapping::EMPTY
};

/// Reads a request whose method and URL are in `head`.
fn read(node: &Node, head: &Entry, compiler: &mut Compiler<'_>) -> Option<Action> {
    let fields = compiler.problems.fields(node, &TABLE)?;
    let method = Method::from_bytes(head.key.to_ascii_uppercase().as_bytes()).ok()?;
    let url = compiler.url(&head.value, "a path such as /users, or a URL");
    let url = url.filter(|url| check_url(url, &head.value, compiler.problems));
    let written = written(&head.value);
    let query = fields
        .get(&QUERY)
        .map_or_else(Vec::new, |node| pairs(node, &QUERY, compiler));
    let headers = fields
        .get(&HEADERS)
        .map_or_else(Vec::new, |node| headers(node, compiler));
    let body = body(&fields, compiler);
    let auth = fields.get(&AUTH).and_then(|node| auth(node, compiler));
    let defaults = compiler.timeouts;
    let timeouts = fields
        .get(&TIMEOUT)
        .map_or(defaults, |node| timeouts(node, defaults, compiler.problems));
    let tags = fields
        .get(&TAGS)
        .map_or_else(BTreeMap::new, |node| tags(node, compiler.problems));
    let name = match fields.get(&NAME) {
        Some(node) => compiler.problems.fixed_name(node, "a step's name"),
        None => None,
    };
    // Checks are read before captures: they may use earlier captures, but not those of this response.
    let checks = fields
        .get(&CHECK)
        .map_or_else(Vec::new, |node| check::checks(node, compiler));
    let captures = fields
        .get(&CAPTURE)
        .map_or_else(Vec::new, |node| capture::captures(node, compiler));
    Some(Action::Request(Box::new(Request {
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
        span: head.key_span,
    })))
}

/// The method and the path as written, so that the name is the same in every environment and for every value.
fn default_name(method: &Method, written: &str) -> String {
    let path = written.split('?').next().unwrap_or_default();
    format!("{method} {}", brief(path))
}

/// The URL as written in the file, without `user:password@`.
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

/// The characters of a template outside `${…}`.
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

/// True if the URL can be resolved: an absolute path, an absolute URL, or an expression that renders one of them.
fn check_url(template: &Template, node: &Node, problems: &mut Problems) -> bool {
    let written = &*template.source;
    if template
        .literal()
        .is_some_and(|url| user_info::find(url).is_some())
    {
        problems.report_with(
            node.span,
            "a URL may not contain credentials",
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
            "a URL may not contain spaces or control characters",
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
    // Only a literal URL can be parsed now; a rendered one is checked when it is sent.
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

fn pairs(node: &Node, field: &Field, compiler: &mut Compiler<'_>) -> Vec<(String, Template)> {
    let what = format!("a mapping of names to values under `{}`", field.key);
    let Some(entries) = compiler.problems.entries(node, &what) else {
        return Vec::new();
    };
    let mut pairs = Vec::new();
    for entry in entries {
        // A list sends its name once for each value.
        let values = match &entry.value.value {
            Content::List(items) => items.iter().collect(),
            Content::Scalar(_) | Content::Map(_) => vec![&entry.value],
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
    let entry = match fields.chosen(&BODIES).as_slice() {
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
    if entry.key == JSON.key {
        compiler.json(&entry.value).map_or(Body::Empty, Body::Json)
    } else if entry.key == FORM.key {
        Body::Form(pairs(&entry.value, &FORM, compiler))
    } else {
        compiler
            .any_text(&entry.value, "a text")
            .map_or(Body::Empty, Body::Text)
    }
}

fn auth(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    use credentials::{BASIC, BEARER, basic};

    let fields = compiler.problems.fields(node, &credentials::TABLE)?;
    match (fields.get(&BASIC), fields.get(&BEARER)) {
        (None, Some(token)) => compiler.text(token, "a token").map(Auth::Bearer),
        (Some(pair), None) => {
            let fields = compiler.problems.fields(pair, &basic::TABLE)?;
            let user = compiler.problems.require(&fields, &basic::USER);
            let password = compiler.problems.require(&fields, &basic::PASSWORD);
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
        // Every step already has these labels.
        if ["step", "flow", "check"].contains(&entry.key.as_str()) {
            problems.report(
                entry.key_span,
                format!(
                    "`{}` cannot be a tag: thresholds already use it as a selector",
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
