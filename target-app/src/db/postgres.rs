//! PostgreSQL: how its URL becomes an address.

use sqlx::postgres::PgConnectOptions;

use super::OpenError;
use super::connection::Address;
use crate::config::Secret;

/// The address that is the value of `variable`.
pub(super) fn address(variable: &'static str, url: &Secret) -> Result<Address, OpenError> {
    let url = url.reveal();
    // The driver does not look at the scheme, and would ask another kind of server in vain.
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
        // Compiling a plan costs more than these short statements take.
        .options([("jit", "off")])
        // Who gives a statement up closes the connection, and the server would go on and write all the same, later than
        // the cache has been told.
        .options([("client_connection_check_interval", "200ms")]);
    Ok(Address::Postgres(Box::new(options)))
}
