//! Sessions in the user's list and in the metrics.

use serde_json::{Value, json};

use super::{SESSIONS, TwoInstances, access, config};
use crate::profiles::{Bed, profiles};

profiles!(
    the_devices_of_a_user_are_listed_latest_first,
    open_sessions_are_counted_over_all_instances,
    expired_sessions_are_not_counted,
);

async fn the_devices_of_a_user_are_listed_latest_first(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let phone = folio.login_on(1, "phone").await;
    let desk = folio.login_on(1, "desk").await;
    folio.login_on(2, "of someone else").await;
    let devices = |list: &Value| -> Vec<(String, bool)> {
        let items = list["items"].as_array().expect("items");
        items
            .iter()
            .map(|item| {
                for name in ["id", "created_at", "renewed_at", "expires_at"] {
                    assert!(item[name].is_string(), "{name} in {item}");
                }
                let device = item["device"].as_str().expect("a device");
                (device.to_owned(), item["current"] == true)
            })
            .collect()
    };
    let list = folio.get_as(access(&phone), SESSIONS).await.json();
    assert_eq!(
        devices(&list),
        [("desk".to_owned(), false), ("phone".to_owned(), true)]
    );
    assert_eq!(list["total"], 2);

    let desk = folio.refreshed(&desk).await;
    let page = format!("{SESSIONS}?page=2&limit=1");
    let list = folio.get_as(access(&desk), &page).await.json();
    assert_eq!(devices(&list), [("phone".to_owned(), false)]);
    assert_eq!((&list["total"], &list["page"]), (&json!(2), &json!(2)));
}

async fn open_sessions_are_counted_over_all_instances(bed: &Bed) {
    let two = TwoInstances::start(bed).await;
    let first = two.here.login(1).await;
    let second = two.there.login(1).await;
    let third = two.there.login(2).await;
    for folio in two.both() {
        folio.counts_soon(3).await;
    }
    two.here.refreshed(&first).await;
    two.there.leave(&third, "/api/v1/auth/logout").await;
    for folio in two.both() {
        folio.counts_soon(2).await;
    }
    two.there.leave(&second, "/api/v1/auth/logout-all").await;
    for folio in two.both() {
        folio.counts_soon(0).await;
    }
}

async fn expired_sessions_are_not_counted(bed: &Bed) {
    let short = config(&["auth.access_ttl=3s", "auth.refresh_ttl=3s"]);
    let folio = bed.start(short).await;
    folio.login(1).await;
    folio.login(2).await;
    folio.counts_soon(2).await;
    folio.counts_soon(0).await;
}
