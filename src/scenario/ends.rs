//! Ends of requests, as `retry` and `on` name them: statuses and outcomes.

use std::fmt;

use http::StatusCode;

use super::StatusRange;
use crate::format::words::EndWord;
use crate::outcome::Outcome;

/// A set of ends of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ends(pub Vec<RequestEnd>);

/// One end of a request, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestEnd {
    /// A response has one of these statuses, whether it fails the request or not.
    Status(StatusRange),
    /// The request has one of the outcomes of this word.
    Outcome(EndWord),
}

impl Ends {
    /// True if a request with this outcome and status is one of them.
    pub fn have(&self, outcome: Outcome, status: Option<u16>) -> bool {
        self.0.iter().any(|end| end.has(outcome, status))
    }
}

impl RequestEnd {
    /// True if a request with this outcome and status ended so.
    pub fn has(self, outcome: Outcome, status: Option<u16>) -> bool {
        // The end of the run is no answer.
        if matches!(outcome, Outcome::GraceTimeout | Outcome::Interrupted) {
            return false;
        }
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        match self {
            Self::Status(range) => status.is_some_and(|status| range.contains(status)),
            Self::Outcome(word) => word.has(outcome),
        }
    }
}

impl fmt::Display for RequestEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(range) => range.fmt(f),
            Self::Outcome(word) => f.write_str(word.word()),
        }
    }
}

impl EndWord {
    /// True if the word stands for this outcome.
    pub fn has(self, outcome: Outcome) -> bool {
        match self {
            Self::Any => outcome.is_failure(),
            Self::Connect => matches!(
                outcome,
                Outcome::Dns
                    | Outcome::ConnectRefused
                    | Outcome::ConnectTimeout
                    | Outcome::ConnectFailed
            ),
            Self::Status
            | Self::Check
            | Self::Capture
            | Self::Unsendable
            | Self::Dns
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::ConnectFailed
            | Self::Tls
            | Self::Reset
            | Self::Timeout
            | Self::BadResponse
            | Self::HeadLimit
            | Self::BodyLimit
            | Self::Redirect
            | Self::AddressRefused
            | Self::FdLimit
            | Self::PortLimit => self.word() == outcome.name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::words::FromWord;

    #[test]
    fn every_word_but_the_two_for_several_outcomes_is_the_name_of_a_failure() {
        for word in EndWord::VALUES {
            let outcomes = Outcome::ALL
                .into_iter()
                .filter(|outcome| word.has(*outcome));
            let outcomes: Vec<_> = outcomes.collect();
            match word {
                EndWord::Any => assert!(outcomes.len() > 15),
                EndWord::Connect => assert_eq!(outcomes.len(), 4),
                word => {
                    assert_eq!(outcomes.len(), 1, "{word:?}");
                    assert_eq!(outcomes[0].name(), word.word());
                }
            }
        }
    }

    #[test]
    fn a_status_counts_whatever_the_outcome_and_the_end_of_the_run_never_does() {
        let status = |code| StatusCode::from_u16(code).expect("a status");
        let range = StatusRange {
            first: status(500),
            last: status(599),
        };
        let ends = Ends(vec![
            RequestEnd::Status(range),
            RequestEnd::Outcome(EndWord::Any),
        ]);
        assert!(ends.have(Outcome::Ok, Some(503)));
        assert!(ends.have(Outcome::Check, Some(200)));
        assert!(!ends.have(Outcome::Ok, Some(200)));
        assert!(!ends.have(Outcome::GraceTimeout, Some(503)));
        assert!(!ends.have(Outcome::Interrupted, None));
    }
}
