//! Names that every scenario has: of the run, the flow, the user, the iteration, and the last response.

use super::Expression;

/// A value of the run, the flow, the user or the iteration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ambient {
    /// `iteration.id`
    IterationId,
    /// `iteration.number`
    IterationNumber,
    /// `user.id`
    UserId,
    /// `flow.name`
    FlowName,
    /// `run.id`
    RunId,
    /// `run.segment`
    RunSegment,
    /// `run.elapsed`
    RunElapsed,
    /// `run.seed`
    RunSeed,
    /// `request.method`
    RequestMethod,
    /// `request.path`
    RequestPath,
    /// `request.query`
    RequestQuery,
    /// `request.host`
    RequestHost,
    /// `request.body`
    RequestBody,
    /// `request.timestamp`
    RequestTimestamp,
    /// `request.timestamp_ms`
    RequestTimestampMs,
    /// `request.date`
    RequestDate,
    /// `request.signature`
    RequestSignature,
}

/// A part of the last response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponsePart {
    /// `response.status`
    Status,
    /// `response.headers`: all of them, as a mapping.
    Headers,
    /// `response.headers["x"]`: the name in small letters.
    Header(Box<str>),
    /// `response.body`
    Body,
    /// `response.json`
    Json,
    /// `response.time`
    Time,
    /// `response.url`
    Url,
    /// `response.size`
    Size,
}

/// A name as written, its expression and its description for the reference.
pub(crate) struct AmbientName {
    pub(crate) owner: &'static str,
    pub(crate) member: &'static str,
    expression: Expression,
    pub(crate) doc: &'static str,
}

const fn of_run(
    owner: &'static str,
    member: &'static str,
    ambient: Ambient,
    doc: &'static str,
) -> AmbientName {
    AmbientName {
        owner,
        member,
        expression: Expression::Ambient(ambient),
        doc,
    }
}

const fn of_response(member: &'static str, part: ResponsePart, doc: &'static str) -> AmbientName {
    AmbientName {
        owner: "response",
        member,
        expression: Expression::Response(part),
        doc,
    }
}

/// Every name, in the order of the documentation.
pub(crate) static NAMES: [AmbientName; 24] = [
    of_run(
        "iteration",
        "id",
        Ambient::IterationId,
        "A text that no other iteration of the run has: the user's number and the iteration's, `7-41`.",
    ),
    of_run(
        "iteration",
        "number",
        Ambient::IterationNumber,
        "The number of this user's iteration, from 0.",
    ),
    of_run(
        "user",
        "id",
        Ambient::UserId,
        "The number of the user, from 0; no other user of the run has it.",
    ),
    of_run(
        "flow",
        "name",
        Ambient::FlowName,
        "The name of the flow; in `setup` and `teardown` it has no value.",
    ),
    of_run(
        "run",
        "id",
        Ambient::RunId,
        "The run's identifier, as in its report.",
    ),
    of_run(
        "run",
        "segment",
        Ambient::RunSegment,
        "The number of this machine's share of the load, from 0.",
    ),
    of_run(
        "run",
        "elapsed",
        Ambient::RunElapsed,
        "The seconds since the load began, with milliseconds; 0 in `setup`.",
    ),
    of_run("run", "seed", Ambient::RunSeed, "The seed of the run."),
    of_response("status", ResponsePart::Status, "The status, such as 200."),
    of_response(
        "headers",
        ResponsePart::Headers,
        "The headers as a mapping with names in small letters. One of them is `response.headers[\"x-id\"]`, with its name \
         in any letters; a header that was sent several times is joined by `, `.",
    ),
    of_response(
        "body",
        ResponsePart::Body,
        "The decompressed body as a text.",
    ),
    of_response(
        "json",
        ResponsePart::Json,
        "The value that the body has as JSON: `response.json.items[0].id`.",
    ),
    of_response(
        "time",
        ResponsePart::Time,
        "The service time in milliseconds, with decimals, as `time` of a check.",
    ),
    of_response(
        "url",
        ResponsePart::Url,
        "The URL of the response, after redirects.",
    ),
    of_response(
        "size",
        ResponsePart::Size,
        "The size of the decompressed body in bytes.",
    ),
    of_run(
        "request",
        "method",
        Ambient::RequestMethod,
        "In a signature (`auth: { hmac: … }`): the method of its request, in capitals.",
    ),
    of_run(
        "request",
        "path",
        Ambient::RequestPath,
        "In a signature: the path, as it is sent.",
    ),
    of_run(
        "request",
        "query",
        Ambient::RequestQuery,
        "In a signature: the query, as it is sent, without `?`; empty without one.",
    ),
    of_run(
        "request",
        "host",
        Ambient::RequestHost,
        "In a signature: the host, with its port if the URL has one.",
    ),
    of_run(
        "request",
        "body",
        Ambient::RequestBody,
        "In a signature: the body; empty without one.",
    ),
    of_run(
        "request",
        "timestamp",
        Ambient::RequestTimestamp,
        "In a signature: the time of the request in Unix seconds.",
    ),
    of_run(
        "request",
        "timestamp_ms",
        Ambient::RequestTimestampMs,
        "In a signature: the same time in milliseconds.",
    ),
    of_run(
        "request",
        "date",
        Ambient::RequestDate,
        "In a signature: the same time as in a `date` header, `Sun, 06 Nov 1994 08:49:37 GMT`.",
    ),
    of_run(
        "request",
        "signature",
        Ambient::RequestSignature,
        "In the `headers` of a signature: the signature.",
    ),
];

