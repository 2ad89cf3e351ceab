//! Guarantees of private servers: they answer, restart, and leave nothing behind.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::AsyncCommands as _;
use sqlx::{Connection as _, PgConnection};
use tokio::net::TcpStream;

use super::{
    Durability, PrivateOptions, PrivatePostgres, PrivateRedis, PrivateServices, Reach,
    ServicesError,
};
use crate::Secret;

const FAST: PrivateOptions = PrivateOptions {
    durability: Durability::Fast,
    reach: Reach::Socket,
};
const FAST_LOOPBACK: PrivateOptions = PrivateOptions {
    durability: Durability::Fast,
    reach: Reach::Loopback,
};
/// Much longer than a watchdog needs, even on a busy machine.
const GONE_WITHIN: Duration = Duration::from_secs(20);

async fn query(url: &Secret, statement: &'static str) -> Result<i64, sqlx::Error> {
    let mut connection = PgConnection::connect(url.reveal()).await?;
    let answer = sqlx::query_scalar(statement)
        .fetch_one(&mut connection)
        .await?;
    connection.close().await?;
    Ok(answer)
}

async fn execute(url: &Secret, statement: &'static str) {
    let mut connection = PgConnection::connect(url.reveal())
        .await
        .expect("a connection");
    sqlx::raw_sql(statement)
        .execute(&mut connection)
        .await
        .expect("the statement is executed");
    connection.close().await.expect("the connection closes");
}

async fn redis(url: &Secret) -> redis::RedisResult<redis::aio::MultiplexedConnection> {
    redis::Client::open(url.reveal())?
        .get_multiplexed_async_connection()
        .await
}

/// The port in `redis://…@127.0.0.1:PORT/0`.
fn port(url: &Secret) -> u16 {
    let rest = url.reveal().rsplit(':').next().expect("a port");
    rest.trim_end_matches("/0").parse().expect("a port")
}

/// Processes with `place` in their arguments.
fn processes(place: &Path) -> Vec<String> {
    let place = place.to_str().expect("text");
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .map(|arguments| String::from_utf8_lossy(&arguments).replace('\0', " "))
        .filter(|arguments| arguments.contains(place))
        .collect()
}

fn is_left(place: &Path) -> Option<String> {
    let processes = processes(place);
    (place.exists() || !processes.is_empty()).then(|| {
        format!(
            "{} exists: {}; {processes:?}",
            place.display(),
            place.exists()
        )
    })
}

#[tokio::test]
async fn servers_answer_and_leave_nothing_after_a_stop() {
    let mut services = PrivateServices::start(&FAST).await.expect("they start");
    assert_eq!(
        query(&services.database_url(), "SELECT 1::int8")
            .await
            .expect("an answer"),
        1
    );
    let mut connection = redis(&services.redis_url()).await.expect("a connection");
    let _: () = connection.set("key", 7).await.expect("it is set");
    assert_eq!(connection.get::<_, u32>("key").await.expect("an answer"), 7);
    assert_eq!(services.postgres_mut().has_exited(), None);
    assert_eq!(services.redis_mut().has_exited(), None);
    let places = [
        services.postgres.directory.path().to_owned(),
        services.redis.directory.path().to_owned(),
    ];
    for place in &places {
        let mode = fs::metadata(place).expect("a directory").mode();
        assert_eq!(mode & 0o777, 0o700, "nobody else can enter");
        if cfg!(target_os = "linux") {
            assert!(processes(place).len() >= 3, "sweeper, watchdog and server");
        }
    }
    services.stop().await;
    for place in &places {
        assert_eq!(is_left(place), None);
    }
}

#[tokio::test]
async fn dropping_the_servers_stops_them() {
    let services = PrivateServices::start(&FAST).await.expect("they start");
    let places = [
        services.postgres.directory.path().to_owned(),
        services.redis.directory.path().to_owned(),
    ];
    drop(services);
    for place in &places {
        assert_eq!(is_left(place), None);
    }
}

