//! Hears the channels: a connection of its own that is made again whenever it is gone.
//!
//! Messages go to the [`Hub`] straight from the connection, in order and without a queue between. What is published while
//! there is no connection is missed; the hub's subscribers are told when that begins and ends.

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

/// Wait before the second attempt to connect; doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(10);
/// Longest wait between attempts: a server that is back is heard within it.
const LONGEST_WAIT: Duration = Duration::from_millis(250);
/// Time between signs of life that are asked for, since a network can end without a word.
const PINGED_EVERY: Duration = Duration::from_secs(1);

/// Hears all channels for ever.
pub(super) async fn listen(connector: RedisConnector, names: Arc<RedisNames>, hub: Arc<Hub>) {
    let mut wait = FIRST_WAIT;
    loop {
        if hear(&connector, &names, &hub).await.is_ok() {
            wait = FIRST_WAIT;
        }
        hub.set_connected(false);
        // Instances that lost the same server should not all come back in the same millisecond.
        sleep(wait.mul_f64(rand::random_range(0.5..1.0))).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Hears all channels over one connection, until it is gone; fails if it never stood.
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

/// The channel and the message of what was pushed.
fn read(names: &RedisNames, parts: Vec<Value>) -> Option<(Channel, Bytes)> {
    let [Value::BulkString(name), Value::BulkString(message)] =
        <[Value; 2]>::try_from(parts).ok()?
    else {
        return None;
    };
    Some((names.channel_of(&name)?, message.into()))
}
