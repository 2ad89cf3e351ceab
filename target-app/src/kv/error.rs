//! Errors of the shared store.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::breaker::BreakerOpen;
use crate::bulkhead;

/// Error of an operation; unless the variant says otherwise, it is unknown whether the operation took effect.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum KvError {
    /// No connection, or the connection broke.
    #[error("the shared store cannot be reached")]
    Unavailable(#[source] KvCause),
    /// No connection or no answer within the time limit.
    #[error("the shared store did not answer in time")]
    TimedOut,
    /// An unexpected answer, for example because the key holds a value of another type.
    #[error("unexpected answer from the shared store")]
    Protocol(#[source] KvCause),
    /// No memory is left for entries that must not be evicted; nothing was stored.
    #[error("the shared store is full")]
    Full,
    /// Not tried, because the circuit breaker is open.
    #[error(transparent)]
    Refused(#[from] BreakerOpen),
    /// Not tried, because too many operations are in progress.
    #[error(transparent)]
    Busy(#[from] bulkhead::GateFull),
}

/// The cause of a [`KvError`]; shared, because many requests may wait for the same operation.
#[derive(Clone)]
pub(crate) struct KvCause(Arc<dyn Error + Send + Sync>);

/// The reason why the shared store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum KvStartError {
    /// The URL of Redis is invalid.
    #[error("invalid REDIS_URL; expected redis://host:port or redis+unix:///path")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// The server does not answer, or rejects the login.
    #[error("Redis does not answer; check the URL and that its server is running")]
    Away(#[source] Box<dyn Error + Send + Sync>),
    /// The connection pool could not be created.
    #[error("cannot create the connection pool to Redis")]
    Pool(#[source] Box<dyn Error + Send + Sync>),
    /// A metric was registered twice or is invalid.
    #[error("cannot register the metrics of the shared store")]
    Metrics(#[from] prometheus::Error),
}

/// Label values for the kinds of [`KvError`].
pub(super) const KINDS: [&str; 6] = [
    "unavailable",
    "timed_out",
    "protocol",
    "full",
    "refused",
    "busy",
];

impl KvError {
    /// Index in [`KINDS`].
    pub(super) fn kind(&self) -> usize {
        match self {
            Self::Unavailable(_) => 0,
            Self::TimedOut => 1,
            Self::Protocol(_) => 2,
            Self::Full => 3,
            Self::Refused(_) => 4,
            Self::Busy(_) => 5,
        }
    }

    /// Whether the store failed, rather than the operation being invalid.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut)
    }

    /// Time until a retry makes sense, if known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(BreakerOpen { retry_after, .. })
            | Self::Busy(bulkhead::GateFull { retry_after, .. }) => Some(*retry_after),
            Self::Unavailable(_) | Self::TimedOut | Self::Protocol(_) | Self::Full => None,
        }
    }

    /// The key holds a value of another type than the operation needs.
    pub(super) fn wrong_kind() -> Self {
        Self::Protocol(KvCause::new("the key holds a value of another type"))
    }
}

impl KvCause {
    pub(super) fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }
}

impl fmt::Debug for KvCause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for KvCause {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl Error for KvCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
