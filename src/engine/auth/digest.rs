//! Digest authentication (RFC 7616): reads challenges, and computes the responses to them.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderName, Method, Uri};
use http_auth::{ChallengeParser, ChallengeRef};
use md5::Md5;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256, Sha512_256};

use crate::expr::hex;

const INFO: HeaderName = HeaderName::from_static("authentication-info");

/// The challenges that a user has, by the address of the server. A nonce serves many requests, which it counts.
#[derive(Debug)]
pub(in crate::engine) struct Challenges {
    /// Decides the user's own nonces.
    salt: u64,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// The number of challenges so far.
    taken: u64,
    by_address: HashMap<String, Challenge>,
}

/// The parts of a request that a response is computed from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    /// The body; `None` if it is read while it is sent.
    pub(super) body: Option<&'a [u8]>,
    pub(super) user: &'a str,
    pub(super) password: &'a str,
}

/// A challenge of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Challenge {
    realm: String,
    nonce: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    protection: Protection,
    hashes_user: bool,
    /// The user's own nonce; the same for all requests with the server's nonce, as `-sess` needs it.
    own_nonce: String,
    /// The number of requests with this nonce.
    count: u32,
}

/// A hash function, and whether its key belongs to a session (`-sess`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Algorithm {
    /// As the server writes it; empty if it names none.
    name: String,
    hash: Hash,
    is_session: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Md5,
    Sha256,
    Sha512Half,
}

/// The quality of protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protection {
    /// None, as before RFC 2617.
    Old,
    /// `auth`
    Head,
    /// `auth-int`
    Whole,
}

impl Challenges {
    pub(super) fn new(salt: u64) -> Self {
        Self {
            salt,
            held: Mutex::default(),
        }
    }

    /// The value of `authorization` for the next request to this server, and the nonce in it; `None` without a challenge.
    pub(super) fn respond(&self, request: Signed<'_>) -> Option<(String, String)> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let challenge = held.by_address.get_mut(&address(request.uri))?;
        challenge.count += 1;
        Some((challenge.respond(request), challenge.nonce.clone()))
    }

    /// Takes the first challenge of a response that can be answered. The result is its nonce, and whether only the nonce
    /// of the request was too old.
    pub(super) fn take(&self, uri: &Uri, headers: &HeaderMap) -> Option<(String, bool)> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.taken += 1;
        let own_nonce = format!(
            "{:016x}",
            crate::engine::state::scrambled(self.salt ^ held.taken)
        );
        let values = headers.get_all(WWW_AUTHENTICATE).into_iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        let mut challenges =
            texts.flat_map(|text| ChallengeParser::new(text).filter_map(Result::ok));
        let (challenge, is_stale) =
            challenges.find_map(|found| Challenge::of(&found, &own_nonce))?;
        let nonce = challenge.nonce.clone();
        held.by_address.insert(address(uri), challenge);
        Some((nonce, is_stale))
    }

    /// Takes the nonce that a response names for the next request.
    pub(super) fn note(&self, uri: &Uri, headers: &HeaderMap) {
        let Some(value) = headers.get(INFO).and_then(|value| value.to_str().ok()) else {
            return;
        };
        let whole = format!("Digest {value}");
        let parsed = ChallengeParser::new(&whole).find_map(Result::ok);
        let next = parsed.and_then(|parsed| parameter(&parsed, "nextnonce"));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(next), Some(challenge)) = (next, held.by_address.get_mut(&address(uri))) {
            challenge.nonce = next;
            challenge.count = 0;
        }
    }
}

/// Scheme, host and port of a URL.
fn address(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}").to_ascii_lowercase()
}

/// A parameter of a challenge.
fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let mut parameters = challenge.params.iter();
    let found = parameters.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

