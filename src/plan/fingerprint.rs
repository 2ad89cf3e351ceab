//! What a plan sends, as one number: the hash that tells whether two runs carried the same load.
//!
//! The target's address is left out, so that runs against an instance on another port compare; so are names, warm-up,
//! thresholds and this machine's share, none of which change what is sent in all.

use std::fmt::{self, Debug, Write as _};

use sha2::{Digest as _, Sha256};

use super::{Action, Plan, Request, RequestBody, RequestUrl, Step};

/// SHA-256, in hex, over a canonical text of what the plan sends.
pub(super) fn of(plan: &Plan) -> String {
    let mut text = Canonical(Sha256::new());
    text.field("schedule", &plan.schedule);
    text.field("pacing", &plan.pacing);
    text.field("on_error", &plan.on_error);
    text.field("redirects", &plan.http.redirects);
    text.field("cookies", &plan.http.cookies);
    text.field("body_limit", &plan.http.body_limit);
    if !plan.http.resend {
        text.field("resend", &false);
    }
    text.field("variables", &plan.variables);
    for feed in &plan.feeds {
        text.field("feed", &(&feed.name, &feed.columns, feed.pick));
        text.field("rows", &feed.rows);
    }
    text.field("seed", &plan.seed);
    let origin = plan.target.origin().ascii_serialization();
    text.steps("setup", &plan.setup, &origin);
    text.steps("teardown", &plan.teardown, &origin);
    for flow in &plan.flows {
        text.field("flow", &(&flow.name, flow.weight, flow.rest));
        text.steps("start", &flow.start, &origin);
        text.steps("steps", &flow.steps, &origin);
    }
    text.0
        .finalize()
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

struct Canonical(Sha256);

impl fmt::Write for Canonical {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Canonical {
    fn field(&mut self, name: &str, value: &dyn Debug) {
        // Debug quotes every text, so that no value can pass for another field.
        let _ = writeln!(self, "{name}: {value:?}");
    }

    fn steps(&mut self, name: &str, steps: &[Step], origin: &str) {
        self.field(name, &steps.len());
        for step in steps {
            self.field("if", &step.condition);
            match &step.action {
                Action::Request(request) => self.request(request, origin),
                Action::Think(delay) => self.field("think", delay),
                Action::Repeat {
                    times,
                    steps,
                    pause,
                } => {
                    self.field("repeat", &(times, pause));
                    self.steps("steps", steps, origin);
                }
            }
        }
    }

    fn request(&mut self, request: &Request, origin: &str) {
        self.field("method", &request.method);
        match &request.url {
            RequestUrl::Literal(uri) => {
                let uri = uri.to_string();
                self.field("url", &uri.strip_prefix(origin).unwrap_or(&uri));
            }
            RequestUrl::Path(template) | RequestUrl::Whole(template) => {
                self.field("url", &template.segments);
            }
        }
        if let Some(query) = &request.query {
            self.field("query", &query.segments);
        }
        for (name, value) in &request.headers {
            self.field("header", &(name, value.as_bytes()));
        }
        for (name, value) in &request.rendered_headers {
            self.field("header", &(name, &value.segments));
        }
        self.field("auth", &request.auth);
        match &request.body {
            RequestBody::Empty => {}
            RequestBody::Literal(bytes) => self.field("body", bytes),
            RequestBody::Rendered(template) => self.field("body", &template.segments),
        }
        self.field("timeouts", &request.timeouts);
        self.field("captures", &request.captures);
        for (_, check) in &request.checks {
            self.field("check", &check.name);
        }
    }
}
