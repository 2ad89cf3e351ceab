//! The catalogue: one document, pages in several orders, full-text search, writes.

use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Page, PageOf, Store, StoreError};
use crate::clock::{now, rfc3339};
use crate::db::{Dialect, SqlValue, Statement, from_row, values};
use crate::settings::Indexes;

/// A document as clients see it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) author: String,
    #[serde(serialize_with = "words")]
    pub(crate) tags: String,
    pub(crate) price_cents: i64,
    #[serde(serialize_with = "rfc3339")]
    pub(crate) updated_at: i64,
}

from_row!(Document {
    id,
    title,
    body,
    author,
    tags,
    price_cents,
    updated_at
});

/// A document as sent by a client.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) author: String,
    /// Separated by single spaces.
    pub(crate) tags: String,
    pub(crate) price_cents: i64,
}

impl Draft {
    /// The columns that a client sets, and the time of the write.
    pub(super) fn row(&self, at: i64) -> [SqlValue; 6] {
        [
            SqlValue::from(self.title.as_str()),
            SqlValue::from(self.body.as_str()),
            SqlValue::from(self.author.as_str()),
            SqlValue::from(self.tags.as_str()),
            SqlValue::from(self.price_cents),
            SqlValue::from(at),
        ]
    }

    /// The values of the row, followed by the id.
    pub(super) fn row_and_id(&self, at: i64, id: i64) -> [SqlValue; 7] {
        let [title, body, author, tags, price, at] = self.row(at);
        [title, body, author, tags, price, at, SqlValue::from(id)]
    }
}

/// The orders of the catalogue; ties are broken by id, so that pages do not overlap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Sort {
    #[default]
    Id,
    IdDescending,
    Title,
    TitleDescending,
    Price,
    PriceDescending,
    Update,
    UpdateDescending,
}

/// A page ordered by `$order`: the index alone selects the rows before any body is read; otherwise a late page would
/// read all earlier bodies.
macro_rules! page_by {
    ($order:literal) => {
        concat!(
            "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents WHERE id IN (",
            "SELECT id FROM documents ORDER BY ",
            $order,
            " LIMIT $1 OFFSET $2) ORDER BY ",
            $order
        )
    };
}

impl Sort {
    const fn text(self) -> &'static str {
        match self {
            Self::Id => page_by!("id"),
            Self::IdDescending => page_by!("id DESC"),
            Self::Title => page_by!("title, id"),
            Self::TitleDescending => page_by!("title DESC, id DESC"),
            Self::Price => page_by!("price_cents, id"),
            Self::PriceDescending => page_by!("price_cents DESC, id DESC"),
            Self::Update => page_by!("updated_at, id"),
            Self::UpdateDescending => page_by!("updated_at DESC, id DESC"),
        }
    }

    fn statement(self) -> Statement {
        Statement::same("documents_page", self.text())
    }

    /// The name in the API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::IdDescending => "-id",
            Self::Title => "title",
            Self::TitleDescending => "-title",
            Self::Price => "price_cents",
            Self::PriceDescending => "-price_cents",
            Self::Update => "updated_at",
            Self::UpdateDescending => "-updated_at",
        }
    }
}

impl FromStr for Sort {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        const ALL: [Sort; 8] = [
            Sort::Id,
            Sort::IdDescending,
            Sort::Title,
            Sort::TitleDescending,
            Sort::Price,
            Sort::PriceDescending,
            Sort::Update,
            Sort::UpdateDescending,
        ];
        ALL.into_iter()
            .find(|sort| sort.name() == name)
            .ok_or("expected id, title, price_cents or updated_at, with - before it for descending")
    }
}

/// The search statements, with or without a full-text index.
struct Search {
    page: Statement,
    total: Statement,
    words: String,
}

impl Search {
    fn of(words: &str, dialect: Dialect, indexes: Indexes) -> Self {
        match (dialect, indexes) {
            (Dialect::Postgres, _) => Self {
                page: Statement::same(
                    "search_page",
                    "SELECT id, title, body, author, tags, price_cents, updated_at \
                     FROM documents, plainto_tsquery('simple', $1) AS query WHERE words @@ query \
                     ORDER BY ts_rank(words, query) DESC, id LIMIT $2 OFFSET $3",
                ),
                total: Statement::same(
                    "search_total",
                    "SELECT count(*) FROM documents WHERE words @@ plainto_tsquery('simple', $1)",
                ),
                words: words.to_owned(),
            },
            (Dialect::Sqlite, Indexes::All) => Self {
                page: Statement::same(
                    "search_page",
                    "SELECT d.id, d.title, d.body, d.author, d.tags, d.price_cents, d.updated_at \
                     FROM (SELECT rowid, rank FROM documents_text WHERE documents_text MATCH $1 \
                     ORDER BY rank LIMIT $2 OFFSET $3) AS f \
                     JOIN documents AS d ON d.id = f.rowid ORDER BY f.rank, d.id",
                ),
                total: Statement::same(
                    "search_total",
                    "SELECT count(*) FROM documents_text WHERE documents_text MATCH $1",
                ),
                words: match_expression(words),
            },
            // Without the index every row is scanned; matches are ordered by id.
            (Dialect::Sqlite, Indexes::None) => Self {
                page: Statement::same(
                    "search_page",
                    "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents \
                     WHERE NOT EXISTS (SELECT 1 FROM json_each($1) AS word \
                     WHERE instr(lower(title || ' ' || body || ' ' || author || ' ' || tags), word.value) = 0) \
                     ORDER BY id LIMIT $2 OFFSET $3",
                ),
                total: Statement::same(
                    "search_total",
                    "SELECT count(*) FROM documents WHERE NOT EXISTS (SELECT 1 FROM json_each($1) AS word \
                     WHERE instr(lower(title || ' ' || body || ' ' || author || ' ' || tags), word.value) = 0)",
                ),
                words: serde_json::json!(
                    words
                        .split_whitespace()
                        .map(str::to_lowercase)
                        .collect::<Vec<_>>()
                )
                .to_string(),
            },
        }
    }
}

