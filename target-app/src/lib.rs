//! Folio.
