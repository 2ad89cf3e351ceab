//! One user's open connections, one per origin.

use std::fmt;
use std::time::Instant;

use http::Uri;

use super::{Client, HopOptions};
use crate::outcome::Outcome;
use crate::transport::deadline::after;
use crate::transport::failure::ExchangeFailure;
use crate::transport::http1::{Connection, Parsing};
use crate::transport::net::ConnectPhases;
use crate::transport::origin::Origin;
use crate::units::show_duration;

/// The maximum number of origins to which a user keeps a connection; beyond it, the oldest is dropped.
const MAX_ORIGINS: usize = 16;

/// The connections of one user.
#[derive(Default)]
pub(super) struct Pool(Vec<Pooled>);

/// An origin and the connection to it, which is `None` while it is in use: dropping an exchange drops its connection.
struct Pooled {
    origin: Origin,
    connection: Option<Box<Connection>>,
    /// The parser for this origin's heads.
    parsing: Parsing,
}

impl Pool {
    /// The index of a URL's origin, which is added if it is new.
    pub(super) fn index_of(&mut self, uri: &Uri) -> Result<usize, ExchangeFailure> {
        if let Some(found) = self.0.iter().position(|pooled| pooled.origin.is_of(uri)) {
            return Ok(found);
        }
        let origin = Origin::of(uri)?;
        if self.0.len() == MAX_ORIGINS {
            self.0.remove(0);
        }
        self.0.push(Pooled {
            origin,
            connection: None,
            parsing: Parsing::default(),
        });
        Ok(self.0.len() - 1)
    }

    pub(super) fn origin(&self, index: usize) -> &Origin {
        &self.0[index].origin
    }

    /// Whether there is a connection to reuse, as far as is known.
    pub(super) fn has_connection(&self, index: usize) -> bool {
        self.0[index].connection.is_some()
    }

    /// Takes the connection to an origin, if another request can be sent over it.
    pub(super) async fn take_usable(&mut self, index: usize) -> Option<Box<Connection>> {
        let mut connection = self.0[index].connection.take()?;
        connection.is_usable().await.then_some(connection)
    }

    /// Keeps a connection for the next request to its origin.
    pub(super) fn put_back(&mut self, index: usize, connection: Box<Connection>) {
        let pooled = &mut self.0[index];
        pooled.parsing = connection.parsing();
        pooled.connection = Some(connection);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origins = self.0.iter().map(|pooled| &pooled.origin.host_header);
        f.debug_list().entries(origins).finish()
    }
}

impl Client {
    /// Opens a connection to an origin, within the connect limit.
    pub(super) async fn open(
        &mut self,
        index: usize,
        options: &HopOptions<'_>,
    ) -> Result<(Box<Connection>, ConnectPhases), ExchangeFailure> {
        let limit = options.timeouts.connect;
        let end = after(Instant::now(), limit);
        let Pooled {
            origin, parsing, ..
        } = &self.pool.0[index];
        let opening = async {
            let (stream, phases) = self.shared.network.open(origin).await?;
            Ok((Connection::open(stream, *parsing).await?, phases))
        };
        // Boxed because the future is large and rare, and would enlarge every user's task.
        let opening = Box::pin(opening);
        match self.timer.guard(end.min(options.total), opening).await {
            Ok(opened) => opened,
            Err(_) if options.total < end => Err(ExchangeFailure::new(
                Outcome::Timeout,
                &format!(
                    "still connecting after {}",
                    show_duration(options.timeouts.total)
                ),
            )),
            Err(_) => Err(ExchangeFailure::new(
                Outcome::ConnectTimeout,
                &format!("no connection within {}", show_duration(limit)),
            )),
        }
    }
}
