//! From what went wrong below to the outcome and the words of a failed request.

use std::error::Error;
use std::io;

use crate::outcome::Outcome;

/// The most characters of a failure's description.
const MAX_DETAIL: usize = 200;

/// "Too many open files" of this process and of the system; the same numbers on Linux, macOS and the BSDs.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    /// At most 200 characters, none of them a control character.
    pub(super) detail: String,
}

impl Failure {
    /// A failure described by `detail`, which may hold anything a target sent.
    pub(super) fn new(outcome: Outcome, detail: &str) -> Self {
        Self {
            outcome,
            detail: clean(detail),
        }
    }

    /// A failure to resolve a host name.
    pub(super) fn resolving(host: &str, error: &io::Error) -> Self {
        let outcome = limit_reached(error).unwrap_or(Outcome::Dns);
        Self::new(outcome, &format!("{host}: {error}"))
    }

    /// A failure to open a TCP connection.
    pub(super) fn connecting(address: std::net::SocketAddr, error: &io::Error) -> Self {
        let outcome = limit_reached(error).unwrap_or(match error.kind() {
            io::ErrorKind::ConnectionRefused => Outcome::ConnectRefused,
            io::ErrorKind::TimedOut => Outcome::ConnectTimeout,
            _ => Outcome::ConnectFailed,
        });
        Self::new(outcome, &format!("{address}: {error}"))
    }

    /// A response head that cannot be read.
    pub(super) fn unread(error: &hyper::Error) -> Self {
        if error.is_parse_too_large() {
            return Self::new(
                Outcome::HeadLimit,
                "the response's head has more than 1000 header lines or 256 KiB, and no more is read",
            );
        }
        Self::exchanging(error)
    }

    /// A failure on a connection that was open: while sending, waiting or reading.
    pub(super) fn exchanging(error: &hyper::Error) -> Self {
        let outcome = if error.is_parse() {
            Outcome::BadResponse
        } else {
            match find::<io::Error>(error) {
                Some(cause) => reading(cause),
                None if error.is_user() => Outcome::BadResponse,
                None => Outcome::Reset,
            }
        };
        Self::new(outcome, &chain(error))
    }
}

/// The outcome of an I/O error in the middle of an exchange; hyper reports bad chunks as invalid input.
fn reading(error: &io::Error) -> Outcome {
    if let Some(inner) = error.get_ref()
        && inner.is::<rustls::Error>()
    {
        return Outcome::Tls;
    }
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => Outcome::BadResponse,
        io::ErrorKind::TimedOut => Outcome::Timeout,
        _ => Outcome::Reset,
    }
}

/// The outcome if the generator's own machine ran out of something.
fn limit_reached(error: &io::Error) -> Option<Outcome> {
    match error.raw_os_error() {
        Some(EMFILE | ENFILE) => Some(Outcome::FdLimit),
        _ if error.kind() == io::ErrorKind::AddrNotAvailable => Some(Outcome::PortLimit),
        _ => None,
    }
}

/// The first error of type `T` among an error and its causes.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    std::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// An error and its causes in one line, without repeating what a cause says again.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&error| error.source()) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// The first 200 characters of a text, with control characters replaced.
fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_DETAIL)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_limits_are_told_from_the_targets_failures() {
        let address = ([127, 0, 0, 1], 80).into();
        for (error, outcome) in [
            (io::Error::from_raw_os_error(EMFILE), Outcome::FdLimit),
            (io::Error::from_raw_os_error(ENFILE), Outcome::FdLimit),
            (io::ErrorKind::AddrNotAvailable.into(), Outcome::PortLimit),
            (
                io::ErrorKind::ConnectionRefused.into(),
                Outcome::ConnectRefused,
            ),
            (io::ErrorKind::TimedOut.into(), Outcome::ConnectTimeout),
            (
                io::ErrorKind::NetworkUnreachable.into(),
                Outcome::ConnectFailed,
            ),
        ] {
            assert_eq!(
                Failure::connecting(address, &error).outcome,
                outcome,
                "{error}"
            );
        }
    }

    #[test]
    fn a_detail_has_no_control_characters_and_an_end() {
        let failure = Failure::new(Outcome::Tls, &format!("\u{1b}[31m\n{}", "ü".repeat(300)));
        assert_eq!(failure.detail.chars().count(), MAX_DETAIL);
        assert!(!failure.detail.chars().any(char::is_control));
    }
}
