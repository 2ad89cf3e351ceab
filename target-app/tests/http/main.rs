//! Folio over HTTP, on a port of its own in every test.

mod accounts;
mod catalogue;
mod folio;
mod lab;
mod service;