impl Challenge {
    /// The challenge, if this client can answer it, and whether the nonce of the request was too old.
    fn of(challenge: &ChallengeRef<'_>, own_nonce: &str) -> Option<(Self, bool)> {
        let get = |name| parameter(challenge, name);
        let is_true = |name| get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if !challenge.scheme.eq_ignore_ascii_case("digest") {
            return None;
        }
        let protection = match get("qop") {
            None => Protection::Old,
            Some(offered) => {
                let offers = |word: &str| {
                    offered
                        .split(',')
                        .any(|one| one.trim().eq_ignore_ascii_case(word))
                };
                match (offers("auth"), offers("auth-int")) {
                    (true, _) => Protection::Head,
                    (false, true) => Protection::Whole,
                    (false, false) => return None,
                }
            }
        };
        let found = Self {
            realm: get("realm")?,
            nonce: get("nonce")?,
            opaque: get("opaque"),
            algorithm: Algorithm::of(get("algorithm").unwrap_or_default())?,
            protection,
            hashes_user: is_true("userhash"),
            own_nonce: own_nonce.to_owned(),
            count: 0,
        };
        Some((found, is_true("stale")))
    }

    /// The value of `authorization` (RFC 7616, 3.4).
    fn respond(&self, request: Signed<'_>) -> String {
        let Self {
            realm,
            nonce,
            own_nonce,
            ..
        } = self;
        let Signed { user, password, .. } = request;
        let hash = |text: &str| self.algorithm.hash.hex(text.as_bytes());
        let path = request
            .uri
            .path_and_query()
            .map_or("/", |path| path.as_str());
        let mut secret = hash(&format!("{user}:{realm}:{password}"));
        if self.algorithm.is_session {
            secret = hash(&format!("{secret}:{nonce}:{own_nonce}"));
        }
        let content = match self.protection {
            Protection::Old | Protection::Head => hash(&format!("{}:{path}", request.method)),
            Protection::Whole => {
                let body = self.algorithm.hash.hex(request.body.unwrap_or_default());
                hash(&format!("{}:{path}:{body}", request.method))
            }
        };
        let count = format!("{:08x}", self.count);
        let word = match self.protection {
            Protection::Old => None,
            Protection::Head => Some("auth"),
            Protection::Whole => Some("auth-int"),
        };
        let response = match word {
            None => hash(&format!("{secret}:{nonce}:{content}")),
            Some(word) => hash(&format!(
                "{secret}:{nonce}:{count}:{own_nonce}:{word}:{content}"
            )),
        };
        let mut header = String::from("Digest ");
        if self.hashes_user {
            let _ = write!(
                header,
                "username=\"{}\", userhash=true",
                hash(&format!("{user}:{realm}"))
            );
        } else if user.is_ascii() {
            let _ = write!(header, "username=\"{}\"", quoted(user));
        } else {
            let encoded = utf8_percent_encode(user, NON_ALPHANUMERIC);
            let _ = write!(header, "username*=UTF-8''{encoded}");
        }
        let _ = write!(
            header,
            ", realm=\"{}\", nonce=\"{}\", uri=\"{path}\", response=\"{response}\"",
            quoted(realm),
            quoted(nonce)
        );
        if !self.algorithm.name.is_empty() {
            let _ = write!(header, ", algorithm={}", self.algorithm.name);
        }
        if let Some(opaque) = &self.opaque {
            let _ = write!(header, ", opaque=\"{}\"", quoted(opaque));
        }
        if let Some(word) = word {
            let _ = write!(header, ", qop={word}, nc={count}");
        }
        if word.is_some() || self.algorithm.is_session {
            let _ = write!(header, ", cnonce=\"{own_nonce}\"");
        }
        header
    }
}

impl Algorithm {
    /// The algorithm with this name; MD5 without one. `None` if it is unknown.
    fn of(name: String) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let base = upper.strip_suffix("-SESS");
        let hash = match base.unwrap_or(&upper) {
            "" | "MD5" => Hash::Md5,
            "SHA-256" => Hash::Sha256,
            "SHA-512-256" => Hash::Sha512Half,
            _ => return None,
        };
        let is_session = base.is_some();
        Some(Self {
            name,
            hash,
            is_session,
        })
    }
}

