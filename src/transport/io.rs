//! The wire: a TCP or TLS stream that counts the HTTP bytes going through it.
//!
//! Over TLS the bytes counted are those of HTTP, before encryption: what the target's own counters say too.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Bytes through one connection since it was opened.
///
/// hyper owns the stream, so the counters are shared with it. Only the task that drives the connection writes them,
/// so a load and a store do instead of an atomic addition.
#[derive(Debug, Default)]
pub(super) struct Meter {
    read: AtomicU64,
    written: AtomicU64,
    /// How many bytes may have been read before the task is to give way.
    turn_end: AtomicU64,
    /// Whether the last head that began with a read is an informational one.
    is_informational: AtomicBool,
    /// Whether the target has stopped to take what is sent.
    is_refused: AtomicBool,
}

/// How many bytes are read in one go before the other users of the thread have their turn.
const TURN: u64 = 256 << 10;

impl Meter {
    /// Bytes read so far.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// The task is polled anew: as much may be read as in one turn.
    pub(super) fn begin_turn(&self) {
        self.turn_end.store(self.read() + TURN, Ordering::Relaxed);
    }

    /// Whether what was read last belongs to an informational response (1xx), which is not the answer.
    pub(super) fn is_informational(&self) -> bool {
        self.is_informational.load(Ordering::Relaxed)
    }

    /// Whether the target has stopped to take what is sent, so that nothing more can be sent.
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

/// What carries the bytes.
#[derive(Debug)]
pub(super) enum Stream {
    /// `http`
    Plain(TcpStream),
    /// `https`; boxed, for it is twenty times the size.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A stream and its meter.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    meter: Arc<Meter>,
    replay: Option<Box<Replay>>,
}

/// What a second parser is told of an exchange that is under way: its request goes nowhere, and what was read before is
/// read again.
#[derive(Debug)]
struct Replay {
    is_asked: bool,
    read: Bytes,
}

impl Wire {
    /// A stream that nothing went through yet.
    pub(super) fn new(stream: Stream) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        let wire = Self {
            stream,
            meter: Arc::clone(&meter),
            replay: None,
        };
        (wire, meter)
    }

    /// The same stream for a second parser, which reads `read` again and whose first request is not sent.
    pub(super) fn replaying(mut self, read: Bytes) -> Self {
        self.replay = Some(Box::new(Replay {
            is_asked: false,
            read,
        }));
        self
    }

    /// What became of sending `bytes`. A target that answers before it has taken the whole request and then closes
    /// makes writes fail while its answer waits to be read: the reads say how the exchange ends.
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

    /// Whether a write goes nowhere.
    fn is_mute(&mut self) -> bool {
        if let Some(replay) = &mut self.replay
            && !replay.is_asked
        {
            replay.is_asked = true;
            return true;
        }
        self.meter.is_refused()
    }
}

/// Pending until timers and sockets were looked at and the other tasks of the thread had their turn. A task that only
/// woke itself would be polled dozens of times before the runtime looks at them.
pub(super) fn give_way<T>(cx: &mut Context<'_>) -> Poll<T> {
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
    /// Reads again; none once everything was.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Option<Poll<()>> {
        if !self.is_asked {
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
            return give_way(cx);
        }
        let before = buffer.filled().len();
        ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        })?;
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
        if wire.is_mute() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let sent = ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        });
        Poll::Ready(wire.written(sent, bytes.len()))
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
        let length = slices.iter().map(|slice| slice.len()).sum();
        if wire.is_mute() {
            return Poll::Ready(Ok(length));
        }
        let sent = ready!(match &mut wire.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        });
        Poll::Ready(wire.written(sent, length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        let flushed = match &mut wire.stream {
            // A socket has nothing to flush.
            Stream::Plain(_) => return Poll::Ready(Ok(())),
            Stream::Tls(stream) => ready!(Pin::new(stream).poll_flush(cx)),
        };
        Poll::Ready(wire.written(flushed.map(|()| 0), 0).map(drop))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
