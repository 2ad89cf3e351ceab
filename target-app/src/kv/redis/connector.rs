//! Opens connections to Redis and classifies their errors.
//!
//! A connection detects by itself that the server has closed it: no round trip is needed to check it before use, and
//! after a restart no old connection is tried. This requires RESP3, available since Redis 6.0.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::{self, RecycleError, RecycleResult};
use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo as _, ProtocolVersion, PushInfo,
    PushKind, RedisError, RedisResult, ServerErrorKind,
};

use crate::kv::error::{KvCause, KvError};

/// Time limit for opening a connection, and for waiting for one.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Opens connections to one Redis.
#[derive(Debug)]
pub(super) struct RedisConnector {
    client: Client,
}

/// A connection that knows whether it is closed.
pub(super) struct RedisConnection {
    pub(super) connection: MultiplexedConnection,
    is_closed: Arc<AtomicBool>,
}

impl RedisConnector {
    /// For the server at `url`; opens no connection yet.
    pub(super) fn new(url: &str) -> RedisResult<Self> {
        let address = url.into_connection_info()?;
        let redis = address
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3);
        let address = address
            .set_redis_settings(redis)
            .set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Ok(Self {
            client: Client::open(address)?,
        })
    }

    /// Opens a connection that calls `hear` for every push message and when it closes.
    ///
    /// It has no time limit for answers; the caller sets one.
    pub(super) async fn connect(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(None)
            .set_push_sender(move |push: PushInfo| {
                hear(push);
                Ok::<(), ()>(())
            });
        let connecting = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        // Boxed: 40 KB that would be part of every operation's future, and that few operations need.
        Box::pin(connecting).await
    }
}

impl managed::Manager for RedisConnector {
    type Type = RedisConnection;
    type Error = RedisError;

    async fn create(&self) -> RedisResult<RedisConnection> {
        let is_closed = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&is_closed);
        let connection = self
            .connect(move |push| {
                if push.kind == PushKind::Disconnection {
                    closed.store(true, Ordering::Release);
                }
            })
            .await?;
        Ok(RedisConnection {
            connection,
            is_closed,
        })
    }

    async fn recycle(
        &self,
        link: &mut RedisConnection,
        _: &managed::Metrics,
    ) -> RecycleResult<RedisError> {
        if link.is_closed() {
            return Err(RecycleError::message(
                "the server has closed the connection",
            ));
        }
        Ok(())
    }
}

impl RedisConnection {
    /// Whether the server has closed the connection.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Acquire)
    }
}

impl From<RedisError> for KvError {
    fn from(error: RedisError) -> Self {
        if error.is_timeout() {
            return Self::TimedOut;
        }
        if error.code() == Some("OOM") {
            return Self::Full;
        }
        match error.kind() {
            ErrorKind::Io
            | ErrorKind::AuthenticationFailed
            | ErrorKind::RESP3NotSupported
            | ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
                | ServerErrorKind::TryAgain,
            ) => Self::Unavailable(KvCause::new(error)),
            _ => Self::Protocol(KvCause::new(error)),
        }
    }
}