#[tokio::test]
async fn committed_data_survives_a_kill_at_the_same_address() {
    for reach in [Reach::Socket, Reach::Loopback] {
        let options = PrivateOptions {
            durability: Durability::Durable,
            reach,
        };
        let mut postgres = PrivatePostgres::start(&options).await.expect("it starts");
        let url = postgres.loopback_url().unwrap_or_else(|| postgres.url());
        execute(
            &url,
            "CREATE TABLE kept AS SELECT generate_series(1, 100) AS number",
        )
        .await;
        let count = "SELECT count(*) FROM kept";
        // A statement in progress when the server is killed holds resources that the next start needs.
        let busy = tokio::spawn({
            let url = url.clone();
            async move { query(&url, "SELECT count(*) FROM pg_sleep(60)").await }
        });
        let mut held = PgConnection::connect(url.reveal())
            .await
            .expect("a connection");
        postgres.kill().await;
        assert!(
            held.ping().await.is_err(),
            "{reach:?}: nobody answers on old connections either"
        );
        assert!(
            query(&url, count).await.is_err(),
            "{reach:?}: nobody answers"
        );
        postgres.start_again().await.expect("it starts again");
        assert_eq!(query(&url, count).await.expect("an answer"), 100);
        assert!(
            busy.await.expect("no panic").is_err(),
            "the query was cut off"
        );
        postgres.halt().await;
        assert!(
            query(&url, count).await.is_err(),
            "{reach:?}: nobody answers"
        );
        postgres.start_again().await.expect("it starts again");
        assert_eq!(query(&url, count).await.expect("an answer"), 100);
        let place = postgres.directory.path().to_owned();
        postgres.stop().await;
        assert_eq!(is_left(&place), None);
    }
}

