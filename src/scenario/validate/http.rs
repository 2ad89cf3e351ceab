//! `http:`, headers and timeouts: the defaults of every request.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::auth;
use super::compiler::Compiler;
use super::status::statuses;
use super::trace;
use crate::format::tables::http::{self as table, timeout as limits, tls as security};
use crate::format::{Fields, Problems};
use crate::scenario::{
    Compression, Cookies, FailedStatuses, HttpOptions, Template, Timeouts, TlsOptions, Trust,
};
use crate::source::Files;
use crate::source::Span;
use crate::source::brief;
use crate::source::{Content, Entry, Node};
use crate::units::ByteSize;

const MAX_BODY_LIMIT: ByteSize = ByteSize(1 << 40);

/// Reads `http:`; without it, every key has its default.
pub(in crate::scenario) fn options(
    node: Option<&Node>,
    compiler: &mut Compiler<'_>,
) -> HttpOptions {
    let nothing = Node {
        value: Content::Map(Vec::new()),
        span: Span::default(),
    };
    let fields = compiler
        .problems
        .fields(node.unwrap_or(&nothing), &table::TABLE);
    // A wrong value is reported, and its substitute is never used.
    let fields = fields
        .or_else(|| compiler.problems.fields(&nothing, &table::TABLE))
        .expect("a mapping");
    let headers = fields
        .get(&table::HEADERS)
        .map_or_else(Vec::new, |node| headers(node, compiler));
    let auth = fields.get(&table::AUTH);
    let auth = auth.and_then(|node| auth::read(node, compiler));
    let files = compiler.files;
    let problems = &mut *compiler.problems;
    let failed = fields.get(&table::FAIL_ON);
    let failed = failed.and_then(|node| fail_on(node, problems));
    let timeouts = fields
        .get(&table::TIMEOUT)
        .map_or_else(Timeouts::default, |node| {
            timeouts(node, Timeouts::default(), problems)
        });
    let redirects: Option<u64> = problems.value(&fields, &table::REDIRECTS);
    let compression = problems.value(&fields, &table::COMPRESSION);
    let tls = fields.get(&table::TLS);
    HttpOptions {
        headers,
        auth,
        header_cases: fields.get(&table::HEADERS).map_or_else(Vec::new, cases),
        failed: failed.unwrap_or_default(),
        timeouts,
        redirects: redirects.unwrap_or_default() as u8,
        cookies: cookies(&fields, problems).unwrap_or(Cookies::PerUser),
        body_limit: body_limit(&fields, problems).unwrap_or(MAX_BODY_LIMIT),
        compression: match compression {
            Some(true) => Compression::Accept,
            Some(false) | None => Compression::Off,
        },
        resend: problems.value(&fields, &table::RESEND).unwrap_or_default(),
        server_timing: problems
            .value(&fields, &table::SERVER_TIMING)
            .unwrap_or_default(),
        trace_context: trace::context(&fields, problems),
        tls: tls.map_or_else(TlsOptions::default, |node| {
            tls_options(node, files, problems)
        }),
    }
}

fn body_limit(fields: &Fields<'_>, problems: &mut Problems) -> Option<ByteSize> {
    let size: ByteSize = problems.value(fields, &table::BODY_LIMIT)?;
    if size.0 > 0 && size <= MAX_BODY_LIMIT {
        return Some(size);
    }
    let node = fields.get(&table::BODY_LIMIT)?;
    problems.report(
        node.span,
        format!("a body limit must be above 0 B and at most {MAX_BODY_LIMIT}"),
    );
    None
}

/// Reads `fail_on:`: statuses, or none of them.
pub(in crate::scenario) fn fail_on(node: &Node, problems: &mut Problems) -> Option<FailedStatuses> {
    if matches!(&node.value, Content::Scalar(scalar) if scalar.text == "none") {
        return Some(FailedStatuses::On(Vec::new()));
    }
    let ranges = statuses(node, problems)?.into_iter();
    Some(FailedStatuses::On(ranges.map(|(_, range)| range).collect()))
}

