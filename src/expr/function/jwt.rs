//! JSON Web Tokens, signed (RFC 7515, 7518, 7519).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use sha2::{Sha256, Sha384, Sha512};

use super::arguments::Arguments;
use super::{Entry, Kind};
use crate::expr::{Expression, Missing, Value};

pub(super) const GROUP: &[&Entry] = &[&JWT];

const ALGORITHMS: [&str; 5] = ["HS256", "HS384", "HS512", "RS256", "ES256"];

static JWT: Entry = Entry {
    check: unknown_algorithm,
    ..Entry::pure(
        "jwt(claims,key[,algorithm,id])",
        &[Kind::Any, Kind::Text, Kind::Text, Kind::Text],
        jwt,
    )
    .at_least(2)
    .doc(
        "A signed JSON Web Token. `claims` is a mapping, or a text with one in JSON; times in it are Unix seconds, such as \
         `int(timestamp_ms() / 1000) + 300`. `algorithm` is `'HS256'` (the default), `'HS384'` or `'HS512'` with a shared key, or `'RS256'` \
         or `'ES256'` with a private key in PEM form. `id` becomes `kid` in the header of the token.",
    )
    .example(
        "jwt('{\"sub\":\"ann\"}', 'secret')",
        "\"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbm4ifQ.PjR3fgnevdXvvFDIexpV052PaeBybdsfUE102L3fkg4\"",
    )
};

/// A mistake in the name of the algorithm.
fn unknown_algorithm(arguments: &[Expression]) -> Option<(String, String)> {
    let Expression::Literal(Value::Text(name)) = arguments.get(2)? else {
        return None;
    };
    let known = ALGORITHMS.contains(&name.as_str());
    let hint = format!("the algorithms are {}", ALGORITHMS.join(", "));
    (!known).then(|| (format!("`{name}` is not an algorithm of `jwt`"), hint))
}

