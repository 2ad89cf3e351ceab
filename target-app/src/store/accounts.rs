//! Users and their sessions, one for each login, on as many devices as they like.

use serde::Serialize;

use super::{Page, PageOf, Store, StoreError};

/// SHA-256 of a token: all that the database knows of it.
pub(crate) type TokenHash = [u8; 32];

/// What a login is checked against.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) password_hash: String,
}

/// A session as its user sees it.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(crate) struct SessionRow {
    id: i64,
    device: String,
    created_at: String,
    /// Whether it is the one that asks.
    current: bool,
}

/// The hashes of a fresh pair of tokens and how many seconds each is good for.
pub(crate) struct NewSession {
    pub(crate) access: TokenHash,
    pub(crate) access_seconds: i64,
    pub(crate) refresh: TokenHash,
    pub(crate) refresh_seconds: i64,
}

impl Store {
    pub(crate) async fn account(&self, email: &str) -> Result<Option<Account>, StoreError> {
        let row = sqlx::query_as("SELECT id, password_hash FROM users WHERE email = ?").bind(email);
        self.timed("account", row.fetch_optional(&self.readers))
            .await
    }

    /// Opens a session and, on the way, removes those of the user that have run out.
    pub(crate) async fn open_session(
        &self,
        user_id: i64,
        device: &str,
        tokens: &NewSession,
    ) -> Result<(), StoreError> {
        const STATEMENT: &str = "INSERT INTO sessions \
            (user_id, device, access_hash, access_expires_at, refresh_hash, refresh_expires_at, created_at) \
            VALUES (?, ?, ?, unixepoch() + ?, ?, unixepoch() + ?, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))";
        let expired = sqlx::query(
            "DELETE FROM sessions WHERE user_id = ? AND refresh_expires_at <= unixepoch()",
        );
        self.timed(
            "sessions_expire",
            expired.bind(user_id).execute(&self.writer),
        )
        .await?;
        let insert = sqlx::query(STATEMENT)
            .bind(user_id)
            .bind(device)
            .bind(&tokens.access[..])
            .bind(tokens.access_seconds)
            .bind(&tokens.refresh[..])
            .bind(tokens.refresh_seconds)
            .execute(&self.writer);
        self.timed("session_insert", insert).await.map(drop)
    }

    /// The session and user that an access token stands for, unless it has run out or was closed.
    pub(crate) async fn caller(
        &self,
        access: &TokenHash,
    ) -> Result<Option<(i64, i64)>, StoreError> {
        const STATEMENT: &str = "SELECT id, user_id FROM sessions WHERE access_hash = ? AND access_expires_at > unixepoch()";
        let row = sqlx::query_as(STATEMENT)
            .bind(&access[..])
            .fetch_optional(&self.readers);
        self.timed("caller", row).await
    }

    /// Exchanges a refresh token for new ones; false when it is unknown or has run out.
    ///
    /// One that was exchanged before is in two hands, and who is the thief cannot be told: its session is closed.
    pub(crate) async fn renew_session(
        &self,
        refresh: &TokenHash,
        tokens: &NewSession,
    ) -> Result<bool, StoreError> {
        const STATEMENT: &str = "UPDATE sessions SET access_hash = ?2, access_expires_at = unixepoch() + ?3, \
            refresh_hash = ?4, refresh_expires_at = unixepoch() + ?5, spent_refresh_hash = refresh_hash \
            WHERE refresh_hash = ?1 AND refresh_expires_at > unixepoch()";
        let renew = sqlx::query(STATEMENT)
            .bind(&refresh[..])
            .bind(&tokens.access[..])
            .bind(tokens.access_seconds)
            .bind(&tokens.refresh[..])
            .bind(tokens.refresh_seconds)
            .execute(&self.writer);
        if self.timed("session_renew", renew).await?.rows_affected() == 1 {
            return Ok(true);
        }
        let replayed =
            sqlx::query("DELETE FROM sessions WHERE spent_refresh_hash = ?").bind(&refresh[..]);
        self.timed("session_replayed", replayed.execute(&self.writer))
            .await?;
        Ok(false)
    }

    /// The sessions of a user that can still be used or renewed, latest first.
    pub(crate) async fn sessions(
        &self,
        user_id: i64,
        current: i64,
        part: PageOf,
    ) -> Result<Page<SessionRow>, StoreError> {
        const STATEMENT: &str = "SELECT id, device, created_at, id = ?2 AS current FROM sessions \
            WHERE user_id = ?1 AND refresh_expires_at > unixepoch() ORDER BY id DESC LIMIT ?3 OFFSET ?4";
        let rows = sqlx::query_as(STATEMENT)
            .bind(user_id)
            .bind(current)
            .bind(part.limit)
            .bind(part.offset())
            .fetch_all(&self.readers);
        let items = self.timed("sessions_page", rows).await?;
        let total = sqlx::query_scalar(
            "SELECT count(*) FROM sessions WHERE user_id = ? AND refresh_expires_at > unixepoch()",
        );
        let total = self
            .timed(
                "sessions_total",
                total.bind(user_id).fetch_one(&self.readers),
            )
            .await?;
        Ok(part.with(items, total))
    }

    pub(crate) async fn close_session(&self, id: i64) -> Result<(), StoreError> {
        let delete = sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(id)
            .execute(&self.writer);
        self.timed("session_close", delete).await.map(drop)
    }
}
