//! Renders the content of a request.

use std::sync::Arc;

use bytes::Bytes;

use super::request::render;
use super::state::UserState;
use crate::expr::Missing;
use crate::plan::{BodyPiece, PlannedRequest, RequestBody, gzipped};
use crate::scenario::BodyCoding;
use crate::transport::{Content, Piece, Pieces};

/// The content of a request in its coding; `text` is a buffer.
pub(super) fn of(
    request: &PlannedRequest,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<Content, Missing> {
    Ok(match &request.body {
        RequestBody::Empty => Content::default(),
        RequestBody::Literal(bytes) => request.coded.as_ref().unwrap_or(bytes).clone().into(),
        RequestBody::Rendered(template) => {
            render(template, state, text)?;
            coded(Bytes::copy_from_slice(text.as_bytes()), request.coding)
        }
        RequestBody::Pieces(pieces) => of_pieces(pieces, request.coding, state, text)?,
    })
}

/// The largest body that is compressed on the users' own thread, in about a millisecond.
const LARGE: usize = 64 << 10;

/// Bytes in their coding; many bytes are compressed while they are sent, on another thread.
fn coded(bytes: Bytes, coding: BodyCoding) -> Content {
    match coding {
        BodyCoding::Identity => bytes.into(),
        BodyCoding::Gzip if bytes.len() <= LARGE => gzipped(&bytes).into(),
        BodyCoding::Gzip => Content::Pieces(Arc::new(Pieces {
            pieces: vec![Piece::Bytes(bytes)],
            coding,
        })),
    }
}

/// Pieces with their texts rendered; texts between two files are one piece.
fn of_pieces(
    pieces: &[BodyPiece],
    coding: BodyCoding,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<Content, Missing> {
    let mut rendered = Vec::new();
    text.clear();
    let take = |text: &mut String| {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        text.clear();
        bytes
    };
    for piece in pieces {
        match piece {
            BodyPiece::Text { template, .. } => template.render(state, text)?,
            BodyPiece::File(file) => {
                if !text.is_empty() {
                    rendered.push(Piece::Bytes(take(text)));
                }
                rendered.push(Piece::File(Arc::clone(file)));
            }
        }
    }
    let rest = take(text);
    if rendered.is_empty() {
        return Ok(coded(rest, coding));
    }
    if !rest.is_empty() {
        rendered.push(Piece::Bytes(rest));
    }
    Ok(Content::Pieces(Arc::new(Pieces {
        pieces: rendered,
        coding,
    })))
}
