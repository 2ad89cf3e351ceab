//! Identifies the client of a request and limits the priority that it may claim.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::auth::Auth;
use crate::bulkhead::RequestPriority;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const PRIORITY: HeaderName = HeaderName::from_static("x-priority");

/// The client that a request is counted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ClientKey {
    /// The user of a valid access token; the session may be closed by now.
    User(i64),
    /// The holder of this key of `admission.api_keys`, as a hash.
    ApiKey(u64),
    /// A peer address. Of an IPv6 address only the first 64 bits count, because a client can choose the others freely.
    Peer(IpAddr),
}

impl fmt::Display for ClientKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(out, "user:{id}"),
            Self::ApiKey(digest) => write!(out, "key:{digest:016x}"),
            Self::Peer(address) => write!(out, "peer:{address}"),
        }
    }
}

/// The API key that was sent is not in `admission.api_keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownKey {
    /// The peer address of the request.
    pub(super) peer: ClientKey,
}

impl ClientKey {
    /// Whether the request has no token and no key and comes from this machine.
    pub(super) fn is_anonymous_loopback(self) -> bool {
        matches!(self, Self::Peer(address) if address.is_loopback())
    }

    /// Whether the client presented a credential that it cannot invent.
    fn is_trusted(self) -> bool {
        matches!(self, Self::User(_) | Self::ApiKey(_))
    }
}

/// The client of this request: the user of its token, else its API key, else its address. An API key must be one of
/// `api_keys`.
pub(super) fn client_of(
    request: &mut Request,
    auth: &Auth,
    api_keys: &[String],
) -> Result<ClientKey, UnknownKey> {
    let api_key = request.headers().get(API_KEY).map(HeaderValue::as_bytes);
    if api_key.is_some_and(|key| !is_one_of(key, api_keys)) {
        return Err(UnknownKey {
            peer: peer_of(request),
        });
    }
    let api_key = api_key.map(digest);
    // An invalid token is ignored, so that inventing tokens gives no additional buckets.
    if let Some(user_id) = auth.peek_user(request) {
        return Ok(ClientKey::User(user_id));
    }
    if let Some(key) = api_key {
        return Ok(ClientKey::ApiKey(key));
    }
    Ok(peer_of(request))
}

fn peer_of(request: &Request) -> ClientKey {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>();
    // A request has no peer only when the router is called without a listener.
    let loopback = IpAddr::V6(Ipv6Addr::LOCALHOST);
    ClientKey::Peer(peer.map_or(loopback, |ConnectInfo(peer)| network_of(peer.ip())))
}

/// The priority that the request asks for; only known clients may ask for more than normal.
pub(super) fn priority_of(headers: &HeaderMap, client: ClientKey) -> RequestPriority {
    let Some(said) = headers.get(PRIORITY) else {
        return RequestPriority::Normal;
    };
    let said = RequestPriority::ALL
        .into_iter()
        .find(|priority| {
            said.as_bytes()
                .eq_ignore_ascii_case(priority.as_str().as_bytes())
        })
        .unwrap_or(RequestPriority::Normal);
    if client.is_trusted() {
        said
    } else {
        said.min(RequestPriority::Normal)
    }
}

/// A hash that is the same on every instance and does not reveal the secret to readers of the shared store.
fn digest(secret: &[u8]) -> u64 {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    digest
        .iter()
        .take(8)
        .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Compares with every key in constant time, so that the duration does not reveal how many bytes matched.
fn is_one_of(presented: &[u8], keys: &[String]) -> bool {
    let found = keys.iter().fold(0, |found, key| {
        found | presented.ct_eq(key.as_bytes()).unwrap_u8()
    });
    found == 1
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;

    use super::*;
    use crate::kv::Kv;
    use crate::metrics::Metrics;
    use crate::settings::{Live, Settings};

    fn request(headers: &[(&str, &str)], peer: &str) -> Request {
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a name");
            let value = value.parse().expect("a value");
            request.headers_mut().append(name, value);
        }
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4_711);
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    }

    fn auth() -> Auth {
        let settings = Arc::new(Live::new(Settings::default()));
        let metrics = Metrics::new().expect("metrics");
        Auth::new(&Kv::memory(), settings, &metrics).expect("auth")
    }

    fn keys() -> Vec<String> {
        vec!["first".to_owned(), "second".to_owned()]
    }

    #[tokio::test]
    async fn a_user_counts_before_a_key_and_a_key_before_the_address() {
        let auth = auth();
        let key_of = |headers: &[(&str, &str)]| {
            client_of(&mut request(headers, "192.0.2.7"), &auth, &keys())
        };
        let one = auth.open(42, "one device").await.expect("a session");
        let other = auth.open(42, "another").await.expect("a session");
        for pair in [one, other] {
            let pair = serde_json::to_value(pair).expect("JSON");
            let token = pair["access_token"].as_str().expect("a token");
            let bearer = format!("Bearer {token}");
            let headers = [("authorization", &*bearer), ("x-api-key", "first")];
            assert_eq!(key_of(&headers), Ok(ClientKey::User(42)));
        }
        let invented = [("authorization", "Bearer abc"), ("x-api-key", "first")];
        let key = key_of(&invented).expect("a client");
        assert!(matches!(key, ClientKey::ApiKey(_)));
        assert_ne!(key_of(&[("x-api-key", "second")]), Ok(key));
        let address = "192.0.2.7".parse().expect("an address");
        assert_eq!(key_of(&invented[..1]), Ok(ClientKey::Peer(address)));
    }

    #[tokio::test]
    async fn an_unknown_key_is_refused_also_beside_a_token() {
        let auth = auth();
        for (key, known) in [
            ("first", keys()),
            ("", keys()),
            ("firs", keys()),
            ("first", Vec::new()),
        ] {
            let headers = [("x-api-key", key), ("authorization", "Bearer abc")];
            let found = client_of(&mut request(&headers, "127.0.0.1"), &auth, &known);
            let is_known = key == "first" && !known.is_empty();
            assert_eq!(found.is_ok(), is_known, "{key:?} of {known:?}");
        }
    }

    #[tokio::test]
    async fn addresses_of_one_network_are_one_client() {
        let auth = auth();
        let of = |peer| client_of(&mut request(&[], peer), &auth, &[]);
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        for (peer, expected) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.2", true),
            ("192.0.2.7", false),
        ] {
            let client = of(peer).expect("a client");
            assert_eq!(client.is_anonymous_loopback(), expected, "{peer}");
        }
    }

    #[test]
    fn only_known_clients_may_raise_their_priority() {
        let peer = ClientKey::Peer(IpAddr::V6(Ipv6Addr::LOCALHOST));
        for (said, trusted, anonymous) in [
            (
                "critical",
                RequestPriority::Critical,
                RequestPriority::Normal,
            ),
            ("High", RequestPriority::High, RequestPriority::Normal),
            ("normal", RequestPriority::Normal, RequestPriority::Normal),
            ("low", RequestPriority::Low, RequestPriority::Low),
            ("urgent", RequestPriority::Normal, RequestPriority::Normal),
        ] {
            let headers = request(&[("x-priority", said)], "::1").headers().clone();
            assert_eq!(priority_of(&headers, ClientKey::ApiKey(1)), trusted);
            assert_eq!(priority_of(&headers, ClientKey::User(1)), trusted);
            assert_eq!(priority_of(&headers, peer), anonymous);
        }
        assert_eq!(
            priority_of(&HeaderMap::new(), ClientKey::ApiKey(1)),
            RequestPriority::Normal
        );
    }
}
