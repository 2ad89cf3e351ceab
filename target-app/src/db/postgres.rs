//! PostgreSQL: connection options from its URL.

use sqlx::postgres::PgConnectOptions;

use super::OpenError;
use super::connection::Address;
use crate::config::Secret;

/// Parses the value of `variable`.
pub(super) fn address(variable: &'static str, url: &Secret) -> Result<Address, OpenError> {
    let url = url.reveal();
    // The driver ignores the scheme, and would try to talk to another kind of server.
    let is_ours = url.starts_with("postgres://") || url.starts_with("postgresql://");
    let options: Result<PgConnectOptions, _> = if is_ours {
        url.parse()
    } else {
        Err(sqlx::Error::Configuration(
            "the URL does not begin with postgres:// or postgresql://".into(),
        ))
    };
    let options = options.map_err(|error| OpenError::Url {
        variable,
        source: error.into(),
    })?;
    let options = options
        .application_name("folio")
        .statement_cache_capacity(128)
        // JIT compilation costs more than these short statements take.
        .options([("jit", "off")])
        // A caller that gives up closes its connection. Without this check the server would still execute the write,
        // later than the cache was told.
        .options([("client_connection_check_interval", "200ms")]);
    Ok(Address::Postgres(Box::new(options)))
}
