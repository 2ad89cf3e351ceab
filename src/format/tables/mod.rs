//! The tables of every mapping except steps; the table of a step is beside its reader.

pub(crate) mod assets;
pub(crate) mod attempts;
pub(crate) mod auth;
pub(crate) mod block;
pub(crate) mod body;
pub(crate) mod capture;
pub(crate) mod check;
pub(crate) mod css;
pub(crate) mod data;
pub(crate) mod delay;
pub(crate) mod flow;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod metric;
pub(crate) mod monitor;
pub(crate) mod scenario;
pub(crate) mod secret;
pub(crate) mod target;
pub(crate) mod threshold;
