//! `aws_sigv4`: signs a request as AWS requires it, by AWS's own library.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as signature,
};
use aws_sigv4::sign::v4;
use http::{HeaderName, header::HOST};

use super::Unsigned;
use crate::engine::request::Unsendable;
use crate::engine::state::UserState;
use crate::expr::Context as _;
use crate::scenario::AwsSigning;

/// The service that signs paths as they are, and expects the hash of the body in a header.
const S3: &str = "s3";

/// Signs a request and adds the headers of the signature.
pub(super) fn sign(
    signing: &AwsSigning,
    request: &mut Unsigned<'_, '_>,
    state: &mut UserState<'_>,
) -> Result<(), Unsendable> {
    let AwsSigning {
        access_key,
        secret_key,
        session_token,
        region,
        service,
    } = signing;
    let templates = [access_key, secret_key, session_token, region, service];
    let [access_key, secret_key, session_token, region, service] =
        super::rendered(templates, state)?;
    let session_token = (!session_token.is_empty()).then_some(session_token);
    let credentials = Credentials::new(access_key, secret_key, session_token, None, "scenario");
    let names = [region.as_str(), service.as_str()];
    add_headers(credentials, names, request, state.now().into())
}

fn add_headers(
    credentials: Credentials,
    [region, service]: [&str; 2],
    request: &mut Unsigned<'_, '_>,
    at: SystemTime,
) -> Result<(), Unsendable> {
    let refuse = |error: &dyn std::error::Error| Unsendable::Signature(error.to_string());
    let mut settings = SigningSettings::default();
    if service == S3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| refuse(&error))?;
    let uri = request.uri.to_string();
    let texts = request.headers.iter();
    let texts = texts.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let headers = texts.chain([(HOST.as_str(), request.host())]);
    let body = request
        .body()
        .map_or(SignableBody::UnsignedPayload, |body| {
            SignableBody::Bytes(body)
        });
    let signable = SignableRequest::new(request.method.as_str(), &*uri, headers, body)
        .map_err(|error| refuse(&error))?;
    let signed = signature(signable, &parameters.into()).map_err(|error| refuse(&error))?;
    let (added, _) = signed.into_parts().0.into_parts();
    for header in added {
        request.set(HeaderName::from_static(header.name()), header.value())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::{Duration, UNIX_EPOCH};

    use bytes::Bytes;
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderValue, Method};

    use super::*;
    use crate::transport::Content;

    /// The signature of a request with the credentials and the time of AWS's test suite (2015-08-30T12:36:00Z).
    fn signature_of(
        method: &Method,
        path: &str,
        header: Option<&'static str>,
        token: Option<&str>,
    ) -> String {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        let token = token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", secret, token, None, "test");
        let at = UNIX_EPOCH + Duration::from_mins(24_015_636);
        let mut uri = Cow::Owned(
            format!("https://example.amazonaws.com{path}")
                .parse()
                .expect("a URL"),
        );
        let mut headers = HeaderMap::new();
        let header = header.map(HeaderValue::from_static);
        headers.extend(header.map(|value| (HeaderName::from_static("my-header1"), value)));
        let content = Content::Whole(Bytes::new());
        let mut request = Unsigned {
            method,
            uri: &mut uri,
            headers: &mut headers,
            content: &content,
        };
        add_headers(credentials, ["us-east-1", "service"], &mut request, at).expect("signed");
        assert!(headers[AUTHORIZATION].is_sensitive());
        let header = headers[AUTHORIZATION].to_str().expect("a text");
        header.rsplit('=').next().expect("a signature").to_owned()
    }

    /// `aws-signing-test-suite/v4` of AWS: the cases that differ, without those that no URL can contain.
    #[test]
    fn signatures_are_those_of_the_published_test_suite() {
        let (get, post) = (Method::GET, Method::POST);
        let unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let path = format!("/{unreserved}");
        let query = format!("/?{unreserved}={unreserved}");
        let encoded = "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1";
        for (method, path, header, expected) in [
            (
                &get,
                "/",
                None,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                &get,
                "/example1/example2/../..",
                None,
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                &get,
                "/./example",
                None,
                "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
            ),
            (
                &get,
                "//example//",
                None,
                "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            ),
            (
                &get,
                &path,
                None,
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                &get,
                "/?Param1=value1",
                None,
                "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
            ),
            (
                &get,
                "/?Param2=value2&Param1=value1",
                None,
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                &get,
                encoded,
                None,
                "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
            ),
            (
                &get,
                &query,
                None,
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                &post,
                "/",
                None,
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                &post,
                "/",
                Some("value1"),
                "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
            ),
            (
                &post,
                "/",
                Some("VALUE1"),
                "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d",
            ),
        ] {
            assert_eq!(
                signature_of(method, path, header, None),
                expected,
                "{method} {path}"
            );
        }
        let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
        assert_eq!(
            signature_of(&get, "/", None, Some(token)),
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"
        );
    }
}
