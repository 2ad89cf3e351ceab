//! Failed exchanges, of any protocol: the outcome and its description.

use std::io;

use http::Request;

use super::content::OutgoingBody;
use crate::outcome::Outcome;

/// The maximum length of a failure's description, in characters.
const MAX_DETAIL: usize = 200;

/// "Too many open files" of this process and of the system; the same numbers on Linux, macOS and the BSDs.
const EMFILE: i32 = 24;
const ENFILE: i32 = 23;

/// The failure of an exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExchangeFailure {
    pub(super) outcome: Outcome,
    /// At most 200 characters, none of them a control character.
    pub(super) detail: String,
}

/// The reason why a connection returned no response head.
pub(super) enum SendError {
    /// No byte of the request was written, so it may be sent again.
    NotSent(Box<Request<OutgoingBody>>),
    /// The target may have received the request.
    Failed(ExchangeFailure),
}

impl ExchangeFailure {
    /// A failure described by `detail`, which may contain text that the target sent.
    pub(super) fn new(outcome: Outcome, detail: &str) -> Self {
        Self {
            outcome,
            detail: clean(detail),
        }
    }

    /// A failure to resolve a host name.
    pub(super) fn resolving(host: &str, error: &io::Error) -> Self {
        let outcome = limit_reached(error).unwrap_or(Outcome::Dns);
        Self::new(outcome, &format!("{host}: {}", system_words(error)))
    }

    /// A failure to open a TCP connection.
    pub(super) fn connecting(address: std::net::SocketAddr, error: &io::Error) -> Self {
        let outcome = limit_reached(error).unwrap_or(match error.kind() {
            io::ErrorKind::ConnectionRefused => Outcome::ConnectRefused,
            io::ErrorKind::TimedOut => Outcome::ConnectTimeout,
            _ => Outcome::ConnectFailed,
        });
        Self::new(outcome, &format!("{address}: {}", system_words(error)))
    }
}

/// The words of a system error, without its number, which differs between systems.
fn system_words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The outcome if the generator's own machine ran out of descriptors or ports.
fn limit_reached(error: &io::Error) -> Option<Outcome> {
    match error.raw_os_error() {
        Some(EMFILE | ENFILE) => Some(Outcome::FdLimit),
        _ if error.kind() == io::ErrorKind::AddrNotAvailable => Some(Outcome::PortLimit),
        _ => None,
    }
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
                ExchangeFailure::connecting(address, &error).outcome,
                outcome,
                "{error}"
            );
        }
    }

    #[test]
    fn a_detail_has_no_control_characters_and_an_end() {
        let failure =
            ExchangeFailure::new(Outcome::Tls, &format!("\u{1b}[31m\n{}", "ü".repeat(300)));
        assert_eq!(failure.detail.chars().count(), MAX_DETAIL);
        assert!(!failure.detail.chars().any(char::is_control));
    }
}