impl Store {
    pub(crate) async fn document(&self, id: i64) -> Result<Document, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "document",
            "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents WHERE id = $1",
        );
        let mut lease = self.database.read().await?;
        lease
            .fetch_optional(&STATEMENT, values![id])
            .await?
            .ok_or(StoreError::Missing("document"))
    }

    /// One page of the catalogue.
    pub(crate) async fn documents(
        &self,
        sort: Sort,
        part: PageOf,
    ) -> Result<Vec<Document>, StoreError> {
        let mut lease = self.database.read().await?;
        let page = values![part.limit, part.offset()];
        Ok(lease.fetch_all(&sort.statement(), page).await?)
    }

    /// Number of documents.
    pub(crate) async fn documents_total(&self) -> Result<i64, StoreError> {
        const TOTAL: Statement =
            Statement::same("documents_total", "SELECT count(*) FROM documents");
        let mut lease = self.database.read().await?;
        let (total,): (i64,) = lease.fetch_one(&TOTAL, &[]).await?;
        Ok(total)
    }

    /// Documents that contain all `words`, best match first.
    pub(crate) async fn search(
        &self,
        words: &str,
        part: PageOf,
        indexes: Indexes,
    ) -> Result<Page<Document>, StoreError> {
        let search = Search::of(words, self.database.dialect(), indexes);
        let mut lease = self.database.read().await?;
        let page = values![search.words.as_str(), part.limit, part.offset()];
        let items = lease.fetch_all(&search.page, page).await?;
        let (total,): (i64,) = lease
            .fetch_one(&search.total, values![search.words.as_str()])
            .await?;
        Ok(part.with(items, total))
    }

    /// The existing documents of these ids.
    pub(crate) async fn documents_of(&self, ids: Vec<i64>) -> Result<Vec<Document>, StoreError> {
        const STATEMENT: Statement = Statement::each(
            "documents_of",
            "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents \
             WHERE id IN (SELECT value FROM json_each($1))",
            "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents WHERE id = ANY($1)",
        );
        let mut lease = self.database.read().await?;
        Ok(lease.fetch_all(&STATEMENT, values![ids]).await?)
    }

    /// Replaces existing documents by their queued versions, all in one transaction.
    pub(crate) async fn flush_documents(&self, documents: &[Document]) -> Result<(), StoreError> {
        const STATEMENT: Statement = Statement::same(
            "document_flush",
            "UPDATE documents SET title = $2, body = $3, author = $4, tags = $5, price_cents = $6, updated_at = $7 \
             WHERE id = $1",
        );
        // Sorted by id like bulk writes, so that two flushes cannot deadlock.
        let mut documents: Vec<_> = documents.iter().collect();
        documents.sort_unstable_by_key(|document| document.id);
        self.in_transaction(async |lease| {
            for document in &documents {
                let values = values![
                    document.id,
                    document.title.as_str(),
                    document.body.as_str(),
                    document.author.as_str(),
                    document.tags.as_str(),
                    document.price_cents,
                    document.updated_at,
                ];
                lease.execute(&STATEMENT, values).await?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn create_document(&self, draft: &Draft) -> Result<Document, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "document_insert",
            "INSERT INTO documents (title, body, author, tags, price_cents, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6) \
             RETURNING id, title, body, author, tags, price_cents, updated_at",
        );
        let mut lease = self.database.write().await?;
        Ok(lease.fetch_one(&STATEMENT, &draft.row(now())).await?)
    }

    /// Replaces a document.
    pub(crate) async fn replace_document(
        &self,
        id: i64,
        draft: &Draft,
    ) -> Result<Document, StoreError> {
        const STATEMENT: Statement = Statement::same(
            "document_update",
            "UPDATE documents SET title = $1, body = $2, author = $3, tags = $4, price_cents = $5, updated_at = $6 \
             WHERE id = $7 RETURNING id, title, body, author, tags, price_cents, updated_at",
        );
        let mut lease = self.database.write().await?;
        lease
            .fetch_optional(&STATEMENT, &draft.row_and_id(now(), id))
            .await?
            .ok_or(StoreError::Missing("document"))
    }

    pub(crate) async fn delete_document(&self, id: i64) -> Result<(), StoreError> {
        const STATEMENT: Statement =
            Statement::same("document_delete", "DELETE FROM documents WHERE id = $1");
        let mut lease = self.database.write().await?;
        match lease.execute(&STATEMENT, values![id]).await? {
            0 => Err(StoreError::Missing("document")),
            _ => Ok(()),
        }
    }
}

/// Quotes every word for FTS5, all of them required: no input is interpreted as an operator.
fn match_expression(words: &str) -> String {
    let quoted: Vec<_> = words
        .split_whitespace()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    quoted.join(" ")
}

fn words<S: Serializer>(tags: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tags.split(' ').filter(|tag| !tag.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_in_a_query_are_words() {
        assert_eq!(
            match_expression("edge NOT  cach*"),
            r#""edge" "NOT" "cach*""#
        );
        assert_eq!(match_expression(r#"a"b"#), r#""a""b""#);
    }
}
