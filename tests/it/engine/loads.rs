//! Several loads at the same time: each has its own schedule, users and flows.

use std::time::Duration;

use gander::plan::curve::{Curve, Piece};
use gander::plan::{LoadProfile, Loads, Schedule, SeriesId};

use super::plans::plan;
use super::run;
use super::server::Server;

/// The second flow is an import by two users, who are too few; the first one has three users that start again at once.
const TWO_FLOWS: &str = "
load: { rate: 400/s, for: 300ms, max_users: 2 }
flows:
  - { name: browse, steps: [ { get: '/browse/${user()}' } ] }
  - { name: import, steps: [ { get: '/slow?user=${user()}' } ] }
";

#[tokio::test]
async fn each_load_starts_its_own_flows_by_its_own_schedule() {
    let server = Server::start().await;
    let mut plan = plan(&server.url, TWO_FLOWS);
    let import = LoadProfile {
        name: Some("import".to_owned()),
        flows: vec![1],
        ..plan.workload.loads[0].clone()
    };
    let level = Piece {
        from: 3.0,
        to: 3.0,
        duration: Duration::from_millis(600),
    };
    let schedule = Schedule::Users(Curve {
        pieces: vec![level],
    });
    plan.workload.loads = Loads::new(import, [LoadProfile::new(None, schedule, vec![0])]);
    assert_eq!(plan.workload.loads.peak_users(), 5);
    let over = run(plan).await;

    let [browse, import] = [0, 1].map(|id| over.totals.series(SeriesId(id)).counts.ended);
    assert_eq!(browse + import, over.load.started);
    // Users that started often do not make up for arrivals that nobody started.
    assert!(over.load.unstarted > 50, "{:?}", over.load);
    assert_eq!(import + over.load.unstarted, 120);
    assert_eq!(over.totals.load_time().0, 600_000);
    let users = |flow: &str| {
        let seen = server.seen().into_iter();
        let mut users: Vec<_> = seen
            .filter_map(|seen| seen.path().strip_prefix(flow).map(str::to_owned))
            .collect();
        users.sort();
        users.dedup();
        users
    };
    assert_eq!(users("/slow?user="), ["0", "1"]);
    assert_eq!(users("/browse/"), ["2", "3", "4"]);
}
