//! The rows of a new database, table by table, the same for the same numbers in either database.
//!
//! D documents and U users give D ÷ 200 courses (1 to 500), 2 U students, up to 100 of them in each course, and from
//! 1,000 documents on D ÷ 2 orders (up to 50,000), so that small test databases stay small.

use rand::RngExt as _;
use rand::seq::index::sample;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng as _;

use super::text::{SeedDocument, course_title, person};
use crate::config::Config;
use crate::store::audit::Action;

/// Time when the seeded users joined: the start of 2024.
const JOINED: i64 = 1_704_067_200;
/// Courses and enrolments are in the two years after that.
const TWO_YEARS: i64 = 2 * 365 * 86_400;
/// Enrolments per course, if there are enough students.
const A_COURSE: u32 = 100;
/// Separates the random numbers of learning and orders from those of documents, so that neither changes with the
/// other's count.
const LEARNING: u64 = 0x6c65_6172_6e69_6e67;
const ORDERING: u64 = 0x6f72_6465_7269_6e67;

/// A value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Integer(i64),
    Text(String),
}

/// The table of some rows.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [&'static str],
}

/// The database that receives rows.
pub(super) trait Loader {
    /// Adds `rows` to a table.
    async fn load(
        &mut self,
        table: &Table,
        rows: impl Iterator<Item = Vec<Cell>> + Send,
    ) -> Result<(), sqlx::Error>;
}

const USERS: Table = Table {
    name: "users",
    columns: &["id", "email", "password_hash", "created_at"],
};
const DOCUMENTS: Table = Table {
    name: "documents",
    columns: &[
        "id",
        "title",
        "body",
        "author",
        "tags",
        "price_cents",
        "updated_at",
    ],
};
const COURSES: Table = Table {
    name: "courses",
    columns: &["id", "title", "author", "created_at"],
};
const STUDENTS: Table = Table {
    name: "students",
    columns: &["id", "name", "email", "joined_at"],
};
const ENROLMENTS: Table = Table {
    name: "enrolments",
    columns: &["course_id", "student_id", "progress", "enrolled_at"],
};
const CERTIFICATES: Table = Table {
    name: "certificates",
    columns: &["id", "course_id", "student_id", "grade", "issued_at"],
};
const ORDERS: Table = Table {
    name: "orders",
    columns: &[
        "id",
        "user_id",
        "document_id",
        "quantity",
        "total_cents",
        "status",
        "created_at",
    ],
};
const PAYMENTS: Table = Table {
    name: "payments",
    columns: &[
        "id",
        "user_id",
        "order_id",
        "amount_cents",
        "idempotency_key",
        "created_at",
    ],
};
const AUDIT: Table = Table {
    name: "audit",
    columns: &["id", "user_id", "action", "object", "object_id", "at"],
};
const SEEDING: Table = Table {
    name: "seeding",
    columns: &["documents", "users", "seed"],
};

/// The tables whose id sequences the database continues.
pub(super) const COUNTED: [&str; 8] = [
    "users",
    "documents",
    "courses",
    "students",
    "certificates",
    "orders",
    "payments",
    "audit",
];

macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$(Cell::from($cell)),*] };
}

/// Fills all tables of an empty database.
pub(super) async fn fill(
    loader: &mut impl Loader,
    config: &Config,
    password_hash: &str,
) -> Result<(), sqlx::Error> {
    // One hash for all: hashing is slow on purpose, and the users share the password.
    let users = (1..=config.users)
        .map(|id| row![id, format!("user{id}@folio.test"), password_hash, JOINED]);
    loader.load(&USERS, users).await?;
    let mut random = Pcg64Mcg::seed_from_u64(config.seed);
    let mut prices = Vec::with_capacity(config.documents as usize);
    let documents = (1..=config.documents).map(|id| {
        let draft = SeedDocument::write(&mut random);
        prices.push(draft.price_cents);
        row![
            id,
            draft.title,
            draft.body,
            draft.author,
            draft.tags,
            draft.price_cents,
            draft.updated_at,
        ]
    });
    loader.load(&DOCUMENTS, documents).await?;
    fill_learning(loader, config).await?;
    fill_orders(loader, config, &prices).await?;
    let seeding = row![config.documents, config.users, config.seed.cast_signed()];
    loader.load(&SEEDING, std::iter::once(seeding)).await
}

