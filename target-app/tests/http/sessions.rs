//! Tokens and sessions, on one instance and across two that share their store.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use target_app::Config;

use crate::folio::{Answer, Folio, join_all, request, settings, small};
use crate::profiles::{Bed, own_servers, profiles};

profiles!(
    logging_out_everywhere_ends_every_device_on_every_instance_within_a_second,
    a_logout_ends_one_session_on_every_instance,
    a_refresh_anywhere_gives_tokens_that_are_good_everywhere_at_once,
    any_spent_refresh_token_ends_its_session_and_no_other,
    a_made_up_refresh_token_does_not_end_a_session,
    of_refreshes_at_the_same_time_one_wins_and_the_session_ends,
    a_restart_over_the_same_store_keeps_sessions,
    an_access_token_runs_out_and_its_session_goes_on,
    a_session_that_is_not_refreshed_runs_out,
    tokens_that_were_not_signed_here_are_refused,
    the_devices_of_a_user_are_listed_latest_first,
    the_oldest_session_makes_room_for_one_too_many,
    open_sessions_are_counted_over_all_instances,
    sessions_that_ran_out_are_not_counted,
    who_registers_is_logged_in_and_can_log_in_again,
    a_registration_names_every_field_at_fault,
);

const SESSIONS: &str = "/api/v1/auth/sessions";
/// How soon every instance has to refuse the tokens of a closed session.
const SOON: Duration = Duration::from_secs(1);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

fn access(pair: &Value) -> &str {
    pair["access_token"].as_str().expect("a token")
}

fn refresh_token(pair: &Value) -> &str {
    pair["refresh_token"].as_str().expect("a token")
}

impl Folio {
    async fn status_as(&self, pair: &Value) -> StatusCode {
        self.get_as(access(pair), SESSIONS).await.status
    }

    async fn refresh(&self, pair: &Value) -> Answer {
        let body = json!({ "refresh_token": refresh_token(pair) });
        self.post_json(None, "/api/v1/auth/refresh", &body).await
    }

    async fn refreshed(&self, pair: &Value) -> Value {
        let answer = self.refresh(pair).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        answer.json()
    }

    async fn leave(&self, pair: &Value, path: &str) {
        let leave = request(Method::POST, path, Some(access(pair)), Body::empty());
        assert_eq!(self.send(leave).await.status, StatusCode::NO_CONTENT);
    }

