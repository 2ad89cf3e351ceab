//! Admission control: which requests are let in, how fast, and in which order.
//!
//! Every route of the service is behind [`admit`], in a lane that decides its limits: first the rate limit of the
//! client, then the whole body, then for heavy requests the queue, then the limit of concurrent requests; one time
//! limit covers all of it. Health, metrics, administration and the lab are outside, so that an operator can observe and
//! end an overload.

mod body;
mod client;
mod limits;
mod rate;
mod window;

pub(crate) use limits::{Admission, Lane, admit};
