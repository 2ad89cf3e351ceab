//! The canonical lines of a request.

use std::fmt;

use super::value::{list, quoted};
use super::{Canonical, micros};
use crate::mask::is_secret_name;
use crate::plan::{PlannedRequest, RequestBody, RequestUrl};
use crate::scenario::{Auth, Capture, CaptureFrom};

impl Canonical<'_> {
    pub(super) fn request(&mut self, request: &PlannedRequest) -> fmt::Result {
        self.line("method", quoted(request.method.as_str()))?;
        let url = match &request.url {
            RequestUrl::Literal(uri) => {
                let uri = uri.to_string();
                self.text(uri.strip_prefix(&self.origin).unwrap_or(&uri))
            }
            RequestUrl::Path(template) | RequestUrl::Whole(template) => self.template(template),
        };
        self.line("url", url)?;
        if let Some(query) = &request.query {
            let query = self.template(query);
            self.line("query", query)?;
        }
        self.headers(request)?;
        match &request.body {
            RequestBody::Empty => {}
            RequestBody::Literal(bytes) => {
                let body = self.text(&String::from_utf8_lossy(bytes));
                self.line("body", body)?;
            }
            RequestBody::Rendered(template) => {
                let body = self.template(template);
                self.line("body", body)?;
            }
        }
        let timeouts = &request.timeouts;
        let limits = [
            timeouts.connect,
            timeouts.first_byte,
            timeouts.idle,
            timeouts.total,
        ];
        self.line("timeouts", list(limits.map(micros)))?;
        for check in &request.checks {
            let name = self.text(&check.name);
            self.line("check", name)?;
        }
        let mut captures = request.captures.iter();
        captures.try_for_each(|capture| self.capture(capture))
    }

    fn headers(&mut self, request: &PlannedRequest) -> fmt::Result {
        for (name, value) in &request.headers {
            let mut facts = vec![quoted(name.as_str())];
            if !is_secret_name(name.as_str()) {
                facts.push(self.text(&String::from_utf8_lossy(value.as_bytes())));
            }
            self.line("header", list(facts))?;
        }
        for (name, value) in &request.rendered_headers {
            let facts = [quoted(name.as_str()), self.template(value)];
            self.line("header", list(facts))?;
        }
        let auth = match &request.auth {
            None => return Ok(()),
            Some(Auth::Basic(user, password)) => list([
                quoted("basic"),
                self.template(user),
                self.template(password),
            ]),
            Some(Auth::Bearer(token)) => list([quoted("bearer"), self.template(token)]),
        };
        self.line("auth", auth)
    }

    fn capture(&mut self, capture: &Capture) -> fmt::Result {
        let (place, path) = match &capture.from {
            CaptureFrom::Json(path) => ("json", path.to_string()),
            CaptureFrom::Header(name) => ("header", name.to_string()),
            CaptureFrom::Regex(expression) => ("regex", expression.as_str().to_owned()),
            CaptureFrom::Cookie(name) => ("cookie", name.clone()),
        };
        let facts = [
            self.variable(capture.slot),
            quoted(place),
            quoted(&path),
            quoted(capture.pick.word()),
        ];
        self.line("capture", list(facts))
    }
}
