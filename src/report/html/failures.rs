//! The table of failures: each class with what it means, where it was seen and its first request in full.

use serde::Serialize;

use crate::outcome::Outcome;
use crate::report::model::Report;
use crate::report::text;

/// A class of failures.
#[derive(Debug, Serialize)]
pub(super) struct FailureLine<'a> {
    class: &'static str,
    meaning: &'static str,
    count: String,
    in_warm_up: Option<String>,
    share: String,
    first: String,
    last: String,
    steps: Vec<(&'a str, String)>,
    example: Option<Sample<'a>>,
}

#[derive(Debug, Serialize)]
struct Sample<'a> {
    detail: &'a str,
    request: &'a str,
    at: String,
    step: &'a str,
    status: Option<u16>,
}

pub(super) fn failures(report: &Report) -> Vec<FailureLine<'_>> {
    const MOST_STEPS: usize = 4;
    report
        .failures
        .iter()
        .map(|class| FailureLine {
            class: class.outcome.name(),
            meaning: meaning(class.outcome),
            count: text::count(class.count),
            in_warm_up: (class.in_warm_up > 0).then(|| text::count(class.in_warm_up)),
            share: text::share(class.count, report.requests.ended),
            first: text::clock(class.first_seen),
            last: text::clock(class.last_seen),
            steps: class
                .steps
                .iter()
                .take(MOST_STEPS)
                .map(|(step, count)| (step.as_str(), text::count(*count)))
                .collect(),
            example: class.example.as_ref().map(|example| Sample {
                detail: &example.detail,
                request: &example.request,
                at: text::clock(example.at),
                step: &example.step,
                status: example.status,
            }),
        })
        .collect()
}

/// What a class of failure says, in a phrase.
const fn meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "no failure",
        Outcome::Status => "status 400 or above",
        Outcome::Check => "a check on the response did not hold",
        Outcome::Capture => "a value to capture was not there",
        Outcome::Dns => "the host name did not resolve",
        Outcome::ConnectRefused => "the target refused the connection",
        Outcome::ConnectTimeout => "no connection within the limit",
        Outcome::ConnectFailed => "the connection failed",
        Outcome::Tls => "the TLS handshake failed",
        Outcome::Reset => "the connection was closed before the response was whole",
        Outcome::Timeout => "no whole response within the limit",
        Outcome::BadResponse => "the response was not valid HTTP",
        Outcome::HeadLimit => "the response's head was larger than is read",
        Outcome::BodyLimit => "the body was larger than allowed",
        Outcome::Redirect => "a redirect that may not be followed",
        Outcome::AddressRefused => "an address this run may not reach",
        Outcome::FdLimit => "this machine ran out of open files: not the target's fault",
        Outcome::PortLimit => "this machine ran out of local ports: not the target's fault",
        Outcome::Interrupted => "ended by the stop of the run",
    }
}