/// Reads `expect:`, the statuses of a good response.
pub(in crate::scenario) fn expect(node: &Node, problems: &mut Problems) -> Option<FailedStatuses> {
    if matches!(node.value, Content::Map(_)) {
        problems.report_with(
            node.span,
            "expected the status of a good response, found a mapping",
            "other conditions on the response belong under `check:`",
        );
        return None;
    }
    let ranges = statuses(node, problems)?.into_iter();
    Some(FailedStatuses::AllBut(
        ranges.map(|(_, range)| range).collect(),
    ))
}

/// Reads `cookies:`; true means a cookie jar per user, false means none.
fn cookies(fields: &Fields<'_>, problems: &mut Problems) -> Option<Cookies> {
    let node = fields.get(&table::COOKIES);
    if let Some(Content::Scalar(scalar)) = node.map(|node| &node.value)
        && matches!(&*scalar.text.to_ascii_lowercase(), "true" | "false")
    {
        let is_on = problems.value(fields, &table::COOKIES)?;
        return Some(if is_on {
            Cookies::PerUser
        } else {
            Cookies::Off
        });
    }
    problems.value(fields, &table::COOKIES)
}

/// Reads `timeout:`: one duration for all limits, or separate limits; the others keep their defaults.
pub(in crate::scenario) fn timeouts(
    node: &Node,
    defaults: Timeouts,
    problems: &mut Problems,
) -> Timeouts {
    let mut timeouts = defaults;
    if matches!(node.value, Content::Scalar(_)) {
        if let Some(limit) = problems.at::<Duration>(node, &table::TIMEOUT) {
            timeouts = Timeouts {
                connect: limit.min(Timeouts::default().connect),
                first_byte: limit,
                idle: limit,
                total: limit,
            };
        }
        return timeouts;
    }
    let Some(fields) = problems.fields(node, &limits::TABLE) else {
        return timeouts;
    };
    let parts = [
        (limits::CONNECT, &mut timeouts.connect),
        (limits::FIRST_BYTE, &mut timeouts.first_byte),
        (limits::IDLE, &mut timeouts.idle),
        (limits::TOTAL, &mut timeouts.total),
    ];
    for (field, limit) in parts {
        if let Some(node) = fields.get(&field)
            && let Some(read) = problems.at(node, &field)
        {
            *limit = read;
        }
    }
    timeouts
}

fn tls_options(node: &Node, files: &Files, problems: &mut Problems) -> TlsOptions {
    let Some(fields) = problems.fields(node, &security::TABLE) else {
        return TlsOptions::default();
    };
    let is_insecure = problems
        .value(&fields, &security::INSECURE)
        .unwrap_or(false);
    let Some(ca) = fields.entry(&security::CA) else {
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
    certificates(ca, files, problems).map_or_else(TlsOptions::default, |pem| TlsOptions {
        trust: Trust::SystemAnd(pem),
    })
}

/// Reads the certificates of a file.
fn certificates(ca: &Entry, files: &Files, problems: &mut Problems) -> Option<Vec<u8>> {
    let named = problems.name(&ca.value, "the name of a PEM file")?;
    match files.read_certificates(named, ca.value.span) {
        Ok(pem) if pem.windows(BEGIN.len()).any(|window| window == BEGIN) => return Some(pem),
        Ok(_) => problems.report(
            ca.value.span,
            format!(
                "`{named}` contains no certificate in PEM form (`-----BEGIN CERTIFICATE-----`)"
            ),
        ),
        Err(refusal) => problems.refused(ca.value.span, refusal),
    }
    None
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The header names that have capital letters, as written.
pub(in crate::scenario) fn cases(node: &Node) -> Vec<String> {
    let Content::Map(entries) = &node.value else {
        return Vec::new();
    };
    let names = entries.iter().map(|entry| &entry.key);
    names
        .filter(|name| name.contains(|c: char| c.is_ascii_uppercase()))
        .cloned()
        .collect()
}

/// Reads a mapping of header names to values.
pub(in crate::scenario) fn headers(
    node: &Node,
    compiler: &mut Compiler<'_>,
) -> Vec<(HeaderName, Template)> {
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
                "a header's value may not contain control characters or line breaks",
            );
            continue;
        }
        headers.push((name, value));
    }
    headers
}

/// Headers that the client sets, because they must match the request as sent.
const SET_BY_CLIENT: [&str; 4] = [
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
];

/// A header's name, in lower case.
pub(in crate::scenario) fn header_name(
    text: &str,
    span: Span,
    problems: &mut Problems,
) -> Option<HeaderName> {
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
