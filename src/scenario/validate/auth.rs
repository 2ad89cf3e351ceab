//! Reads `auth:`, the credentials of requests.

use std::sync::Arc;

use super::compiler::Compiler;
use super::http::{header_name, headers};
use crate::expr::{Ambient, Expression};
use crate::format::tables::auth::{self as table, api_key, aws_sigv4, hmac, login, oauth2};
use crate::format::{Field, Fields};
use crate::scenario::steps::{request_url, written_url};
use crate::scenario::{
    Auth, AwsSigning, Body, BodyCoding, Grant, HmacSigning, KeyPlace, Login, OAuth2, RequestAuth,
    Template,
};
use crate::source::{Content, Node, Span, listed};

/// Reads the credentials of a request, or takes the default of its flow or of the file.
pub(in crate::scenario) fn of_request(
    own: Option<&Node>,
    compiler: &mut Compiler<'_>,
) -> RequestAuth {
    if let Some(node) = own {
        return read(node, compiler).map_or(RequestAuth::None, RequestAuth::Own);
    }
    if let Some(node) = compiler.flow_auth {
        let before = compiler.problems.count();
        let auth = read(node, compiler);
        if compiler.problems.count() > before {
            // The same mistake of each later step says nothing new.
            compiler.problems.spoil(node.span);
        }
        return auth.map_or(RequestAuth::None, RequestAuth::Inherited);
    }
    let auth = compiler.auth.cloned();
    auth.map_or(RequestAuth::None, RequestAuth::Inherited)
}

/// Reads a scheme; `None` for `none` or after an error.
pub(in crate::scenario) fn read(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    if is_none(node) {
        return None;
    }
    let fields = compiler.problems.fields(node, &table::TABLE)?;
    let chosen = fields.chosen(&table::SCHEME);
    let [scheme] = chosen.as_slice() else {
        if !fields.has_slip {
            let message = match chosen.as_slice() {
                [first, second, ..] => {
                    format!(
                        "`auth` has one scheme, found `{}` and `{}`",
                        first.key, second.key
                    )
                }
                _ => "`auth` has no scheme".to_owned(),
            };
            let hint = format!("the schemes are {}", listed(table::SCHEME.keys));
            compiler.problems.report_with(node.span, message, hint);
        }
        return None;
    };
    let node = &scheme.value;
    match scheme.key.as_str() {
        key if key == table::BASIC.key => {
            let (user, password) = user_and_password(node, compiler)?;
            Some(Auth::Basic(user, password))
        }
        key if key == table::BEARER.key => compiler.text(node, "a token").map(Auth::Bearer),
        key if key == table::DIGEST.key => {
            let (user, password) = user_and_password(node, compiler)?;
            Some(Auth::Digest(Arc::new(Login { user, password })))
        }
        key if key == table::OAUTH2.key => of_oauth2(node, compiler),
        key if key == table::API_KEY.key => of_api_key(node, compiler),
        key if key == table::HMAC.key => of_hmac(node, compiler),
        _ => of_aws(node, compiler),
    }
}

/// True for the word that switches a default off.
fn is_none(node: &Node) -> bool {
    matches!(&node.value, Content::Scalar(scalar) if scalar.text == table::NONE)
}

/// A required text, which may be empty.
fn required(fields: &Fields<'_>, field: &Field, compiler: &mut Compiler<'_>) -> Option<Template> {
    let node = compiler.problems.require(fields, field)?;
    compiler.any_text(node, &format!("`{}`: a text", field.key))
}

fn user_and_password(node: &Node, compiler: &mut Compiler<'_>) -> Option<(Template, Template)> {
    let fields = compiler.problems.fields(node, &login::TABLE)?;
    let user = required(&fields, &login::USER, compiler);
    let password = required(&fields, &login::PASSWORD, compiler);
    Some((user?, password?))
}

fn of_oauth2(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    let fields = compiler.problems.fields(node, &oauth2::TABLE)?;
    let url_node = compiler.problems.require(&fields, &oauth2::TOKEN_URL);
    let token_url = url_node.and_then(|node| request_url(node, compiler));
    let client_id = required(&fields, &oauth2::CLIENT_ID, compiler);
    let client_auth = compiler.problems.value(&fields, &oauth2::CLIENT_AUTH);
    let per = compiler.problems.value(&fields, &oauth2::PER);
    let renew_before = compiler.problems.value(&fields, &oauth2::RENEW_BEFORE);
    let mut optional = |field: &Field| {
        let node = fields.get(field)?;
        compiler.any_text(node, &format!("`{}`: a text", field.key))
    };
    let client_secret = optional(&oauth2::CLIENT_SECRET);
    let (scope, audience) = (optional(&oauth2::SCOPE), optional(&oauth2::AUDIENCE));
    let (user, password) = (optional(&oauth2::USER), optional(&oauth2::PASSWORD));
    let refresh_token = optional(&oauth2::REFRESH_TOKEN);
    if let Some((span, message)) = wrong_grant(&fields) {
        let hint =
            "without `user`, `password` and `refresh_token` the grant is `client_credentials`";
        compiler.problems.report_with(span, message, hint);
        return None;
    }
    let grant = match (user, password, refresh_token) {
        (Some(user), Some(password), None) => Grant::Password(Login { user, password }),
        (None, None, Some(token)) => Grant::RefreshToken(token),
        _ => Grant::ClientCredentials,
    };
    Some(Auth::OAuth2(Arc::new(OAuth2 {
        token_url: token_url?,
        written: written_url(url_node?),
        client_id: client_id?,
        client_secret,
        client_auth: client_auth?,
        grant,
        scope,
        audience,
        per: per?,
        renew_before,
    })))
}

