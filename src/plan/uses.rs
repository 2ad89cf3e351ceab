//! The parts of responses that the expressions of a workload read, so that a user keeps nothing else.

use super::{
    BodyPiece, MeasuredRequest, PlannedFlow, PlannedRequest, ReadsBody, RequestBody, RequestUrl,
};
use crate::expr::{Expression, PartSet, ResponsePart};
use crate::scenario::program::{each_block, visit};
use crate::scenario::{
    Action, CaptureDefault, CheckRule, CssRule, JsonRule, Step, Template, TextRule,
};

/// Notes in each request of a flow the parts of its response that are read.
pub(super) fn note_in_flow(flow: &mut PlannedFlow) {
    let blocks = flow.blocks().into_iter();
    let read = blocks.fold(PartSet::default(), |read, block| read.with(of_block(block)));
    for block in [&mut flow.start, &mut flow.steps, &mut flow.stop] {
        note(block, read);
    }
}

/// Notes in each request of a block the parts of its response that the block reads.
pub(super) fn note_in_block(block: &mut Vec<Step<PlannedRequest>>) {
    let read = of_block(block);
    note(block, read);
}

fn note<R: AsMut<PlannedRequest>>(block: &mut Vec<Step<R>>, read: PartSet) {
    each_block(block, &mut |steps| {
        for step in steps {
            // The responses of assets are read by no expression.
            let is_of_assets = matches!(step.action, Action::Assets(_));
            if let Some(request) = step.action.request_mut().filter(|_| !is_of_assets) {
                let request = request.as_mut();
                request.keeps = read.with(of_checks(request));
                if request.keeps.reads_body() {
                    request.reads_body = ReadsBody::Yes;
                }
            }
        }
    });
}

impl AsMut<Self> for PlannedRequest {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl AsMut<PlannedRequest> for MeasuredRequest {
    fn as_mut(&mut self) -> &mut PlannedRequest {
        &mut self.request
    }
}

/// The parts that the steps of a block read of the response before them.
fn of_block<R: AsRef<PlannedRequest>>(block: &[Step<R>]) -> PartSet {
    let mut read = PartSet::default();
    for visit in visit(block) {
        if let Some(condition) = &visit.step.condition {
            read.add_uses(&condition.0);
        }
        if let Some(request) = visit.step.action.request() {
            each_template(request.as_ref(), &mut |template| add(&mut read, template));
        }
        if let Action::Assets(_) = &visit.step.action {
            read.insert(&ResponsePart::Url);
            read.insert(&ResponsePart::Body);
            read.insert(&ResponsePart::Headers);
        }
        let (conditions, templates) = visit.step.action.inputs();
        for condition in conditions {
            read.add_uses(&condition.0);
        }
        for template in templates {
            add(&mut read, template);
        }
    }
    read
}

fn add(read: &mut PartSet, template: &Template) {
    template.each_use(&mut |used, _| read.add_uses(used));
}

impl PlannedRequest {
    /// Calls `see` for each variable, column and other name in the texts of which the request consists, except for its
    /// credentials.
    pub(crate) fn each_inserted(&self, see: &mut dyn FnMut(&Expression)) {
        each_own_template(self, &mut |template| {
            template.each_use(&mut |used, _| see(used));
        });
    }
}

/// The templates that are rendered before a request is sent.
fn each_template(request: &PlannedRequest, see: &mut dyn FnMut(&Template)) {
    each_own_template(request, see);
    if let Some(auth) = &request.auth {
        let templates = [auth.scheme.secrets(), auth.scheme.settings()];
        templates.into_iter().flatten().for_each(&mut *see);
    }
}

/// The templates of a request without those of its credentials.
fn each_own_template(request: &PlannedRequest, see: &mut dyn FnMut(&Template)) {
    match &request.url {
        RequestUrl::Literal(_) => {}
        RequestUrl::Path(template) | RequestUrl::Whole(template) => see(template),
    }
    request.query.iter().for_each(&mut *see);
    for (_, template) in &request.rendered_headers {
        see(template);
    }
    match &request.body {
        RequestBody::Empty | RequestBody::Literal(_) => {}
        RequestBody::Rendered(template) => see(template),
        RequestBody::Pieces(pieces) => {
            for piece in pieces {
                match piece {
                    BodyPiece::Text { template, .. } => see(template),
                    BodyPiece::File(_) => {}
                }
            }
        }
    }
    for (_, template) in &request.cookies {
        see(template);
    }
}

/// The parts that a request's checks, the defaults of its captures and its recordings read of its own response.
fn of_checks(request: &PlannedRequest) -> PartSet {
    let mut read = PartSet::default();
    for check in &request.checks {
        of_rule(&check.rule, &mut read);
    }
    for recording in &request.records {
        add(&mut read, &recording.value);
    }
    for capture in &request.captures {
        match &capture.otherwise {
            CaptureDefault::Value(template) => add(&mut read, template),
            CaptureDefault::Fail | CaptureDefault::Nothing => {}
        }
    }
    read
}

fn of_rule(rule: &CheckRule, read: &mut PartSet) {
    match rule {
        CheckRule::That(condition) => read.add_uses(&condition.0),
        CheckRule::Header(_, rule)
        | CheckRule::Body(rule)
        | CheckRule::Url(rule)
        | CheckRule::Css(_, CssRule::Text(rule)) => match rule {
            TextRule::Equals(template) | TextRule::Contains(template) => add(read, template),
            TextRule::Exists | TextRule::Matches(_) | TextRule::Length(..) => {}
        },
        CheckRule::Json(_, rule) => match rule {
            JsonRule::Compare(_, template) => add(read, template),
            JsonRule::Exists | JsonRule::Length(..) | JsonRule::Type(_) => {}
        },
        CheckRule::Not(inner) => of_rule(inner, read),
        CheckRule::Status(_)
        | CheckRule::Size(..)
        | CheckRule::Time(..)
        | CheckRule::Css(_, CssRule::Count(..))
        | CheckRule::Schema(_) => {}
    }
}
