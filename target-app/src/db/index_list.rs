//! The secondary indexes of the switch `db.indexes`: for the statements of this program, and for queries that operators
//! of such a service typically add. The advisor reports those that nothing uses.

use super::Dialect;

/// An index of the switch.
pub(super) struct Index {
    pub(super) name: &'static str,
    pub(super) table: &'static str,
    pub(super) columns: &'static str,
    /// Partial index: only rows that satisfy this.
    pub(super) only: Option<&'static str>,
    kind: IndexKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IndexKind {
    Ordered,
    /// Full text; `SQLite` has a separate table for it.
    Words,
}

/// Whether other users access the table while an index is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IndexBuild {
    /// No others: the service is starting.
    Alone,
    /// Requests continue during the build.
    BesideOthers,
}

const fn by(name: &'static str, table: &'static str, columns: &'static str) -> Index {
    Index {
        name,
        table,
        columns,
        only: None,
        kind: IndexKind::Ordered,
    }
}

const fn part(
    name: &'static str,
    table: &'static str,
    columns: &'static str,
    only: &'static str,
) -> Index {
    Index {
        only: Some(only),
        ..by(name, table, columns)
    }
}

/// Every table that a statement uses.
pub(super) const TABLES: &[&str] = &[
    "audit",
    "certificates",
    "courses",
    "document_reads",
    "documents",
    "enrolments",
    "orders",
    "payments",
    "students",
    "users",
];

/// Every index of the switch.
pub(super) const ALL: &[Index] = &[
    // With the id beside the sort key, each index alone finds the rows of a page without reading their bodies.
    by("documents_by_title", "documents", "title, id"),
    by("documents_by_price", "documents", "price_cents, id"),
    by("documents_by_update", "documents", "updated_at, id"),
    by("documents_by_author", "documents", "author, updated_at"),
    part("documents_free", "documents", "id", "price_cents = 0"),
    Index {
        kind: IndexKind::Words,
        ..by("documents_by_words", "documents", "words")
    },
    by("orders_by_user", "orders", "user_id, id"),
    by("orders_by_document", "orders", "document_id"),
    by("orders_by_status", "orders", "status, created_at"),
    part("orders_unpaid", "orders", "created_at", "status = 'placed'"),
    by("audit_by_user", "audit", "user_id, id"),
    by(
        "enrolments_by_student",
        "enrolments",
        "student_id, course_id",
    ),
    by("certificates_by_grade", "certificates", "grade"),
    by("payments_by_time", "payments", "created_at, amount_cents"),
    by(
        "documents_by_author_price",
        "documents",
        "author, price_cents",
    ),
    by("documents_by_tags", "documents", "tags, id"),
    part(
        "documents_dear",
        "documents",
        "price_cents",
        "price_cents >= 10000",
    ),
    by("users_by_time", "users", "created_at, id"),
    by("orders_by_user_status", "orders", "user_id, status"),
    by("orders_by_user_time", "orders", "user_id, created_at"),
    by("orders_by_time", "orders", "created_at, id"),
    by("orders_by_total", "orders", "total_cents, id"),
    by("orders_of_document", "orders", "document_id, created_at"),
    part(
        "orders_paid",
        "orders",
        "created_at, total_cents",
        "status = 'paid'",
    ),
    part("orders_large", "orders", "user_id", "quantity > 1"),
    by("payments_by_user", "payments", "user_id, created_at"),
    by("payments_by_amount", "payments", "amount_cents, id"),
    by("audit_by_time", "audit", "at, id"),
    by("audit_by_action", "audit", "action, at"),
    by("audit_by_object", "audit", "object, object_id"),
    by("audit_by_user_action", "audit", "user_id, action"),
    by("courses_by_title", "courses", "title, id"),
    by("courses_by_author", "courses", "author, id"),
    by("courses_by_time", "courses", "created_at, id"),
    by("students_by_name", "students", "name, id"),
    by("students_by_time", "students", "joined_at, id"),
    by("enrolments_by_time", "enrolments", "enrolled_at, course_id"),
    by(
        "enrolments_by_progress",
        "enrolments",
        "course_id, progress",
    ),
    part(
        "enrolments_done",
        "enrolments",
        "course_id, student_id",
        "progress = 100",
    ),
    part(
        "enrolments_begun",
        "enrolments",
        "student_id",
        "progress = 0",
    ),
    by(
        "certificates_by_student",
        "certificates",
        "student_id, issued_at",
    ),
    by("certificates_by_time", "certificates", "issued_at, id"),
    by(
        "certificates_by_course_grade",
        "certificates",
        "course_id, grade",
    ),
];

impl Index {
    /// The statement that creates it; `None` where the database uses other means.
    pub(super) fn create(&self, dialect: Dialect, build: IndexBuild) -> Option<String> {
        let Self {
            name,
            table,
            columns,
            ..
        } = self;
        let only = self
            .only
            .map_or_else(String::new, |only| format!(" WHERE {only}"));
        match (dialect, self.kind) {
            (Dialect::Sqlite, IndexKind::Words) => None,
            (Dialect::Sqlite, IndexKind::Ordered) => Some(format!(
                "CREATE INDEX IF NOT EXISTS {name} ON {table} ({columns}){only}"
            )),
            (Dialect::Postgres, kind) => {
                let method = match kind {
                    IndexKind::Ordered => "btree",
                    IndexKind::Words => "gin",
                };
                let concurrently = match build {
                    IndexBuild::Alone => "",
                    IndexBuild::BesideOthers => " CONCURRENTLY",
                };
                Some(format!(
                    "CREATE INDEX{concurrently} IF NOT EXISTS {name} ON {table} USING {method} ({columns}){only}"
                ))
            }
        }
    }
}
