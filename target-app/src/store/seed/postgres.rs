//! Seeds `PostgreSQL`: COPY, table by table, in the transaction that also marks the database as seeded.

use sqlx::{AssertSqlSafe, PgConnection};

use super::rows::{COUNTED, Cell, Loader, Table, fill};
use crate::config::Config;

/// Bytes of COPY data sent at a time.
const CHUNK: usize = 256 * 1024;

/// Seeds an empty database within the transaction of `connection`.
pub(super) async fn fill_postgres(
    connection: &mut PgConnection,
    config: &Config,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    fill(&mut CopyLoader(connection), config, password_hash).await?;
    for table in COUNTED {
        let advance = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
        );
        sqlx::query(AssertSqlSafe(advance))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

struct CopyLoader<'a>(&'a mut PgConnection);

impl Loader for CopyLoader<'_> {
    async fn load(
        &mut self,
        table: &Table,
        rows: impl Iterator<Item = Vec<Cell>> + Send,
    ) -> Result<(), sqlx::Error> {
        let columns = table.columns.join(", ");
        let statement = format!("COPY {} ({columns}) FROM STDIN", table.name);
        let mut copy = self.0.copy_in_raw(&statement).await?;
        let mut text = String::with_capacity(CHUNK + CHUNK / 4);
        for row in rows {
            for (column, cell) in row.iter().enumerate() {
                if column > 0 {
                    text.push('\t');
                }
                match cell {
                    Cell::Integer(value) => text.push_str(&value.to_string()),
                    Cell::Text(value) => push_copied(&mut text, value),
                }
            }
            text.push('\n');
            if text.len() >= CHUNK {
                copy.send(text.as_bytes()).await?;
                text.clear();
            }
        }
        copy.send(text.as_bytes()).await?;
        copy.finish().await?;
        Ok(())
    }
}

/// Appends a field in COPY's text format.
fn push_copied(row: &mut String, field: &str) {
    for letter in field.chars() {
        match letter {
            '\\' => row.push_str("\\\\"),
            '\t' => row.push_str("\\t"),
            '\n' => row.push_str("\\n"),
            '\r' => row.push_str("\\r"),
            letter => row.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_and_row_separators_are_escaped() {
        let mut row = String::new();
        push_copied(&mut row, "a\tb\nc\\d\re");
        assert_eq!(row, "a\\tb\\nc\\\\d\\re");
    }
}
