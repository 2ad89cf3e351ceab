//! Credentials of requests, as a scenario defines them.

use std::sync::Arc;

use http::HeaderName;

use super::Template;
use crate::format::words::{HmacAlgorithm, SignatureEncoding};

/// The credentials of a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum RequestAuth {
    /// None: there is no default, or `auth: none`.
    #[default]
    None,
    /// Those of the request itself.
    Own(Auth),
    /// The default of its flow or of the file; for `target` and `targets` only.
    Inherited(Auth),
}

/// A scheme with its credentials.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    /// User and password, in base64.
    Basic(Template, Template),
    /// A token.
    Bearer(Template),
    /// A key, and its place.
    ApiKey(KeyPlace, Template),
    /// A signature with a shared key.
    Hmac(Arc<HmacSigning>),
    /// A signature of AWS.
    AwsSigV4(Arc<AwsSigning>),
}

/// The place of a key in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A header.
    Header(HeaderName),
    /// A pair of the query with this name.
    Query(String),
}

/// `hmac:`, a signature with a shared key.
#[derive(Debug, Clone, PartialEq)]
pub struct HmacSigning {
    /// The shared key.
    pub key: Template,
    /// The signed text.
    pub sign: Template,
    /// The hash function.
    pub algorithm: HmacAlgorithm,
    /// How the signature is written.
    pub encoding: SignatureEncoding,
    /// The headers to add; at least one contains the signature.
    pub headers: Vec<(HeaderName, Template)>,
}

/// `aws_sigv4:`, a signature of AWS.
#[derive(Debug, Clone, PartialEq)]
pub struct AwsSigning {
    /// The access key's identifier.
    pub access_key: Template,
    /// The secret access key.
    pub secret_key: Template,
    /// The token of temporary credentials; empty without one.
    pub session_token: Template,
    /// The region.
    pub region: Template,
    /// The service's name.
    pub service: Template,
}

impl RequestAuth {
    /// The scheme, whoever chose it.
    pub const fn scheme(&self) -> Option<&Auth> {
        match self {
            Self::None => None,
            Self::Own(auth) | Self::Inherited(auth) => Some(auth),
        }
    }
}

impl Auth {
    /// Its key in the file: `basic`.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Basic(..) => "basic",
            Self::Bearer(_) => "bearer",
            Self::ApiKey(..) => "api_key",
            Self::Hmac(_) => "hmac",
            Self::AwsSigV4(_) => "aws_sigv4",
        }
    }

    /// The templates whose values are credentials.
    pub fn secrets(&self) -> Vec<&Template> {
        match self {
            Self::Basic(user, password) => vec![user, password],
            Self::Bearer(secret) | Self::ApiKey(_, secret) => vec![secret],
            Self::Hmac(signing) => vec![&signing.key],
            Self::AwsSigV4(signing) => {
                vec![
                    &signing.access_key,
                    &signing.secret_key,
                    &signing.session_token,
                ]
            }
        }
    }

    /// The other templates.
    pub fn settings(&self) -> Vec<&Template> {
        match self {
            Self::Basic(..) | Self::Bearer(_) | Self::ApiKey(..) => Vec::new(),
            Self::Hmac(signing) => {
                let headers = signing.headers.iter().map(|(_, value)| value);
                std::iter::once(&signing.sign).chain(headers).collect()
            }
            Self::AwsSigV4(signing) => vec![&signing.region, &signing.service],
        }
    }

    /// The words that choose how it is sent, for a hash of the load.
    pub fn choices(&self) -> Vec<String> {
        match self {
            Self::Basic(..) | Self::Bearer(_) | Self::AwsSigV4(_) => Vec::new(),
            Self::ApiKey(KeyPlace::Header(name), _) => vec!["header".to_owned(), name.to_string()],
            Self::ApiKey(KeyPlace::Query(name), _) => vec!["query".to_owned(), name.clone()],
            Self::Hmac(signing) => {
                let words = [signing.algorithm.word(), signing.encoding.word()].map(str::to_owned);
                let names = signing.headers.iter().map(|(name, _)| name.to_string());
                words.into_iter().chain(names).collect()
            }
        }
    }

    /// True if it sets this header.
    pub fn sets(&self, name: &HeaderName) -> bool {
        match self {
            Self::Basic(..) | Self::Bearer(_) => *name == http::header::AUTHORIZATION,
            Self::AwsSigV4(_) => {
                *name == http::header::AUTHORIZATION || name.as_str().starts_with("x-amz-")
            }
            Self::ApiKey(KeyPlace::Header(own), _) => own == name,
            Self::ApiKey(KeyPlace::Query(_), _) => false,
            Self::Hmac(signing) => signing.headers.iter().any(|(own, _)| own == name),
        }
    }
}