async fn fill_learning(loader: &mut impl Loader, config: &Config) -> Result<(), sqlx::Error> {
    let mut random = Pcg64Mcg::seed_from_u64(config.seed ^ LEARNING);
    let courses = config.documents.div_ceil(200).min(500);
    let students = config.users * 2;
    let drawn: Vec<_> = (1..=courses)
        .map(|id| {
            let began = JOINED + random.random_range(0..TWO_YEARS / 2);
            row![id, course_title(&mut random), person(&mut random), began]
        })
        .collect();
    loader.load(&COURSES, drawn.into_iter()).await?;
    let drawn = (1..=students).map(|id| {
        let email = format!("student{id}@folio.test");
        row![id, person(&mut random), email, JOINED]
    });
    loader.load(&STUDENTS, drawn).await?;
    let mut certificates = Vec::new();
    let mut enrolments = Vec::new();
    for course in 1..=courses {
        let taken = students.min(A_COURSE);
        let mut who = sample(&mut random, students as usize, taken as usize).into_vec();
        who.sort_unstable();
        for student in who {
            let student = student as i64 + 1;
            let enrolled = JOINED + random.random_range(TWO_YEARS / 2..TWO_YEARS);
            let is_through = random.random_ratio(1, 2);
            let progress = if is_through {
                100
            } else {
                random.random_range(0..100_u32)
            };
            enrolments.push(row![course, student, progress, enrolled]);
            if is_through {
                let grade = ["distinction", "merit", "merit", "pass", "pass", "pass"]
                    [random.random_range(0..6_usize)];
                let issued = enrolled + random.random_range(30..90) * 86_400;
                let id = certificates.len() as i64 + 1;
                certificates.push(row![id, course, student, grade, issued]);
            }
        }
    }
    loader.load(&ENROLMENTS, enrolments.into_iter()).await?;
    loader.load(&CERTIFICATES, certificates.into_iter()).await
}

/// Past orders, half of them paid, with their audit entries.
async fn fill_orders(
    loader: &mut impl Loader,
    config: &Config,
    prices: &[i64],
) -> Result<(), sqlx::Error> {
    let mut random = Pcg64Mcg::seed_from_u64(config.seed ^ ORDERING);
    let count = match config.documents {
        0..1_000 => 0,
        documents => (documents / 2).min(50_000),
    };
    let (mut orders, mut payments, mut audit) = (Vec::new(), Vec::new(), Vec::new());
    for id in 1..=i64::from(count) {
        let user = random.random_range(1..=i64::from(config.users));
        let document = random.random_range(0..prices.len());
        let quantity = random.random_range(1..=3);
        let total = prices[document] * quantity;
        let at = JOINED + TWO_YEARS * id / i64::from(count + 1);
        let mut keep = |action: Action, at: i64| {
            let entry = audit.len() as i64 + 1;
            audit.push(row![entry, user, action.name(), action.object(), id, at]);
        };
        keep(Action::OrderPlaced, at);
        let status = if random.random_ratio(1, 2) {
            keep(Action::OrderPaid, at + 60);
            let payment = payments.len() as i64 + 1;
            let key = format!("seed-{id}");
            payments.push(row![payment, user, id, total, key, at + 60]);
            "paid"
        } else {
            "placed"
        };
        let document = document as i64 + 1;
        orders.push(row![id, user, document, quantity, total, status, at]);
    }
    loader.load(&ORDERS, orders.into_iter()).await?;
    loader.load(&PAYMENTS, payments.into_iter()).await?;
    loader.load(&AUDIT, audit.into_iter()).await
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for Cell {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[derive(Default)]
    struct CollectedRows(HashMap<&'static str, Vec<Vec<Cell>>>);

    impl Loader for CollectedRows {
        async fn load(
            &mut self,
            table: &Table,
            rows: impl Iterator<Item = Vec<Cell>> + Send,
        ) -> Result<(), sqlx::Error> {
            let rows: Vec<_> = rows.collect();
            assert!(rows.iter().all(|row| row.len() == table.columns.len()));
            self.0.insert(table.name, rows);
            Ok(())
        }
    }

    async fn filled(documents: u32, users: u32) -> HashMap<&'static str, Vec<Vec<Cell>>> {
        let config = Config {
            documents,
            users,
            ..Config::default()
        };
        let mut kept = CollectedRows::default();
        fill(&mut kept, &config, "hash").await.expect("rows");
        kept.0
    }

    #[tokio::test]
    async fn the_same_numbers_give_the_same_rows_in_the_sizes_that_follow_from_them() {
        let rows = filled(2_000, 500).await;
        assert_eq!(rows, filled(2_000, 500).await);
        for (table, count) in [
            ("users", 500),
            ("documents", 2_000),
            ("courses", 10),
            ("students", 1_000),
            ("enrolments", 1_000),
            ("orders", 1_000),
            ("seeding", 1),
        ] {
            assert_eq!(rows[table].len(), count, "{table}");
        }
        let audited = rows["orders"].len() + rows["payments"].len();
        assert_eq!(rows["audit"].len(), audited);
    }

    #[tokio::test]
    async fn small_numbers_give_small_databases() {
        let rows = filled(60, 5).await;
        let learning = ["courses", "students", "enrolments", "orders"];
        assert_eq!(learning.map(|table| rows[table].len()), [1, 10, 10, 0]);
    }
}
