//! Values that no output may show: credentials, and values whose name marks them as secret, known now or only in the
//! run.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{BodyPiece, PlannedRequest, RequestBody, RequestUrl, Workload};
use crate::expr::{Expression, TemplateSegment};
use crate::mask::{Mask, is_secret_name, labelled_values};
use crate::scenario::{CaptureFrom, Scenario, Secret, SlotId, SourceUrl, Template, Value};

/// A placeholder for any value; it occurs in no other text.
const ANY: &str = "0any0value0";

/// The secrets of a plan.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Masks the secrets that are known before the run.
    pub mask: Mask,
    /// The secrets that the scenario names.
    pub named: Vec<Secret>,
    /// Variables whose values are secret, including captured ones.
    pub slots: Vec<SlotId>,
    /// Columns whose values are secret, as feeder and column.
    pub columns: Vec<(usize, usize)>,
    /// Parts of a response whose values are secret.
    pub responses: Vec<Expression>,
}

impl Secrets {
    /// The secrets of a workload: those of the scenario, and those that it does not name.
    pub(super) fn of(workload: &Workload, scenario: &Scenario) -> Self {
        let mut found = SecretSources::default();
        found
            .slots
            .extend(scenario.secrets.iter().map(|secret| secret.slot));
        for (number, variable) in workload.variables.iter().enumerate() {
            if is_secret_name(&variable.name) {
                found.slots.push(SlotId(number as u32));
            }
        }
        for (number, feed) in workload.feeds.iter().enumerate() {
            let columns = feed.columns.iter().enumerate();
            let secret = columns.filter(|(_, name)| is_secret_name(name));
            found
                .columns
                .extend(secret.map(|(column, _)| (number, column)));
        }
        for request in workload.all_requests().chain(workload.token_requests()) {
            found.request(request);
        }
        for source in &scenario.monitor {
            for (name, template) in &source.headers {
                if is_secret_name(name.as_str()) {
                    found.whole(template);
                }
            }
            if let SourceUrl::Absolute(url) = &source.url {
                found.texts.extend(labelled_values(url.as_str()));
            }
        }
        found.slots.sort_unstable();
        found.slots.dedup();
        found.columns.sort_unstable();
        found.columns.dedup();
        for slot in &found.slots {
            let initial = &workload.variables[slot.0 as usize].initial;
            found.texts.extend(initial.iter().flat_map(texts));
        }
        found.texts.sort_unstable();
        found.texts.dedup();
        Self {
            mask: scenario.mask.with(&found.texts),
            named: scenario.secrets.clone(),
            slots: found.slots,
            columns: found.columns,
            responses: found.responses,
        }
    }
}

/// Every text and number in a value.
pub fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Null | Value::Bool(_) => Vec::new(),
        Value::Number(number) => vec![number.to_string()],
        Value::Text(text) => vec![text.clone()],
        Value::List(items) => items.iter().flat_map(texts).collect(),
        Value::Map(members) => members.iter().flat_map(|(_, value)| texts(value)).collect(),
    }
}

#[derive(Default)]
struct SecretSources {
    texts: Vec<String>,
    slots: Vec<SlotId>,
    columns: Vec<(usize, usize)>,
    responses: Vec<Expression>,
}

