//! What a user keeps of a scheme with requests of its own, from request to request.

use std::sync::Arc;

use super::digest::Challenges;
use super::token::TokenSession;
use crate::engine::trace_ids::TraceIds;
use crate::plan::PlannedSession;

/// The state of a scheme: of one user, or shared by all.
#[derive(Debug)]
pub(in crate::engine) enum Session {
    /// The challenges of servers.
    Digest(Challenges),
    /// A token.
    Token(Box<TokenSession>),
}

impl Session {
    /// A session without challenges or tokens; `salt` decides its random numbers, `traces` the ids of its traces.
    pub(in crate::engine) fn new(
        planned: &Arc<PlannedSession>,
        salt: u64,
        traces: Arc<TraceIds>,
    ) -> Self {
        match planned.token {
            None => Self::Digest(Challenges::new(salt)),
            Some(_) => Self::Token(Box::new(TokenSession::new(planned, salt, traces))),
        }
    }

    /// The secrets that it has now.
    pub(in crate::engine) fn secrets(&self) -> Vec<String> {
        match self {
            Self::Digest(_) => Vec::new(),
            Self::Token(session) => session.secrets(),
        }
    }
}
