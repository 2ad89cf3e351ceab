//! The stream below hyper: counts the HTTP bytes in both directions, and allows a second parser to read them again.
//!
//! Over TLS the counted bytes are those of HTTP, before encryption, as in the target's own counters.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::plan::HeaderCase;
use crate::transport::net::Stream;

/// Bytes through one connection since it was opened.
///
/// hyper owns the stream, so the counters are shared with it. Only the task that drives the connection writes them,
/// so a load and a store do instead of an atomic addition.
#[derive(Debug, Default)]
pub(super) struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    /// The number of read bytes at which the task must yield.
    turn_end: AtomicU64,
    /// Whether the last head that began with a read is informational (1xx).
    is_informational: AtomicBool,
    /// Whether the target no longer accepts bytes.
    is_refused: AtomicBool,
    /// Whether `header_case` holds something.
    is_cased: AtomicBool,
    /// The names of headers in the next head that are not in lower case.
    header_case: Mutex<Option<Arc<HeaderCase>>>,
}

/// The number of bytes to read in one poll before the other users of the thread have their turn.
const TURN: u64 = 256 << 10;

impl Meter {
    /// The next head that is written has these names.
    pub(super) fn next_head_has(&self, case: Arc<HeaderCase>) {
        *self
            .header_case
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(case);
        self.is_cased.store(true, Ordering::Relaxed);
    }

    fn take_case(&self) -> Option<Arc<HeaderCase>> {
        if !self.is_cased.load(Ordering::Relaxed) {
            return None;
        }
        self.is_cased.store(false, Ordering::Relaxed);
        let mut case = self
            .header_case
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        case.take()
    }

    /// Bytes read so far.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The task is polled again: allows the bytes of one turn.
    pub(super) fn begin_turn(&self) {
        self.turn_end.store(self.read() + TURN, Ordering::Relaxed);
    }

    /// Whether the bytes read last belong to an informational response (1xx), not to the final one.
    pub(super) fn is_informational(&self) -> bool {
        self.is_informational.load(Ordering::Relaxed)
    }

    /// Whether the target no longer accepts bytes, so that no further request can be sent.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    fn count_read(&self, bytes: &[u8]) {
        self.read
            .store(self.read() + bytes.len() as u64, Ordering::Relaxed);
        if bytes.starts_with(b"HTTP/1.") {
            self.is_informational
                .store(bytes.get(9) == Some(&b'1'), Ordering::Relaxed);
        }
    }

    fn is_turn_over(&self) -> bool {
        self.read() >= self.turn_end.load(Ordering::Relaxed)
    }

    fn count_written(&self, bytes: usize) {
        self.written
            .store(self.written() + bytes as u64, Ordering::Relaxed);
    }
}

/// A stream and its meter.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    meter: Arc<Meter>,
    replay: Option<Box<Replay>>,
    /// The head that is written, with its names as in the scenario.
    head: Option<Box<CasedHead>>,
}

/// A head whose names are not all in lower case. It is as long as the head of hyper, in whose place it is written.
#[derive(Debug)]
struct CasedHead {
    bytes: Vec<u8>,
    written: usize,
}

impl CasedHead {
    /// The head at the start of these bytes.
    fn of(bytes: &[u8], case: &HeaderCase) -> Self {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let mut bytes = bytes[..end.unwrap_or(bytes.len())].to_vec();
        let mut line = 0;
        while let Some(found) = bytes[line..]
            .windows(2)
            .position(|window| window == b"\r\n")
        {
            line += found + 2;
            let rest = &mut bytes[line..];
            let length = rest.iter().position(|&byte| byte == b':').unwrap_or(0);
            let name = &mut rest[..length];
            let mut written = case.0.iter().map(String::as_bytes);
            if let Some(written) = written.find(|written| written.eq_ignore_ascii_case(name)) {
                name.copy_from_slice(written);
            }
        }
        Self { bytes, written: 0 }
    }
}

/// Lets a second parser take over an exchange: its request is not sent, and the bytes that were read before are read
/// again.
#[derive(Debug)]
struct Replay {
    /// Whether the second parser has written its request.
    is_written: bool,
    read: Bytes,
}

