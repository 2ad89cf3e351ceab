//! Builds a request from its plan: literal parts are shared or copied, the others are rendered.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use super::auth::{self, Dialogue, Unsigned};
use super::base_url::BaseUrl;
use super::content;
use super::link::{flaw, follow, with_query};
use super::state::UserState;
use crate::expr::Missing;
use crate::plan::{PlannedRequest, RequestUrl, TRACEPARENT, TraceContext};
use crate::scenario::Template;
use crate::transport::{Content, Outgoing};

/// The reason why a request could not be built; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error("header {name} was rendered to `{value}`, {}", unfit(.value))]
    Header { name: String, value: String },
    #[error("it has no token: {0}")]
    NoToken(String),
    #[error("`aws_sigv4` cannot sign the request: {0}")]
    Signature(String),
    #[error("the value of the cookie {name} was rendered to a text with `;`, which would end it")]
    Cookie { name: String },
    #[error("the URL `{written}` was rendered to `{rendered}`, {}", flaw(.rendered).unwrap_or(NO_URL))]
    Url { written: String, rendered: String },
}

/// The fault of a text that is not a URL at all.
const NO_URL: &str = "which is neither a path nor an http:// or https:// URL";

/// One request, rendered for one user.
#[derive(Debug)]
pub(super) struct Prepared<'r> {
    pub(super) uri: Cow<'r, Uri>,
    headers: HeaderMap,
    content: Content,
    /// Cookies for the jar: `name=value`.
    cookies: Vec<HeaderValue>,
    /// What its credentials need besides the request itself.
    pub(super) dialogue: Option<Box<Dialogue>>,
    /// True for an asset of a page, which only its URL names.
    is_asset: bool,
    /// The header `traceparent` that it sends.
    pub(super) traceparent: Option<HeaderValue>,
    /// True if it is sent at the same time as others.
    pub(super) is_parallel: bool,
}

impl<'r> Prepared<'r> {
    pub(super) fn of(
        request: &'r PlannedRequest,
        base: &BaseUrl,
        state: &mut UserState<'_>,
    ) -> Result<Self, Unsendable> {
        let mut text = std::mem::take(&mut state.text);
        let prepared = Self::render(request, base, state, &mut text);
        state.text = text;
        prepared
    }

    /// The request for an asset of a page.
    pub(super) fn of_asset(
        request: &'r PlannedRequest,
        uri: Uri,
        state: &mut UserState<'_>,
    ) -> Result<Self, Unsendable> {
        let mut text = std::mem::take(&mut state.text);
        let prepared = Self::with_uri(request, Cow::Owned(uri), None, state, &mut text);
        state.text = text;
        Ok(Self {
            is_asset: true,
            ..prepared?
        })
    }

    fn render(
        request: &'r PlannedRequest,
        base: &BaseUrl,
        state: &mut UserState<'_>,
        text: &mut String,
    ) -> Result<Self, Unsendable> {
        let mut of_link = None;
        let uri = match &request.url {
            RequestUrl::Literal(uri) => Cow::Borrowed(uri),
            RequestUrl::Path(template) => {
                render(template, state, text)?;
                let uri = base.join(text);
                Cow::Owned(uri.ok_or_else(|| no_url(template, text))?)
            }
            RequestUrl::Whole(template) => {
                render(template, state, text)?;
                let page = request.link.and_then(|slot| state.page(slot));
                let found = follow(text, page, base);
                let found = found.ok_or_else(|| no_url(template, text))?;
                of_link = found.credentials;
                Cow::Owned(match &request.query {
                    Some(query) => {
                        render(query, state, text)?;
                        with_query(found.uri, text).ok_or_else(|| no_url(query, text))?
                    }
                    None => found.uri,
                })
            }
        };
        Self::with_uri(request, uri, of_link, state, text)
    }

