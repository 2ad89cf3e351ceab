//! Rows of either database as structs.

/// Reads a struct from a row: each field from the column of its name. The derive of sqlx would do the same, but its
/// crate builds both drivers once more, for the compiler.
macro_rules! from_row {
    ($row:ty { $($field:ident),+ $(,)? }) => {
        $crate::db::from_row!(@from sqlx::sqlite::SqliteRow, $row { $($field),+ });
        $crate::db::from_row!(@from sqlx::postgres::PgRow, $row { $($field),+ });
    };
    (@from $source:ty, $row:ty { $($field:ident),+ }) => {
        impl sqlx::FromRow<'_, $source> for $row {
            fn from_row(row: &$source) -> sqlx::Result<Self> {
                use sqlx::Row as _;
                Ok(Self {
                    $($field: row.try_get(stringify!($field))?,)+
                })
            }
        }
    };
}

pub(crate) use from_row;
