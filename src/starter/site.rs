//! What one request to a URL found, and the flow that asks for it again.

use std::fmt::Write as _;

use http::header::CONTENT_TYPE;
use serde_json::Value;
use url::{Position, Url};

use super::quoted;
use crate::scenario::CssQuery;
use crate::scenario::HtmlDocument;
use crate::transport::Exchange;

/// A target, the path of a request, and what the answer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port.
    pub(super) target: String,
    /// The path and the query.
    path: String,
    /// The status.
    status: u16,
    /// Lines of YAML, each one check besides that of the status.
    checks: Vec<String>,
}

/// The reason why no check can be written for an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    /// There was no answer.
    #[error("{url} does not answer ({outcome}): {detail}")]
    NoAnswer {
        /// The URL.
        url: String,
        /// The name of the outcome.
        outcome: &'static str,
        /// The failure in words.
        detail: String,
    },
    /// The answer is an error of the target.
    #[error("{url} answers with status {status}: name a URL that works, or start the target")]
    Fault {
        /// The URL.
        url: String,
        /// The status, 500 or above.
        status: u16,
    },
}

impl Site {
    /// What the answer to a GET of this URL has.
    ///
    /// # Errors
    /// The target sent no answer, or one with a status from 500 on.
    pub fn of(url: &Url, exchange: &Exchange) -> Result<Self, SiteError> {
        let shown = || url[..Position::AfterPath].to_owned();
        let response = exchange.response.as_ref();
        let Some(response) = response.filter(|_| !exchange.outcome.is_failure()) else {
            return Err(SiteError::NoAnswer {
                url: shown(),
                outcome: exchange.outcome.name(),
                detail: exchange.detail.clone(),
            });
        };
        let status = response.status.as_u16();
        if status >= 500 {
            return Err(SiteError::Fault {
                url: shown(),
                status,
            });
        }
        // A redirect to another host, such as from http to https, would be followed by each request of the load.
        let page = exchange.page.as_ref();
        let page = page.and_then(|page| Url::parse(&page.to_string()).ok());
        let is_elsewhere = page
            .as_ref()
            .is_some_and(|page| page.origin() != url.origin());
        let seen = page.filter(|_| is_elsewhere).unwrap_or_else(|| url.clone());
        let kind = response.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let mut checks = Vec::new();
        if !kind.is_empty() {
            checks.push(format!(
                "{{ header: content-type, contains: {} }}",
                quoted(kind)
            ));
        }
        let body = exchange.body().map(|body| String::from_utf8_lossy(body));
        let body = body.as_deref().unwrap_or_default();
        checks.extend(if kind.contains("json") {
            of_json(body)
        } else if kind.contains("html") {
            of_html(body)
        } else {
            None
        });
        Ok(Self {
            target: seen.origin().ascii_serialization(),
            path: seen[Position::BeforePath..Position::AfterQuery].to_owned(),
            status,
            checks,
        })
    }

    /// Scheme, host and port.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The answer in words: `status 200, 2 more checks`.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The flow that sends this request.
    pub(super) fn flow(&self, out: &mut String) {
        let _ = writeln!(
            out,
            "  - name: visit\n    steps:                          # one step after the other; add those of your users\n      \
             - get: {}",
            // In a scenario `${` begins an expression.
            quoted(&self.path.replace("${", "$${"))
        );
        if self.status >= 400 {
            let _ = writeln!(
                out,
                "        expect: {:<20}# the answer when this file was made; a status from 400 is a failure otherwise",
                self.status
            );
        }
        let _ = writeln!(
            out,
            "        check:                      # what every answer must have\n          - status: {}",
            self.status
        );
        for check in &self.checks {
            let _ = writeln!(out, "          - {check}");
        }
    }
}

/// A check of the type of the JSON, or of a member.
fn of_json(body: &str) -> Option<String> {
    match serde_json::from_str(body).ok()? {
        Value::Array(_) => Some("{ json: $, type: array }".to_owned()),
        Value::Object(members) => {
            let is_name = |name: &&String| {
                name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            };
            let name = members.keys().find(is_name)?;
            Some(format!("{{ json: $.{name} }}"))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

/// A check of the title of the page.
fn of_html(body: &str) -> Option<String> {
    let html = HtmlDocument::parse(body).ok()?;
    let query = CssQuery::parse("title", None).ok()?;
    let title = query.texts(&html).next()?;
    let title = title.trim();
    // An expression in it would be evaluated, and a line break cannot be in it.
    let is_simple = !title.is_empty()
        && title.chars().count() <= 60
        && !title.contains("${")
        && !title.chars().any(char::is_control);
    Some(if is_simple {
        let title = serde_json::Value::from(title);
        format!("{{ css: title, contains: {title} }}")
    } else {
        "{ css: title }".to_owned()
    })
}
