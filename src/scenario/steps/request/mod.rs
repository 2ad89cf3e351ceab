//! `get`, `post` …: a step that sends a request. Reads its method, URL, body, credentials, checks and captures.

use std::collections::BTreeMap;

use http::Method;

mod body;
mod reaction;
mod url;

pub(super) use self::reaction::reactions;
pub(in crate::scenario) use self::url::{url as request_url, written as written_url};

use self::body::{BODIES, BODY, COMPRESS, FILE, FORM, GRAPHQL, JSON, MULTIPART};
use self::reaction::ON;
use super::record::{self, RECORD};
use super::{IF, STEPS, StepKind, call, keys_of};
use crate::format::tables::auth::VALUE as CREDENTIALS;
use crate::format::tables::http::{FAIL_ON, HEADERS, MAX_REDIRECTS, TIMEOUT};
use crate::format::tables::{capture as captured, check as checked};
use crate::format::{Choice, Field, Fields, Mapping, Type};
use crate::scenario::program::Reacting;
use crate::scenario::validate::compiler::Compiler;
use crate::scenario::validate::http::{cases, expect, fail_on, headers, timeouts};
use crate::scenario::validate::tags::tags;
use crate::scenario::validate::{auth, capture, check};
use crate::scenario::{Action, FailedStatuses, Request, Template};
use crate::source::{Content, Entry, Node, brief};

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

pub(super) const NAME: Field = Field::new(
    "name",
    Type::NAME,
    "list documents",
    "The name of the step in reports and threshold selectors: `{step=\"list documents\"}`. The default is the method \
     and the path as written, without the query: `GET /items/${id}`. Steps with the same name in a flow share a \
     series.",
);
pub(super) const TAGS: Field = Field::new(
    "tags",
    Type::Map(&Type::NAME),
    "{ area: catalogue }",
    "Labels for threshold selectors: `{area=\"catalogue\"}`, besides those of the group, the flow and the file around it, \
     which they replace; those of a group are also labels of its steps. \
     `step`, `flow`, `group` and `check` are reserved.",
);
const QUERY: Field = Field::new(
    "query",
    Type::Map(&Type::OneOf(&[Type::TEMPLATE, Type::List(&Type::TEMPLATE)])),
    "{ q: red tea, tag: [ new, sale ] }",
    "Pairs that are added to the URL, percent-encoded. A list sends its name once for each value.",
)
.secret();
const AUTH: Field = Field::new(
    "auth",
    CREDENTIALS,
    "{ bearer: '${API_TOKEN:-x}' }",
    "Credentials of this request, instead of those of its flow or of `http`; `none` sends none.",
)
.secret();
const EXPECT: Field = Field::new(
    "expect",
    checked::STATUSES,
    "404",
    "The status of a good response: any other one fails the request. It replaces `fail_on`.",
)
.home("a request states the status that it expects: `expect: 404` beside its method");
const COOKIES: Field = Field::new(
    "cookies",
    Type::Map(&Type::TEMPLATE),
    "{ consent: yes, visitor: '${uuid()}' }",
    "Cookies to add to the user's jar before the request is sent, for every path of its host; later requests send them \
     too. With `http: { cookies: off }` only this request sends them.",
)
.secret();
const REDIRECTS: Field = Field::new(
    "redirects",
    Type::Integer(0, MAX_REDIRECTS),
    "0",
    "The maximum number of redirects of this request, instead of that of `http`. With 0, checks and captures see the \
     redirect itself.",
);
pub(super) const SILENT: Field = Field::new(
    "silent",
    Type::Flag,
    "true",
    "Whether the request counts only in the totals of requests, bytes and connections. It then has no row in the report, \
     no times, and no part in any threshold; its checks and captures work as those of any request.",
)
.default("false");
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
static FAILURES: Choice = Choice {
    keys: &["fail_on", "expect"],
    is_required: false,
};

pub(super) static KIND: StepKind = StepKind {
    table: &TABLE,
    heads: &["get", "post", "put", "patch", "delete", "head", "options"],
    read,
    captures: |step, blocks| {
        let called = reactions(step).into_iter();
        let called = called.flat_map(|reaction| call::captures(reaction, blocks));
        keys_of(step, &CAPTURE).into_iter().chain(called).collect()
    },
    children: |step| {
        let reactions = reactions(step).into_iter();
        reactions
            .filter_map(|reaction| reaction.get(STEPS.key))
            .collect()
    },
};