    /// Renders everything but the URL. `of_link` are the credentials in the URL.
    fn with_uri(
        request: &'r PlannedRequest,
        uri: Cow<'r, Uri>,
        of_link: Option<HeaderValue>,
        state: &mut UserState<'_>,
        text: &mut String,
    ) -> Result<Self, Unsendable> {
        let mut headers = request.headers.clone();
        for (name, template) in &request.rendered_headers {
            render(template, state, text)?;
            headers.insert(name.clone(), header_value(name, text)?);
        }
        let mut cookies = Vec::new();
        for (name, value) in &request.cookies {
            cookies.push(cookie(name, value, state, text)?);
        }
        let content = content::of(request, state, text)?;
        let mut uri = uri;
        let mut dialogue = None;
        if let Some(auth) = request.auth.as_ref().filter(|auth| auth.reaches(&uri)) {
            if let Some(session) = auth.session {
                dialogue = Some(Dialogue::begin(session, &auth.scheme, state)?);
            }
            let mut unsigned = Unsigned {
                method: &request.method,
                uri: &mut uri,
                headers: &mut headers,
                content: &content,
            };
            auth::add(auth, &mut unsigned, state, text)?;
        }
        // After the signature, because proxies may change it.
        let traceparent = match request.trace_context {
            TraceContext::None => None,
            TraceContext::Own => headers.get(TRACEPARENT).cloned(),
            TraceContext::New(sampling) => {
                let traceparent = state.new_trace(sampling);
                headers.insert(TRACEPARENT, traceparent.clone());
                Some(traceparent)
            }
        };
        if let Some(credentials) = of_link {
            headers.entry(header::AUTHORIZATION).or_insert(credentials);
        }
        Ok(Self {
            uri,
            headers,
            content,
            cookies,
            dialogue,
            is_asset: false,
            traceparent,
            is_parallel: false,
        })
    }

    /// The request in reports, without possible secrets: an asset's URL is shown without its query.
    pub(super) fn shown<'a>(&'a self, request: &'a PlannedRequest) -> Cow<'a, str> {
        if self.is_asset {
            let uri = self.uri.to_string();
            let path = uri.split('?').next().unwrap_or_default();
            return Cow::Owned(format!("{} {path}", request.method));
        }
        Cow::Borrowed(&request.shown)
    }

    /// Its URL, headers and content.
    pub(super) fn into_parts(self) -> (Uri, HeaderMap, Content) {
        (self.uri.into_owned(), self.headers, self.content)
    }

    /// A copy to send, which may be sent again, to this URL.
    pub(super) fn copy<'a>(&self, request: &'a PlannedRequest, uri: &'a Uri) -> Outgoing<'a> {
        Outgoing {
            method: &request.method,
            uri,
            headers: self.headers.clone(),
            content: self.content.clone(),
            cookies: self.cookies.clone(),
            header_case: request.header_case.as_ref(),
            redirects: request.redirects,
            timeouts: request.timeouts,
            reads_body: request.reads_body,
        }
    }

    pub(super) fn outgoing<'a>(&'a mut self, request: &'a PlannedRequest) -> Outgoing<'a> {
        Outgoing {
            method: &request.method,
            uri: &self.uri,
            headers: std::mem::take(&mut self.headers),
            content: std::mem::take(&mut self.content),
            cookies: std::mem::take(&mut self.cookies),
            header_case: request.header_case.as_ref(),
            redirects: request.redirects,
            timeouts: request.timeouts,
            reads_body: request.reads_body,
        }
    }
}

