//! Compiles the body of a request.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::request::pairs;
use super::{BodyPiece, RequestBody};
use crate::mask::is_secret_name;
use crate::scenario::{Body, BodyCoding, Part, PartContent, Template};

/// The text between the parts of a multipart body; it occurs in no other text by accident.
macro_rules! boundary {
    () => {
        "gander-5b1c0e8f7a3d4962"
    };
}

/// The content type of a body with parts.
pub(super) const MULTIPART: &str = concat!("multipart/form-data; boundary=", boundary!());

/// The content type of a file.
pub(super) const BYTES: &str = "application/octet-stream";

/// Compiles a request's body.
pub(super) fn body(body: &Body) -> RequestBody {
    let template = match body {
        Body::Empty => return RequestBody::Empty,
        Body::Text(template) | Body::Json(template) => template.clone(),
        Body::Form(fields) => pairs(fields),
        Body::File(file) => return RequestBody::Pieces([BodyPiece::File(Arc::clone(file))].into()),
        Body::Multipart(parts) => return RequestBody::Pieces(multipart(parts).into()),
    };
    match template.literal() {
        Some("") => RequestBody::Empty,
        Some(text) => RequestBody::Literal(Bytes::copy_from_slice(text.as_bytes())),
        None => RequestBody::Rendered(template),
    }
}

fn multipart(parts: &[Part]) -> Vec<BodyPiece> {
    let mut pieces = Vec::new();
    let literal = |text: &str| BodyPiece::Text {
        template: Template::from_literal(text),
        is_secret: false,
    };
    for (index, part) in parts.iter().enumerate() {
        let line = if index == 0 { "" } else { "\r\n" };
        let head = format!("{line}--{}\r\n{}\r\n\r\n", boundary!(), head(part));
        pieces.push(literal(&head));
        pieces.push(match &part.content {
            PartContent::Text(template) | PartContent::Json(template) => BodyPiece::Text {
                template: template.clone(),
                is_secret: is_secret_name(&part.name),
            },
            PartContent::File(file) => BodyPiece::File(Arc::clone(file)),
        });
    }
    pieces.push(literal(concat!("\r\n--", boundary!(), "--\r\n")));
    pieces
}

/// The header lines of a part.
fn head(part: &Part) -> String {
    let mut head = format!(
        "Content-Disposition: form-data; name=\"{}\"",
        escaped(&part.name)
    );
    if let Some(name) = &part.filename {
        let _ = write!(head, "; filename=\"{}\"", escaped(name));
    }
    let default = match part.content {
        PartContent::Text(_) => None,
        PartContent::Json(_) => Some("application/json"),
        PartContent::File(_) => Some(BYTES),
    };
    if let Some(content_type) = part.content_type.as_deref().or(default) {
        let _ = write!(head, "\r\nContent-Type: {content_type}");
    }
    head
}

/// A name as browsers write it into `Content-Disposition`.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A literal body in its coding; `None` for other bodies, and if nothing is coded.
pub(super) fn coded(body: &RequestBody, coding: BodyCoding) -> Option<Bytes> {
    match (body, coding) {
        (RequestBody::Literal(bytes), BodyCoding::Gzip) => Some(gzipped(bytes)),
        (
            RequestBody::Empty
            | RequestBody::Literal(_)
            | RequestBody::Rendered(_)
            | RequestBody::Pieces(_),
            BodyCoding::Identity | BodyCoding::Gzip,
        ) => None,
    }
}

/// Bytes compressed with gzip.
pub fn gzipped(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // A vector takes everything.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default().into()
}
