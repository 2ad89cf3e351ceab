//! The canonical lines of a request.

use std::fmt;

use super::value::{list, quoted};
use super::{Canonical, micros};
use crate::expr::TemplateSegment;
use crate::mask::is_secret_name;
use crate::plan::{BodyPiece, PlannedRequest, RequestBody, RequestUrl};
use crate::scenario::{
    BodyCoding, Capture, CaptureDefault, CaptureFrom, CaptureSelection, FailedStatuses, OnFail,
};

impl Canonical<'_> {
    pub(super) fn request(&mut self, request: &PlannedRequest) -> fmt::Result {
        self.line("method", quoted(request.method.as_str()))?;
        let url = match &request.url {
            RequestUrl::Literal(uri) => self.text(&self.without_address(&uri.to_string())),
            RequestUrl::Path(template) => self.template(template),
            RequestUrl::Whole(template) => {
                let mut template = template.clone();
                if let Some(TemplateSegment::Literal(start)) = template.segments.first_mut() {
                    *start = self.without_address(start).into();
                }
                self.template(&template)
            }
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
            RequestBody::Pieces(pieces) => {
                let pieces = pieces.iter().map(|piece| match piece {
                    BodyPiece::Text {
                        is_secret: true, ..
                    } => "null".to_owned(),
                    BodyPiece::Text { template, .. } => self.template(template),
                    BodyPiece::File(file) => list([quoted("file"), quoted(&file.sha256)]),
                });
                self.line("body", list(pieces))?;
            }
        }
        // Lines of a later version stand only where a scenario uses what is new, so that earlier hashes stay.
        match request.coding {
            BodyCoding::Identity => {}
            BodyCoding::Gzip => self.line("coding", quoted(request.coding.word()))?,
        }
        if let Some(redirects) = request.redirects {
            self.line("redirects", redirects)?;
        }
        for (name, _) in &request.cookies {
            // Their values are secrets.
            self.line("cookie", quoted(name))?;
        }
        if let Some(case) = &request.header_case {
            self.line("header_case", list(case.0.iter().map(|name| quoted(name))))?;
        }
        let timeouts = &request.timeouts;
        let limits = [
            timeouts.connect,
            timeouts.first_byte,
            timeouts.idle,
            timeouts.total,
        ];
        self.line("timeouts", list(limits.map(micros)))?;
        if request.failed != FailedStatuses::default() {
            let (name, ranges) = match &request.failed {
                FailedStatuses::On(ranges) => ("fail_on", ranges),
                FailedStatuses::AllBut(ranges) => ("expect", ranges),
            };
            self.line(
                name,
                list(ranges.iter().map(|range| quoted(&range.to_string()))),
            )?;
        }
        for check in &request.checks {
            let name = self.text(&check.name);
            match check.on_fail {
                OnFail::Count => self.line("check", name)?,
                OnFail::StopIteration => {
                    self.line("check", list([name, quoted(check.on_fail.word())]))?;
                }
            }
        }
        let mut captures = request.captures.iter();
        captures.try_for_each(|capture| self.capture(capture))?;
        self.recordings(&request.records)
    }

    fn headers(&mut self, request: &PlannedRequest) -> fmt::Result {
        for (name, value) in &request.headers {
            let mut facts = vec![quoted(name.as_str())];
            if !is_secret_name(name.as_str()) && !value.is_sensitive() {
                facts.push(self.text(&String::from_utf8_lossy(value.as_bytes())));
            }
            self.line("header", list(facts))?;
        }
        for (name, value) in &request.rendered_headers {
            let facts = [quoted(name.as_str()), self.template(value)];
            self.line("header", list(facts))?;
        }
        let Some(auth) = &request.auth else {
            return Ok(());
        };
        let scheme = &auth.scheme;
        let choices = scheme.choices().into_iter().map(|choice| quoted(&choice));
        let templates = [scheme.secrets(), scheme.settings()].into_iter().flatten();
        let templates = templates.map(|template| self.template(template));
        let word = std::iter::once(quoted(scheme.word()));
        self.line("auth", list(word.chain(choices).chain(templates)))
    }

    fn capture(&mut self, capture: &Capture) -> fmt::Result {
        let (place, path) = match &capture.from {
            CaptureFrom::Json(path) => ("json", path.to_string()),
            CaptureFrom::Header(name) => ("header", name.to_string()),
            CaptureFrom::Regex(expression, _) => ("regex", expression.as_str().to_owned()),
            CaptureFrom::Css(query) => ("css", query.to_string()),
            CaptureFrom::Between(before, after) => ("between", format!("{before}\n{after}")),
            CaptureFrom::Cookie(name) => ("cookie", name.clone()),
            CaptureFrom::Body => ("body", String::new()),
            CaptureFrom::Status => ("status", String::new()),
            CaptureFrom::Url => ("url", String::new()),
        };
        let mut facts = vec![
            self.variable(capture.slot),
            quoted(place),
            quoted(&path),
            match capture.pick {
                CaptureSelection::Pick(pick) => quoted(pick.word()),
                CaptureSelection::Number(number) => number.to_string(),
            },
        ];
        if let CaptureFrom::Regex(expression, group) = &capture.from
            && *group != usize::from(expression.captures_len() > 1)
        {
            facts.push(list([quoted("group"), group.to_string()]));
        }
        match &capture.otherwise {
            CaptureDefault::Fail => {}
            CaptureDefault::Value(value) => {
                facts.push(list([quoted("default"), self.template(value)]));
            }
            CaptureDefault::Nothing => facts.push(quoted("optional")),
        }
        self.line("capture", list(facts))
    }
}
