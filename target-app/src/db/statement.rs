//! A statement: its metric name, its text in both dialects, and its values.

use std::sync::Arc;

use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, SqlSafeStr as _, SqlStr};

/// The SQL dialect of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

/// A statement with placeholders `$1`, `$2`, …. Values are always bound, never written into the text.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// Name in the metrics, the slow-query log and the advisor.
    pub(crate) name: &'static str,
    text: StatementText,
}

#[derive(Clone, Debug)]
enum StatementText {
    Same(&'static str),
    Each {
        sqlite: &'static str,
        postgres: &'static str,
    },
    Made(Arc<str>),
}

/// A value of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SqlValue {
    Integer(i64),
    Text(String),
    /// Text or NULL.
    Maybe(Option<String>),
    /// A list of integers: `bigint[]` for PostgreSQL (`= ANY($1)`), a JSON array for `SQLite` (`IN (SELECT value FROM
    /// json_each($1))`).
    Integers(Vec<i64>),
}

impl Statement {
    /// One text for both dialects.
    pub(crate) const fn same(name: &'static str, text: &'static str) -> Self {
        Self {
            name,
            text: StatementText::Same(text),
        }
    }

    /// One text per dialect.
    pub(crate) const fn each(
        name: &'static str,
        sqlite: &'static str,
        postgres: &'static str,
    ) -> Self {
        Self {
            name,
            text: StatementText::Each { sqlite, postgres },
        }
    }

    /// A text composed at run time from constants of this program, for one dialect; it is not prepared.
    pub(crate) fn made(name: &'static str, text: impl Into<Arc<str>>) -> Self {
        Self {
            name,
            text: StatementText::Made(text.into()),
        }
    }

    /// The text for `dialect`.
    pub(crate) fn text(&self, dialect: Dialect) -> &str {
        match (&self.text, dialect) {
            (StatementText::Same(text), _)
            | (StatementText::Each { sqlite: text, .. }, Dialect::Sqlite)
            | (StatementText::Each { postgres: text, .. }, Dialect::Postgres) => text,
            (StatementText::Made(text), _) => text,
        }
    }

    /// Whether it changes rows and reports their number.
    pub(super) fn is_change(&self, dialect: Dialect) -> bool {
        let text = self.text(dialect);
        ["INSERT", "UPDATE", "DELETE", "WITH"]
            .iter()
            .any(|verb| text.starts_with(verb))
    }

    /// Distinguishes texts that share a name; `None` for composed texts, of which there may be any number.
    pub(super) fn identity(&self) -> Option<usize> {
        match self.text {
            StatementText::Same(text) | StatementText::Each { sqlite: text, .. } => {
                Some(text.as_ptr().addr())
            }
            StatementText::Made(_) => None,
        }
    }

    pub(super) fn sql(&self, dialect: Dialect) -> SqlStr {
        match (&self.text, dialect) {
            (StatementText::Same(text), _)
            | (StatementText::Each { sqlite: text, .. }, Dialect::Sqlite)
            | (StatementText::Each { postgres: text, .. }, Dialect::Postgres) => {
                text.into_sql_str()
            }
            (StatementText::Made(text), _) => AssertSqlSafe(Arc::clone(text)).into_sql_str(),
        }
    }

    /// Whether the connection keeps it prepared.
    pub(super) fn persists(&self) -> bool {
        !matches!(self.text, StatementText::Made(_))
    }
}

/// Binds the values for `SQLite`.
pub(super) fn sqlite_arguments(values: &[SqlValue]) -> Result<SqliteArguments, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            SqlValue::Integer(value) => arguments.add(*value),
            SqlValue::Text(value) => arguments.add(value.clone()),
            SqlValue::Maybe(value) => arguments.add(value.clone()),
            SqlValue::Integers(values) => arguments.add(json(values)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Binds the values for PostgreSQL.
pub(super) fn postgres_arguments(values: &[SqlValue]) -> Result<PgArguments, sqlx::Error> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            SqlValue::Integer(value) => arguments.add(*value),
            SqlValue::Text(value) => arguments.add(value),
            SqlValue::Maybe(value) => arguments.add(value),
            SqlValue::Integers(values) => arguments.add(values),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

fn json(values: &[i64]) -> String {
    let mut text = String::with_capacity(2 + values.len() * 8);
    text.push('[');
    for (position, value) in values.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&value.to_string());
    }
    text.push(']');
    text
}

impl From<i64> for SqlValue {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for SqlValue {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for SqlValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for SqlValue {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Option<String>> for SqlValue {
    fn from(value: Option<String>) -> Self {
        Self::Maybe(value)
    }
}

impl From<Vec<i64>> for SqlValue {
    fn from(values: Vec<i64>) -> Self {
        Self::Integers(values)
    }
}

/// Values of a statement, in order: `values![id, "title"]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::db::SqlValue::from($value)),*] };
}
pub(crate) use values;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_a_json_array() {
        assert_eq!(json(&[]), "[]");
        assert_eq!(json(&[1, -2, 3]), "[1,-2,3]");
    }
}
