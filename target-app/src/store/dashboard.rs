//! Ten independent figures: read one after another on one connection, or all at once on ten.

use futures_util::future::try_join_all;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{Store, StoreError};
use crate::clock::rfc3339;
use crate::db::{DbRow, Lease, Statement, from_row};

/// The way to read the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadMode {
    /// One after another on one connection.
    OneByOne,
    /// All at once, each on its own connection.
    Joined,
}

/// One of the ten figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Documents,
    Users,
    Latest,
    Dearest,
    Authors,
    Prices,
    Orders,
    Revenue,
    Courses,
    Certificates,
}

#[derive(Serialize)]
struct CountRow {
    count: i64,
}

from_row!(CountRow { count });

#[derive(Serialize)]
struct DocumentHeading {
    id: i64,
    title: String,
    price_cents: i64,
    #[serde(serialize_with = "rfc3339")]
    updated_at: i64,
}

from_row!(DocumentHeading {
    id,
    title,
    price_cents,
    updated_at
});

#[derive(Serialize)]
struct NamedCount {
    name: String,
    count: i64,
}

from_row!(NamedCount { name, count });

#[derive(Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "clients read the unit in the name"
)]
struct PriceRange {
    least_cents: i64,
    mean_cents: i64,
    most_cents: i64,
}

from_row!(PriceRange {
    least_cents,
    mean_cents,
    most_cents
});

#[derive(Serialize)]
struct Revenue {
    payments: i64,
    total_cents: i64,
}

from_row!(Revenue {
    payments,
    total_cents
});

#[derive(Serialize)]
struct Learning {
    courses: i64,
    enrolments: i64,
    mean_progress: i64,
}

from_row!(Learning {
    courses,
    enrolments,
    mean_progress
});

impl Figure {
    const ALL: [Self; 10] = [
        Self::Documents,
        Self::Users,
        Self::Latest,
        Self::Dearest,
        Self::Authors,
        Self::Prices,
        Self::Orders,
        Self::Revenue,
        Self::Courses,
        Self::Certificates,
    ];

    /// Its field in the answer.
    fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Users => "users",
            Self::Latest => "latest",
            Self::Dearest => "dearest",
            Self::Authors => "authors",
            Self::Prices => "prices",
            Self::Orders => "orders",
            Self::Revenue => "revenue",
            Self::Courses => "courses",
            Self::Certificates => "certificates",
        }
    }

    fn statement(self) -> Statement {
        // Averages are rounded down in both databases: the quotient of two integers.
        match self {
            Self::Documents => Statement::same(
                "dashboard_documents",
                "SELECT count(*) AS count FROM documents",
            ),
            Self::Users => {
                Statement::same("dashboard_users", "SELECT count(*) AS count FROM users")
            }
            Self::Latest => Statement::same(
                "dashboard_latest",
                "SELECT id, title, price_cents, updated_at FROM documents \
                 ORDER BY updated_at DESC, id DESC LIMIT 5",
            ),
            Self::Dearest => Statement::same(
                "dashboard_dearest",
                "SELECT id, title, price_cents, updated_at FROM documents \
                 ORDER BY price_cents DESC, id DESC LIMIT 5",
            ),
            Self::Authors => Statement::same(
                "dashboard_authors",
                "SELECT author AS name, count(*) AS count FROM documents \
                 GROUP BY author ORDER BY count(*) DESC, author LIMIT 5",
            ),
            Self::Prices => Statement::same(
                "dashboard_prices",
                "SELECT coalesce(min(price_cents), 0) AS least_cents, \
                 CAST(coalesce(sum(price_cents), 0) AS BIGINT) / (count(*) + CASE count(*) WHEN 0 THEN 1 ELSE 0 END) AS mean_cents, \
                 coalesce(max(price_cents), 0) AS most_cents FROM documents",
            ),
            Self::Orders => Statement::same(
                "dashboard_orders",
                "SELECT status AS name, count(*) AS count FROM orders GROUP BY status ORDER BY status",
            ),
            Self::Revenue => Statement::same(
                "dashboard_revenue",
                "SELECT count(*) AS payments, CAST(coalesce(sum(amount_cents), 0) AS BIGINT) AS total_cents FROM payments",
            ),
            Self::Courses => Statement::same(
                "dashboard_courses",
                "SELECT (SELECT count(*) FROM courses) AS courses, count(*) AS enrolments, \
                 CAST(coalesce(sum(progress), 0) AS BIGINT) / (count(*) + CASE count(*) WHEN 0 THEN 1 ELSE 0 END) AS mean_progress \
                 FROM enrolments",
            ),
            Self::Certificates => Statement::same(
                "dashboard_certificates",
                "SELECT grade AS name, count(*) AS count FROM certificates GROUP BY grade ORDER BY grade",
            ),
        }
    }

    async fn read(self, lease: &mut Lease) -> Result<Value, StoreError> {
        match self {
            Self::Documents | Self::Users => self.one::<CountRow>(lease).await,
            Self::Latest | Self::Dearest => self.all::<DocumentHeading>(lease).await,
            Self::Authors | Self::Orders | Self::Certificates => {
                self.all::<NamedCount>(lease).await
            }
            Self::Prices => self.one::<PriceRange>(lease).await,
            Self::Revenue => self.one::<Revenue>(lease).await,
            Self::Courses => self.one::<Learning>(lease).await,
        }
    }

    async fn one<T: DbRow + Serialize>(self, lease: &mut Lease) -> Result<Value, StoreError> {
        let row: T = lease.fetch_one(&self.statement(), &[]).await?;
        Ok(serde_json::to_value(row)?)
    }

    async fn all<T: DbRow + Serialize>(self, lease: &mut Lease) -> Result<Value, StoreError> {
        let rows: Vec<T> = lease.fetch_all(&self.statement(), &[]).await?;
        Ok(serde_json::to_value(rows)?)
    }
}

impl Store {
    /// The ten figures by name.
    pub(crate) async fn dashboard(&self, pace: ReadMode) -> Result<Map<String, Value>, StoreError> {
        let values = match pace {
            ReadMode::OneByOne => {
                let mut lease = self.database.read().await?;
                let mut values = Vec::with_capacity(Figure::ALL.len());
                for part in Figure::ALL {
                    values.push(part.read(&mut lease).await?);
                }
                values
            }
            // Each waits for its connection without holding another, so a small pool only makes it slower.
            ReadMode::Joined => {
                try_join_all(
                    Figure::ALL.map(async |part| part.read(&mut self.database.read().await?).await),
                )
                .await?
            }
        };
        let names = Figure::ALL.map(|part| part.name().to_owned());
        Ok(names.into_iter().zip(values).collect())
    }
}
