//! What is let in, how fast, and in which order.
//!
//! Every route of the service lies behind [`admit`], in a lane that says how it is counted: the client's rate first, then
//! the whole body, then for heavy requests the queue and a place among the requests under way, both within one time limit. Health, metrics,
//! administration and the lab stay outside, so that an overload can be seen and ended.

mod body;
mod client;
mod limits;
mod rate;
mod window;

pub(crate) use limits::{Admission, Lane, admit};
