//! `hmac`: signs a text of the request with a shared key.

use ::hmac::{Hmac, KeyInit, Mac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use sha1::Sha1;
use sha2::{Sha256, Sha512};

use super::Unsigned;
use crate::engine::request::{Unsendable, render};
use crate::engine::state::UserState;
use crate::expr::{Ambient, Context as _, Value, hex};
use crate::scenario::{HmacAlgorithm, HmacSigning, SignatureEncoding};

/// A request that is being signed, for the expressions of its signature.
#[derive(Debug)]
pub(in crate::engine) struct SignedRequest {
    method: String,
    path: String,
    query: String,
    host: String,
    /// `None` if it is not a text.
    body: Option<String>,
    at: DateTime<Utc>,
    signature: Option<String>,
}

impl SignedRequest {
    /// The value of `request.NAME` in the signed text.
    pub(in crate::engine) fn value(&self, ambient: Ambient) -> Option<Value> {
        let text = match ambient {
            Ambient::RequestMethod => &self.method,
            Ambient::RequestPath => &self.path,
            Ambient::RequestQuery => &self.query,
            Ambient::RequestHost => &self.host,
            Ambient::RequestBody => self.body.as_ref()?,
            Ambient::RequestSignature => self.signature.as_ref()?,
            Ambient::RequestTimestamp => return Some((self.at.timestamp() as u64).into()),
            Ambient::RequestTimestampMs => {
                return Some((self.at.timestamp_millis() as u64).into());
            }
            Ambient::RequestDate => {
                return Some(
                    self.at
                        .format("%a, %d %b %Y %H:%M:%S GMT")
                        .to_string()
                        .into(),
                );
            }
            Ambient::IterationId
            | Ambient::IterationNumber
            | Ambient::UserId
            | Ambient::FlowName
            | Ambient::RunId
            | Ambient::RunSegment
            | Ambient::RunElapsed
            | Ambient::RunSeed => return None,
        };
        Some(text.as_str().into())
    }
}

/// Signs a request and adds the headers of the signature; `text` is a buffer.
pub(super) fn sign(
    signing: &HmacSigning,
    request: &mut Unsigned<'_, '_>,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<(), Unsendable> {
    let body = request.body().map(|body| String::from_utf8(body.to_vec()));
    state.signing = Some(Box::new(SignedRequest {
        method: request.method.to_string(),
        path: request.uri.path().to_owned(),
        query: request.uri.query().unwrap_or_default().to_owned(),
        host: request.host().to_owned(),
        body: body.and_then(Result::ok),
        at: state.now(),
        signature: None,
    }));
    let result = add_headers(signing, request, state, text);
    state.signing = None;
    result
}

fn add_headers(
    signing: &HmacSigning,
    request: &mut Unsigned<'_, '_>,
    state: &mut UserState<'_>,
    text: &mut String,
) -> Result<(), Unsendable> {
    let [key, signed] = super::rendered([&signing.key, &signing.sign], state)?;
    let code = match signing.algorithm {
        HmacAlgorithm::Sha256 => code::<Hmac<Sha256>>(&key, &signed),
        HmacAlgorithm::Sha512 => code::<Hmac<Sha512>>(&key, &signed),
        HmacAlgorithm::Sha1 => code::<Hmac<Sha1>>(&key, &signed),
    };
    let signature = match signing.encoding {
        SignatureEncoding::Hex => hex(&code),
        SignatureEncoding::Base64 => STANDARD.encode(code),
        SignatureEncoding::Base64Url => URL_SAFE_NO_PAD.encode(code),
    };
    if let Some(signed) = &mut state.signing {
        signed.signature = Some(signature);
    }
    for (name, value) in &signing.headers {
        render(value, state, text)?;
        request.set(name.clone(), text)?;
    }
    Ok(())
}

/// The code of a text; a key has any length.
fn code<M: Mac + KeyInit>(key: &str, text: &str) -> Vec<u8> {
    <M as KeyInit>::new_from_slice(key.as_bytes()).map_or_else(
        |_| Vec::new(),
        |mut mac| {
            mac.update(text.as_bytes());
            mac.finalize().into_bytes().to_vec()
        },
    )
}
