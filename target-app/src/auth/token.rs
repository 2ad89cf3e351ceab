//! Opaque tokens: 256 random bits for the client, their SHA-256 for the database.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::error::Problem;
use crate::store::{NewSession, TokenHash};

/// A working day: the longest shipped load test does not outlast the token that its users got at their start.
const ACCESS_SECONDS: i64 = 8 * 3_600;
const REFRESH_SECONDS: i64 = 30 * 24 * 3_600;

/// A secret that only the client keeps.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Token(String);

/// What a login or a refresh answers.
#[derive(Serialize)]
pub(crate) struct TokenPair {
    access_token: Token,
    refresh_token: Token,
    /// Seconds until the access token runs out.
    expires_in: i64,
}

impl Token {
    fn draw() -> Result<Self, Problem> {
        let mut bits = [0; 32];
        getrandom::fill(&mut bits).map_err(|error| Problem::internal(&error))?;
        let mut token = String::with_capacity(64);
        for byte in bits {
            // Writing to a String cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        Ok(Self(token))
    }

    /// The token that a client sent.
    pub(crate) fn presented(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn hash(&self) -> TokenHash {
        Sha256::digest(&self.0).into()
    }
}

impl TokenPair {
    pub(crate) fn draw() -> Result<Self, Problem> {
        Ok(Self {
            access_token: Token::draw()?,
            refresh_token: Token::draw()?,
            expires_in: ACCESS_SECONDS,
        })
    }

    pub(crate) fn session(&self) -> NewSession {
        NewSession {
            access: self.access_token.hash(),
            access_seconds: ACCESS_SECONDS,
            refresh: self.refresh_token.hash(),
            refresh_seconds: REFRESH_SECONDS,
        }
    }
}
