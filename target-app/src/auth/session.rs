//! A session as the shared store holds it and as its user sees it.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use super::AuthError;
use super::token::{SessionId, TokenFingerprint};

/// The value under a session's key in the store; no value means that the session expired or never existed.
#[derive(Serialize, Deserialize)]
pub(super) enum SessionEntry {
    Open(Session),
    /// A deny-list entry that replaces the session: a closed session cannot be refreshed or opened again.
    Closed,
}

/// A login on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) user_id: i64,
    pub(super) device: String,
    /// Unix time in milliseconds, like all times here.
    pub(super) created_at: u64,
    pub(super) renewed_at: u64,
    /// Expiry of the refresh token.
    pub(super) renewable_until: u64,
    /// Number of the token pair, from zero; only the latest access token is valid.
    pub(super) generation: u32,
    pub(super) refresh: TokenFingerprint,
}

/// A session as its user sees it.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView {
    id: SessionId,
    device: String,
    created_at: String,
    /// Time of the last refresh.
    renewed_at: String,
    /// Time when it expires unless it is refreshed.
    expires_at: String,
    /// Whether it is the caller's own session.
    current: bool,
}

/// An entry in a user's session list: ordered by age, found by its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Member {
    pub(super) created_at: u64,
    pub(super) session: SessionId,
}

impl SessionEntry {
    pub(super) fn encode(&self) -> Result<Bytes, AuthError> {
        rmp_serde::to_vec(self)
            .map(Bytes::from)
            .map_err(|error| AuthError::Encode(error.into()))
    }

    /// The session in `bytes`, if it is open; `None` if this version cannot read it.
    pub(super) fn open(bytes: &[u8]) -> Option<Session> {
        match rmp_serde::from_slice(bytes) {
            Ok(Self::Open(session)) => Some(session),
            Ok(Self::Closed) | Err(_) => None,
        }
    }
}

impl Session {
    pub(super) fn view(self, id: SessionId, current: SessionId) -> SessionView {
        SessionView {
            id,
            device: self.device,
            created_at: rfc3339(self.created_at),
            renewed_at: rfc3339(self.renewed_at),
            expires_at: rfc3339(self.renewable_until),
            current: id == current,
        }
    }
}

impl Member {
    /// Thirteen digits of milliseconds are enough until the year 2286.
    pub(super) fn text(self) -> String {
        format!("{:013}.{}", self.created_at, self.session)
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (created_at, session) = text.split_once('.')?;
        Some(Self {
            created_at: created_at.parse().ok()?,
            session: SessionId::parse(session)?,
        })
    }
}

fn rfc3339(unix_milliseconds: u64) -> String {
    i64::try_from(unix_milliseconds)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::super::token::RefreshToken;
    use super::*;

    #[test]
    fn entries_and_members_round_trip() {
        let id = SessionId::draw().expect("randomness");
        let token = RefreshToken::first(id).expect("randomness");
        let session = Session {
            user_id: -7,
            device: "Käthes Telefon".to_owned(),
            created_at: 1_700_000_000_123,
            renewed_at: 1_700_000_001_000,
            renewable_until: u64::MAX,
            generation: u32::MAX,
            refresh: token.fingerprint(),
        };
        let bytes = SessionEntry::Open(session.clone())
            .encode()
            .expect("an encoding");
        assert_eq!(SessionEntry::open(&bytes), Some(session));
        assert_eq!(SessionEntry::open(&bytes[1..]), None);
        assert_eq!(SessionEntry::open(b""), None);
        let bytes = SessionEntry::Closed.encode().expect("an encoding");
        assert_eq!(SessionEntry::open(&bytes), None);

        let member = Member {
            created_at: 1_700_000_000_123,
            session: id,
        };
        assert_eq!(Member::parse(&member.text()), Some(member));
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20Z");
    }
}
