//! Takes a complete body out of a response, and restores a body that turns out to be incomplete.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;

/// The bytes of a body that consists of one frame that is ready; any other body is returned unchanged.
pub(super) fn whole(mut body: Body) -> Result<Bytes, Body> {
    let size = body.size_hint();
    match body.frame().now_or_never() {
        None => Err(body),
        Some(None) => Ok(Bytes::new()),
        Some(Some(first)) => match first.map(Frame::into_data) {
            Ok(Ok(bytes)) if size.exact() == Some(bytes.len() as u64) => Ok(bytes),
            Ok(Ok(bytes)) => Err(rejoined(Ok(Frame::data(bytes)), body)),
            Ok(Err(trailers)) => Err(rejoined(Ok(trailers), body)),
            Err(error) => Err(rejoined(Err(error), body)),
        },
    }
}

fn rejoined(first: Result<Frame<Bytes>, axum::Error>, rest: Body) -> Body {
    Body::new(Rejoined {
        first: Some(first),
        rest,
    })
}

/// A frame that was taken too early, followed by the rest of its body.
struct Rejoined {
    first: Option<Result<Frame<Bytes>, axum::Error>>,
    rest: Body,
}

impl HttpBody for Rejoined {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = match &self.first {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            Some(Err(_)) | None => 0,
        };
        let rest = self.rest.size_hint();
        let mut size = SizeHint::new();
        size.set_lower(rest.lower() + first);
        if let Some(upper) = rest.upper() {
            size.set_upper(upper + first);
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body_util::{LengthLimitError, Limited, StreamBody};

    use super::*;

    fn streamed(chunks: &[&'static str]) -> Body {
        let chunks = chunks.to_vec();
        Body::from_stream(stream::iter(chunks.into_iter().map(Ok::<_, Infallible>)))
    }

    #[tokio::test]
    async fn only_complete_bodies_are_taken_and_others_stay_unchanged() {
        let bytes = Bytes::from_static(b"whole");
        assert_eq!(whole(Body::from(bytes.clone())).ok(), Some(bytes));
        let back = whole(streamed(&["in ", "parts"])).expect_err("a stream");
        assert_eq!(back.size_hint().lower(), 3);
        let collected = back.collect().await.expect("no fault").to_bytes();
        assert_eq!(collected, "in parts");
        let pending = stream::pending::<Result<Frame<Bytes>, Infallible>>();
        assert!(whole(Body::new(StreamBody::new(pending))).is_err());
    }

    #[tokio::test]
    async fn a_fault_in_the_first_frame_is_passed_on() {
        let faulty = Body::new(Limited::new(streamed(&["too long"]), 3));
        let back = whole(faulty).expect_err("no bytes");
        let error = back.collect().await.expect_err("the fault").into_inner();
        assert!(error.is::<LengthLimitError>() || error.to_string().contains("length limit"));
    }
}