#[tokio::test]
async fn a_killed_redis_restarts_empty_and_a_frozen_one_keeps_its_data() {
    let mut server = PrivateRedis::start(&FAST_LOOPBACK)
        .await
        .expect("it starts");
    let url = server.loopback_url().expect("a port");
    let mut connection = redis(&url).await.expect("a connection");
    let _: () = connection.set("key", 7).await.expect("it is set");

    server.freeze();
    let mut late = connection.clone();
    let answer = tokio::spawn(async move { late.get::<_, Option<u32>>("key").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!answer.is_finished(), "it does not answer");
    server.thaw();
    // The client may have timed out meanwhile; the server has lost nothing.
    drop(answer.await);
    let mut connection = redis(&url).await.expect("a connection");
    assert_eq!(
        connection
            .get::<_, Option<u32>>("key")
            .await
            .expect("an answer"),
        Some(7)
    );

    server.kill().await;
    assert!(redis(&url).await.is_err(), "nobody answers");
    server.start_again().await.expect("it starts again");
    let mut connection = redis(&url).await.expect("a connection");
    assert_eq!(
        connection
            .get::<_, Option<u32>>("key")
            .await
            .expect("an answer"),
        None
    );
}

#[tokio::test]
async fn a_frozen_server_is_resumed_for_a_graceful_stop() {
    let mut redis = PrivateRedis::start(&FAST).await.expect("it starts");
    redis.freeze();
    let server = redis.server.take().expect("it runs");
    let status = server.end().await.expect("it ends");
    assert!(status.success(), "it was not killed: {status}");
}

#[tokio::test]
async fn a_port_needs_its_password_and_listens_only_on_loopback() {
    let services = PrivateServices::start(&FAST_LOOPBACK)
        .await
        .expect("they start");
    let by_port = services.postgres.loopback_url().expect("a port");
    for url in [&services.postgres.url(), &by_port] {
        assert_eq!(query(url, "SELECT 1::int8").await.expect("an answer"), 1);
    }
    let postgres_port = services.postgres.port();
    let without = Secret::new(format!(
        "postgres://folio:guess@127.0.0.1:{postgres_port}/postgres"
    ));
    assert!(query(&without, "SELECT 1::int8").await.is_err());

    let by_port = services.redis.loopback_url().expect("a port");
    for url in [&services.redis.url(), &by_port] {
        redis(url).await.expect("a connection");
    }
    let redis_port = port(&by_port);
    let without = Secret::new(format!("redis://127.0.0.1:{redis_port}/0"));
    let refused = async { redis(&without).await?.get::<_, Option<String>>("key").await };
    assert!(refused.await.is_err());
    // All of 127.0.0.0/8 is this machine; a server that listens on every address would answer here.
    for port in [postgres_port, redis_port] {
        if cfg!(target_os = "linux") {
            assert!(TcpStream::connect(("127.0.0.2", port)).await.is_err());
        }
    }
}

#[tokio::test]
async fn a_dead_server_is_reported_with_the_end_of_its_log() {
    let mut server = PrivateRedis::start(&FAST).await.expect("it starts");
    let orders = server.server.as_mut().expect("it runs");
    orders.signal("KILL").expect("the watchdog listens");
    assert!(orders.ended(GONE_WITHIN).await);
    let told = server.has_exited().expect("it is gone");
    assert!(
        told.contains("the private Redis ended, exit status: 137"),
        "{told}"
    );

    let configuration = server.directory.path().join("redis.conf");
    fs::write(&configuration, "port none\n").expect("the file is written");
    let error = server.start_again().await.expect_err("it does not start");
    assert!(
        matches!(&error, ServicesError::NotStarted { said, .. } if said.contains("port none")),
        "{error}"
    );
}

#[tokio::test]
async fn many_can_start_at_once() {
    let starts = (0..4).map(|_| tokio::spawn(async { PrivatePostgres::start(&FAST).await }));
    for start in starts.collect::<Vec<_>>() {
        let postgres = start.await.expect("no panic").expect("it starts");
        assert_eq!(
            query(&postgres.url(), "SELECT 1::int8")
                .await
                .expect("an answer"),
            1
        );
    }
}

/// Not a test: the process that the tests below start. Prints the places and stays alive.
#[tokio::test]
#[ignore = "it waits for its end; other tests run it as a child"]
async fn hold_services() {
    let services = PrivateServices::start(&FAST).await.expect("they start");
    assert_eq!(
        query(&services.database_url(), "SELECT 1::int8")
            .await
            .expect("an answer"),
        1
    );
    redis(&services.redis_url()).await.expect("a connection");
    let places = [
        services.postgres.directory.path(),
        services.redis.directory.path(),
    ];
    let [one, other] = places.map(Path::display);
    let told = format!("\nplace={one}\nplace={other}\n");
    // The test harness captures the output of the macros; this writes to the process's own.
    std::io::Write::write_all(&mut std::io::stdout(), told.as_bytes()).expect("a reader");
    std::future::pending::<()>().await;
}

/// A process that holds private servers, and their places.
struct HolderProcess {
    child: Child,
    places: Vec<PathBuf>,
}

impl HolderProcess {
    fn start(executable: &Path, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = Command::new(executable);
        command
            .args(["--exact", "services::tests::hold_services"])
            .args(["--ignored", "--nocapture", "--test-threads=1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        adjust(&mut command);
        let mut child = command.spawn().expect("the holder starts");
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let places: Vec<_> = stdout
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| Some(PathBuf::from(line.strip_prefix("place=")?)))
            .take(2)
            .collect();
        assert_eq!(places.len(), 2, "both servers of the holder answer");
        Self { child, places }
    }

    /// Sends SIGKILL, then asserts that nothing remains.
    fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
        let deadline = Instant::now() + GONE_WITHIN;
        while let Some(left) = self.places.iter().find_map(|place| is_left(place)) {
            assert!(Instant::now() < deadline, "{left}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for HolderProcess {
    fn drop(&mut self) {
        // Fails if the process has already ended, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn nothing_outlives_a_parent_that_was_killed() {
    let executable = env::current_exe().expect("this binary");
    let holder = HolderProcess::start(&executable, |_| {});
    for place in &holder.places {
        assert!(place.exists());
    }
    holder.kill();
}

#[test]
fn a_user_other_than_root_uses_its_own_account() {
    let directory = tempfile::tempdir_in("/tmp").expect("a directory");
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    let own = fs::metadata(directory.path()).expect("its owner").uid();
    let executable = env::current_exe().expect("this binary");
    // The directory of the binary may not be readable for other users.
    let open = directory.path().join("holder");
    fs::hard_link(&executable, &open)
        .or_else(|_| fs::copy(&executable, &open).map(drop))
        .expect("the binary is there");
    let uid = if own == 0 { 65_534 } else { own };
    let holder = HolderProcess::start(&open, |command| {
        command.current_dir("/").env_remove("TMPDIR");
        if own == 0 {
            command.uid(uid).gid(uid);
        }
    });
    for place in &holder.places {
        assert_eq!(fs::metadata(place).expect("its owner").uid(), uid);
    }
    holder.kill();
}
