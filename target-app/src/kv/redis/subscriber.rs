//! Subscribes to the channels over a dedicated connection, which is reopened whenever it is lost.
//!
//! Messages go to the [`Hub`] directly from the connection, in order and without a queue. Messages published while
//! there is no connection are missed; the subscribers are notified when that begins and ends.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use redis::{PushInfo, PushKind, RedisResult, Value};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::RedisNames;
use super::connector::{CONNECT_LIMIT, RedisConnector};
use super::request::ANSWER_LIMIT;
use crate::kv::channel::{Channel, Hub};

/// Wait before the second attempt to connect; doubles with each attempt.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// Maximum wait between attempts, and thus until a recovered server is noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// Interval of pings, because a network can fail silently.
const PINGED_EVERY: Duration = Duration::from_secs(1);

/// Subscribes to all channels, forever.
pub(super) async fn listen(connector: RedisConnector, names: Arc<RedisNames>, hub: Arc<Hub>) {
    let mut wait = FIRST_WAIT;
    loop {
        if hear(&connector, &names, &hub).await.is_ok() {
            wait = FIRST_WAIT;
        }
        hub.set_connected(false);
        // Randomised, so that instances that lost the same server do not reconnect in step.
        sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Receives messages over one connection until it is lost; fails if it could not be opened.
async fn hear(
    connector: &RedisConnector,
    names: &Arc<RedisNames>,
    hub: &Arc<Hub>,
) -> RedisResult<()> {
    let gone = Arc::new(Notify::new());
    let mut connection = {
        let (names, hub, gone) = (Arc::clone(names), Arc::clone(hub), Arc::clone(&gone));
        let hear = move |push: PushInfo| match push.kind {
            PushKind::Message => {
                if let Some((channel, message)) = read(&names, push.data) {
                    hub.deliver(channel, message);
                }
            }
            PushKind::Disconnection => gone.notify_one(),
            _ => {}
        };
        connector.connect(hear).await?
    };
    let channels = Channel::ALL.map(|channel| names.channel(channel));
    timeout(CONNECT_LIMIT, connection.subscribe(&channels))
        .await
        .map_err(std::io::Error::from)??;
    hub.set_connected(true);
    loop {
        tokio::select! {
            () = gone.notified() => return Ok(()),
            () = sleep(PINGED_EVERY) => {
                let ping = redis::cmd("PING");
                match timeout(ANSWER_LIMIT, ping.exec_async(&mut connection)).await {
                    Ok(Ok(())) => {}
                    _ => return Ok(()),
                }
            }
        }
    }
}

/// The channel and the message of a push.
fn read(names: &RedisNames, parts: Vec<Value>) -> Option<(Channel, Bytes)> {
    let [Value::BulkString(name), Value::BulkString(message)] =
        <[Value; 2]>::try_from(parts).ok()?
    else {
        return None;
    };
    Some((names.channel_of(&name)?, message.into()))
}
