//! Compiles a request: the literal parts of URL, headers and body get their final form.

use std::fmt::Write as _;
use std::sync::Arc;

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use url::form_urlencoded::byte_serialize;
use url::{Position, Url};

use super::auth::{Address, PlannedAuth};
use super::body::{BYTES, MULTIPART};
use super::{HeaderCase, RequestUrl};
use crate::expr::{Expression, TemplateSegment};
use crate::scenario::{
    Body, BodyCoding, Compression, HttpOptions, Request, SlotId, Template, query_at,
};

/// The parts of the target's URL from which request URLs are built.
#[derive(Debug)]
pub(super) struct Base {
    /// `http://host:port`
    origin: String,
    /// Without a slash at its end.
    path: String,
}

impl Base {
    pub(super) fn of(target: &Url) -> Self {
        Self {
            origin: target.origin().ascii_serialization(),
            path: target.path().trim_end_matches('/').to_owned(),
        }
    }
}

/// Compiles the URL with the query pairs appended; a path is joined to the base URL. The pairs are returned separately
/// if only the rendered URL shows whether it has a query.
pub(super) fn url(
    base: &Base,
    url: &Template,
    query: &[(String, Template)],
) -> Result<(RequestUrl, Option<Template>), String> {
    let begins_with_value = matches!(url.segments.first(), Some(TemplateSegment::Expression(..)));
    // An environment variable is already replaced by its text, which may be a complete URL.
    let text = url.literal().unwrap_or(&url.source);
    let is_absolute = text.contains("://") && !text.starts_with('/');
    if begins_with_value {
        let query = (!query.is_empty()).then(|| pairs(query));
        return Ok((RequestUrl::Whole(url.clone()), query));
    }
    let whole = with_query(&without_fragment(url), query);
    if is_absolute {
        let scheme = text
            .split("://")
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return Err(format!(
                "`{}` is not a URL that starts with http:// or https://",
                url.source
            ));
        }
        let url = match whole.literal() {
            Some(text) => RequestUrl::Literal(literal(text)?),
            None => RequestUrl::Whole(encoded(whole)),
        };
        return Ok((url, None));
    }
    let slash = if text.starts_with('/') { "" } else { "/" };
    let prefix = format!("{}{slash}", base.path);
    let url = match whole.literal() {
        Some(path) => RequestUrl::Literal(literal(&format!("{}{prefix}{path}", base.origin))?),
        None => RequestUrl::Path(encoded(Template::concat([
            Template::from_literal(&prefix),
            whole,
        ]))),
    };
    Ok((url, None))
}

/// The variable whose value is the URL, directly or through functions.
pub(super) fn link(url: &Template) -> Option<SlotId> {
    fn first_slot(expression: &Expression) -> Option<SlotId> {
        match expression {
            Expression::Slot(slot) => Some(*slot),
            Expression::Call(_, arguments) => arguments.iter().find_map(first_slot),
            Expression::Part(part) => first_slot(&part.whole),
            Expression::Column { .. }
            | Expression::Script(..)
            | Expression::Ambient(_)
            | Expression::Response(_)
            | Expression::Literal(_)
            | Expression::Join(_)
            | Expression::Default(_)
            | Expression::All(_)
            | Expression::Any(_)
            | Expression::Not(_)
            | Expression::Compare(_)
            | Expression::Match(..)
            | Expression::Arithmetic(_)
            | Expression::Negative(_)
            | Expression::If(_)
            | Expression::List(_) => None,
        }
    }
    url.expression().and_then(first_slot)
}

/// Describes a request without possible secrets: its URL as written, joined to the base URL, and a query without its
/// values.
pub(super) fn shown(base: &Base, request: &Request, url: &RequestUrl) -> String {
    let mut shown = format!("{} ", request.method);
    if request.written.starts_with('/') {
        if matches!(url, RequestUrl::Literal(_)) {
            shown.push_str(&base.origin);
        }
        shown.push_str(&base.path);
    }
    let Some(at) = query_at(&request.written) else {
        shown.push_str(&request.written);
        return shown;
    };
    let (path, query) = (&request.written[..at], &request.written[at + 1..]);
    shown.push_str(path);
    for (index, pair) in query.split('&').enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((name, _)) => shown.extend([name, "=…"]),
            None => shown.push('…'),
        }
    }
    shown
}

/// A literal URL: its host in DNS form, and invalid characters percent-encoded.
fn literal(text: &str) -> Result<Uri, String> {
    let refuse = |error: &dyn std::fmt::Display| format!("`{text}` is not a URL: {error}");
    let url = Url::parse(text).map_err(|error| refuse(&error))?;
    let after_scheme = text.find("://").map_or(0, |at| at + 3);
    let path = text[after_scheme..].find(['/', '?']);
    let path = path.map_or("", |at| &text[after_scheme + at..]);
    format!("{}{}", &url[..Position::AfterPort], encode_unsafe(path))
        .parse()
        .map_err(|error: http::uri::InvalidUri| refuse(&error))
}

/// Removes the fragment, which is never sent.
fn without_fragment(url: &Template) -> Template {
    match url.literal().and_then(|text| text.split_once('#')) {
        Some((sent, _)) => Template::from_literal(sent),
        None => url.clone(),
    }
}

fn with_query(url: &Template, query: &[(String, Template)]) -> Template {
    if query.is_empty() {
        return url.clone();
    }
    let has_query = url
        .segments
        .iter()
        .any(|segment| matches!(segment, TemplateSegment::Literal(text) if text.contains('?')));
    let first = match url.segments.last() {
        Some(TemplateSegment::Literal(text)) if has_query && text.ends_with(['?', '&']) => "",
        _ if has_query => "&",
        _ => "?",
    };
    Template::concat([url.clone(), Template::from_literal(first), pairs(query)])
}

