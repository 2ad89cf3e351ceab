//! Two hashes of a plan's requests and load, which show whether two runs carried the same load.
//!
//! The workload hash leaves out the seed and the target's address, so that two runs of one file match, even against an
//! instance on another port; the plan hash adds the seed. Neither includes names, warm-up, thresholds or this machine's
//! share, because none of them changes the total load.

use std::fmt::{self, Debug, Write as _};

use sha2::{Digest as _, Sha256};

use super::{PlannedRequest, RequestBody, RequestUrl, Workload};
use crate::scenario::program::visit;
use crate::scenario::{Action, Step};

/// SHA-256, in hex, of a canonical text of the plan's requests and load.
pub(super) fn workload(workload: &Workload) -> String {
    let mut text = Canonical(Sha256::new());
    for load in workload.loads.iter() {
        text.field("schedule", &load.schedule);
        // A load of all flows needs no list of them.
        if load.flows.len() < workload.flows.len() {
            text.field("flows", &load.flows);
        }
    }
    text.field("pacing", &workload.pacing);
    text.field("on_error", &workload.on_error);
    text.field("redirects", &workload.http.redirects);
    text.field("cookies", &workload.http.cookies);
    text.field("body_limit", &workload.http.body_limit);
    text.field("resend", &workload.http.resend);
    text.field("variables", &workload.variables);
    for feed in &workload.feeds {
        text.field("feed", &(&feed.name, &feed.columns, feed.pick));
        text.field("rows", &feed.rows);
    }
    let origin = workload.target.origin().ascii_serialization();
    text.block("setup", &workload.setup, &origin);
    text.block("teardown", &workload.teardown, &origin);
    for flow in &workload.flows {
        text.field("flow", &(&flow.name, flow.weight, flow.rest));
        text.block("start", &flow.start, &origin);
        text.block("steps", &flow.steps, &origin);
    }
    text.hex()
}

/// The workload hash combined with the seed.
pub(super) fn plan(workload: &str, seed: u64) -> String {
    let mut text = Canonical(Sha256::new());
    text.field("workload", &workload);
    text.field("seed", &seed);
    text.hex()
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
        // Debug quotes every text, so that no value can look like another field.
        let _ = writeln!(self, "{name}: {value:?}");
    }

    fn hex(self) -> String {
        let digest = self.0.finalize();
        digest.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }

    fn block<R: AsRef<PlannedRequest>>(&mut self, name: &str, block: &[Step<R>], origin: &str) {
        let steps = visit(block);
        self.field(name, &steps.len());
        for visit in steps {
            self.field("depth", &visit.depth);
            self.field("if", &visit.step.condition);
            match &visit.step.action {
                Action::Request(request) => self.request((**request).as_ref(), origin),
                Action::Think(delay) => self.field("think", delay),
                Action::Repeat { times, pause, .. } => self.field("repeat", &(times, pause)),
                Action::Set(values) => {
                    for (slot, value) in values {
                        self.field("set", &(slot, &value.segments));
                    }
                }
            }
        }
    }

    fn request(&mut self, request: &PlannedRequest, origin: &str) {
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
        for check in &request.checks {
            self.field("check", &check.name);
        }
    }
}
