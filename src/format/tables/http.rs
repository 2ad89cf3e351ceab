//! Defaults of every request, and the limits and credentials of a single request.

use super::super::words::{Cookies, FromWord};
use super::super::{Field, Mapping, Type};

/// The maximum number of redirects to follow; also the default.
const MAX_REDIRECTS: u64 = 10;

pub(crate) const HEADERS: Field = Field::new(
    "headers",
    Type::Map(&Type::Template),
    "{ accept: application/json, x-run: '${uuid()}' }",
    "Headers by name. A request's own win over those of `http`; an empty value sends the header empty. Names are the same \
     in any case and are sent in lower case. `connection`, `content-length`, `transfer-encoding` and `upgrade` are set by \
     the client and refused here. Besides these only `host`, and what a body or `auth` asks for, is sent.",
)
.home("headers stand under `headers:` of a request, or of `http:` for all");

pub(crate) const TIMEOUT: Field = Field::new(
    "timeout",
    Type::OneOf(&[Type::Positive, Type::Mapping(&timeout::TABLE)]),
    "5s",
    "Limits in time. A duration alone limits each part and the whole, connecting to at most 10 s; a mapping sets the parts \
     apart, and what it does not name keeps its default. A request that reaches a limit fails with outcome `timeout` or \
     `connect_timeout`, and counts at its limit in thresholds on times. A request's own `timeout` starts from the one of \
     `http`.",
)
.home("it stands in the first level under `http:`");

pub(crate) const REDIRECTS: Field = Field::new(
    "redirects",
    Type::Integer(0, MAX_REDIRECTS),
    "0",
    "How many redirects in a row are followed. With 0 the redirect itself is the response that checks and captures see. \
     One redirect too many fails the request with outcome `redirect`, and so does one from https to http. The request's \
     time includes its redirects. 303 is followed by `GET`, as are 301 and 302 after `POST`; all else is repeated whole. \
     Credentials and cookies are not sent on to another origin.",
)
.default("10");

pub(crate) const COOKIES: Field = Field::new(
    "cookies",
    Type::OneOf(&[Type::Words(&Cookies::SET), Type::Flag]),
    "per_iteration",
    "Whether each user keeps cookies, and how long. `true` is `per_user`, `false` is `off`. With `per_user` a user is the \
     same visitor in every iteration; choose `per_iteration` if each iteration is to be a new visitor. It empties the jar \
     after a flow's `start` too, so a login by cookie belongs into `steps` then.",
)
.default("per_user");

pub(crate) const BODY_LIMIT: Field = Field::new(
    "body_limit",
    Type::Size,
    "2MiB",
    "The most bytes of one body that are read off the wire; at most 1024GiB. A longer body fails the request with outcome \
     `body_limit`.",
)
.default("64MiB");

pub(crate) const COMPRESSION: Field = Field::new(
    "compression",
    Type::Flag,
    "true",
    "Whether to ask for compressed bodies (`accept-encoding: gzip, br, zstd`), unless a header does so already. It is off \
     so that only what the scenario says is sent; browsers do ask. A compressed body is inflated only where a check or a \
     capture reads it.",
)
.default("false");

pub(crate) const RESEND: Field = Field::new(
    "resend",
    Type::Flag,
    "false",
    "Whether a request is sent once more when its kept connection was closed before a byte of the answer. That happens \
     when the server closes an idle connection at the moment it is used. Only what is safe to repeat is sent again: \
     idempotent methods (all but `POST` and `PATCH`), and requests of which nothing was written. Such requests are counted \
     as resent; `false` makes each of them a failure with outcome `reset`.",
)
.default("true");

pub(crate) const TLS: Field = Field::new(
    "tls",
    Type::Mapping(&tls::TABLE),
    "{ insecure: true }",
    "Which certificates are accepted.",
);

pub(crate) const TABLE: Mapping = Mapping {
    name: "http",
    what: "`http`",
    doc: "What holds for every request. Connections are HTTP/1.1, kept open, and belong to one user.",
    fields: &[
        HEADERS,
        TIMEOUT,
        REDIRECTS,
        COOKIES,
        BODY_LIMIT,
        COMPRESSION,
        RESEND,
        TLS,
    ],
    example: "headers: { accept: application/json }
timeout: { connect: 1s, total: 9s }
cookies: per_iteration
",
    home: "it stands in the first level under `http:`",
    ..Mapping::EMPTY
};

pub(crate) mod timeout {
    //! Limits in time.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const CONNECT: Field = Field::new(
        "connect",
        Type::Positive,
        "1s",
        "To resolve the name, connect and shake hands.",
    )
    .default("10s");

    pub(crate) const FIRST_BYTE: Field = Field::new(
        "first_byte",
        Type::Positive,
        "5s",
        "From the request being sent to the first byte of the response.",
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
        doc: "Limits in time of one request. Each is a failure of its own when it is reached.",
        fields: &[CONNECT, FIRST_BYTE, IDLE, TOTAL],
        example: "connect: 1s\ntotal: 9s\n",
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
        "Whether to accept any certificate at all.",
    )
    .default("false");

    pub(crate) const CA: Field = Field::new(
        "ca",
        Type::File,
        "../fixtures/ca.pem",
        "A PEM file of roots to trust besides the system's.",
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

pub(crate) mod auth {
    //! Credentials of a request.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const BASIC: Field = Field::new(
        "basic",
        Type::Mapping(&basic::TABLE),
        "{ user: admin, password: '${PASSWORD:-x}' }",
        "User and password, sent as basic authentication.",
    );

    pub(crate) const BEARER: Field = Field::new(
        "bearer",
        Type::Template,
        "'${API_TOKEN:-x}'",
        "A token, sent as `authorization: Bearer …`.",
    );

    pub(crate) static SCHEME: Choice = Choice {
        keys: &["basic", "bearer"],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "auth",
        what: "`auth`",
        doc: "The `authorization` header. Its value is masked in everything that is shown or stored.",
        fields: &[BASIC, BEARER],
        choices: &[&SCHEME],
        example: "basic: { user: admin, password: '${PASSWORD:-x}' }\n",
        ..Mapping::EMPTY
    };

    pub(crate) mod basic {
        //! User and password.

        use super::super::super::super::{Field, Mapping, Type};

        pub(crate) const USER: Field =
            Field::new("user", Type::Template, "admin", "The user's name.").required();

        pub(crate) const PASSWORD: Field = Field::new(
            "password",
            Type::Template,
            "'${PASSWORD:-x}'",
            "The password; may be empty.",
        )
        .required();

        pub(crate) const TABLE: Mapping = Mapping {
            name: "basic",
            what: "`basic`",
            doc: "A user's name and password.",
            fields: &[USER, PASSWORD],
            example: "user: admin\npassword: '${PASSWORD:-x}'\n",
            rest: "user: admin\npassword: x\n",
            ..Mapping::EMPTY
        };
    }
}
