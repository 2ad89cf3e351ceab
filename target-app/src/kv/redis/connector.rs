//! How connections to Redis are made, and what their errors mean.
//!
//! A connection knows when the server has closed it, without being asked: no round trip is spent on that before each use,
//! and after a restart none of the old ones is tried. It takes RESP3 for that, which Redis speaks since 6.0.

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

/// Longest time for a connection to be made, and for waiting for one.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_millis(500);

/// Makes connections to one Redis.
#[derive(Debug)]
pub(super) struct RedisConnector {
    client: Client,
}

/// A connection, and whether it is closed.
pub(super) struct RedisConnection {
    pub(super) connection: MultiplexedConnection,
    is_closed: Arc<AtomicBool>,
}

impl RedisConnector {
    /// To the server at `url`; makes no connection yet.
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

    /// A connection that calls `hear` for everything the server sends unasked, and for its end.
    ///
    /// It sets no time limit for answers: who asks does.
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
        // 40 KB, which every operation would carry with it, and hardly one needs.
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
    /// Whether the server has closed it.
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