impl SecretSources {
    fn request(&mut self, request: &PlannedRequest) {
        for (name, value) in &request.headers {
            if is_secret_name(name.as_str()) || value.is_sensitive() {
                self.header(&String::from_utf8_lossy(value.as_bytes()));
            }
        }
        for (name, template) in &request.rendered_headers {
            if is_secret_name(name.as_str()) {
                self.whole(template);
            }
        }
        if let Some(auth) = &request.auth {
            for template in auth.scheme.secrets() {
                self.whole(template);
            }
        }
        for (_, value) in &request.cookies {
            self.whole(value);
        }
        match &request.url {
            RequestUrl::Literal(uri) => self.texts.extend(labelled_values(&uri.to_string())),
            RequestUrl::Path(template) | RequestUrl::Whole(template) => self.labelled(template),
        }
        match &request.body {
            RequestBody::Empty => {}
            RequestBody::Literal(bytes) => {
                let text = String::from_utf8_lossy(bytes);
                self.texts.extend(labelled_values(&text));
            }
            RequestBody::Rendered(template) => self.labelled(template),
            RequestBody::Pieces(pieces) => {
                for piece in pieces {
                    match piece {
                        BodyPiece::Text {
                            template,
                            is_secret: true,
                        } => self.whole(template),
                        BodyPiece::Text { template, .. } => self.labelled(template),
                        BodyPiece::File(_) => {}
                    }
                }
            }
        }
        for capture in &request.captures {
            let is_secret = match &capture.from {
                CaptureFrom::Cookie(_) => true,
                CaptureFrom::Header(name) => is_secret_name(name.as_str()),
                CaptureFrom::Json(path) => is_secret_name(&path.to_string()),
                CaptureFrom::Regex(expression, _) => is_secret_name(expression.as_str()),
                CaptureFrom::Css(query) => is_secret_name(&query.to_string()),
                CaptureFrom::Between(before, _) => is_secret_name(before),
                CaptureFrom::Body | CaptureFrom::Status | CaptureFrom::Url => false,
            };
            if is_secret {
                self.slots.push(capture.slot);
            }
        }
    }

    /// Adds a header's value, the credentials after its scheme, the parts of basic credentials, and the values of
    /// cookies.
    fn header(&mut self, value: &str) {
        self.texts.push(value.to_owned());
        if let Some((_, credentials)) = value.split_once(' ') {
            self.texts.push(credentials.to_owned());
            let decoded = STANDARD.decode(credentials.trim()).unwrap_or_default();
            if let Some((user, password)) = String::from_utf8(decoded)
                .ok()
                .as_deref()
                .and_then(|pair| pair.split_once(':'))
            {
                self.texts.extend([user.to_owned(), password.to_owned()]);
            }
        }
        let cookies = value.split(';').filter_map(|cookie| cookie.split_once('='));
        self.texts
            .extend(cookies.map(|(_, value)| value.to_owned()));
    }

    /// Adds a template that is completely secret.
    fn whole(&mut self, template: &Template) {
        for segment in &template.segments {
            match segment {
                TemplateSegment::Literal(text) => self.texts.push(without_scheme(text).to_owned()),
                TemplateSegment::Expression(expression, _) => self.expression(expression),
            }
        }
    }

    /// Adds the values in a template whose names mark them as secret.
    fn labelled(&mut self, template: &Template) {
        let mut before = String::new();
        for segment in &template.segments {
            match segment {
                TemplateSegment::Literal(text) => {
                    self.texts.extend(labelled_values(text));
                    before.push_str(text);
                }
                TemplateSegment::Expression(expression, _) => {
                    // Checks whether a value at the place of the expression counts as secret.
                    let values = labelled_values(&format!("{before}{ANY}"));
                    if values.iter().any(|value| value.contains(ANY)) {
                        self.expression(expression);
                    }
                    before.push('0');
                }
            }
        }
    }

    fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Slot(slot) => self.slots.push(*slot),
            Expression::Column { feed, column } => self.columns.push((*feed, *column)),
            Expression::Response(_) => self.responses.push(expression.clone()),
            Expression::Part(part) if part.reads_response() => {
                self.responses.push(expression.clone());
            }
            Expression::Literal(value) => self.texts.extend(texts(value)),
            Expression::Call(..)
            | Expression::Script(..)
            | Expression::Join(_)
            | Expression::Default(_)
            | Expression::Arithmetic(_)
            | Expression::Negative(_)
            | Expression::If(_)
            | Expression::List(_)
            | Expression::Part(_) => {
                for part in expression.operands() {
                    self.expression(part);
                }
            }
            // Their values are only true or false, or known to everybody.
            Expression::Ambient(_)
            | Expression::All(_)
            | Expression::Any(_)
            | Expression::Not(_)
            | Expression::Match(..)
            | Expression::Compare(_) => {}
        }
    }
}

/// The text without an authentication scheme such as `Bearer `, which is not secret.
fn without_scheme(text: &str) -> &str {
    let schemes = ["bearer", "basic", "digest", "token"];
    match text.split_once(' ') {
        Some((scheme, rest)) if schemes.contains(&scheme.to_ascii_lowercase().as_str()) => rest,
        _ => text,
    }
}
