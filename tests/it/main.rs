//! Integration tests, in one binary: each module holds what its name says, through the public interface.

mod transport;
mod transport_bodies;
mod transport_limits;
mod transport_malformed;
mod transport_redirects;
mod transport_tls;