fn jwt(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let claims = match arguments.value(0)?.into_owned() {
        Value::Text(text) => Value::from_json(&text)
            .map_err(|error| arguments.fail(format!("its claims are not JSON: {error}")))?,
        value => value,
    };
    if !matches!(claims, Value::Map(_)) {
        return Err(arguments.fail("its claims are not a mapping"));
    }
    let key = arguments.text(1)?.into_owned();
    let mut optional = |index: usize| {
        let is_given = index < arguments.len();
        is_given
            .then(|| arguments.text(index).map(std::borrow::Cow::into_owned))
            .transpose()
    };
    let (algorithm, id) = (optional(2)?, optional(3)?);
    let algorithm = algorithm.unwrap_or_else(|| ALGORITHMS[0].to_owned());
    let member = |name: &str, value: &str| (name.to_owned(), Value::from(value));
    let mut header = vec![member("alg", &algorithm), member("typ", "JWT")];
    header.extend(id.map(|id| member("kid", &id)));
    let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let content = format!("{}.{}", encoded(&Value::Map(header)), encoded(&claims));
    let signature =
        signature(&algorithm, &key, content.as_bytes()).map_err(|reason| arguments.fail(reason))?;
    Ok(format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// The signature of a content, or the reason why there is none.
fn signature(algorithm: &str, key: &str, content: &[u8]) -> Result<Vec<u8>, String> {
    match algorithm {
        "HS256" => code::<Hmac<Sha256>>(key, content),
        "HS384" => code::<Hmac<Sha384>>(key, content),
        "HS512" => code::<Hmac<Sha512>>(key, content),
        "RS256" => {
            let pair = match private_key(key)? {
                PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
                PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
                _ => return Err("its key is not an RSA key".to_owned()),
            };
            let pair = pair.map_err(|error| format!("its key is not an RSA key: {error}"))?;
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                content,
                &mut signature,
            )
            .map_err(|_| "its key cannot sign".to_owned())?;
            Ok(signature)
        }
        "ES256" => {
            let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let pair = match private_key(key)? {
                PrivateKeyDer::Sec1(der) => {
                    EcdsaKeyPair::from_private_key_der(scheme, der.secret_sec1_der())
                }
                PrivateKeyDer::Pkcs8(der) => {
                    EcdsaKeyPair::from_pkcs8(scheme, der.secret_pkcs8_der())
                }
                _ => return Err("its key is not a P-256 key".to_owned()),
            };
            let pair = pair.map_err(|error| format!("its key is not a P-256 key: {error}"))?;
            let signature = pair
                .sign(&SystemRandom::new(), content)
                .map_err(|_| "its key cannot sign".to_owned())?;
            Ok(signature.as_ref().to_vec())
        }
        other => Err(format!(
            "`{other}` is not one of its algorithms, {}",
            ALGORITHMS.join(", ")
        )),
    }
}

fn code<M: Mac + KeyInit>(key: &str, content: &[u8]) -> Result<Vec<u8>, String> {
    let mut mac = <M as KeyInit>::new_from_slice(key.as_bytes())
        .map_err(|_| "its key has a wrong length".to_owned())?;
    mac.update(content);
    Ok(mac.finalize().into_bytes().to_vec())
}

fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| {
        "its key is not a private key in PEM form (`-----BEGIN PRIVATE KEY-----`)".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};

    use super::*;

    const CONTENT: &[u8] = b"eyJhbGciOiJSUzI1NiJ9.e30";

    /// A key for this test alone, and its signature of the content by `openssl dgst -sha256 -sign`.
    const RSA_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIIEuwIBADANBgkqhkiG9w0BAQEFAASCBKUwggShAgEAAoIBAQClF8GuK+KxCjiV
zBlleUWDNKiZJp8Tqob/DrXmIhd79gjqsn9jpRAPLt9WD4EzwAQUEO7vt5pUjCmh
ev6K8qWMdhkIjoBGXZVCp2LY3iDOVWkzUeccqa++TGnyYOYcEl62GAto0chI7mwr
vD6NmF6fhZp56b3q6Jd+4WUVGVGvtlbFdDTEdGfx0rs4RJbBW7KsV8Ms0wU7PTrD
VhYO3v4rxoF17B0nfSKlGQ1hfan97bjjStUh2rO6oQ2vhJy2iWhPX++PPGu2dBD3
oFrkHzSFxt80riMi0Pf36Enj6tvarRGKxfhov4UWCq1aNNvGjXOxDiv790rrBhG9
d22n06xNAgMBAAECgf83dcOavyNoVgasS+Q8MoEnkokQ6eiGssKm7EovBUTeX8if
D1e8IbdDYnukbZD50YeNNiMOZJ9zx6I0nRzlkJ4MkZ/XQAfXm5iIy7JpKDXdGtQ8
aUc6WcawJvtwcRzcUU9/3JP4ooCl/3JXPuXEq2seK8O5MMycHYbHGPDcJaVLYWuV
a8ODjd+71Du1fl7GRD/fCJ4IS6VQblcG1IKUx4hQq/dl6Sk+1EUw8JEb8f8uesZV
bc7Q21upH2cE5fO0MnE0MJg6lGgJ4lXwDuRHBUh1VlYXYVgJE6fTT0b+Y9om8z/l
vtCWrm4iKQE9Jirx2Oc/b53RBCRGbENo10G1tIECgYEA08Dsk7qhV8RVQiv9L+Np
s8gusrjCXaA7a7OdHw5jWLBL/kTcUFwMCZQmtmVnU1heM8b6r7rydwwDLJQGEdAN
sYXteK15IC8EwLQftPWIu3nDKU7lPh+t2ITtYUdnuA4zYjCFf3SieJICg7Qa2UbA
/OTnUG/7O9jKtiqDSpK5OVECgYEAx5bc66alQezix9GOm6Z34LaqljXQH9ZQO9ao
e7sn9ZKvQX7SmbmcNsXnJzYY//GJslFJxWrhxBJlIix1sshFsp3kLjGdruXTaJuh
5mvfORwHTG+PCnj0aiiqOw6eY6xRypjHSFTeezThDauYzKN5kU4eVNd/KP6w0ySB
CaEfxD0CgYB5qyhD2cBKxayXUN8xXOGnQyZR2ocTdLWvtIxbA9FhbCq99qMAKWNh
PZbgxnMQGH5IEdSIlEoszOImAwdZxMmZbvJ7nHE0ZM++ScDOISZnUhco7QQbJeil
t/sNIhIeV0p+6JJMIaAY1wxK0Hl8zoKkzIF8Xltkj7Qp51N4zcVPgQKBgHYJ0/gO
I3g8x9ZTKhsFtaoRfgu+IatijSsGhbg/dJ94s+txPM4rhqaiHlYDWX+s8rmh95Yo
4wKZunQehTFJ3maHmJZ1Q4NXatNYD8T9kRPubqaW56rS5AIQsLSiravXErxV5K3z
e2y0VlFGZeTI3bHA2JFmrU6qahtFYIc4YlglAoGBAMXiQl3c7f7nOI7jFTHdR2qd
x1UHZ7HHO5GjGbCwbxUH1Oo4FCOd+nk6VVDUhtHRbKv+ymO58FIxzHKHgdBPodTv
ybb3LMh8w2PDZeYVWAK20kG6ZP7TGZBv54jzSVQ88d4gFgELl7zlfVw96s0lwxZq
nOrcPAaTx/UfbhO2XSnC
-----END PRIVATE KEY-----";
    const SIGNED: &str = "8221e17214f85047c74b76d427e38f1360dd9f869f3074c688e8a4535227f8b0467bb89837ab6a8d05270025ce72f0823ebcea9562e965bd5efb44f15905499039a330dff7dd0780e7ff9857f3423046405c4d055c836260cc1ef8f8be3ffeeac896870ee7d67e046274b29d55cad30fa19b1b2918937049b23b982ecb1d3f1e23181f9f488ba434c4f24c470dda4c8b0580d5e37bf864cbbe07a86a6db4f17afbfd4dec9d4ef097b2682b0d5947192bceac99acd25f1f32d61c88757327440b0ecf99ee94024f3eeb10cb281a3f95ab820280b80a3aa5afbf6e841febf512fc7afe9d9395f18be0f5a0dc854c115596a163b11bda41e531f07563ab3dd689d8";

    #[test]
    fn a_signature_with_an_rsa_key_is_that_of_openssl() {
        let signature = signature("RS256", RSA_KEY, CONTENT).expect("signed");
        assert_eq!(crate::source::hex(&signature), SIGNED);
    }

    #[test]
    fn a_signature_with_a_p_256_key_is_valid() {
        let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let signature = signature("ES256", &pair.serialize_pem(), CONTENT).expect("signed");
        let public = EcdsaKeyPair::from_pkcs8(scheme, pair.serialized_der()).expect("the same key");
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public.public_key().as_ref());
        public
            .verify(CONTENT, &signature)
            .expect("a valid signature");
        assert!(public.verify(b"other", &signature).is_err());
    }

    #[test]
    fn a_key_of_another_kind_is_named() {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        for (algorithm, key, reason) in [
            ("RS256", pair.serialize_pem(), "not an RSA key"),
            ("ES256", RSA_KEY.to_owned(), "not a P-256 key"),
            (
                "RS256",
                "secret".to_owned(),
                "not a private key in PEM form",
            ),
            ("none", String::new(), "`none` is not one of its algorithms"),
        ] {
            let refused = signature(algorithm, &key, CONTENT).expect_err(algorithm);
            assert!(refused.contains(reason), "{refused}");
            assert!(key.is_empty() || !refused.contains(&key), "{refused}");
        }
    }
}
