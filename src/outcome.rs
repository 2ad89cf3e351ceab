//! How a request ended. A failed request is data, never an error.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The class of a request's end; the names are those of reports, journals and `summary.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A response arrived whole, and every check on it passed.
    Ok,
    /// The response's status was 400 or above, and no check of the step asked for it.
    Status,
    /// A check on the response did not hold.
    Check,
    /// A value to capture was not in the response.
    Capture,
    /// The request could not be built: a value was missing, or what was rendered is no URL or no header. Nothing was sent.
    Unsendable,
    /// The host name did not resolve.
    Dns,
    /// The target refused the connection.
    ConnectRefused,
    /// No connection within the connect limit.
    ConnectTimeout,
    /// Any other failure to connect: no route, network down.
    ConnectFailed,
    /// The TLS handshake failed: certificate, name, protocol.
    Tls,
    /// The target closed or reset the connection before the response was whole.
    Reset,
    /// The first byte, the next bytes, or the whole response did not arrive within its limit.
    Timeout,
    /// The response was not valid HTTP.
    BadResponse,
    /// The head of the response had more header lines, or more bytes, than are read.
    HeadLimit,
    /// The body was larger than the read limit, or inflated beyond its cap.
    BodyLimit,
    /// More redirects than allowed, or a redirect that may not be followed.
    Redirect,
    /// The resolved address is not one this run may reach.
    AddressRefused,
    /// This machine had no file descriptor left: the generator's limit, not the target's.
    FdLimit,
    /// This machine had no local port left: the generator's limit, not the target's.
    PortLimit,
    /// The run stopped while the request was in flight.
    Interrupted,
}

impl Outcome {
    /// Every outcome, in the order of the declaration; an outcome's index is `outcome as usize`.
    pub const ALL: [Self; 20] = [
        Self::Ok,
        Self::Status,
        Self::Check,
        Self::Capture,
        Self::Unsendable,
        Self::Dns,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::ConnectFailed,
        Self::Tls,
        Self::Reset,
        Self::Timeout,
        Self::BadResponse,
        Self::HeadLimit,
        Self::BodyLimit,
        Self::Redirect,
        Self::AddressRefused,
        Self::FdLimit,
        Self::PortLimit,
        Self::Interrupted,
    ];

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
            Self::BadResponse => "bad_response",
            Self::HeadLimit => "head_limit",
            Self::BodyLimit => "body_limit",
            Self::Redirect => "redirect",
            Self::AddressRefused => "address_refused",
            Self::FdLimit => "fd_limit",
            Self::PortLimit => "port_limit",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether the request counts as failed. An interrupted one was ended by us and counts as neither.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Ok | Self::Interrupted)
    }

    /// Whether there was no connection to send the request over, by the target's doing or the network's.
    pub const fn is_unconnected(self) -> bool {
        matches!(
            self,
            Self::Dns
                | Self::ConnectRefused
                | Self::ConnectTimeout
                | Self::ConnectFailed
                | Self::Tls
                | Self::AddressRefused
        )
    }

    /// Whether this machine had nothing left to connect with: the generator's own limit.
    pub const fn is_own_limit(self) -> bool {
        matches!(self, Self::FdLimit | Self::PortLimit)
    }

    /// Whether the time measured is a limit that was reached, so that the true time is *at least* that (censored).
    pub const fn is_censored(self) -> bool {
        matches!(self, Self::Timeout | Self::ConnectTimeout)
    }
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
