//! Reads request bodies completely before a request takes a permit, so that a client that sends its body byte by byte
//! delays only itself.
//!
//! After a grace period a body must arrive at a minimum rate. The bytes of bodies that are held until their requests
//! are answered are limited, per client and in total.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use bytes::BytesMut;
use futures_util::FutureExt as _;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::client::ClientKey;
use crate::error::Problem;

/// Grace period: a body may arrive at any rate for this long.
const GRACE: Duration = Duration::from_secs(2);
/// Minimum average rate of a body after the grace period, in bytes per second since its first byte.
const LEAST_RATE: u64 = 16 * 1024;
/// Maximum bytes of bodies held for all clients.
const MOST_IN_ALL: usize = 128 * 1024 * 1024;
/// Maximum bytes of bodies held for one client.
const MOST_OF_CLIENT: usize = 32 * 1024 * 1024;
/// Minimum weight of a body that did not arrive together with its head: its connection uses memory too.
const LEAST_COUNTED: usize = 4 * 1024;
/// Value of `Retry-After` when there is no memory for the body.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Bytes of the bodies that are being read or whose requests are not yet answered.
#[derive(Default)]
pub(super) struct BodyBuffers(Mutex<BufferedBytes>);

/// Byte counts, in total and per client.
#[derive(Default)]
struct BufferedBytes {
    in_all: usize,
    of_client: HashMap<ClientKey, usize>,
}

/// The bytes reserved for one body; dropping it releases them.
pub(super) struct BodyShare<'a> {
    bodies: &'a BodyBuffers,
    client: ClientKey,
    bytes: usize,
}

/// Reasons why a body was not read completely.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// The body exceeds the size limit.
    TooLarge,
    /// Only `bytes` arrived `within` the time.
    TooSlow { bytes: usize, within: Duration },
    /// Bodies of this client already use the limit per client.
    TooMuchOfClient,
    /// Bodies of all clients already use the total limit.
    TooMuchInAll,
    /// The connection broke, or the framing of the body is invalid.
    Broken,
}

impl BodyBuffers {
    /// Reads a body of at most `limit` bytes. The share returned with it must live as long as the body.
    pub(super) async fn read(
        &self,
        client: ClientKey,
        mut body: Body,
        limit: usize,
    ) -> Result<(Bytes, Option<BodyShare<'_>>), BodyError> {
        let mut read = BytesMut::new();
        let mut share: Option<BodyShare<'_>> = None;
        let mut began = None;
        loop {
            let frame = if let Some(frame) = body.frame().now_or_never() {
                frame
            } else {
                if share.is_none() {
                    share = Some(self.share(client, read.len())?);
                }
                let began = *began.get_or_insert_with(Instant::now);
                let earned = read.len() as u64 * 1_000_000 / LEAST_RATE;
                let within = GRACE + Duration::from_micros(earned);
                timeout_at(began + within, body.frame())
                    .await
                    .map_err(|_| BodyError::TooSlow {
                        bytes: read.len(),
                        within,
                    })?
            };
            let Some(frame) = frame else {
                return Ok((read.freeze(), share));
            };
            // Frames without data are trailers; they are ignored.
            let Ok(data) = frame.map_err(|_| BodyError::Broken)?.into_data() else {
                continue;
            };
            if read.len() + data.len() > limit {
                return Err(BodyError::TooLarge);
            }
            if let Some(share) = &mut share {
                share.grow(read.len() + data.len())?;
            }
            if read.is_empty() && body.is_end_stream() {
                return Ok((data, share));
            }
            // Copied, because a chunk keeps the whole buffer alive that it was read into.
            read.extend_from_slice(&data);
        }
    }

    fn share(&self, client: ClientKey, bytes: usize) -> Result<BodyShare<'_>, BodyError> {
        let mut share = BodyShare {
            bodies: self,
            client,
            bytes: 0,
        };
        share.grow(bytes.max(LEAST_COUNTED))?;
        Ok(share)
    }

    fn kept(&self) -> MutexGuard<'_, BufferedBytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BodyShare<'_> {
    /// Raises the reservation to `bytes`, if that is more than before.
    fn grow(&mut self, bytes: usize) -> Result<(), BodyError> {
        let more = bytes.saturating_sub(self.bytes);
        let mut kept = self.bodies.kept();
        if kept.in_all + more > MOST_IN_ALL {
            return Err(BodyError::TooMuchInAll);
        }
        let of_client = kept.of_client.entry(self.client).or_default();
        if *of_client + more > MOST_OF_CLIENT {
            return Err(BodyError::TooMuchOfClient);
        }
        *of_client += more;
        kept.in_all += more;
        self.bytes += more;
        Ok(())
    }
}

