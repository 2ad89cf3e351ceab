//! One round trip to Redis, with a time limit.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, Pipeline, ScriptInvocation};
use tokio::time::timeout;

use super::RedisStore;
use crate::kv::error::KvError;

/// Time limit of an answer.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// The command of one round trip.
pub(super) enum RedisRequest<'a> {
    One(&'a Cmd),
    Many(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
}

impl RedisStore {
    /// Sends a request and reads the answer within the time limit, or discards the connection.
    pub(super) async fn ask<'a, T: FromRedisValue>(
        &self,
        request: impl Into<RedisRequest<'a>>,
    ) -> Result<T, KvError> {
        let request = request.into();
        let mut checkout = self.pool.checkout().await?;
        let connection = checkout.connection();
        let answer = async {
            match request {
                RedisRequest::One(command) => command.query_async(connection).await,
                RedisRequest::Many(pipeline) => pipeline.query_async(connection).await,
                RedisRequest::Script(script) => script.invoke_async(connection).await,
            }
        };
        match timeout(ANSWER_LIMIT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if error.is_io_error() || error.is_unrecoverable_error() {
                    checkout.discard();
                }
                Err(error.into())
            }
            Err(_) => {
                checkout.discard();
                Err(KvError::TimedOut)
            }
        }
    }
}

impl<'a> From<&'a mut Cmd> for RedisRequest<'a> {
    fn from(command: &'a mut Cmd) -> Self {
        Self::One(command)
    }
}

impl<'a> From<&'a mut Pipeline> for RedisRequest<'a> {
    fn from(pipeline: &'a mut Pipeline) -> Self {
        Self::Many(pipeline)
    }
}

impl<'a> From<&'a mut ScriptInvocation<'_>> for RedisRequest<'a> {
    fn from(script: &'a mut ScriptInvocation<'_>) -> Self {
        Self::Script(script)
    }
}
