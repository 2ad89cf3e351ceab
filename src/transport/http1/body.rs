//! Receives the body of a response.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use hyper::body::{Body, Incoming};
use tokio::time::{Sleep, sleep};

use super::wire::yield_now;
use super::{Connection, drive, failure};
use crate::transport::body::BodyReader;
use crate::transport::deadline::Deadlines;
use crate::transport::failure::ExchangeFailure;

/// The number of chunks between two readings of the clock.
const CHUNKS: u32 = 16;

/// The time that a body may keep its thread before the other users have their turn.
const TURN: Duration = Duration::from_millis(1);

/// A body with smaller chunks takes much time per byte, so it pauses after each turn and uses less than half of the
/// thread's time.
const SMALL: usize = 256;

/// The length of such a pause, in turns.
const PAUSE: u32 = 4;

impl Connection {
    /// Reads the body to its end.
    pub(in crate::transport) async fn body(
        &mut self,
        mut body: Incoming,
        reader: &mut BodyReader<'_>,
        deadlines: &mut Deadlines<'_>,
    ) -> Result<(), ExchangeFailure> {
        if let Some(size) = body.size_hint().exact() {
            reader.expect(size)?;
        }
        let mut seen = self.meter.read();
        let mut cause = None;
        let mut pause: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            if let Some(pause) = &mut pause {
                ready!(pause.as_mut().poll(cx));
            }
            pause = None;
            let mut is_driven = false;
            let mut turn = Turn::default();
            loop {
                if body.is_end_stream() {
                    return Poll::Ready(Ok(()));
                }
                match Pin::new(&mut body).poll_frame(cx) {
                    Poll::Ready(Some(Ok(frame))) => {
                        is_driven = false;
                        if let Ok(chunk) = frame.into_data() {
                            turn.bytes += chunk.len();
                            reader.take(chunk)?;
                        }
                        if let Some(now) = turn.is_over() {
                            if deadlines.is_total_over(now) {
                                return Poll::Ready(Err(deadlines.failure()));
                            }
                            if turn.bytes >= SMALL * turn.chunks as usize {
                                return yield_now(cx);
                            }
                            let burned = turn.begun.map_or(TURN, |begun| now - begun);
                            let pause = pause.insert(Box::pin(sleep(burned * PAUSE)));
                            ready!(pause.as_mut().poll(cx));
                        }
                    }
                    Poll::Ready(Some(Err(error))) => {
                        // hyper reports some errors to the body and some to the connection only.
                        let error = cause.as_ref().unwrap_or(&error);
                        return Poll::Ready(Err(failure::broken(error)));
                    }
                    Poll::Ready(None) => return Poll::Ready(Ok(())),
                    Poll::Pending if is_driven => {
                        return deadlines.poll_failure(cx).map(Err);
                    }
                    Poll::Pending => {
                        is_driven = true;
                        deadlines.begin_poll();
                        if let Some(end) = drive(&mut self.driver, &self.meter, cx) {
                            self.driver = None;
                            cause = end.err();
                        }
                        let read = self.meter.read();
                        if read != seen {
                            seen = read;
                            deadlines.progress();
                        }
                    }
                }
            }
        })
        .await
    }
}

/// One poll of a task that reads a body.
#[derive(Default)]
struct Turn {
    chunks: u32,
    bytes: usize,
    begun: Option<Instant>,
}

impl Turn {
    /// Counts a chunk; returns the time if the other users of this thread have waited long enough.
    fn is_over(&mut self) -> Option<Instant> {
        self.chunks += 1;
        if !self.chunks.is_multiple_of(CHUNKS) {
            return None;
        }
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        (now - begun >= TURN).then_some(now)
    }
}