/// `name=value&…`; the values are already encoded.
pub(super) fn pairs(pairs: &[(String, Template)]) -> Template {
    let mut parts = Vec::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let and = if index == 0 { "" } else { "&" };
        let name: String = byte_serialize(name.as_bytes()).collect();
        parts.push(Template::from_literal(&format!("{and}{name}=")));
        parts.push(value.clone());
    }
    Template::concat(parts)
}

/// Encodes the literal parts of a template for a URL.
fn encoded(template: Template) -> Template {
    let segments = template.segments.into_iter().map(|segment| match segment {
        TemplateSegment::Literal(text) => TemplateSegment::Literal(encode_unsafe(&text).into()),
        TemplateSegment::Expression(..) => segment,
    });
    Template {
        segments: segments.collect(),
        source: template.source,
    }
}

/// Percent-encodes the characters that a URL may not contain: white space, control and non-ASCII characters, `"<>\^{|}`
/// and the backtick.
fn encode_unsafe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The headers of a request: literal ones, and those to render.
#[derive(Debug, Default)]
pub(super) struct Headers {
    pub(super) literal: HeaderMap,
    pub(super) rendered: Vec<(HeaderName, Template)>,
    pub(super) auth: Option<PlannedAuth>,
}

/// Compiles the headers of a request: its own, then the defaults that it does not replace, then derived ones such as
/// the content type.
pub(super) fn headers(
    http: &HttpOptions,
    request: &Request,
    own: &Arc<[Address]>,
) -> Result<Headers, String> {
    let mut headers = Headers {
        auth: PlannedAuth::of(request, own)?,
        ..Headers::default()
    };
    let auth = headers.auth.as_ref().map(|auth| auth.scheme.clone());
    let is_own = |name: &HeaderName| request.headers.iter().any(|(own, _)| own == name);
    let is_of_auth = |name: &HeaderName| auth.as_ref().is_some_and(|auth| auth.sets(name));
    let replaced = |name: &HeaderName| is_own(name) || is_of_auth(name);
    for (name, value) in http.headers.iter().filter(|(name, _)| !replaced(name)) {
        headers.add(name, value)?;
    }
    for (name, value) in request.headers.iter().filter(|(name, _)| !is_of_auth(name)) {
        headers.add(name, value)?;
    }
    // Inherited credentials depend on where the request goes, which redirects and links may decide.
    if let Some((name, value)) = headers
        .auth
        .take_if(|auth| auth.only_to.is_none() && auth.literal.is_some())
        .and_then(|auth| auth.literal)
    {
        headers.literal.insert(name, value);
    }
    let content_type = match request.body {
        Body::Json(_) => Some("application/json"),
        Body::Form(_) => Some("application/x-www-form-urlencoded"),
        Body::File(_) => Some(BYTES),
        Body::Multipart(_) => Some(MULTIPART),
        Body::Text(_) | Body::Empty => None,
    };
    if request.coding == BodyCoding::Gzip {
        headers.add_if_absent(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(content_type) = content_type {
        headers.add_if_absent(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    if http.compression == Compression::Accept {
        headers.add_if_absent(ACCEPT_ENCODING, HeaderValue::from_static("gzip, br, zstd"));
    }
    headers.add_if_absent(
        USER_AGENT,
        HeaderValue::from_static(concat!("gander/", env!("CARGO_PKG_VERSION"))),
    );
    Ok(headers)
}

impl Headers {
    fn add(&mut self, name: &HeaderName, value: &Template) -> Result<(), String> {
        match value.literal() {
            Some(text) => {
                let mut value = header_value(name, text)?;
                value.set_sensitive(*name == AUTHORIZATION);
                self.literal.append(name, value);
            }
            None => self.rendered.push((name.clone(), value.clone())),
        }
        Ok(())
    }

    fn add_if_absent(&mut self, name: HeaderName, value: HeaderValue) {
        if !self.literal.contains_key(&name)
            && !self.rendered.iter().any(|(known, _)| *known == name)
        {
            self.literal.insert(name, value);
        }
    }
}

fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
        format!(
            "the value of header `{name}` has a control character in it, which HTTP does not allow"
        )
    })
}

/// The names of a request's headers that are not in lower case.
pub(super) fn header_case(http: &HttpOptions, request: &Request) -> Option<Arc<HeaderCase>> {
    let is_replaced = |name: &&String| {
        let mut own = request.headers.iter();
        own.any(|(own, _)| name.eq_ignore_ascii_case(own.as_str()))
    };
    let inherited = http.header_cases.iter().filter(|name| !is_replaced(name));
    let names: Vec<String> = request
        .header_cases
        .iter()
        .chain(inherited)
        .cloned()
        .collect();
    (!names.is_empty()).then(|| Arc::new(HeaderCase(names)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_of_the_environment_is_taken_for_what_it_is() {
        let base = Base::of(&Url::parse("http://host:81/base").expect("a URL"));
        for (value, expected) in [
            ("https://other.test/x", "https://other.test/x"),
            ("/x", "http://host:81/base/x"),
        ] {
            let template = Template {
                source: "${env(PLACE)}".into(),
                ..Template::from_literal(value)
            };
            let (found, _) = url(&base, &template, &[]).expect(value);
            assert!(
                matches!(found, RequestUrl::Literal(uri) if uri == expected),
                "{value}"
            );
        }
    }
}