impl Hash {
    /// The hash in lower-case hex.
    fn hex(self, bytes: &[u8]) -> String {
        match self {
            Self::Md5 => hex(&Md5::digest(bytes)),
            Self::Sha256 => hex(&Sha256::digest(bytes)),
            Self::Sha512Half => hex(&Sha512_256::digest(bytes)),
        }
    }
}

/// The content of a quoted string.
fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let values = values
            .iter()
            .map(|value| (WWW_AUTHENTICATE, HeaderValue::from_static(value)));
        values.collect()
    }

    /// The response with the nonces and counts of an example.
    fn response(challenge: &str, own_nonce: &str, path: &str, user: [&str; 2]) -> String {
        let parsed = ChallengeParser::new(challenge)
            .next()
            .expect("a challenge")
            .expect("valid");
        let (mut challenge, _) =
            Challenge::of(&parsed, own_nonce).expect("one that can be answered");
        challenge.count = 1;
        let uri = format!("http://www.example.org{path}")
            .parse()
            .expect("a URL");
        let [user, password] = user;
        challenge.respond(Signed {
            method: &Method::GET,
            uri: &uri,
            body: Some(b""),
            user,
            password,
        })
    }

    fn part<'h>(header: &'h str, name: &str) -> &'h str {
        let rest = header.split_once(&format!("{name}=\"")).expect(name).1;
        rest.split('"').next().expect("a value")
    }

    /// RFC 7616, 3.9.1 and, with SHA-512/256 instead of a part of SHA-512 (erratum 4897), 3.9.2.
    #[test]
    fn responses_are_those_of_the_rfc() {
        let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let opaque = "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS";
        let own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            (
                "SHA-256",
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let challenge = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, nonce=\"{nonce}\", opaque=\"{opaque}\""
            );
            let mufasa = ["Mufasa", "Circle of Life"];
            let header = response(&challenge, own, "/dir/index.html", mufasa);
            assert_eq!(part(&header, "response"), expected, "{header}");
            assert_eq!(part(&header, "opaque"), opaque);
            assert!(header.contains("qop=auth, nc=00000001"), "{header}");
        }
        let challenge = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
             opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, userhash=true";
        let own = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
        let header = response(
            challenge,
            own,
            "/doe.json",
            ["J\u{e4}s\u{f8}n Doe", "Secret, or not?"],
        );
        assert_eq!(
            part(&header, "username"),
            "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
        );
        assert_eq!(
            part(&header, "response"),
            "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
        );
    }

    #[test]
    fn the_first_challenge_that_can_be_answered_is_taken() {
        let uri = Uri::from_static("http://a.test/x");
        let challenges = Challenges::new(1);
        let taken = challenges.take(
            &uri,
            &headers(&[
                "Negotiate, Basic realm=\"b, Digest\"",
                "Digest realm=r, nonce=n0, algorithm=SHA3-1, Digest realm=\"r\", nonce=\"n\\\"1\", qop=\"auth-int\", stale=TRUE",
            ]),
        );
        assert_eq!(taken, Some(("n\"1".to_owned(), true)));
        let request = |uri| Signed {
            method: &Method::POST,
            uri,
            body: Some(b"x"),
            user: "u",
            password: "p",
        };
        let counts = [(); 3].map(|()| challenges.respond(request(&uri)).expect("answered").0);
        for (header, count) in counts
            .iter()
            .zip(["nc=00000001", "nc=00000002", "nc=00000003"])
        {
            assert!(header.contains(count), "{header}");
        }
        assert_eq!(
            challenges.respond(request(&Uri::from_static("http://b.test/x"))),
            None
        );
        assert_eq!(
            challenges.take(
                &uri,
                &headers(&["Basic realm=r", "Digest realm=r, nonce=n, qop=other"])
            ),
            None
        );
    }
}
