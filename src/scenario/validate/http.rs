//! `http:`, headers and timeouts: the defaults of every request.

use http::{HeaderName, HeaderValue};

use super::compiler::Compiler;
use super::reader::{Problems, Shape};
use crate::scenario::{Compression, Cookies, HttpOptions, Template, Timeouts, TlsOptions, Trust};
use crate::source::Files;
use crate::source::Span;
use crate::source::brief;
use crate::source::{Content, Node};
use crate::units::ByteSize;

const HTTP: Shape = Shape {
    what: "`http`",
    known: &[
        "headers",
        "timeout",
        "redirects",
        "cookies",
        "body_limit",
        "compression",
        "resend",
        "tls",
    ],
    later: &["version", "proxy"],
};

const TIMEOUT: Shape = Shape {
    what: "`timeout`",
    known: &["connect", "first_byte", "idle", "total"],
    later: &[],
};

const TLS: Shape = Shape {
    what: "`tls`",
    known: &["insecure", "ca"],
    later: &["cert", "key"],
};

/// The most redirects that are followed, also by default.
const MAX_REDIRECTS: u8 = 10;
const DEFAULT_BODY_LIMIT: ByteSize = ByteSize(64 << 20);
const MAX_BODY_LIMIT: ByteSize = ByteSize(1 << 40);

/// What holds when there is no `http:`.
pub(super) fn defaults() -> HttpOptions {
    HttpOptions {
        headers: Vec::new(),
        timeouts: Timeouts::default(),
        redirects: MAX_REDIRECTS,
        cookies: Cookies::PerUser,
        body_limit: DEFAULT_BODY_LIMIT,
        // Only what the scenario says is sent; a compressed body also costs the generator.
        compression: Compression::Off,
        resend: true,
        tls: TlsOptions::default(),
    }
}

/// Reads `http:`.
pub(super) fn options(node: &Node, files: &Files, compiler: &mut Compiler<'_>) -> HttpOptions {
    let mut options = defaults();
    let Some(fields) = compiler.problems.fields(node, &HTTP) else {
        return options;
    };
    if let Some(node) = fields.get("headers") {
        options.headers = headers(node, compiler);
    }
    let problems = &mut *compiler.problems;
    if let Some(node) = fields.get("timeout") {
        options.timeouts = timeouts(node, options.timeouts, problems);
    }
    if let Some(node) = fields.get("redirects") {
        let most = u64::from(MAX_REDIRECTS);
        if let Some(count) = problems.count(node, "`redirects`", 0..=most) {
            options.redirects = count as u8;
        }
    }
    if let Some(node) = fields.get("cookies") {
        options.cookies = cookies(node, problems).unwrap_or(options.cookies);
    }
    if let Some(flag) = fields
        .get("compression")
        .and_then(|node| problems.flag(node))
    {
        options.compression = if flag {
            Compression::Accept
        } else {
            Compression::Off
        };
    }
    if let Some(flag) = fields.get("resend").and_then(|node| problems.flag(node)) {
        options.resend = flag;
    }
    if let Some(node) = fields.get("body_limit") {
        match problems.size(node) {
            Some(size) if size.0 == 0 || size > MAX_BODY_LIMIT => problems.report(
                node.span,
                format!("a body limit is more than 0 B and at most {MAX_BODY_LIMIT}"),
            ),
            Some(size) => options.body_limit = size,
            None => {}
        }
    }
    if let Some(node) = fields.get("tls") {
        options.tls = tls(node, files, problems);
    }
    options
}

/// Reads `cookies:`; a flag stands for a jar of each user, or none.
fn cookies(node: &Node, problems: &mut Problems) -> Option<Cookies> {
    if let Content::Scalar(scalar) = &node.value
        && matches!(&*scalar.text.to_ascii_lowercase(), "true" | "false")
    {
        let is_on = problems.flag(node)?;
        return Some(if is_on {
            Cookies::PerUser
        } else {
            Cookies::Off
        });
    }
    let choices = [
        ("per_user", Cookies::PerUser),
        ("per_iteration", Cookies::PerIteration),
        ("off", Cookies::Off),
    ];
    problems.choice(node, "how long cookies are kept", &choices)
}