/// The mistake in the keys that decide the grant, with its place.
fn wrong_grant(fields: &Fields<'_>) -> Option<(Span, String)> {
    let refresh = fields.entry(&oauth2::REFRESH_TOKEN);
    match (fields.entry(&oauth2::USER), fields.entry(&oauth2::PASSWORD)) {
        (Some(one), None) | (None, Some(one)) => {
            let message = format!(
                "`{}` alone decides no grant: it needs `user` and `password`",
                one.key
            );
            Some((one.key_span, message))
        }
        (Some(_), Some(_)) => refresh.map(|refresh| {
            let message = "`oauth2` has `user` and `password`, or `refresh_token`, not both";
            (refresh.key_span, message.to_owned())
        }),
        (None, None) => None,
    }
}

fn of_api_key(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    let fields = compiler.problems.fields(node, &api_key::TABLE)?;
    let value = required(&fields, &api_key::VALUE, compiler);
    let chosen = fields.chosen(&api_key::PLACE);
    let place = match chosen.as_slice() {
        [one] if one.key == api_key::HEADER.key => {
            let name = compiler.problems.name(&one.value, "a header's name")?;
            header_name(name, one.value.span, compiler.problems).map(KeyPlace::Header)
        }
        [one] => {
            let name = compiler
                .problems
                .fixed_name(&one.value, "the name of a key in the query");
            name.map(|name| KeyPlace::Query(name.to_owned()))
        }
        several => {
            if !fields.has_slip {
                let message = match several {
                    [] => "`api_key` has no place: expected `header` or `query`",
                    _ => "`api_key` has `header` or `query`, not both",
                };
                let hint = "write `{ header: x-api-key, value: … }` or `{ query: key, value: … }`";
                compiler.problems.report_with(node.span, message, hint);
            }
            None
        }
    };
    Some(Auth::ApiKey(place?, value?))
}

fn of_hmac(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    let fields = compiler.problems.fields(node, &hmac::TABLE)?;
    let key = required(&fields, &hmac::KEY, compiler);
    let sign = compiler.signing(|compiler| required(&fields, &hmac::SIGN, compiler));
    let algorithm = compiler.problems.value(&fields, &hmac::ALGORITHM);
    let encoding = compiler.problems.value(&fields, &hmac::ENCODING);
    let entry = compiler.problems.require(&fields, &hmac::HEADERS);
    let added = entry.map(|node| compiler.signing(|compiler| headers(node, compiler)));
    let (sign, added) = (sign?, added?);
    if uses(&sign, Ambient::RequestSignature) {
        let message = "`sign` contains `request.signature`, which is made from it";
        compiler.problems.report(node.span, message);
        return None;
    }
    let is_sent = |(_, value): &(_, Template)| uses(value, Ambient::RequestSignature);
    if !added.iter().any(is_sent) {
        let message = "no header of `hmac` contains the signature";
        let hint = "write it as `${request.signature}`: `headers: { x-signature: '${request.signature}' }`";
        let span = entry.map_or(node.span, |entry| entry.span);
        compiler.problems.report_with(span, message, hint);
        return None;
    }
    Some(Auth::Hmac(Arc::new(HmacSigning {
        key: key?,
        sign,
        algorithm: algorithm?,
        encoding: encoding?,
        headers: added,
    })))
}

fn of_aws(node: &Node, compiler: &mut Compiler<'_>) -> Option<Auth> {
    let fields = compiler.problems.fields(node, &aws_sigv4::TABLE)?;
    let access_key = required(&fields, &aws_sigv4::ACCESS_KEY, compiler);
    let secret_key = required(&fields, &aws_sigv4::SECRET_KEY, compiler);
    let session_token = match fields.get(&aws_sigv4::SESSION_TOKEN) {
        Some(node) => compiler.any_text(node, "a token"),
        None => Some(Template::default()),
    };
    let region = required(&fields, &aws_sigv4::REGION, compiler);
    let service = required(&fields, &aws_sigv4::SERVICE, compiler);
    Some(Auth::AwsSigV4(Arc::new(AwsSigning {
        access_key: access_key?,
        secret_key: secret_key?,
        session_token: session_token?,
        region: region?,
        service: service?,
    })))
}

/// True if a template inserts this value.
fn uses(template: &Template, wanted: Ambient) -> bool {
    let mut is_used = false;
    template.each_use(&mut |used, _| is_used |= *used == Expression::Ambient(wanted));
    is_used
}

/// Reports a signature of a body that is not a text.
pub(in crate::scenario) fn check_body(
    auth: &RequestAuth,
    body: &Body,
    coding: BodyCoding,
    node: &Node,
    compiler: &mut Compiler<'_>,
) {
    let Some(Auth::Hmac(signing)) = auth.scheme() else {
        return;
    };
    let reads = |template| uses(template, Ambient::RequestBody);
    let mut headers = signing.headers.iter();
    if !reads(&signing.sign) && !headers.any(|(_, value)| reads(value)) {
        return;
    }
    let what = match (body, coding) {
        (Body::File(_), _) => "a file, which is read while it is sent",
        (Body::Multipart(_), _) => "of several parts",
        (_, BodyCoding::Gzip) => "compressed, and not a text",
        (Body::Empty | Body::Text(_) | Body::Json(_) | Body::Form(_), BodyCoding::Identity) => {
            return;
        }
    };
    let message = format!("`hmac` signs `request.body`, but the body of this request is {what}");
    let hint = "give the request an `auth` that signs other values, or `auth: none`";
    compiler.problems.report_with(node.span, message, hint);
}
