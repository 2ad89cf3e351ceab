//! Response bodies that are large, slow or broken.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

/// The repeated content: the alphabet, so that a cut is visible.
static PATTERN: [u8; 64 * 1024] = {
    let mut pattern = [0; 64 * 1024];
    let mut at = 0;
    while at < pattern.len() {
        pattern[at] = b'a' + (at % 26) as u8;
        at += 1;
    }
    pattern
};

/// A body of an exact size, from one static block.
pub(super) struct SizedBody {
    left: u64,
}

impl SizedBody {
    pub(super) fn of(bytes: u64) -> Self {
        Self { left: bytes }
    }

    /// The next chunk, of at most `most` bytes.
    fn part(&mut self, most: u64) -> Option<Bytes> {
        let length = self.left.min(most).min(PATTERN.len() as u64);
        self.left -= length;
        (length > 0).then(|| Bytes::from_static(&PATTERN[..length as usize]))
    }
}

impl HttpBody for SizedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.part(u64::MAX).map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A chunk at once, and another whenever a period has passed since the start.
pub(super) struct DripBody {
    source: SizedBody,
    part: u64,
    every: Duration,
    next: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl DripBody {
    pub(super) fn start(bytes: u64, part: u64, every: Duration) -> Self {
        let next = Instant::now();
        Self {
            source: SizedBody::of(bytes),
            part,
            every,
            next,
            sleep: Box::pin(sleep_until(next)),
        }
    }
}

impl HttpBody for DripBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        ready!(this.sleep.as_mut().poll(context));
        this.next += this.every;
        this.sleep.as_mut().reset(this.next);
        Poll::Ready(
            this.source
                .part(this.part)
                .map(|part| Ok(Frame::data(part))),
        )
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

/// A body that fails before its first byte. The server writes the head together with the first part of the body, so
/// the connection closes with nothing sent.
#[derive(Clone, Copy)]
pub(super) struct BrokenBody;

impl HttpBody for BrokenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}
