//! Reports of runs made up in full: every renderer from one fixed report, and what must hold of all of them.

mod fixture;
mod hostile;
mod live;
mod rebuilt;
mod schema;
mod sizes;
mod snapshots;
mod tails;