/// Reads `timeout:`: one duration for everything, or limits apart; what is not named keeps its default.
pub(super) fn timeouts(node: &Node, defaults: Timeouts, problems: &mut Problems) -> Timeouts {
    let mut timeouts = defaults;
    if matches!(node.value, Content::Scalar(_)) {
        if let Some(limit) = problems.positive_duration(node) {
            timeouts = Timeouts {
                connect: limit.min(Timeouts::default().connect),
                first_byte: limit,
                idle: limit,
                total: limit,
            };
        }
        return timeouts;
    }
    let Some(fields) = problems.fields(node, &TIMEOUT) else {
        return timeouts;
    };
    let limits = [
        ("connect", &mut timeouts.connect),
        ("first_byte", &mut timeouts.first_byte),
        ("idle", &mut timeouts.idle),
        ("total", &mut timeouts.total),
    ];
    for (key, limit) in limits {
        if let Some(read) = fields
            .get(key)
            .and_then(|node| problems.positive_duration(node))
        {
            *limit = read;
        }
    }
    timeouts
}

fn tls(node: &Node, files: &Files, problems: &mut Problems) -> TlsOptions {
    let Some(fields) = problems.fields(node, &TLS) else {
        return TlsOptions::default();
    };
    let is_insecure = fields
        .get("insecure")
        .and_then(|node| problems.flag(node))
        .unwrap_or(false);
    let Some(ca) = fields.entry("ca") else {
        let trust = if is_insecure {
            Trust::Anything
        } else {
            Trust::System
        };
        return TlsOptions { trust };
    };
    if is_insecure {
        problems.report(
            ca.key_span,
            "`ca` has no effect beside `insecure: true`, which accepts any certificate",
        );
    }
    let Some(named) = problems.name(&ca.value, "the name of a PEM file") else {
        return TlsOptions::default();
    };
    match files.read_certificates(named) {
        Ok(pem) if pem.windows(BEGIN.len()).any(|window| window == BEGIN) => TlsOptions {
            trust: Trust::SystemAnd(pem),
        },
        Ok(_) => {
            problems.report(
                ca.value.span,
                format!(
                    "`{named}` holds no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)"
                ),
            );
            TlsOptions::default()
        }
        Err(refusal) => {
            problems.refused(ca.value.span, refusal);
            TlsOptions::default()
        }
    }
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// Reads a mapping of header names to values.
pub(super) fn headers(node: &Node, compiler: &mut Compiler<'_>) -> Vec<(HeaderName, Template)> {
    let Some(entries) = compiler
        .problems
        .entries(node, "a mapping of header names to values")
    else {
        return Vec::new();
    };
    let mut headers: Vec<(HeaderName, Template)> = Vec::new();
    for entry in entries {
        let name = header_name(&entry.key, entry.key_span, compiler.problems);
        let value = compiler.any_text(&entry.value, "a header's value");
        let (Some(name), Some(value)) = (name, value) else {
            continue;
        };
        if SET_BY_CLIENT.contains(&name.as_str()) {
            compiler.problems.report(
                entry.key_span,
                format!("`{name}` is set by the client, from the body and the connection"),
            );
            continue;
        }
        if headers.iter().any(|(known, _)| *known == name) {
            compiler.problems.report(
                entry.key_span,
                format!("`{name}` is given twice: header names are the same in any case"),
            );
            continue;
        }
        if let Some(literal) = value.literal()
            && HeaderValue::from_bytes(literal.as_bytes()).is_err()
        {
            compiler.problems.report(
                entry.value.span,
                "a header's value may not hold control characters or line breaks",
            );
            continue;
        }
        headers.push((name, value));
    }
    headers
}

/// Headers whose value must agree with what is sent.
const SET_BY_CLIENT: [&str; 4] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
];

/// A header's name, in lower case.
pub(super) fn header_name(text: &str, span: Span, problems: &mut Problems) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(text.as_bytes());
    if name.is_err() {
        problems.report_with(
            span,
            format!("`{}` is not a header name", brief(text)),
            "a header name has letters, digits and `-`, such as `content-type`",
        );
    }
    name.ok()
}
