//! One GET, without a scenario.

use anyhow::Context as _;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use url::{Position, Url};

use super::CommandError;
use crate::plan::ReadsBody;
use crate::scenario::{Cookies, Timeouts, TlsOptions};
use crate::transport::{Client, Content, Exchange, Outgoing, Settings, Shared};
use crate::units::ByteSize;

/// The largest body that is read.
const MAX_BODY: ByteSize = ByteSize(4 << 20);

/// Sends one GET and follows its redirects; the outcome is in the exchange.
pub(super) async fn fetch(url: &Url, allowed_hosts: Vec<String>) -> Result<Exchange, CommandError> {
    let argument = |error: anyhow::Error| CommandError::Argument(error);
    let tls = TlsOptions::default();
    let transport = Shared::new(Settings {
        redirects: 10,
        cookies: Cookies::PerUser,
        body_limit: MAX_BODY,
        resend: true,
        tls: &tls,
        allowed_hosts,
    });
    let transport = transport.map_err(|error| argument(error.into()))?;
    if url.scheme() == "https" {
        let prepared = transport.prepare_tls().await;
        prepared.map_err(|error| argument(error.into()))?;
    }
    let uri: Uri = url
        .as_str()
        .parse()
        .with_context(|| {
            format!(
                "{} is not a URL that can be requested",
                &url[..Position::AfterPath]
            )
        })
        .map_err(argument)?;
    let mut headers = HeaderMap::new();
    let agent = concat!("gander/", env!("CARGO_PKG_VERSION"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
    let outgoing = Outgoing {
        method: &Method::GET,
        uri: &uri,
        headers,
        content: Content::default(),
        cookies: Vec::new(),
        header_case: None,
        redirects: None,
        timeouts: Timeouts::default(),
        reads_body: ReadsBody::Yes,
    };
    Ok(Client::new(transport).send(outgoing).await)
}
