//! Outputs while a run goes: their figures are those of the run, and none of them disturbs it.

mod agreement;
mod dashboard;
mod exposition;
mod options;
mod receiver;
mod text;
mod unreliable;
mod wire;
