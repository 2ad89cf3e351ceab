//! Defaults of every request, and the limits of a single request.

use super::super::words::{Cookies, FromWord};
use super::super::{Field, Mapping, Type};
use super::auth::VALUE as CREDENTIALS;
use super::check::STATUSES;

/// The maximum number of redirects to follow; also the default.
pub(crate) const MAX_REDIRECTS: u64 = 10;

pub(crate) const HEADERS: Field = Field::new(
    "headers",
    Type::Map(&Type::TEMPLATE),
    "{ accept: application/json, x-run: '${uuid()}' }",
    "Headers by name. The headers of a request override those of `http`; an empty value sends an empty header. Names \
     are case-insensitive, and are sent as they are written. `connection`, `content-length`, `transfer-encoding` and `upgrade` \
     are set by the client and are errors here. In addition Gander sends only `host`, `user-agent`, and the headers \
     that a body, `auth`, `cookies` or `compression` needs.",
)
.secret()
.home("headers belong under `headers:` of a request, or of `http:` for all requests");

pub(crate) const AUTH: Field = Field::new(
    "auth",
    CREDENTIALS,
    "{ bearer: '${API_TOKEN:-x}' }",
    "Credentials of every request to `target` and `targets`; a request to another host sends none. That of a flow or of a \
     request replaces it, and `auth: none` there switches it off.",
)
.secret()
.home("it belongs under `http:` at the top level, in a flow or in a request");

pub(crate) const TIMEOUT: Field = Field::new(
    "timeout",
    Type::OneOf(&[Type::Positive, Type::Mapping(&timeout::TABLE)]),
    "5s",
    "Time limits. A single duration limits each part and the whole request, and connecting to at most 10 s. A mapping \
     sets the limits separately; a limit that it leaves out keeps its default. A request that reaches a limit fails \
     with outcome `timeout` or `connect_timeout`, and thresholds on times count it with its limit. The defaults of a \
     request's own `timeout` are the limits of `http`.",
)
.home("it belongs under `http:` at the top level");

pub(crate) const FAIL_ON: Field = Field::new(
    "fail_on",
    Type::OneOf(&[STATUSES, Type::Literal("none")]),
    "[ 429, 5xx ]",
    "The statuses with which a response fails its request, unless a check of the request accepts it: a status, a class, \
     a range, or a list of them; `none` if no status does. That of a request replaces that of `http`.",
)
.default("400..999");

pub(crate) const REDIRECTS: Field = Field::new(
    "redirects",
    Type::Integer(0, MAX_REDIRECTS),
    "0",
    "The maximum number of redirects in a row. With 0, checks and captures see the redirect itself. A request with \
     more redirects fails with outcome `redirect`, and so does a redirect from https to http. The times of a request \
     include its redirects. 303 continues with `GET`, as do 301 and 302 after `POST`; other redirects repeat the \
     request unchanged. Cookies and all headers of `auth` are not sent to another origin.",
)
.default("10");

pub(crate) const COOKIES: Field = Field::new(
    "cookies",
    Type::OneOf(&[Type::Words(&Cookies::SET), Type::Flag]),
    "per_iteration",
    "Whether each user keeps cookies, and how long. `true` is `per_user`, `false` is `off`. With `per_user` a user is \
     the same visitor in every iteration; choose `per_iteration` if each iteration is a new visitor. `per_iteration` \
     also empties the jar after a flow's `start`, so a login by cookie then belongs in `steps`.",
)
.default("per_user");

pub(crate) const BODY_LIMIT: Field = Field::new(
    "body_limit",
    Type::SIZE,
    "2MiB",
    "The maximum size of a body, as received; at most 1024GiB. A larger body fails the request with \
     outcome `body_limit`.",
)
.default("64MiB");

pub(crate) const COMPRESSION: Field = Field::new(
    "compression",
    Type::Flag,
    "true",
    "Whether requests accept compressed bodies (`accept-encoding: gzip, br, zstd`), unless a header does so already. \
     The default is off, so that Gander sends only what the scenario contains; browsers do accept compression. Gander \
     decompresses a body only if a check or a capture reads it.",
)
.default("false");

pub(crate) const RESEND: Field = Field::new(
    "resend",
    Type::Flag,
    "false",
    "Whether a request is sent once more when its reused connection was closed before the first byte of the response. \
     This happens when the server closes an idle connection at the moment of its use. Only requests that are safe to \
     repeat are sent again: those with idempotent methods (all except `POST` and `PATCH`), and those of which nothing \
     was written. Reports count them as resent; with `false` each of them fails with outcome `reset`.",
)
.default("true");