pub(super) fn render(
    template: &Template,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<(), Missing> {
    text.clear();
    template.render(state, text)
}

/// A cookie for the jar.
fn cookie(
    name: &str,
    value: &Template,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<HeaderValue, Unsendable> {
    text.clear();
    text.push_str(name);
    text.push('=');
    value.render(state, text)?;
    if text.contains(';') {
        return Err(Unsendable::Cookie {
            name: name.to_owned(),
        });
    }
    header_value(&header::COOKIE, text)
}

/// The error for a template whose rendered text is not a URL.
fn no_url(template: &Template, rendered: &str) -> Unsendable {
    Unsendable::Url {
        written: template.source.to_string(),
        rendered: rendered.to_owned(),
    }
}

pub(super) fn header_value(name: &HeaderName, text: &str) -> Result<HeaderValue, Unsendable> {
    HeaderValue::try_from(text).map_err(|_| Unsendable::Header {
        name: name.to_string(),
        value: text.to_owned(),
    })
}

/// Describes the character of a value that a header cannot contain; valid are visible characters and tabs.
fn unfit(value: &str) -> String {
    let at = value
        .chars()
        .position(|c| c.is_ascii_control() && c != '\t');
    let Some((at, c)) = at.and_then(|at| Some((at, value.chars().nth(at)?))) else {
        return "which is not a valid header value".to_owned();
    };
    format!(
        "whose character {} ({c:?}) is not valid in a header",
        at + 1
    )
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::super::state::{Draws, RunValues};
    use super::*;
    use crate::expr::PartSet;
    use crate::expr::{Encoding, Expression, Names};
    use crate::plan::{Plan, PlannedAuth, ReadsBody, RequestBody, Segment};
    use crate::scenario::{self, Auth, BodyCoding, FailedStatuses, Overrides, SlotId, Timeouts};

    /// The only variable is `x`.
    struct OnlyX;

    impl Names for OnlyX {
        fn resolve(&mut self, name: &str, _: Option<&str>) -> Option<Expression> {
            (name == "x").then_some(Expression::Slot(SlotId(0)))
        }

        fn known(&self) -> Vec<String> {
            vec!["x".to_owned()]
        }
    }

    fn template(text: &str) -> Template {
        Template::compile(text, Encoding::Plain, &mut OnlyX).expect(text)
    }

    fn request(url: RequestUrl) -> PlannedRequest {
        PlannedRequest {
            name: "step".to_owned(),
            method: Method::GET,
            url,
            query: None,
            link: None,
            shown: String::new(),
            headers: HeaderMap::new(),
            rendered_headers: Vec::new(),
            auth: None,
            trace_context: TraceContext::None,
            header_case: None,
            cookies: Vec::new(),
            body: RequestBody::Empty,
            coding: BodyCoding::Identity,
            coded: None,
            redirects: None,
            timeouts: Timeouts::default(),
            failed: FailedStatuses::default(),
            checks: Vec::new(),
            captures: Vec::new(),
            records: Box::default(),
            keeps: PartSet::default(),
            reads_body: ReadsBody::No,
            span: scenario::Span::default(),
        }
    }

    fn planned(scheme: Auth) -> PlannedAuth {
        PlannedAuth {
            scheme,
            literal: None,
            only_to: None,
            session: None,
        }
    }

    /// A plan in which `x` has this value.
    fn plan(x: &str) -> Plan {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("scenario.yaml");
        let text = format!(
            "name: t\nkind: custom\ntarget: http://host:81/base\nload: {{ users: 1, for: 1s }}\n\
             vars: {{ x: {} }}\nflows: [ {{ name: f, steps: [ {{ get: '/${{x}}' }} ] }} ]\n",
            serde_json::Value::from(x)
        );
        std::fs::write(&path, text).expect("a scenario");
        let scenario = scenario::load(&path, &Overrides::default()).expect("a scenario");
        let target = "http://host:81/base".parse().expect("a URL");
        Plan::compile(&scenario, &target, 1, Segment::WHOLE).expect("a plan")
    }

    /// The URL and the headers that would be sent, or why not.
    fn prepared(request: &PlannedRequest, x: &str) -> Result<(String, HeaderMap), Unsendable> {
        let plan = plan(x);
        let (values, draws) = (RunValues::initial(&plan), Draws::of(&plan));
        let mut state = UserState::new(&plan, &values, &draws, 0);
        let prepared = Prepared::of(request, &BaseUrl::of(&plan.workload.target), &mut state)?;
        Ok((prepared.uri.to_string(), prepared.headers))
    }

    #[test]
    fn urls_are_joined_to_the_origin_or_stand_for_themselves() {
        let path = request(RequestUrl::Path(template("/a/${x}?b=1")));
        let whole = request(RequestUrl::Whole(template("${x}")));
        for (request, x, expected) in [
            (&path, "7", "http://host:81/a/7?b=1"),
            (&whole, "/elsewhere", "http://host:81/elsewhere"),
            (&whole, "https://other/c", "https://other/c"),
            (&whole, "HTTP://Other:80/c#top", "http://other/c"),
            (
                &whole,
                "http://b%C3%BCcher.test/%C3%BC",
                "http://xn--bcher-kva.test/%C3%BC",
            ),
            (&whole, "//other/a b", "http://other/a%20b"),
            (&whole, "/ü?q=ü#top", "http://host:81/%C3%BC?q=%C3%BC"),
            (&whole, "/a/../b", "http://host:81/b"),
        ] {
            let (uri, _) = prepared(request, x).expect(x);
            assert_eq!(uri, expected);
        }
        for x in [
            "no such thing",
            "mailto:a@b",
            "a space/",
            "",
            "?x",
            "http://",
        ] {
            let refused = prepared(&whole, x).expect_err(x);
            let expected = Unsendable::Url {
                written: "${x}".to_owned(),
                rendered: x.to_owned(),
            };
            assert_eq!(refused, expected);
        }
    }

    #[test]
    fn pairs_go_to_the_query_that_a_link_has() {
        let whole = PlannedRequest {
            query: Some(template("n=${x}")),
            ..request(RequestUrl::Whole(template("${x}")))
        };
        for (x, expected) in [
            ("/a", "http://host:81/a?n=/a"),
            ("/a?b=1", "http://host:81/a?b=1&n=/a?b=1"),
            ("/a?", "http://host:81/a?n=/a?"),
            ("/a?b&", "http://host:81/a?b&n=/a?b&"),
            ("https://other", "https://other/?n=https://other"),
        ] {
            let (uri, _) = prepared(&whole, x).expect(x);
            assert_eq!(uri, expected);
        }
    }

    #[test]
    fn credentials_in_a_rendered_url_become_a_header_unless_there_is_one() {
        let bearer = Some(planned(Auth::Bearer(template("own"))));
        for (url, auth, expected) in [
            ("${x}", None, "Basic bTplOnA="),
            ("${x}", bearer, "Bearer own"),
        ] {
            let request = PlannedRequest {
                auth,
                ..request(RequestUrl::Whole(template(url)))
            };
            let (uri, headers) = prepared(&request, "http://m%3Ae:p@other/x").expect("a URL");
            assert_eq!(uri, "http://other/x");
            assert_eq!(headers[header::AUTHORIZATION], expected);
            assert!(headers[header::AUTHORIZATION].is_sensitive());
        }
    }

    #[test]
    fn credentials_are_rendered_and_marked_as_sensitive() {
        let url = RequestUrl::Path(template("/"));
        for (auth, expected) in [
            (Auth::Bearer(template("${x}")), "Bearer me"),
            (
                Auth::Basic(template("${x}"), template("pw")),
                "Basic bWU6cHc=",
            ),
        ] {
            let request = PlannedRequest {
                auth: Some(planned(auth)),
                ..request(url.clone())
            };
            let (_, headers) = prepared(&request, "me").expect("sendable");
            let value = &headers[header::AUTHORIZATION];
            assert_eq!(value, expected);
            assert!(value.is_sensitive());
        }
    }

    #[test]
    fn a_header_that_cannot_be_carried_is_named_with_its_value() {
        let request = PlannedRequest {
            rendered_headers: vec![(header::ACCEPT, template("${x}"))],
            ..request(RequestUrl::Path(template("/")))
        };
        let refused = prepared(&request, "text\r\n").expect_err("a line break");
        assert_eq!(
            refused.to_string(),
            "header accept was rendered to `text\r\n`, whose character 5 ('\\r') is not valid in a header"
        );
    }
}
