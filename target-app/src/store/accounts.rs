//! Users.

use super::{Store, StoreError};
use crate::clock::now;
use crate::db::{Statement, from_row, values};

/// The data that a login is checked against.
#[derive(Debug)]
pub(crate) struct LoginAccount {
    pub(crate) id: i64,
    pub(crate) password_hash: String,
}

from_row!(LoginAccount { id, password_hash });

impl Store {
    /// The account of an e-mail address, in any case.
    pub(crate) async fn account(&self, email: &str) -> Result<Option<LoginAccount>, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "account",
            "SELECT id, password_hash FROM users WHERE email = $1",
        );
        let mut lease = self.database.read_fresh().await?;
        let email = email.to_ascii_lowercase();
        Ok(lease.fetch_optional(&STATEMENT, values![email]).await?)
    }

    /// Creates an account and returns its id; a duplicate address is
    /// [`DbError::Duplicate`](crate::db::DbError::Duplicate).
    pub(crate) async fn create_account(
        &self,
        email: &str,
        password_hash: &str,
    ) -> Result<i64, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "account_insert",
            "INSERT INTO users (email, password_hash, created_at) VALUES ($1, $2, $3) RETURNING id",
        );
        let mut lease = self.database.write().await?;
        let values = values![email.to_ascii_lowercase(), password_hash, now()];
        let (id,): (i64,) = lease.fetch_one(&STATEMENT, values).await?;
        Ok(id)
    }
}
