//! Reports of constructed runs: every renderer from one fixed report, and properties of all of them.

mod analysis;
mod ci;
mod custom;
mod fixture;
mod hostile;
mod junit;
mod live;
mod rebuilt;
mod schema;
mod sizes;
mod slopes;
mod snapshots;
mod tails;

pub(crate) use hostile::PAYLOADS;
