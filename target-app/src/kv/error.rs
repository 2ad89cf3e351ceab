//! Why the shared store gave no answer.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::breaker::BreakerOpen;
use crate::bulkhead;

/// Why an operation has no answer; whether it took effect is unknown unless the variant says so.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum KvError {
    /// No connection, or it broke on the way.
    #[error("the shared store cannot be reached")]
    Unavailable(#[source] KvCause),
    /// No connection or no answer within the limit.
    #[error("the shared store did not answer in time")]
    TimedOut,
    /// An answer that was not expected, such as that of a key that holds something else.
    #[error("unexpected answer from the shared store")]
    Protocol(#[source] KvCause),
    /// There is no memory left for what must not be thrown away; nothing was stored.
    #[error("the shared store is full")]
    Full,
    /// Not tried, because the store has been failing.
    #[error(transparent)]
    Refused(#[from] BreakerOpen),
    /// Not tried, because too many operations are under way.
    #[error(transparent)]
    Busy(#[from] bulkhead::GateFull),
}

/// What lies under a [`KvError`]; shared, because many may wait for the same operation.
#[derive(Clone)]
pub(crate) struct KvCause(Arc<dyn Error + Send + Sync>);

/// Why the shared store could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum KvStartError {
    /// The URL of Redis is not one.
    #[error("invalid REDIS_URL; expected redis://host:port or redis+unix:///path")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// Nobody answers at the URL of Redis, or not to who is named in it.
    #[error("Redis does not answer; check the URL and that its server is running")]
    Away(#[source] Box<dyn Error + Send + Sync>),
    /// The pool of connections could not be made.
    #[error("cannot create the connection pool to Redis")]
    Pool(#[source] Box<dyn Error + Send + Sync>),
    /// A metric was declared twice or badly.
    #[error("cannot register the metrics of the shared store")]
    Metrics(#[from] prometheus::Error),
}

/// The kinds of [`KvError`], as the label of a counter.
pub(super) const KINDS: [&str; 6] = [
    "unavailable",
    "timed_out",
    "protocol",
    "full",
    "refused",
    "busy",
];

impl KvError {
    /// Its place in [`KINDS`].
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

    /// Whether the store is to blame and not the question.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut)
    }

    /// How long a client should wait before it tries again, where that is known.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(BreakerOpen { retry_after, .. })
            | Self::Busy(bulkhead::GateFull { retry_after, .. }) => Some(*retry_after),
            Self::Unavailable(_) | Self::TimedOut | Self::Protocol(_) | Self::Full => None,
        }
    }

    /// The key holds another kind of value than the operation is for.
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