impl Drop for BodyShare<'_> {
    fn drop(&mut self) {
        let mut kept = self.bodies.kept();
        kept.in_all -= self.bytes;
        if let Some(of_client) = kept.of_client.get_mut(&self.client) {
            *of_client -= self.bytes;
            if *of_client == 0 {
                kept.of_client.remove(&self.client);
            }
        }
    }
}

impl BodyError {
    /// The reason as a metric label.
    pub(super) fn label(&self) -> Option<&'static str> {
        match self {
            Self::TooLarge => Some("body"),
            Self::TooSlow { .. } => Some("slow_body"),
            Self::TooMuchOfClient | Self::TooMuchInAll => Some("bodies"),
            Self::Broken => None,
        }
    }
}

impl From<BodyError> for Problem {
    fn from(unread: BodyError) -> Self {
        match unread {
            BodyError::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the request body exceeds the size limit of this route",
            ),
            BodyError::TooSlow { bytes, within } => Self::new(
                StatusCode::REQUEST_TIMEOUT,
                format!(
                    "the request body arrived too slowly: {bytes} bytes in {:.1} s; after {} s at least \
                     {LEAST_RATE} bytes/s are required",
                    within.as_secs_f64(),
                    GRACE.as_secs()
                ),
            ),
            BodyError::TooMuchOfClient => Self::too_many_requests(
                "this client has too many bytes of request bodies in progress; wait for \
                 its other requests",
                RETRY_AFTER,
            ),
            BodyError::TooMuchInAll => Self::unavailable(
                "the service holds too many bytes of request bodies; try again later",
                RETRY_AFTER,
            ),
            BodyError::Broken => Self::new(
                StatusCode::BAD_REQUEST,
                "the request body could not be read",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    /// A body of these chunks that never ends.
    fn unfinished(parts: Vec<Vec<u8>>) -> Body {
        use futures_util::StreamExt as _;
        let parts = stream::iter(parts.into_iter().map(Ok::<_, Infallible>));
        Body::from_stream(parts.chain(stream::pending()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_must_arrive_at_the_minimum_rate_after_the_grace_period() {
        let bodies = BodyBuffers::default();
        let began = Instant::now();
        let slow = bodies.read(ClientKey::User(1), unfinished(vec![b"{".to_vec()]), 100);
        let slow = slow.await.map(drop);
        assert!(matches!(slow, Err(BodyError::TooSlow { bytes: 1, .. })));
        assert!((GRACE..GRACE * 2).contains(&began.elapsed()));
        let began = Instant::now();
        let parts = vec![vec![b' '; 10 * LEAST_RATE as usize]];
        let large = bodies.read(ClientKey::User(1), unfinished(parts), usize::MAX);
        assert!(matches!(
            large.await.map(drop),
            Err(BodyError::TooSlow { .. })
        ));
        assert!(began.elapsed() >= Duration::from_secs(12));
        let kept = bodies.kept();
        assert!(kept.in_all == 0 && kept.of_client.is_empty());
    }

    #[tokio::test]
    async fn buffered_bytes_are_bounded_per_client_and_in_total() {
        let bodies = BodyBuffers::default();
        let most = MOST_OF_CLIENT / LEAST_COUNTED;
        let of_one: Vec<_> = (0..most)
            .map(|_| bodies.share(ClientKey::User(1), 0))
            .collect();
        assert!(of_one.iter().all(Result::is_ok));
        let more = bodies.share(ClientKey::User(1), 0).map(drop);
        assert_eq!(more, Err(BodyError::TooMuchOfClient));
        let others: Vec<_> = (2..=5)
            .map(|user| bodies.share(ClientKey::User(user), MOST_OF_CLIENT))
            .collect();
        assert_eq!(others.iter().filter(|share| share.is_ok()).count(), 3);
        assert_eq!(
            bodies.share(ClientKey::User(6), 0).map(drop),
            Err(BodyError::TooMuchInAll)
        );
        drop(of_one);
        assert!(bodies.share(ClientKey::User(6), 0).is_ok());
    }

    #[tokio::test]
    async fn a_body_reserves_its_size_until_its_request_is_answered() {
        use futures_util::StreamExt as _;
        let bodies = BodyBuffers::default();
        // The late part of the body.
        let late = stream::once(async {
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(vec![b' '; 10_000])
        });
        let read = bodies.read(ClientKey::User(1), Body::from_stream(late.boxed()), 10_000);
        let (body, share) = read.await.expect("a body");
        assert_eq!((body.len(), bodies.kept().in_all), (10_000, 10_000));
        drop(share);
        assert_eq!(bodies.kept().in_all, 0);
    }
}