impl Wire {
    /// A stream without any traffic yet.
    pub(super) fn new(stream: Stream) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        let wire = Self {
            stream,
            meter: Arc::clone(&meter),
            replay: None,
            head: None,
        };
        (wire, meter)
    }

    /// The stream for a second parser, which reads `read` again and whose first request is not sent.
    pub(super) fn replaying(mut self, read: Bytes) -> Self {
        self.replay = Some(Box::new(Replay {
            is_written: false,
            read,
        }));
        self
    }

    /// The result of writing `bytes`. If a target answers before it has read the whole request and then closes, writes
    /// fail while its answer can still be read; so such a failure is ignored, and the reads decide how the exchange ends.
    fn written(&self, sent: io::Result<usize>, bytes: usize) -> io::Result<usize> {
        match sent {
            Ok(count) => {
                self.meter.count_written(count);
                Ok(count)
            }
            Err(error) if is_closed(&error) => {
                self.meter.is_refused.store(true, Ordering::Relaxed);
                Ok(bytes)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a write is discarded.
    fn discards_write(&mut self) -> bool {
        if let Some(replay) = &mut self.replay
            && !replay.is_written
        {
            replay.is_written = true;
            return true;
        }
        self.meter.is_refused()
    }
}

/// Pending until the runtime has polled timers and sockets and the other tasks of the thread had their turn. The runtime
/// would poll a task that only wakes itself dozens of times before it polls them.
pub(super) fn yield_now<T>(cx: &mut Context<'_>) -> Poll<T> {
    let yielded = pin!(tokio::task::yield_now()).poll(cx);
    debug_assert!(yielded.is_pending());
    Poll::Pending
}

/// Whether the write failed because the other side closed the connection.
fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::NotConnected
    )
}

impl Replay {
    /// Reads the earlier bytes again; `None` after the last of them.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Option<Poll<()>> {
        if !self.is_written {
            cx.waker().wake_by_ref();
            return Some(Poll::Pending);
        }
        if self.read.is_empty() {
            return None;
        }
        let count = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read.split_to(count));
        Some(Poll::Ready(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if let Some(replay) = &mut wire.replay
            && let Some(read) = replay.poll_read(cx, buffer)
        {
            return read.map(Ok);
        }
        if wire.meter.is_turn_over() {
            return yield_now(cx);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut wire.stream).poll_read(cx, buffer))?;
        wire.meter.count_read(&buffer.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        if wire.discards_write() {
            return Poll::Ready(Ok(bytes.len()));
        }
        if let Some(case) = wire.meter.take_case() {
            wire.head = Some(Box::new(CasedHead::of(bytes, &case)));
        }
        let Some(head) = &mut wire.head else {
            let sent = ready!(Pin::new(&mut wire.stream).poll_write(cx, bytes));
            return Poll::Ready(wire.written(sent, bytes.len()));
        };
        let sent = ready!(Pin::new(&mut wire.stream).poll_write(cx, &head.bytes[head.written..]));
        let left = head.bytes.len() - head.written;
        head.written += sent.as_ref().map_or(left, |sent| *sent);
        if head.written == head.bytes.len() {
            wire.head = None;
        }
        Poll::Ready(wire.written(sent, left))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // A request without a body is one slice, and a plain send costs less than a gathering one.
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        let wire = self.get_mut();
        if (wire.head.is_some() || wire.meter.is_cased.load(Ordering::Relaxed))
            && let Some(first) = slices.iter().find(|slice| !slice.is_empty())
        {
            return Pin::new(wire).poll_write(cx, first);
        }
        let length = slices.iter().map(|slice| slice.len()).sum();
        if wire.discards_write() {
            return Poll::Ready(Ok(length));
        }
        let sent = ready!(Pin::new(&mut wire.stream).poll_write_vectored(cx, slices));
        Poll::Ready(wire.written(sent, length))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        match ready!(Pin::new(&mut wire.stream).poll_flush(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(wire.written(Err(error), 0).map(drop)),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_head_get_their_case_and_nothing_else_changes() {
        let case = HeaderCase(vec!["X-Own-ID".to_owned(), "Host".to_owned()]);
        let head = "POST /x-own-id: HTTP/1.1\r\nhost: h\r\nx-own-id: x-own-id: 1\r\nx-own-id2: 2";
        let whole = format!("{head}\r\n\r\nx-own-id: body");
        let cased = CasedHead::of(whole.as_bytes(), &case);
        assert_eq!(
            String::from_utf8(cased.bytes).expect("text"),
            "POST /x-own-id: HTTP/1.1\r\nHost: h\r\nX-Own-ID: x-own-id: 1\r\nx-own-id2: 2"
        );
    }
}
