//! The outcomes of a request and their meaning. A failed request is a measurement, not an error.

use std::fmt;

use serde::{Deserialize, Serialize};
use strum::{EnumCount, VariantArray};

/// The outcome of a request; the names are those of reports, journals and `summary.json`.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    EnumCount,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A response arrived whole, and every check on it passed.
    Ok,
    /// The response's status is one that fails a request (400 or above by default), and no check of the step accepted
    /// it.
    Status,
    /// A check on the response did not hold.
    Check,
    /// A value to capture was not in the response.
    Capture,
    /// The request could not be built: a value was missing, or the rendered text is not a URL or a header. Nothing
    /// was sent.
    Unsendable,
    /// The host name did not resolve.
    Dns,
    /// The target refused the connection.
    ConnectRefused,
    /// No connection within the connect limit.
    ConnectTimeout,
    /// Any other failure to connect: no route, network down.
    ConnectFailed,
    /// The TLS handshake failed: certificate, name or protocol.
    Tls,
    /// The target closed or reset the connection before the response was whole.
    Reset,
    /// The first byte, the next bytes, or the complete response did not arrive within its limit.
    Timeout,
    /// There was no complete response when the grace period ended.
    GraceTimeout,
    /// The response was not valid HTTP.
    BadResponse,
    /// The head of the response had more header lines or more bytes than the limit.
    HeadLimit,
    /// The body was larger than the read limit, or inflated beyond its cap.
    BodyLimit,
    /// More redirects than allowed, or a redirect that Gander may not follow.
    Redirect,
    /// The resolved address is not allowed in this run.
    AddressRefused,
    /// This machine had no free file descriptor: a limit of the generator, not of the target.
    FdLimit,
    /// This machine had no free local port: a limit of the generator, not of the target.
    PortLimit,
    /// A second signal, or an internal error, cut the request off while it was in flight.
    Interrupted,
    /// Of iterations: a step `fail` ended it.
    Fail,
    /// Of iterations: the condition of a step `until` was still false after its last pass.
    Until,
    /// Of iterations: the last attempt of a step `retry` failed.
    Retry,
    /// Of iterations: a value to record was missing or did not fit its metric.
    Record,
    /// Of iterations: a step that is no request could not run, because a value was missing or of a wrong type.
    Step,
}

impl Outcome {
    /// Every outcome, in the order of the declaration; an outcome's index is `outcome as usize`.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS
        .first_chunk()
        .expect("there are COUNT variants");

