//! A statement whose caller gave up is cancelled in the server too.

use axum::http::StatusCode;

use crate::postgres::{connected, run, until_counted};
use crate::probe::{assert_busy, proven, retitle, title};
use crate::profiles::Bed;

#[tokio::test]
async fn a_timed_out_write_is_not_executed_later() {
    const WAITING: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let bed = Bed::full().await;
    let folio = bed
        .start(proven(&["db.timeout=300ms", "breaker.enabled=false"]))
        .await;
    let token = folio.token(1).await;
    let before = title(&folio, 1).await;
    let (mut other, mut watcher) = (connected(&bed).await, connected(&bed).await);
    run(&mut other, "BEGIN; LOCK TABLE documents")
        .await
        .expect("it is locked");
    assert_busy(&retitle(&folio, &token, 1, "Late").await);
    until_counted(&mut watcher, WAITING, |waiting| waiting == 0).await;
    run(&mut other, "ROLLBACK").await.expect("it is unlocked");
    assert_eq!(title(&folio, 1).await, before);
    let answer = retitle(&folio, &token, 1, "In time").await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    drop((other, watcher));
    folio.stop().await.expect("served without fault");
    bed.clear().await;
}
