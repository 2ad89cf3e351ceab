//! Parses the query plans of both databases.

use serde::Serialize;

use crate::db::Dialect;

/// The plan nodes of PostgreSQL that read rows of a table; other nodes read the output of these.
const ROWS_OF_TABLES: [&str; 4] = [
    "Seq Scan on ",
    "Index Scan ",
    "Index Only Scan ",
    "Bitmap Heap Scan on ",
];

/// A query plan.
#[derive(Debug, Serialize)]
pub(crate) struct QueryPlan {
    /// The lines as the database wrote them.
    pub(crate) lines: Vec<String>,
    /// Tables that are read completely.
    pub(crate) scanned: Vec<String>,
    /// Indexes that are used.
    pub(crate) indexes: Vec<String>,
    /// Whether rows are sorted explicitly.
    pub(crate) sorts: bool,
    /// Rows read, if the database counted them (`ANALYZE` of PostgreSQL).
    pub(crate) rows_scanned: Option<u64>,
}

impl QueryPlan {
    pub(super) fn read(dialect: Dialect, lines: Vec<String>) -> Self {
        let mut plan = Self {
            lines: Vec::new(),
            scanned: Vec::new(),
            indexes: Vec::new(),
            sorts: false,
            rows_scanned: None,
        };
        // Executions of the scan whose lines are being parsed; zero for a node that reads no table itself.
        let mut loops = 0.0;
        for line in &lines {
            match dialect {
                Dialect::Sqlite => plan.sqlite_line(line),
                Dialect::Postgres => plan.postgres_line(line, &mut loops),
            }
        }
        plan.scanned.dedup();
        plan.indexes.sort();
        plan.indexes.dedup();
        plan.lines = lines;
        plan
    }

    fn sqlite_line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let index = || {
            let mut words = line.split_whitespace();
            words
                .find(|word| *word == "INDEX")
                .and_then(|_| words.next())
        };
        match (words.next(), words.next()) {
            (Some("USE"), Some("TEMP")) => self.sorts = true,
            (Some("SCAN" | "SEARCH"), Some(_)) if line.contains("VIRTUAL TABLE") => {}
            (Some("SCAN"), Some(table)) => match index() {
                Some(index) => self.indexes.push(index.to_owned()),
                None if !matches!(table, "CONSTANT" | "json_each") => {
                    self.scanned.push(table.to_owned());
                }
                None => {}
            },
            (Some("SEARCH"), Some(_)) => self.indexes.extend(index().map(str::to_owned)),
            _ => {}
        }
    }

    fn postgres_line(&mut self, line: &str, loops: &mut f64) {
        let line = line.trim_start().trim_start_matches("->").trim_start();
        let word_after = |mark: &str| {
            let rest = line.split_once(mark)?.1;
            rest.split([' ', '(']).next().map(str::to_owned)
        };
        let node = line.trim_start_matches("Parallel ");
        let reads_rows = ROWS_OF_TABLES.iter().any(|kind| node.starts_with(kind));
        if line.contains("(cost=") {
            *loops = 0.0;
        }
        if reads_rows && let Some(seen) = number_after(line, "rows=", "actual") {
            *loops = number_after(line, "loops=", "actual").unwrap_or(1.0);
            let scanned = self.rows_scanned.unwrap_or(0);
            self.rows_scanned = Some(scanned + (seen * *loops).round() as u64);
        }
        if line.starts_with("Seq Scan on ") || line.starts_with("Parallel Seq Scan on ") {
            self.scanned.extend(word_after("Seq Scan on "));
        } else if line.contains("Index Scan") || line.contains("Index Only Scan") {
            let named = word_after(" using ").or_else(|| word_after("Bitmap Index Scan on "));
            self.indexes.extend(named);
        } else if line.starts_with("Sort Key") {
            self.sorts = true;
        } else if let Some(removed) = line.strip_prefix("Rows Removed by ") {
            let removed = removed
                .rsplit(' ')
                .next()
                .and_then(|count| count.parse::<f64>().ok());
            let scanned = self.rows_scanned.unwrap_or(0);
            let removed = (removed.unwrap_or(0.0) * *loops).round() as u64;
            self.rows_scanned = Some(scanned + removed);
        }
    }
}

/// The number after `mark`, somewhere after `from`.
fn number_after(line: &str, mark: &str, from: &str) -> Option<f64> {
    let rest = line.split_once(from)?.1.split_once(mark)?.1;
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(dialect: Dialect, text: &str) -> QueryPlan {
        QueryPlan::read(dialect, text.lines().map(str::to_owned).collect())
    }

    #[test]
    fn the_plans_of_sqlite_are_read() {
        let plan = plan(
            Dialect::Sqlite,
            "SCAN orders\nSEARCH users USING INDEX users_by_mail (email=?)\n\
             SEARCH documents USING INTEGER PRIMARY KEY (rowid=?)\n\
             SCAN documents USING COVERING INDEX documents_by_price\n\
             SCAN documents_text VIRTUAL TABLE INDEX 0:M5\nUSE TEMP B-TREE FOR ORDER BY",
        );
        assert_eq!(plan.scanned, ["orders"]);
        assert_eq!(plan.indexes, ["documents_by_price", "users_by_mail"]);
        assert!(plan.sorts);
    }

    #[test]
    fn only_table_rows_count_and_each_once() {
        let plan = plan(
            Dialect::Postgres,
            "Nested Loop  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=10 loops=1)\n  \
             Join Filter: (d.id = e.id)\n  Rows Removed by Join Filter: 7\n  \
             ->  Subquery Scan on e  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=20 loops=1)\n        \
             Rows Removed by Filter: 3\n        \
             ->  Bitmap Heap Scan on orders  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=23.00 loops=1)\n              \
             Rows Removed by Index Recheck: 4\n              \
             ->  Bitmap Index Scan on orders_by_user  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=27 loops=1)\n  \
             ->  Parallel Seq Scan on documents d  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=100 loops=3)\n  \
             ->  Function Scan on words  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=1000 loops=1)",
        );
        assert_eq!(plan.rows_scanned, Some(23 + 4 + 300));
        assert_eq!(plan.indexes, ["orders_by_user"]);
        assert_eq!(plan.scanned, ["documents"]);
    }

    #[test]
    fn the_plans_of_postgresql_are_read() {
        let plan = plan(
            Dialect::Postgres,
            "Limit  (cost=0.28..8.30 rows=1 width=36) (actual time=0.012..0.013 rows=20 loops=1)\n  \
             ->  Sort  (cost=1.0..2.0 rows=5 width=4) (actual time=0.1..0.2 rows=20 loops=1)\n        \
             Sort Key: created_at DESC\n        \
             ->  Seq Scan on orders  (cost=0.00..25.00 rows=5 width=4) (actual time=0.01..0.2 rows=30 loops=2)\n              \
             Filter: (user_id = 5)\n              Rows Removed by Filter: 970\n  \
             ->  Index Scan using documents_pkey on documents  (cost=0.28..8.30 rows=1 width=36) (actual time=0.012..0.013 rows=1 loops=40)",
        );
        assert_eq!(plan.scanned, ["orders"]);
        assert_eq!(plan.indexes, ["documents_pkey"]);
        assert_eq!(plan.rows_scanned, Some(60 + 1_940 + 40));
        assert!(plan.sorts);
    }
}
