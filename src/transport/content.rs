//! The content of a request: bytes in memory, or pieces of which some are files that are read while they are sent.

use std::fs::File;
use std::future::Future;
use std::io::{self, Cursor, Read};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzEncoder;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use tokio::task::JoinHandle;

use crate::scenario::{BodyCoding, UploadFile};

/// The largest piece of a file in memory.
const CHUNK: usize = 64 << 10;

/// The content of a request; copies share their bytes.
#[derive(Debug, Clone)]
pub enum Content {
    /// Bytes in memory, as they are sent.
    Whole(Bytes),
    /// Pieces, one after the other.
    Pieces(Arc<Pieces>),
}

/// Pieces of a content, and their coding.
#[derive(Debug)]
pub struct Pieces {
    /// In order.
    pub pieces: Vec<Piece>,
    /// The coding in which they are sent.
    pub coding: BodyCoding,
}

/// A piece of a content.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Bytes in memory.
    Bytes(Bytes),
    /// A file; it must still have its length.
    File(Arc<UploadFile>),
}

impl Default for Content {
    /// No content.
    fn default() -> Self {
        Self::Whole(Bytes::new())
    }
}

impl From<Bytes> for Content {
    fn from(bytes: Bytes) -> Self {
        Self::Whole(bytes)
    }
}

impl Content {
    /// True if nothing is sent.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Pieces(_) => false,
        }
    }
}

impl Content {
    /// The number of bytes that are sent; `None` if it is not known before.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(bytes) => Some(bytes.len() as u64),
            Self::Pieces(pieces) => match pieces.coding {
                BodyCoding::Identity => Some(pieces.pieces.iter().map(Piece::length).sum()),
                BodyCoding::Gzip => None,
            },
        }
    }
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File(file) => file.length,
        }
    }
}

/// A content while it is sent.
pub(super) enum OutgoingBody {
    Whole(Full<Bytes>),
    Streamed(Box<Stream>),
}

/// Pieces that are read on threads for blocking work, a chunk at a time.
pub(super) struct Stream {
    state: State,
    /// The bytes left, if their number is known.
    left: Option<u64>,
}

enum State {
    Idle(Source),
    Reading(JoinHandle<(Source, io::Result<Bytes>)>),
    Over,
}

type Source = Box<dyn Read + Send + Sync>;

/// The fault of a file of a request: the target has no part in it.
#[derive(Debug, thiserror::Error)]
#[error("cannot send `{}`: {reason}", .file.path.display())]
pub(super) struct UploadFault {
    file: Arc<UploadFile>,
    reason: String,
}

impl Default for OutgoingBody {
    fn default() -> Self {
        Self::Whole(Full::default())
    }
}

impl From<Content> for OutgoingBody {
    fn from(content: Content) -> Self {
        let pieces = match content {
            Content::Whole(bytes) => return Self::Whole(Full::new(bytes)),
            Content::Pieces(pieces) => pieces,
        };
        let length = pieces.pieces.iter().map(Piece::length).sum();
        let coding = pieces.coding;
        let plain = Reader {
            pieces,
            next: 0,
            open: None,
        };
        let (source, left): (Source, _) = match coding {
            BodyCoding::Identity => (Box::new(plain), Some(length)),
            BodyCoding::Gzip => (Box::new(GzEncoder::new(plain, Compression::fast())), None),
        };
        Self::Streamed(Box::new(Stream {
            state: State::Idle(source),
            left,
        }))
    }
}

/// Reads pieces one after the other; opens each file when its turn comes.
struct Reader {
    pieces: Arc<Pieces>,
    next: usize,
    open: Option<Open>,
}

/// The piece that is read now.
enum Open {
    Bytes(Cursor<Bytes>),
    File(OpenFile),
}

struct OpenFile {
    file: Arc<UploadFile>,
    handle: File,
    left: u64,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match &mut self.open {
                Some(Open::Bytes(bytes)) => bytes.read(buffer)?,
                Some(Open::File(file)) => file.read(buffer)?,
                None => 0,
            };
            if read > 0 {
                return Ok(read);
            }
            let Some(piece) = self.pieces.pieces.get(self.next) else {
                return Ok(0);
            };
            self.next += 1;
            self.open = Some(match piece {
                Piece::Bytes(bytes) => Open::Bytes(Cursor::new(bytes.clone())),
                Piece::File(file) => Open::File(OpenFile::new(file)?),
            });
        }
    }
}

impl OpenFile {
    fn new(file: &Arc<UploadFile>) -> io::Result<Self> {
        match File::open(&file.path) {
            Ok(handle) => Ok(Self {
                file: Arc::clone(file),
                handle,
                left: file.length,
            }),
            Err(error) => Err(fault(file, &error.to_string())),
        }
    }

    /// Reads as many bytes as the file had when the run began, and fails if it has fewer now.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer
            .len()
            .min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most == 0 {
            return Ok(0);
        }
        let read = self.handle.read(&mut buffer[..most]);
        match read.map_err(|error| fault(&self.file, &error.to_string()))? {
            0 => Err(fault(&self.file, "it is shorter than when the run began")),
            read => {
                self.left -= read as u64;
                Ok(read)
            }
        }
    }
}

fn fault(file: &Arc<UploadFile>, reason: &str) -> io::Error {
    io::Error::other(UploadFault {
        file: Arc::clone(file),
        reason: reason.to_owned(),
    })
}

/// Reads the next chunk; an empty one is the end.
fn chunk(mut source: Source) -> (Source, io::Result<Bytes>) {
    let mut chunk = Vec::with_capacity(CHUNK);
    let read = source.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
    (source, read.map(|_| Bytes::from(chunk)))
}

impl Stream {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Idle(source) => {
                    let reading = tokio::task::spawn_blocking(|| chunk(source));
                    self.state = State::Reading(reading);
                }
                State::Reading(mut reading) => {
                    let Poll::Ready(read) = Pin::new(&mut reading).poll(cx) else {
                        self.state = State::Reading(reading);
                        return Poll::Pending;
                    };
                    let (source, read) = read.map_err(io::Error::other)?;
                    let chunk = read?;
                    if chunk.is_empty() {
                        return Poll::Ready(None);
                    }
                    if let Some(left) = &mut self.left {
                        *left = left.saturating_sub(chunk.len() as u64);
                    }
                    self.state = State::Idle(source);
                    return Poll::Ready(Some(Ok(chunk)));
                }
                State::Over => return Poll::Ready(None),
            }
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self.get_mut() {
            Self::Whole(whole) => {
                let frame = ready!(Pin::new(whole).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(|never| match never {})))
            }
            Self::Streamed(stream) => {
                let chunk = ready!(stream.poll_chunk(cx));
                Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Streamed(stream) => stream.left == Some(0) || matches!(stream.state, State::Over),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Streamed(stream) => stream
                .left
                .map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
