//! Errors of the network that prevent a run from starting.

use thiserror::Error;

use crate::outcome::Outcome;

/// An error of the network that prevents a run from starting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TransportError {
    /// The given certificate authority is not valid.
    #[error(
        "the certificate authority cannot be used: {0}; expected one or more certificates in PEM form (http.tls.ca)"
    )]
    Authority(String),
    /// TLS cannot be configured.
    #[error("TLS cannot be configured: {0}")]
    Tls(String),
    /// The target cannot be reached, or may not be.
    #[error("{target} cannot be loaded: {detail}{}", remedy(*.outcome))]
    Unreachable {
        /// Scheme, host and port.
        target: String,
        /// The class of failure that every request would have.
        outcome: Outcome,
        /// The failure in words.
        detail: String,
    },
}

impl TransportError {
    /// True if the scenario or the arguments cause the error, not the target.
    pub fn is_invalid_input(&self) -> bool {
        match self {
            Self::Authority(_) | Self::Tls(_) => true,
            Self::Unreachable { outcome, .. } => *outcome == Outcome::AddressRefused,
        }
    }
}

fn remedy(outcome: Outcome) -> String {
    let remedy = outcome.remedy();
    remedy.map_or_else(String::new, |remedy| format!("; {remedy}"))
}
