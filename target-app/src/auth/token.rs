//! Refresh tokens: random bits that only the client keeps, and the detection of used tokens.
//!
//! A token is `session · family · secret`, 16 + 16 + 32 random bytes. The family is drawn at login and stays; the
//! secret is drawn anew at every refresh. The store keeps the SHA-256 of the family and of the current secret. A token
//! with the right family and another secret is therefore a used token of this session: every earlier token is
//! recognised as long as the session lives, for the price of one hash, and nobody can close a session by its id alone,
//! which every access token contains.

use std::fmt;
use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

use super::hex;

/// Id of a session: 128 random bits, known to its user and not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SessionId([u8; 16]);

/// A token that is exchanged once for the next token pair.
pub(super) struct RefreshToken {
    pub(super) session: SessionId,
    family: [u8; 16],
    secret: [u8; 32],
}

/// The hashes that the store keeps of a refresh token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TokenFingerprint {
    family: [u8; 32],
    current: [u8; 32],
}

/// The relation of a refresh token to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenMatch {
    /// The current token, the only one that can be exchanged.
    Current,
    /// An earlier token, or one made up by someone who has seen an earlier one.
    Spent,
    /// A token that was never issued for this session.
    Stranger,
}

impl SessionId {
    /// Draws a new id.
    pub(super) fn draw() -> Result<Self, io::Error> {
        Ok(Self(draw()?))
    }

    /// Parses the 32 digits of [`fmt::Display`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        hex::read(text).map(Self)
    }

    /// The bytes sent over a channel.
    pub(super) fn bytes(self) -> [u8; 16] {
        self.0
    }

    /// The id from the bytes received over a channel.
    pub(super) fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex::write(out, &self.0)
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl RefreshToken {
    /// The first token of a session.
    pub(super) fn first(session: SessionId) -> Result<Self, io::Error> {
        Ok(Self {
            session,
            family: draw()?,
            secret: draw()?,
        })
    }

    /// The token that replaces this one.
    pub(super) fn next(&self) -> Result<Self, io::Error> {
        Ok(Self {
            session: self.session,
            family: self.family,
            secret: draw()?,
        })
    }

    /// Parses a token from a client.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 64] = hex::read(text)?;
        let (session, rest) = bytes.split_first_chunk()?;
        let (family, rest) = rest.split_first_chunk()?;
        Some(Self {
            session: SessionId(*session),
            family: *family,
            secret: *rest.first_chunk()?,
        })
    }

    /// The 128 digits sent to the client.
    pub(super) fn text(&self) -> String {
        let mut text = String::with_capacity(128);
        for part in [&self.session.0[..], &self.family, &self.secret] {
            // Writing to a String cannot fail.
            let _ = hex::write(&mut text, part);
        }
        text
    }

    /// The hashes to store.
    pub(super) fn fingerprint(&self) -> TokenFingerprint {
        TokenFingerprint {
            family: Sha256::digest(self.family).into(),
            current: Sha256::digest(self.secret).into(),
        }
    }
}

impl TokenFingerprint {
    /// Compares `token` with this fingerprint; takes the same time whatever the result.
    pub(super) fn judge(&self, token: &RefreshToken) -> TokenMatch {
        let presented = token.fingerprint();
        let family: Choice = self.family.ct_eq(&presented.family);
        let current: Choice = self.current.ct_eq(&presented.current);
        match (family.into(), (family & current).into()) {
            (_, true) => TokenMatch::Current,
            (true, false) => TokenMatch::Spent,
            (false, false) => TokenMatch::Stranger,
        }
    }
}

fn draw<const N: usize>() -> Result<[u8; N], io::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first() -> RefreshToken {
        RefreshToken::first(SessionId([7; 16])).expect("randomness")
    }

    #[test]
    fn a_token_round_trips_through_text() {
        let token = first();
        let text = token.text();
        assert_eq!(text.len(), 128);
        let read = RefreshToken::parse(&text).expect("its own text");
        assert_eq!(read.session, token.session);
        assert_eq!(read.fingerprint(), token.fingerprint());
        assert!(RefreshToken::parse(&text[1..]).is_none());
        assert!(RefreshToken::parse("").is_none());
    }

    #[test]
    fn every_earlier_token_of_a_family_is_spent_and_no_other_is() {
        let first = first();
        let second = first.next().expect("randomness");
        let third = second.next().expect("randomness");
        let kept = third.fingerprint();
        assert_eq!(kept.judge(&third), TokenMatch::Current);
        assert_eq!(kept.judge(&second), TokenMatch::Spent);
        assert_eq!(kept.judge(&first), TokenMatch::Spent);
        assert_eq!(kept.judge(&self::first()), TokenMatch::Stranger);
        let lucky = RefreshToken {
            family: [0; 16],
            ..third
        };
        assert_eq!(kept.judge(&lucky), TokenMatch::Stranger);
    }
}
