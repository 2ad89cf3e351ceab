//! Reading the catalogue: one document, pages in several orders, full-text search.

use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::{Page, PageOf, Store, StoreError};

/// A document as clients see it.
#[derive(Debug, Serialize, sqlx::FromRow)]
pub(crate) struct Document {
    id: i64,
    title: String,
    body: String,
    author: String,
    #[serde(serialize_with = "words")]
    tags: String,
    price_cents: i64,
    updated_at: String,
}

/// The orders in which the catalogue can be listed; ties are broken by identity, so that pages do not overlap.
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

/// A page by `$order`: rows are found in an index alone before any body is read, or a late page would read them all.
macro_rules! page_by {
    ($order:literal) => {
        concat!(
            "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents WHERE id IN (",
            "SELECT id FROM documents ORDER BY ",
            $order,
            " LIMIT ? OFFSET ?) ORDER BY ",
            $order
        )
    };
}

impl Sort {
    fn statement(self) -> &'static str {
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
}

impl FromStr for Sort {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Ok(match name {
            "id" => Self::Id,
            "-id" => Self::IdDescending,
            "title" => Self::Title,
            "-title" => Self::TitleDescending,
            "price_cents" => Self::Price,
            "-price_cents" => Self::PriceDescending,
            "updated_at" => Self::Update,
            "-updated_at" => Self::UpdateDescending,
            _ => {
                return Err(
                    "expected id, title, price_cents or updated_at, with - before it for descending",
                );
            }
        })
    }
}

impl Store {
    pub(crate) async fn document(&self, id: i64) -> Result<Document, StoreError> {
        const STATEMENT: &str = "SELECT id, title, body, author, tags, price_cents, updated_at FROM documents WHERE id = ?";
        let row = sqlx::query_as(STATEMENT)
            .bind(id)
            .fetch_optional(&self.readers);
        self.timed("document", row)
            .await?
            .ok_or(StoreError::Missing("document"))
    }

    pub(crate) async fn documents(
        &self,
        sort: Sort,
        part: PageOf,
    ) -> Result<Page<Document>, StoreError> {
        let rows = sqlx::query_as(sort.statement())
            .bind(part.limit)
            .bind(part.offset())
            .fetch_all(&self.readers);
        let items = self.timed("documents_page", rows).await?;
        let total = sqlx::query_scalar("SELECT count(*) FROM documents").fetch_one(&self.readers);
        Ok(part.with(items, self.timed("documents_total", total).await?))
    }

    /// Documents that hold all of the `words`, best match first.
    pub(crate) async fn search(
        &self,
        words: &str,
        part: PageOf,
    ) -> Result<Page<Document>, StoreError> {
        const STATEMENT: &str = "SELECT d.id, d.title, d.body, d.author, d.tags, d.price_cents, d.updated_at \
            FROM (SELECT rowid, rank FROM documents_text WHERE documents_text MATCH ? ORDER BY rank LIMIT ? OFFSET ?) AS f \
            JOIN documents AS d ON d.id = f.rowid ORDER BY f.rank, d.id";
        let expression = match_expression(words);
        let rows = sqlx::query_as(STATEMENT)
            .bind(&expression)
            .bind(part.limit)
            .bind(part.offset())
            .fetch_all(&self.readers);
        let items = self.timed("search_page", rows).await?;
        let total =
            sqlx::query_scalar("SELECT count(*) FROM documents_text WHERE documents_text MATCH ?")
                .bind(&expression)
                .fetch_one(&self.readers);
        Ok(part.with(items, self.timed("search_total", total).await?))
    }
}

/// Every word as an FTS5 string, all of them required: nothing a client sends is taken as an operator.
fn match_expression(words: &str) -> String {
    let quoted: Vec<_> = words
        .split_whitespace()
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    quoted.join(" ")
}

fn words<S: Serializer>(tags: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tags.split(' '))
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
