//! Credentials of requests, as a scenario defines them.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::Template;
use crate::format::words::{ClientAuth, HmacAlgorithm, SignatureEncoding, TokenPer};

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
    /// User and password, as answers to challenges.
    Digest(Arc<Login>),
    /// A token that is fetched and renewed.
    OAuth2(Arc<OAuth2>),
    /// A key, and its place.
    ApiKey(KeyPlace, Template),
    /// A signature with a shared key.
    Hmac(Arc<HmacSigning>),
    /// A signature of AWS.
    AwsSigV4(Arc<AwsSigning>),
}

/// A user's name and password.
#[derive(Debug, Clone, PartialEq)]
pub struct Login {
    /// The name.
    pub user: Template,
    /// The password.
    pub password: Template,
}

/// `oauth2:`, a token that is fetched and renewed.
#[derive(Debug, Clone, PartialEq)]
pub struct OAuth2 {
    /// Where tokens are fetched.
    pub token_url: Template,
    /// The same for display, as written.
    pub written: String,
    /// The client's identifier.
    pub client_id: Template,
    /// The client's secret; `None` for a public client.
    pub client_secret: Option<Template>,
    /// How the client proves who it is.
    pub client_auth: ClientAuth,
    /// What a token is given for.
    pub grant: Grant,
    /// The scopes.
    pub scope: Option<Template>,
    /// The audience.
    pub audience: Option<Template>,
    /// The users that share a token.
    pub per: TokenPer,
    /// How long before its end a token is renewed, if not by its lifetime.
    pub renew_before: Option<Duration>,
}

/// What a token is given for.
#[derive(Debug, Clone, PartialEq)]
pub enum Grant {
    /// The client's own credentials.
    ClientCredentials,
    /// The password of a user.
    Password(Login),
    /// An earlier token.
    RefreshToken(Template),
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
            Self::Digest(_) => "digest",
            Self::OAuth2(_) => "oauth2",
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
            Self::Digest(login) => vec![&login.user, &login.password],
            Self::OAuth2(oauth2) => {
                let mut secrets: Vec<&Template> = oauth2.client_secret.iter().collect();
                match &oauth2.grant {
                    Grant::ClientCredentials => {}
                    Grant::Password(login) => secrets.extend([&login.user, &login.password]),
                    Grant::RefreshToken(token) => secrets.push(token),
                }
                secrets
            }
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
            Self::Basic(..) | Self::Bearer(_) | Self::Digest(_) | Self::ApiKey(..) => Vec::new(),
            Self::OAuth2(oauth2) => {
                let OAuth2 {
                    token_url,
                    client_id,
                    scope,
                    audience,
                    ..
                } = &**oauth2;
                let optional = scope.iter().chain(audience);
                [token_url, client_id].into_iter().chain(optional).collect()
            }
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
            Self::Basic(..) | Self::Bearer(_) | Self::Digest(_) | Self::AwsSigV4(_) => Vec::new(),
            Self::OAuth2(oauth2) => {
                let grant = match oauth2.grant {
                    Grant::ClientCredentials => "client_credentials",
                    Grant::Password(_) => "password",
                    Grant::RefreshToken(_) => "refresh_token",
                };
                let words = [grant, oauth2.client_auth.word(), oauth2.per.word()];
                let before = oauth2
                    .renew_before
                    .map(|before| before.as_micros().to_string());
                words.map(str::to_owned).into_iter().chain(before).collect()
            }
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
            Self::Basic(..) | Self::Bearer(_) | Self::Digest(_) | Self::OAuth2(_) => {
                *name == http::header::AUTHORIZATION
            }
            Self::AwsSigV4(_) => {
                *name == http::header::AUTHORIZATION || name.as_str().starts_with("x-amz-")
            }
            Self::ApiKey(KeyPlace::Header(own), _) => own == name,
            Self::ApiKey(KeyPlace::Query(_), _) => false,
            Self::Hmac(signing) => signing.headers.iter().any(|(own, _)| own == name),
        }
    }
}