static TABLE: Mapping = Mapping {
    name: "request",
    what: "a request",
    doc: "Sends one request and reads its response. A request fails if no complete response arrives, if its status is \
        400 or above and no check accepts it (`fail_on` and `expect` change that), if a check fails, or if a capture \
        finds nothing.",
    fields: &[
        GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS, IF, NAME, TAGS, SILENT, QUERY, HEADERS,
        COOKIES, BODY, JSON, FORM, FILE, MULTIPART, GRAPHQL, COMPRESS, AUTH, TIMEOUT, REDIRECTS,
        FAIL_ON, EXPECT, CHECK, CAPTURE, RECORD, ON,
    ],
    choices: &[&METHOD, &BODIES, &FAILURES],
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
    let url = url::url(&head.value, compiler);
    let written = url::written(&head.value);
    let query = fields
        .get(&QUERY)
        .map_or_else(Vec::new, |node| pairs(node, &QUERY, compiler));
    let headers = fields
        .get(&HEADERS)
        .map_or_else(Vec::new, |node| headers(node, compiler));
    let header_cases = fields.get(&HEADERS).map_or_else(Vec::new, cases);
    let cookies = fields
        .get(&COOKIES)
        .map_or_else(Vec::new, |node| cookies(node, compiler));
    let (body, coding) = body::body(&fields, compiler);
    let is_silent = compiler.problems.value(&fields, &SILENT);
    let redirects: Option<u64> = compiler.problems.value(&fields, &REDIRECTS);
    let own_auth = fields.get(&AUTH);
    let auth = auth::of_request(own_auth, compiler);
    auth::check_body(
        &auth,
        &body,
        coding,
        own_auth.unwrap_or(&head.value),
        compiler,
    );
    let defaults = compiler.timeouts;
    let timeouts = fields
        .get(&TIMEOUT)
        .map_or(defaults, |node| timeouts(node, defaults, compiler.problems));
    let labels = labels(&fields, compiler);
    let failed = failed(&fields, compiler);
    let name = match fields.get(&NAME) {
        Some(node) => compiler.problems.fixed_name(node, "a step's name"),
        None => None,
    };
    // Checks are read before captures: they may use earlier captures, but not those of this response.
    let mut checks = fields
        .get(&CHECK)
        .map_or_else(Vec::new, |node| check::checks(node, compiler));
    if fields.get(&GRAPHQL).is_some() {
        checks.push(body::no_errors());
    }
    let captures = fields
        .get(&CAPTURE)
        .map_or_else(Vec::new, |node| capture::captures(node, compiler));
    // Recordings may use the captures of this response.
    let records = fields.entry(&RECORD).map_or_else(Vec::new, |entry| {
        compiler.after_captures(&captures, |compiler| {
            record::of_request(&entry.value, entry.key_span, compiler)
        })
    });
    // After its own captures, which reactions may use.
    let on = fields.entry(&ON);
    let reactions = on.map(|entry| reaction::read(entry, compiler));
    let request = Request {
        name: name.map_or_else(|| default_name(&method, &written), str::to_owned),
        method,
        url: url?,
        written,
        query,
        headers,
        header_cases,
        cookies,
        body,
        coding,
        auth,
        timeouts,
        redirects: redirects.map(|redirects| redirects as u8),
        failed,
        is_silent: is_silent.unwrap_or_default(),
        tags: labels,
        checks,
        captures,
        records,
        span: head.key_span,
    };
    Some(match reactions {
        None => Action::Request(Box::new(request)),
        Some(reactions) => Action::Reacting(Box::new(Reacting {
            request,
            reactions: reactions?,
        })),
    })
}

/// The name that a request without one gets; `None` if this is no request.
pub(in crate::scenario) fn usual_name(item: &Node) -> Option<String> {
    let Content::Map(entries) = &item.value else {
        return None;
    };
    let head = entries
        .iter()
        .find(|entry| KIND.heads.contains(&entry.key.as_str()))?;
    let method = Method::from_bytes(head.key.to_ascii_uppercase().as_bytes()).ok()?;
    Some(default_name(&method, &url::written(&head.value)))
}

/// The position of the `?` of a query, which is in no expression.
pub(crate) fn query_at(url: &str) -> Option<usize> {
    let mut depth = 0_u32;
    url.char_indices().find_map(|(at, c)| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            '?' if depth == 0 => return Some(at),
            _ => {}
        }
        None
    })
}

/// The method and the path as written, so that the name is the same in every environment and for every value.
fn default_name(method: &Method, written: &str) -> String {
    let path = &written[..query_at(written).unwrap_or(written.len())];
    format!("{method} {}", brief(path))
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

/// The tags of a step, and of what is around it.
pub(super) fn labels(fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> BTreeMap<String, String> {
    let mut labels = compiler.tags.clone();
    if let Some(node) = fields.get(&TAGS) {
        labels.extend(tags(node, compiler.problems));
    }
    labels
}

/// The statuses that fail the request.
fn failed(fields: &Fields<'_>, compiler: &mut Compiler<'_>) -> FailedStatuses {
    let problems = &mut *compiler.problems;
    let own = match fields.chosen(&FAILURES).as_slice() {
        [] => None,
        [one] if one.key == EXPECT.key => expect(&one.value, problems),
        [one] => fail_on(&one.value, problems),
        [_, second, ..] => {
            problems.report(
                second.key_span,
                "a request has `fail_on` or `expect`, not both: `expect` names every good status",
            );
            None
        }
    };
    own.unwrap_or_else(|| compiler.failed.clone())
}

/// Reads `cookies:`, a mapping of names to values.
fn cookies(node: &Node, compiler: &mut Compiler<'_>) -> Vec<(String, Template)> {
    let what = "a mapping of cookies to values";
    let Some(entries) = compiler.problems.entries(node, what) else {
        return Vec::new();
    };
    let mut cookies = Vec::new();
    for entry in entries {
        // A name is a token, as a header's name is; `=`, `;` and spaces would end it.
        if http::HeaderName::from_bytes(entry.key.as_bytes()).is_err() {
            let message = format!("`{}` is not a cookie's name", brief(&entry.key));
            compiler.problems.report(entry.key_span, message);
        }
        let Some(value) = compiler.any_text(&entry.value, "a cookie's value") else {
            continue;
        };
        if value
            .literal()
            .is_some_and(|text| text.contains([';', '\r', '\n']))
        {
            let message = "a cookie's value may not contain `;` or line breaks";
            compiler.problems.report(entry.value.span, message);
        }
        cookies.push((entry.key.clone(), value));
    }
    cookies
}
