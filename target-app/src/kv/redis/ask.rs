//! One round trip: a question of any kind, and its answer within the limit.

use std::time::Duration;

use redis::{Cmd, FromRedisValue, Pipeline, ScriptInvocation};
use tokio::time::timeout;

use super::Redis;
use crate::kv::error::KvError;

/// Longest time for an answer.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// What is asked in one round trip.
pub(super) enum Question<'a> {
    One(&'a Cmd),
    Many(&'a Pipeline),
    Script(&'a ScriptInvocation<'a>),
}

impl Redis {
    /// Asks, and takes the answer within the limit or throws the connection away.
    pub(super) async fn ask<'a, T: FromRedisValue>(
        &self,
        question: impl Into<Question<'a>>,
    ) -> Result<T, KvError> {
        let question = question.into();
        let mut loan = self.pool.loan().await?;
        let connection = loan.connection();
        let answer = async {
            match question {
                Question::One(command) => command.query_async(connection).await,
                Question::Many(pipeline) => pipeline.query_async(connection).await,
                Question::Script(script) => script.invoke_async(connection).await,
            }
        };
        match timeout(ANSWER_LIMIT, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                if error.is_io_error() || error.is_unrecoverable_error() {
                    loan.discard();
                }
                Err(error.into())
            }
            Err(_) => {
                loan.discard();
                Err(KvError::TimedOut)
            }
        }
    }
}

impl<'a> From<&'a mut Cmd> for Question<'a> {
    fn from(command: &'a mut Cmd) -> Self {
        Self::One(command)
    }
}

impl<'a> From<&'a mut Pipeline> for Question<'a> {
    fn from(pipeline: &'a mut Pipeline) -> Self {
        Self::Many(pipeline)
    }
}

impl<'a> From<&'a mut ScriptInvocation<'_>> for Question<'a> {
    fn from(script: &'a mut ScriptInvocation<'_>) -> Self {
        Self::Script(script)
    }
}
