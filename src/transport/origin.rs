//! Origins: scheme, host and port of a URL, parsed once for all requests to them.

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};

use super::failure::ExchangeFailure;
use crate::outcome::Outcome;

/// Whether a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Security {
    /// `http`
    Plain,
    /// `https`
    Tls,
}

impl Security {
    /// The security of a URL's scheme; `None` if the scheme is not supported.
    pub(super) fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "http" => Some(Self::Plain),
            "https" => Some(Self::Tls),
            _ => None,
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Plain => 80,
            Self::Tls => 443,
        }
    }
}

/// A scheme, host and port.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
    pub(super) security: Security,
    /// A name, or an address without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of the `host` header.
    pub(super) host_header: HeaderValue,
}

impl Origin {
    /// The origin of an absolute `http` or `https` URL; its credentials are left out.
    pub(super) fn of(uri: &Uri) -> Result<Self, ExchangeFailure> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(unusable(uri, "a scheme and a host"));
        };
        let Some(security) = Security::of(scheme.as_str()) else {
            return Err(unusable(uri, "http or https"));
        };
        let without_credentials = authority.as_str().rsplit('@').next().unwrap_or_default();
        let (host, Ok(host_header)) =
            (authority.host(), HeaderValue::from_str(without_credentials))
        else {
            return Err(unusable(uri, "a host name"));
        };
        if host.is_empty() {
            return Err(unusable(uri, "a host name"));
        }
        let after_host = without_credentials.strip_prefix(host);
        let port = match after_host.and_then(|rest| rest.strip_prefix(':')) {
            None => security.default_port(),
            // The URL parser accepts any text as a port.
            Some(port) => match port.parse() {
                Ok(port) => port,
                Err(_) => return Err(unusable(uri, "a port from 0 to 65535")),
            },
        };
        Ok(Self {
            scheme: scheme.clone(),
            authority: authority.clone(),
            security,
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            host_header,
        })
    }

    /// Whether `uri` has this scheme and authority, written the same way.
    pub(super) fn is_of(&self, uri: &Uri) -> bool {
        uri.scheme() == Some(&self.scheme) && uri.authority() == Some(&self.authority)
    }

    /// Whether scheme, host and port are the same, however they are written.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.security == other.security
            && self.port == other.port
            && self.host.eq_ignore_ascii_case(&other.host)
    }
}

fn unusable(uri: &Uri, expected: &str) -> ExchangeFailure {
    ExchangeFailure::new(
        Outcome::ConnectFailed,
        &format!("{uri} cannot be requested: expected {expected}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &'static str) -> Result<Origin, ExchangeFailure> {
        Origin::of(&Uri::from_static(url))
    }

    #[test]
    fn credentials_and_brackets_stay_out_of_host_and_header() {
        let origin = origin("http://user:secret@[::1]:8080/a").expect("an origin");
        assert_eq!((origin.host.as_str(), origin.port), ("::1", 8080));
        assert_eq!(origin.host_header, "[::1]:8080");
    }

    #[test]
    fn the_default_port_makes_no_difference() {
        let written = origin("https://Example.org:443/").expect("an origin");
        let left_out = origin("https://example.org/x").expect("an origin");
        let plain = origin("http://example.org:443/").expect("an origin");
        assert!(written.is_same(&left_out));
        assert!(!written.is_same(&plain));
    }

    #[test]
    fn what_cannot_be_requested_is_a_failure() {
        for url in [
            "/only/a/path",
            "ftp://example.org/",
            "http://example.org:99999/",
            "http://[::1]:8o80/",
        ] {
            let failure = origin(url).expect_err("no origin");
            assert_eq!(failure.outcome, Outcome::ConnectFailed, "{url}");
        }
    }
}
