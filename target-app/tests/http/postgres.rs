//! Direct access to PostgreSQL, without the service.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::time::{Duration, Instant, sleep};

use crate::probe::PATIENCE;
use crate::profiles::Bed;

pub(crate) async fn connected(bed: &Bed) -> PgConnection {
    let url = bed.services().database_url.clone();
    let connection = PgConnection::connect(url.reveal()).await;
    connection.expect("a connection")
}

pub(crate) async fn run(connection: &mut PgConnection, statement: &str) -> Result<(), sqlx::Error> {
    let statement = AssertSqlSafe(statement.to_owned());
    sqlx::raw_sql(statement).execute(connection).await.map(drop)
}

pub(crate) async fn counted(connection: &mut PgConnection, statement: &'static str) -> i64 {
    let count = sqlx::query_scalar(statement).fetch_one(connection).await;
    count.expect("a count")
}

/// Waits until the count that a statement returns satisfies `is_there`.
pub(crate) async fn until_counted(
    connection: &mut PgConnection,
    statement: &'static str,
    is_there: impl Fn(i64) -> bool,
) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = counted(connection, statement).await;
        if is_there(found) {
            return;
        }
        assert!(Instant::now() < deadline, "{found} stays of: {statement}");
        sleep(Duration::from_millis(20)).await;
    }
}