pub(crate) const SERVER_TIMING: Field = Field::new(
    "server_timing",
    Type::Flag,
    "true",
    "Whether the durations in `server-timing` headers of responses are recorded. Each name becomes a metric in \
     milliseconds, over all measured requests: `p95(server_timing{name=\"db\"}) < 20ms`. The names of thresholds come \
     first, then the first others up to 32 in all; further ones are recorded together as `__other__`.",
)
.default("false");

pub(crate) const TRACE_CONTEXT: Field = Field::new(
    "trace_context",
    Type::OneOf(&[Type::Flag, Type::Mapping(&trace_context::TABLE)]),
    "{ sampled: 10% }",
    "Whether each request sends a `traceparent` header (W3C Trace Context), so that the spans of the target can be found by \
     the id of their trace. Each request is a trace of its own; its redirects, and the same request sent again on another \
     connection or after a challenge, belong to it, and a `retry` begins a new one. A `traceparent` among `headers` takes \
     precedence. Gander sends no spans itself. The report shows the traces of the slowest requests; see `trace_url`.",
)
.default("false")
.home("it belongs under `http:` at the top level");

pub(crate) const TLS: Field = Field::new(
    "tls",
    Type::Mapping(&tls::TABLE),
    "{ insecure: true }",
    "The certificates to accept.",
);

pub(crate) const TABLE: Mapping = Mapping {
    name: "http",
    what: "`http`",
    doc: "The options of all requests. Connections are HTTP/1.1, kept open, and belong to one user.",
    fields: &[
        HEADERS,
        AUTH,
        TIMEOUT,
        FAIL_ON,
        REDIRECTS,
        COOKIES,
        BODY_LIMIT,
        COMPRESSION,
        RESEND,
        SERVER_TIMING,
        TRACE_CONTEXT,
        TLS,
    ],
    example: "headers: { accept: application/json }
timeout: { connect: 1s, total: 9s }
cookies: per_iteration
",
    home: "it belongs under `http:` at the top level",
    ..Mapping::EMPTY
};

pub(crate) mod timeout {
    //! Limits in time.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const CONNECT: Field = Field::new(
        "connect",
        Type::Positive,
        "1s",
        "For name resolution, the connection and the TLS handshake.",
    )
    .default("10s");

    pub(crate) const FIRST_BYTE: Field = Field::new(
        "first_byte",
        Type::Positive,
        "5s",
        "From sending the request to the first byte of the response.",
    )
    .default("30s");

    pub(crate) const IDLE: Field = Field::new(
        "idle",
        Type::Positive,
        "5s",
        "Between two reads of the body.",
    )
    .default("30s");

    pub(crate) const TOTAL: Field = Field::new(
        "total",
        Type::Positive,
        "9s",
        "The whole request, redirects included.",
    )
    .default("30s");

    pub(crate) const TABLE: Mapping = Mapping {
        name: "timeout",
        what: "`timeout`",
        doc: "Time limits of a request. A request fails when it reaches one of them.",
        fields: &[CONNECT, FIRST_BYTE, IDLE, TOTAL],
        example: "connect: 1s\ntotal: 9s\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod trace_context {
    //! Trace context.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const SAMPLED: Field = Field::new(
        "sampled",
        Type::SHARE,
        "10%",
        "The share of requests with the flag `sampled`, which asks the target to record their traces: at most 100%. The last \
         56 bits of a trace's id decide, as in OpenTelemetry, so that services that sample by them agree.",
    )
    .default("100%");

    pub(crate) const TABLE: Mapping = Mapping {
        name: "trace_context",
        what: "`trace_context`",
        doc: "Each request sends a `traceparent` header.",
        fields: &[SAMPLED],
        example: "sampled: 10%\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod tls {
    //! TLS settings.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const INSECURE: Field = Field::new(
        "insecure",
        Type::Flag,
        "true",
        "Whether to accept any certificate.",
    )
    .default("false");

    pub(crate) const CA: Field = Field::new(
        "ca",
        Type::FILE,
        "../fixtures/ca.pem",
        "A PEM file with root certificates to trust in addition to the system's.",
    );

    pub(crate) const TABLE: Mapping = Mapping {
        name: "tls",
        what: "`tls`",
        doc: "TLS 1.2 and 1.3, with the roots that the system trusts.",
        fields: &[INSECURE, CA],
        example: "insecure: true\n",
        ..Mapping::EMPTY
    };
}