/// The names of an owner, such as `response`; empty if it owns none.
pub(super) fn members(owner: &str) -> impl Iterator<Item = &'static AmbientName> {
    NAMES.iter().filter(move |name| name.owner == owner)
}

/// The expression of `owner.member`.
pub(super) fn expression(owner: &str, member: &str) -> Option<Expression> {
    let found = members(owner).find(|name| name.member == member);
    found.map(|name| name.expression.clone())
}

impl Ambient {
    /// The name as written.
    pub fn written(self) -> String {
        name_of(&Expression::Ambient(self))
    }

    /// True for a value of the request that is signed.
    pub const fn is_of_request(self) -> bool {
        match self {
            Self::RequestMethod
            | Self::RequestPath
            | Self::RequestQuery
            | Self::RequestHost
            | Self::RequestBody
            | Self::RequestTimestamp
            | Self::RequestTimestampMs
            | Self::RequestDate
            | Self::RequestSignature => true,
            Self::IterationId
            | Self::IterationNumber
            | Self::UserId
            | Self::FlowName
            | Self::RunId
            | Self::RunSegment
            | Self::RunElapsed
            | Self::RunSeed => false,
        }
    }
}

impl ResponsePart {
    /// The name as written.
    pub fn written(&self) -> String {
        match self {
            Self::Header(name) => format!("response.headers[\"{name}\"]"),
            Self::Status
            | Self::Headers
            | Self::Body
            | Self::Json
            | Self::Time
            | Self::Url
            | Self::Size => name_of(&Expression::Response(self.clone())),
        }
    }
}

fn name_of(expression: &Expression) -> String {
    let name = NAMES.iter().find(|name| name.expression == *expression);
    name.map_or_else(String::new, |name| {
        format!("{}.{}", name.owner, name.member)
    })
}

/// Parts of a response that something reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PartSet(u8);

impl PartSet {
    const fn bit(part: &ResponsePart) -> u8 {
        match part {
            ResponsePart::Status => 1,
            ResponsePart::Headers | ResponsePart::Header(_) => 2,
            ResponsePart::Body => 4,
            ResponsePart::Json => 8,
            ResponsePart::Time => 16,
            ResponsePart::Url => 32,
            ResponsePart::Size => 64,
        }
    }

    /// Adds a part.
    pub const fn insert(&mut self, part: &ResponsePart) {
        self.0 |= Self::bit(part);
    }

    /// True if the set has this part.
    pub const fn has(self, part: &ResponsePart) -> bool {
        self.0 & Self::bit(part) != 0
    }

    /// True if nothing is read.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The parts of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// True if a part of the body is read.
    pub const fn reads_body(self) -> bool {
        self.has(&ResponsePart::Body)
            || self.has(&ResponsePart::Json)
            || self.has(&ResponsePart::Size)
    }

    /// Adds the parts that an expression reads.
    pub(crate) fn add_uses(&mut self, expression: &Expression) {
        expression.each_use(true, &mut |used, _| {
            if let Expression::Response(part) = used {
                self.insert(part);
            }
        });
    }
}