    /// The name in reports and files: `connect_refused`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Status => "status",
            Self::Check => "check",
            Self::Capture => "capture",
            Self::Unsendable => "unsendable",
            Self::Dns => "dns",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::Tls => "tls",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::GraceTimeout => "grace_timeout",
            Self::BadResponse => "bad_response",
            Self::HeadLimit => "head_limit",
            Self::BodyLimit => "body_limit",
            Self::Redirect => "redirect",
            Self::AddressRefused => "address_refused",
            Self::FdLimit => "fd_limit",
            Self::PortLimit => "port_limit",
            Self::Interrupted => "interrupted",
            Self::Fail => "fail",
            Self::Until => "until",
            Self::Retry => "retry",
            Self::Record => "record",
            Self::Step => "step",
        }
    }

    /// The outcome's class.
    pub const fn class(self) -> OutcomeClass {
        match self {
            Self::Ok => OutcomeClass::Success,
            Self::Status
            | Self::Check
            | Self::Capture
            | Self::Reset
            | Self::Timeout
            | Self::GraceTimeout
            | Self::BadResponse
            | Self::HeadLimit
            | Self::BodyLimit
            | Self::Redirect
            | Self::Fail
            | Self::Until
            | Self::Retry
            | Self::Record
            | Self::Step => OutcomeClass::Failed,
            Self::Dns
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::ConnectFailed
            | Self::Tls
            | Self::AddressRefused => OutcomeClass::Unconnected,
            Self::FdLimit | Self::PortLimit => OutcomeClass::GeneratorLimit,
            Self::Unsendable => OutcomeClass::NotAttempted,
            Self::Interrupted => OutcomeClass::Interrupted,
        }
    }

    /// The kind of time that a request with this outcome has.
    pub const fn measured_time(self) -> MeasuredTime {
        match self {
            Self::Ok => MeasuredTime::Complete,
            Self::Timeout | Self::ConnectTimeout | Self::GraceTimeout => MeasuredTime::AtLeast,
            Self::Status
            | Self::Check
            | Self::Capture
            | Self::Dns
            | Self::ConnectRefused
            | Self::ConnectFailed
            | Self::Tls
            | Self::Reset
            | Self::BadResponse
            | Self::HeadLimit
            | Self::BodyLimit
            | Self::Redirect
            | Self::AddressRefused
            | Self::FdLimit
            | Self::PortLimit => MeasuredTime::UntilFailure,
            Self::Unsendable
            | Self::Interrupted
            | Self::Fail
            | Self::Until
            | Self::Retry
            | Self::Record
            | Self::Step => MeasuredTime::Untimed,
        }
    }

    /// True if the request counts as failed. An interrupted request counts neither as failed nor as successful,
    /// because the end of the run interrupted it.
    pub const fn is_failure(self) -> bool {
        match self.class() {
            OutcomeClass::Success | OutcomeClass::Interrupted => false,
            OutcomeClass::Failed
            | OutcomeClass::Unconnected
            | OutcomeClass::GeneratorLimit
            | OutcomeClass::NotAttempted => true,
        }
    }

    /// True if no connection could be made because of the target or the network.
    pub const fn is_unconnected(self) -> bool {
        matches!(self.class(), OutcomeClass::Unconnected)
    }

    /// True if a limit of this machine prevented the connection.
    pub const fn is_generator_limit(self) -> bool {
        matches!(self.class(), OutcomeClass::GeneratorLimit)
    }

    /// True if Gander tried to reach the target: the request could be built.
    pub const fn is_attempt(self) -> bool {
        !matches!(self.class(), OutcomeClass::NotAttempted)
    }

    /// True if the request failed on this machine, so that it is no evidence about the target.
    pub const fn is_local_failure(self) -> bool {
        matches!(
            self.class(),
            OutcomeClass::GeneratorLimit | OutcomeClass::NotAttempted
        )
    }

    /// True if a step other than a request gives it to its iteration.
    pub const fn is_of_iterations(self) -> bool {
        matches!(
            self,
            Self::Fail | Self::Until | Self::Retry | Self::Record | Self::Step
        )
    }

    /// True if the measured time ends with a limit or with the grace period, so that the true time is *at least*
    /// that.
    pub const fn is_censored(self) -> bool {
        matches!(self.measured_time(), MeasuredTime::AtLeast)
    }

    /// The outcome as a phrase of a report: "the host name did not resolve".
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "no failure",
            Self::Status => "a status that fails a request, by default 400 or above",
            Self::Check => "a check of the response failed",
            Self::Capture => "the response did not contain a value to capture",
            Self::Unsendable => "the request could not be built: nothing was sent",
            Self::Dns => "the host name did not resolve",
            Self::ConnectRefused => "the target refused the connection",
            Self::ConnectTimeout => "no connection within the time limit",
            Self::ConnectFailed => "the connection failed",
            Self::Tls => "the TLS handshake failed",
            Self::Reset => "the connection was closed before the response was complete",
            Self::Timeout => "no complete response within the time limit",
            Self::GraceTimeout => "no complete response when the grace period ended",
            Self::BadResponse => "the response was not valid HTTP",
            Self::HeadLimit => "the response head was larger than the limit",
            Self::BodyLimit => "the response body was larger than the limit",
            Self::Redirect => "a redirect that Gander may not follow",
            Self::AddressRefused => "an address that this run may not access",
            Self::FdLimit => "this machine ran out of open files: not the target's fault",
            Self::PortLimit => "this machine ran out of local ports: not the target's fault",
            Self::Interrupted => "cut off by a second signal",
            Self::Fail => "a step `fail` ended the iteration",
            Self::Until => "the condition of `until` did not become true",
            Self::Retry => "the last attempt of `retry` failed",
            Self::Record => "a value to record was missing or did not fit",
            Self::Step => "a step that is no request could not run",
        }
    }

    /// The remedy for a failed connection, if one remedy helps in most cases.
    pub const fn remedy(self) -> Option<&'static str> {
        match self {
            Self::Dns => Some("check the host's name and this machine's name servers"),
            Self::ConnectRefused => Some("is the service running, and is this its port?"),
            Self::ConnectTimeout => {
                Some("is there a firewall in between, and is the address right?")
            }
            Self::FdLimit => Some("raise the limit on open files (ulimit -n)"),
            Self::PortLimit => Some("widen net.ipv4.ip_local_port_range"),
            Self::Ok
            | Self::Status
            | Self::Check
            | Self::Capture
            | Self::Unsendable
            | Self::ConnectFailed
            | Self::Tls
            | Self::Reset
            | Self::Timeout
            | Self::GraceTimeout
            | Self::BadResponse
            | Self::HeadLimit
            | Self::BodyLimit
            | Self::Redirect
            | Self::AddressRefused
            | Self::Interrupted
            | Self::Fail
            | Self::Until
            | Self::Retry
            | Self::Record
            | Self::Step => None,
        }
    }
}

/// The meaning of an outcome for counting and judging; each outcome belongs to one class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeClass {
    /// A response arrived and passed its checks.
    Success,
    /// The target was reached, and the response was wrong, late or missing.
    Failed,
    /// No connection could be made because of the target or the network.
    Unconnected,
    /// A limit of this machine prevented the connection.
    GeneratorLimit,
    /// The request could not be built, so nothing was attempted.
    NotAttempted,
    /// The end of the run interrupted it.
    Interrupted,
}

/// The kind of time that a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeasuredTime {
    /// From its start to the end of its response.
    Complete,
    /// From its start to its failure.
    UntilFailure,
    /// A limit was reached, or the grace period ended, so the true time is at least this (censored).
    AtLeast,
    /// No time: nothing was sent, or nothing ended.
    Untimed,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_serde_writes_and_indices_are_those_of_all() {
        for (index, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(
                serde_json::to_value(outcome).ok(),
                Some(outcome.name().into())
            );
            assert_eq!(outcome as usize, index);
        }
    }
}
