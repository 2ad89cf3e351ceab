//! One session as the shared store keeps it, and as its user sees it.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

use super::AuthError;
use super::token::{SessionId, TokenFingerprint};

/// What the store holds under a session's key; nothing there means that the session ran out or never was.
#[derive(Serialize, Deserialize)]
pub(super) enum SessionEntry {
    Open(Session),
    /// The entry of the deny-list, in the place of the session: what is closed cannot be renewed or opened again.
    Closed,
}

/// A login on one device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) user_id: i64,
    pub(super) device: String,
    /// Unix time in milliseconds, as all times here.
    pub(super) created_at: u64,
    pub(super) renewed_at: u64,
    /// When the refresh token runs out.
    pub(super) renewable_until: u64,
    /// Counts the pairs of tokens from zero; only the access token of the latest is good.
    pub(super) generation: u32,
    pub(super) refresh: TokenFingerprint,
}

/// A session as its user sees it.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView {
    id: SessionId,
    device: String,
    created_at: String,
    /// When its tokens were drawn last.
    renewed_at: String,
    /// When it ends unless it is renewed.
    expires_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// A session in the list of its user's: ordered by age, and found by its text.
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

    /// The session in `bytes`, if it is open; what this version cannot read is none.
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
    /// Thirteen digits of milliseconds reach to the year 2286.
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
    fn entries_and_members_are_read_as_they_were_written() {
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