    /// Asserts that the access token is refused here `within` this time from now, and no other way than with 401.
    async fn refuses_soon(&self, pair: &Value, within: Duration) {
        let began = Instant::now();
        loop {
            let asked_after = began.elapsed();
            match self.status_as(pair).await {
                StatusCode::UNAUTHORIZED => return,
                StatusCode::OK => assert!(asked_after < within, "good after {asked_after:?}"),
                other => panic!("{other}"),
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asserts that this many sessions are counted in the end.
    async fn counts_soon(&self, sessions: i64) {
        let began = Instant::now();
        loop {
            let found = self.metric("folio_sessions_active").await;
            if found == sessions {
                return;
            }
            assert!(
                began.elapsed() < Duration::from_secs(10),
                "{found} sessions, expected {sessions}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The first answer of this status; there has to be one in half a minute.
    async fn turns(&self, pair: &Value, status: StatusCode) -> Answer {
        let began = Instant::now();
        loop {
            let answer = self.get_as(access(pair), SESSIONS).await;
            if answer.status == status {
                return answer;
            }
            let found = answer.status;
            assert!(
                began.elapsed() < Duration::from_secs(30),
                "{found}, not {status}"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn metric(&self, line: &str) -> i64 {
        let text = self.get("/metrics").await.body;
        let text = String::from_utf8_lossy(&text);
        let found = text
            .lines()
            .find_map(|found| found.strip_prefix(line)?.strip_prefix(' '));
        let number = found.unwrap_or_else(|| panic!("no line {line} in:\n{text}"));
        number.parse().expect("an integer")
    }
}

/// Two instances over one database and one shared store.
struct Two {
    here: Folio,
    there: Folio,
}

impl Two {
    async fn start(bed: &Bed) -> Self {
        let here = bed.start(config(&[])).await;
        let there = bed.start_beside(&here, config(&[])).await;
        Self { here, there }
    }

    fn both(&self) -> [&Folio; 2] {
        [&self.here, &self.there]
    }
}

/// Without limits on how often is asked, which these tests do as fast as they can.
fn config(assignments: &[&str]) -> Config {
    let unlimited = ["admission.rate=off"];
    Config {
        settings: settings(&[&unlimited, assignments].concat()),
        ..small()
    }
}

async fn logging_out_everywhere_ends_every_device_on_every_instance_within_a_second(bed: &Bed) {
    let two = Two::start(bed).await;
    let devices = [
        two.here.login_on(1, "phone").await,
        two.here.login_on(1, "desk").await,
        two.there.login_on(1, "couch").await,
    ];
    let other = two.there.login(2).await;
    for folio in two.both() {
        for pair in devices.iter().chain([&other]) {
            assert_eq!(folio.status_as(pair).await, StatusCode::OK);
        }
    }
    two.here.leave(&devices[0], "/api/v1/auth/logout-all").await;
    let checks = two.both().into_iter().flat_map(|folio| {
        devices
            .iter()
            .map(move |pair| folio.refuses_soon(pair, SOON))
    });
    join_all(checks).await;
    for folio in two.both() {
        for pair in &devices {
            folio.refresh(pair).await.faults(401);
        }
        assert_eq!(folio.status_as(&other).await, StatusCode::OK);
    }
    let back = two.there.login(1).await;
    assert_eq!(two.here.status_as(&back).await, StatusCode::OK);
}

async fn a_logout_ends_one_session_on_every_instance(bed: &Bed) {
    let two = Two::start(bed).await;
    let leaves = two.here.login(1).await;
    let stays = two.here.login(1).await;
    for folio in two.both() {
        assert_eq!(folio.status_as(&leaves).await, StatusCode::OK);
    }
    two.there.leave(&leaves, "/api/v1/auth/logout").await;
    two.there
        .get_as(access(&leaves), SESSIONS)
        .await
        .faults(401);
    two.here.refuses_soon(&leaves, SOON).await;
    two.here.refresh(&leaves).await.faults(401);
    assert_eq!(two.here.status_as(&stays).await, StatusCode::OK);
}

async fn a_refresh_anywhere_gives_tokens_that_are_good_everywhere_at_once(bed: &Bed) {
    let two = Two::start(bed).await;
    let first = two.here.login(1).await;
    for folio in two.both() {
        assert_eq!(folio.status_as(&first).await, StatusCode::OK);
    }
    let second = two.here.refreshed(&first).await;
    // Whatever the other instance remembers of the session is older than these.
    assert_eq!(two.there.status_as(&second).await, StatusCode::OK);
    for folio in two.both() {
        folio.refuses_soon(&first, SOON).await;
        assert_eq!(folio.status_as(&second).await, StatusCode::OK);
    }
}

async fn any_spent_refresh_token_ends_its_session_and_no_other(bed: &Bed) {
    let two = Two::start(bed).await;
    for generations in 1..=3 {
        let first = two.here.login(1).await;
        let bystander = two.here.login(1).await;
        let mut latest = first.clone();
        for _ in 0..generations {
            latest = two.there.refreshed(&latest).await;
        }
        for folio in two.both() {
            assert_eq!(folio.status_as(&latest).await, StatusCode::OK);
        }
        two.here.refresh(&first).await.faults(401);
        two.here.get_as(access(&latest), SESSIONS).await.faults(401);
        two.there.refuses_soon(&latest, SOON).await;
        two.there.refresh(&latest).await.faults(401);
        assert_eq!(two.there.status_as(&bystander).await, StatusCode::OK);
    }
    assert_eq!(
        two.here.metric(r#"folio_auth_total{event="reuse"}"#).await,
        3
    );
}

async fn a_made_up_refresh_token_does_not_end_a_session(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let pair = folio.login(1).await;
    let real = refresh_token(&pair);
    // The identity of the session, which its access tokens tell, with other secrets; and what is no token.
    let forged = [
        format!("{}{}", &real[..32], "0".repeat(96)),
        format!("{}{}", "0".repeat(64), &real[64..]),
        real[1..].to_owned(),
        format!("{real}00"),
        "ü".repeat(128),
    ];
    for token in forged {
        let body = json!({ "refresh_token": token });
        let answer = folio.post_json(None, "/api/v1/auth/refresh", &body).await;
        answer.faults(401);
    }
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.refreshed(&pair).await;
}

async fn of_refreshes_at_the_same_time_one_wins_and_the_session_ends(bed: &Bed) {
    let two = Two::start(bed).await;
    for _ in 0..5 {
        let pair = two.here.login(1).await;
        let tries = two.both().into_iter().cycle().take(6);
        let answers = join_all(tries.map(|folio| folio.refresh(&pair))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers
            .iter()
            .partition(|answer| answer.status == StatusCode::OK);
        assert_eq!((won.len(), lost.len()), (1, 5));
        for answer in lost {
            answer.faults(401);
        }
        let won = won[0].json();
        for folio in two.both() {
            folio.refuses_soon(&won, SOON).await;
        }
    }
}

async fn a_restart_over_the_same_store_keeps_sessions(bed: &Bed) {
    let Two { here, there } = Two::start(bed).await;
    let pair = here.login(1).await;
    let again = bed.start_beside(&there, config(&[])).await;
    here.stop().await.expect("served without fault");
    there.stop().await.expect("served without fault");
    assert_eq!(again.status_as(&pair).await, StatusCode::OK);
    let pair = again.refreshed(&pair).await;
    assert_eq!(again.status_as(&pair).await, StatusCode::OK);
}

#[tokio::test]
async fn another_store_knows_neither_the_key_nor_the_sessions() {
    let folio = Folio::start(&config(&[])).await;
    let pair = Folio::start(&config(&[])).await.login(1).await;
    folio.get_as(access(&pair), SESSIONS).await.faults(401);
    folio.refresh(&pair).await.faults(401);
}

async fn an_access_token_runs_out_and_its_session_goes_on(bed: &Bed) {
    let folio = bed.start(config(&["auth.access_ttl=1s"])).await;
    let pair = folio.login(1).await;
    assert_eq!(pair["expires_in"], 1);
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    // A second, rounded up to a whole one of the clock.
    folio.refuses_soon(&pair, Duration::from_secs(2)).await;
    let pair = folio.refreshed(&pair).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
}

async fn a_session_that_is_not_refreshed_runs_out(bed: &Bed) {
    let folio = bed
        .start(config(&["auth.access_ttl=1s", "auth.refresh_ttl=1s"]))
        .await;
    let pair = folio.login(1).await;
    let kept = folio.login(1).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let kept = folio.refreshed(&kept).await;
    // The first session is over a second old now, the second was renewed since.
    tokio::time::sleep(Duration::from_millis(600)).await;
    folio.refresh(&pair).await.faults(401);
    folio.refreshed(&kept).await;
}

async fn tokens_that_were_not_signed_here_are_refused(bed: &Bed) {
    const NONE: &str = "eyJhbGciOiJub25lIn0"; // {"alg":"none"}
    let folio = bed.start(config(&[])).await;
    let pair = folio.login(1).await;
    let own: Vec<_> = access(&pair).split('.').collect();
    let (header, payload, signature) = (own[0], own[1], own[2]);
    let other = folio.login(2).await;
    let other_payload = access(&other).split('.').nth(1).expect("a payload");
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let mut claims: Value = json!({
        "sub": "1", "sid": "0".repeat(32), "iat": 1, "exp": 4_102_444_800_u64,
        "jti": format!("{}.0", "0".repeat(32)),
    });
    let foreign = |algorithm, claims: &Value| {
        let key = EncodingKey::from_secret(&[7; 32]);
        encode(&Header::new(algorithm), claims, &key).expect("a token")
    };
    let mut forged = vec![
        format!("{header}.{other_payload}.{signature}"),
        format!("{header}.{payload}.{flipped}{}", &signature[1..]),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{NONE}.{payload}."),
        format!("{NONE}.{payload}.{signature}"),
        foreign(Algorithm::HS256, &claims),
        foreign(Algorithm::HS512, &claims),
        "not-a-token".to_owned(),
        "x".repeat(4_000),
    ];
    claims["exp"] = json!("never");
    forged.push(foreign(Algorithm::HS256, &claims));
    let refused = forged.len() as i64;
    for token in forged {
        let answer = folio.get_as(&token, SESSIONS).await;
        assert!(answer.faults(401).is_empty(), "{token}");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let denied = r#"folio_auth_total{event="denied"}"#;
    assert_eq!(folio.metric(denied).await, refused);
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.get(SESSIONS).await.faults(401);
    folio.get_as("", SESSIONS).await.faults(401);
    assert_eq!(folio.metric(denied).await, refused, "nothing was presented");
}

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

async fn the_oldest_session_makes_room_for_one_too_many(bed: &Bed) {
    let folio = bed.start(config(&["auth.sessions=2"])).await;
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(folio.login(1).await);
    }
    for pair in &pairs[..2] {
        folio.get_as(access(pair), SESSIONS).await.faults(401);
        folio.refresh(pair).await.faults(401);
    }
    for pair in &pairs[2..] {
        let list = folio.get_as(access(pair), SESSIONS).await.json();
        assert_eq!(list["total"], 2);
    }
}

async fn open_sessions_are_counted_over_all_instances(bed: &Bed) {
    let two = Two::start(bed).await;
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

async fn sessions_that_ran_out_are_not_counted(bed: &Bed) {
    let short = config(&["auth.access_ttl=3s", "auth.refresh_ttl=3s"]);
    let folio = bed.start(short).await;
    folio.login(1).await;
    folio.login(2).await;
    folio.counts_soon(2).await;
    folio.counts_soon(0).await;
}

async fn who_registers_is_logged_in_and_can_log_in_again(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let register = async |email: &str| {
        let body = json!({ "email": email, "password": "correct horse" });
        folio.post_json(None, "/api/v1/auth/register", &body).await
    };
    let answer = register("Nora@Folio.test").await;
    assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.body);
    let pair = answer.json();
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.refreshed(&pair).await;
    for taken in ["nora@folio.test", "NORA@folio.test", "user1@folio.test"] {
        assert!(register(taken).await.faults(409).is_empty());
    }
    for (password, status) in [("correct horse", 200), ("correct horsf", 401)] {
        let body = json!({ "email": "nora@FOLIO.test", "password": password, "device": "desk" });
        let answer = folio.post_json(None, "/api/v1/auth/login", &body).await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(
        folio.metric(r#"folio_auth_total{event="register"}"#).await,
        1
    );
}

async fn a_registration_names_every_field_at_fault(bed: &Bed) {
    let folio = bed.start(config(&[])).await;
    let faults = async |body: Value| {
        let answer = folio.post_json(None, "/api/v1/auth/register", &body).await;
        answer.faults(422)
    };
    assert_eq!(faults(json!({})).await, ["email", "password"]);
    let body = json!({ "email": "a@b", "password": "1234567", "device": "" });
    assert_eq!(faults(body).await, ["password", "device"]);
    let long = format!("{}@b.test", "a".repeat(250));
    for email in [
        json!("nobody"),
        json!("@b.test"),
        json!("a@"),
        json!("a@b@c"),
        json!("a b@c.test"),
        json!("a@b\n.test"),
        json!(long),
        json!(7),
    ] {
        let body = json!({ "email": email, "password": "12345678" });
        assert_eq!(faults(body).await, ["email"], "{email}");
    }
}

/// Redis is silent, then back as it was, then empty.
#[tokio::test]
async fn while_the_store_is_away_tokens_are_neither_taken_nor_refused() {
    let mut servers = own_servers().await;
    let bed = Bed::on(&servers).await;
    let folio = bed.start(config(&["breaker.open_for=100ms"])).await;
    let pair = folio.login(1).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);

    servers.redis_mut().freeze();
    let away = folio.turns(&pair, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(away.faults(503).is_empty());
    assert!(away.number("retry-after") >= 1);
    let body = json!({ "email": "nora@folio.test", "password": "correct horse" });
    let answer = folio.post_json(None, "/api/v1/auth/register", &body).await;
    answer.faults(503);
    folio.refresh(&pair).await.faults(503);
    folio.get_as("no-token", SESSIONS).await.faults(401);

    servers.redis_mut().thaw();
    folio.turns(&pair, StatusCode::OK).await;
    let answer = folio.post_json(None, "/api/v1/auth/register", &body).await;
    assert_eq!(
        answer.status,
        StatusCode::CREATED,
        "no account without a session"
    );
    let pair = folio.refreshed(&pair).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);

    servers.redis_mut().kill().await;
    folio.turns(&pair, StatusCode::SERVICE_UNAVAILABLE).await;
    let restarted = servers.redis_mut().start_again().await;
    restarted.expect("it starts again");
    // It kept nothing on disk, so the session is lost and its token no longer good.
    folio.turns(&pair, StatusCode::UNAUTHORIZED).await;
    let pair = folio.login(1).await;
    assert_eq!(folio.status_as(&pair).await, StatusCode::OK);
    folio.stop().await.expect("served without fault");
    servers.stop().await;
}
