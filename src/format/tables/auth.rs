//! Credentials of requests: one scheme each.

use super::super::words::{ClientAuth, FromWord, HmacAlgorithm, SignatureEncoding, TokenPer};
use super::super::{Choice, Field, Mapping, Type};

/// A scheme, or none.
pub(crate) const VALUE: Type = Type::OneOf(&[Type::Mapping(&TABLE), Type::Literal(NONE)]);

/// The word that switches a default off.
pub(crate) const NONE: &str = "none";

pub(crate) const BASIC: Field = Field::new(
    "basic",
    Type::Mapping(&login::TABLE),
    "{ user: admin, password: '${PASSWORD:-x}' }",
    "User and password, sent as basic authentication (RFC 7617).",
);

pub(crate) const BEARER: Field = Field::new(
    "bearer",
    Type::TEMPLATE,
    "'${API_TOKEN:-x}'",
    "A token, sent as `authorization: Bearer …`.",
);

pub(crate) const DIGEST: Field = Field::new(
    "digest",
    Type::Mapping(&login::TABLE),
    "{ user: admin, password: '${PASSWORD:-x}' }",
    "User and password, as digest authentication (RFC 7616): MD5, SHA-256 and SHA-512-256, also as sessions. The first \
     request of a user is answered by a challenge, and sent again with credentials; later ones use the same nonce until \
     the server wants another. Challenges are requests of a step of their own, `challenge (digest)`.",
);

pub(crate) const OAUTH2: Field = Field::new(
    "oauth2",
    Type::Mapping(&oauth2::TABLE),
    "{ token_url: 'https://id.shop.test/token', client_id: shop, client_secret: '${CLIENT_SECRET:-x}' }",
    "A token that Gander fetches and renews (RFC 6749), sent as `authorization: Bearer …`.",
);

pub(crate) const API_KEY: Field = Field::new(
    "api_key",
    Type::Mapping(&api_key::TABLE),
    "{ header: x-api-key, value: '${API_KEY:-x}' }",
    "A key in a header or in the query.",
);

pub(crate) const HMAC: Field = Field::new(
    "hmac",
    Type::Mapping(&hmac::TABLE),
    "{ key: '${HMAC_KEY:-x}', sign: '${request.body}', headers: { x-signature: '${request.signature}' } }",
    "A signature of each request, made with a shared key.",
);

pub(crate) const AWS_SIGV4: Field = Field::new(
    "aws_sigv4",
    Type::Mapping(&aws_sigv4::TABLE),
    "{ access_key: '${AWS_ACCESS_KEY_ID:-x}', secret_key: '${AWS_SECRET_ACCESS_KEY:-x}', region: eu-west-1, service: \
     execute-api }",
    "A signature as AWS requires it (Signature Version 4).",
);

pub(crate) static SCHEME: Choice = Choice {
    keys: &[
        BASIC.key,
        BEARER.key,
        DIGEST.key,
        OAUTH2.key,
        API_KEY.key,
        HMAC.key,
        AWS_SIGV4.key,
    ],
    is_required: true,
};

pub(crate) const TABLE: Mapping = Mapping {
    name: "auth",
    what: "`auth`",
    doc: "The credentials of a request: one scheme. All output and all files mask them. A redirect to another origin is \
        followed without them. They replace a header of the same name.",
    fields: &[BASIC, BEARER, DIGEST, OAUTH2, API_KEY, HMAC, AWS_SIGV4],
    choices: &[&SCHEME],
    example: "basic: { user: admin, password: '${PASSWORD:-x}' }\n",
    home: "it belongs under `auth:` of a request, a flow or `http:`",
    ..Mapping::EMPTY
};

pub(crate) mod login {
    //! User and password.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const USER: Field =
        Field::new("user", Type::TEMPLATE, "admin", "The user's name.").required();

    pub(crate) const PASSWORD: Field = Field::new(
        "password",
        Type::TEMPLATE,
        "'${PASSWORD:-x}'",
        "The password; may be empty.",
    )
    .required();

    pub(crate) const TABLE: Mapping = Mapping {
        name: "login",
        what: "a login",
        doc: "A user's name and password.",
        fields: &[USER, PASSWORD],
        example: "user: admin\npassword: '${PASSWORD:-x}'\n",
        rest: "user: admin\npassword: x\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod oauth2 {
    //! A token that is fetched and renewed.

    use super::super::super::{Field, Mapping, Type};
    use super::{ClientAuth, FromWord as _, TokenPer};

    pub(crate) const TOKEN_URL: Field = Field::new(
        "token_url",
        Type::URL,
        "https://id.shop.test/oauth/token",
        "Where tokens are fetched: a complete URL, a path of the target, or a path on another target.",
    )
    .required();

    pub(crate) const CLIENT_ID: Field = Field::new(
        "client_id",
        Type::TEMPLATE,
        "shop",
        "The client's identifier.",
    )
    .required();

    pub(crate) const CLIENT_SECRET: Field = Field::new(
        "client_secret",
        Type::TEMPLATE,
        "'${CLIENT_SECRET:-x}'",
        "The client's secret. A public client has none; its identifier is then sent in the body.",
    );

    pub(crate) const CLIENT_AUTH: Field = Field::new(
        "client_auth",
        Type::Words(&ClientAuth::SET),
        "body",
        "How the client proves who it is.",
    )
    .default("basic");

    pub(crate) const USER: Field = Field::new(
        "user",
        Type::TEMPLATE,
        "user: ann\npassword: '${PASSWORD:-x}'",
        "With `password`: the user's name. The grant is then `password`.",
    );

    pub(crate) const PASSWORD: Field = Field::new(
        "password",
        Type::TEMPLATE,
        "user: ann\npassword: '${PASSWORD:-x}'",
        "With `user`: the user's password.",
    );

    pub(crate) const REFRESH_TOKEN: Field = Field::new(
        "refresh_token",
        Type::TEMPLATE,
        "'${REFRESH_TOKEN:-x}'",
        "A refresh token to begin with. The grant is then `refresh_token`. If a response contains a new one, it replaces the \
         one before.",
    );

    pub(crate) const SCOPE: Field = Field::new(
        "scope",
        Type::TEMPLATE,
        "orders:read orders:write",
        "The scopes, separated by spaces.",
    );

    pub(crate) const AUDIENCE: Field = Field::new(
        "audience",
        Type::TEMPLATE,
        "https://api.shop.test",
        "The audience, for servers that ask for it.",
    );

    pub(crate) const PER: Field = Field::new(
        "per",
        Type::Words(&TokenPer::SET),
        "run",
        "The users that share a token.",
    )
    .default("user");

    pub(crate) const RENEW_BEFORE: Field = Field::new(
        "renew_before",
        Type::Positive,
        "1m",
        "How long before its end a token is renewed: at a moment that the seed decides, between this long and half as long \
         before its end, so that users whose tokens end together do not renew them together. The default is a fifth of the \
         token's lifetime, at most 5 minutes.",
    );

    pub(crate) const TABLE: Mapping = Mapping {
        name: "oauth2",
        what: "`oauth2`",
        doc: "A token of OAuth 2.0. The keys decide the grant: with `user` and `password` it is `password`, with \
            `refresh_token` it is `refresh_token`, else `client_credentials`. A token is fetched by the first request that \
            needs it, renewed before its `expires_in` is over, and once more if a response has status 401, whose request is \
            then sent again. Token requests are a step of their own, `token (oauth2)`; responses with status 401 that lead to \
            a renewal are requests of `challenge (oauth2)`.",
        fields: &[
            TOKEN_URL,
            CLIENT_ID,
            CLIENT_SECRET,
            CLIENT_AUTH,
            USER,
            PASSWORD,
            REFRESH_TOKEN,
            SCOPE,
            AUDIENCE,
            PER,
            RENEW_BEFORE,
        ],
        example: "token_url: https://id.shop.test/oauth/token
client_id: shop
client_secret: '${CLIENT_SECRET:-x}'
scope: orders:read
per: run
",
        rest: "token_url: /token\nclient_id: shop\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod api_key {
    //! A key in a header or in the query.

    use super::super::super::{Choice, Field, Mapping, Type};

    pub(crate) const HEADER: Field = Field::new(
        "header",
        Type::HEADER_NAME,
        "header: x-api-key\nvalue: '${API_KEY:-x}'",
        "The header that contains the key.",
    );

    pub(crate) const QUERY: Field = Field::new(
        "query",
        Type::NAME,
        "query: key\nvalue: '${API_KEY:-x}'",
        "The name of the key in the query, to which it is added.",
    );

    pub(crate) const VALUE: Field = Field::new(
        "value",
        Type::TEMPLATE,
        "'${API_KEY:-x}'",
        "The key; in a header with its prefix, if there is one: `Token ${API_KEY}`.",
    )
    .required();

    pub(crate) static PLACE: Choice = Choice {
        keys: &[HEADER.key, QUERY.key],
        is_required: true,
    };

    pub(crate) const TABLE: Mapping = Mapping {
        name: "api_key",
        what: "`api_key`",
        doc: "A key, and its place in the request.",
        fields: &[HEADER, QUERY, VALUE],
        choices: &[&PLACE],
        example: "header: x-api-key\nvalue: '${API_KEY:-x}'\n",
        rest: "header: x-api-key\nvalue: x\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod hmac {
    //! A signature with a shared key.

    use super::super::super::{Field, Mapping, Type};
    use super::{FromWord as _, HmacAlgorithm, SignatureEncoding};

    pub(crate) const KEY: Field = Field::new(
        "key",
        Type::TEMPLATE,
        "'${HMAC_KEY:-x}'",
        "The shared key, as text.",
    )
    .required();

    pub(crate) const SIGN: Field = Field::new(
        "sign",
        Type::TEMPLATE,
        "\"${request.method}\\n${request.path}\\n${request.timestamp}\\n${request.body}\"",
        "The text that is signed. Besides the usual values it may use those of the request: `request.method`, `request.path` \
         and `request.query` as they are sent, `request.host`, `request.body`, and its time as `request.timestamp` (Unix \
         seconds), `request.timestamp_ms` and `request.date` (as in a `date` header). `request.body` needs a body that is a \
         text: no `file`, `multipart` or `compress`.",
    )
    .required();

    pub(crate) const ALGORITHM: Field = Field::new(
        "algorithm",
        Type::Words(&HmacAlgorithm::SET),
        "sha512",
        "The hash function of the HMAC (RFC 2104).",
    )
    .default("sha256");

    pub(crate) const ENCODING: Field = Field::new(
        "encoding",
        Type::Words(&SignatureEncoding::SET),
        "base64",
        "How the signature is written.",
    )
    .default("hex");

    pub(crate) const HEADERS: Field = Field::new(
        "headers",
        Type::Map(&Type::TEMPLATE),
        "{ x-timestamp: '${request.timestamp}', x-signature: 'sha256=${request.signature}' }",
        "The headers that the signature adds, by name. At least one contains `${request.signature}`; the others usually \
         contain the time that was signed, or the name of the key.",
    )
    .required();

    pub(crate) const TABLE: Mapping = Mapping {
        name: "hmac",
        what: "`hmac`",
        doc: "A signature of each request with a shared key (HMAC), as many webhooks and gateways check it.",
        fields: &[KEY, SIGN, ALGORITHM, ENCODING, HEADERS],
        example: "key: '${HMAC_KEY:-x}'
sign: \"${request.method}\\n${request.path}\\n${request.timestamp}\\n${request.body}\"
headers: { x-timestamp: '${request.timestamp}', x-signature: '${request.signature}' }
",
        rest: "key: x\nsign: '${request.body}'\nheaders: { x-signature: '${request.signature}' }\n",
        ..Mapping::EMPTY
    };
}

pub(crate) mod aws_sigv4 {
    //! A signature of AWS.

    use super::super::super::{Field, Mapping, Type};

    pub(crate) const ACCESS_KEY: Field = Field::new(
        "access_key",
        Type::TEMPLATE,
        "'${AWS_ACCESS_KEY_ID:-x}'",
        "The access key's identifier.",
    )
    .required();

    pub(crate) const SECRET_KEY: Field = Field::new(
        "secret_key",
        Type::TEMPLATE,
        "'${AWS_SECRET_ACCESS_KEY:-x}'",
        "The secret access key.",
    )
    .required();

    pub(crate) const SESSION_TOKEN: Field = Field::new(
        "session_token",
        Type::TEMPLATE,
        "'${AWS_SESSION_TOKEN:-x}'",
        "The token of temporary credentials, sent as `x-amz-security-token`; an empty one is not sent.",
    );

    pub(crate) const REGION: Field =
        Field::new("region", Type::TEMPLATE, "eu-west-1", "The region.").required();

    pub(crate) const SERVICE: Field = Field::new(
        "service",
        Type::TEMPLATE,
        "execute-api",
        "The service's name in signatures. With `s3`, the path is signed as it is, and the hash of the body is sent as \
         `x-amz-content-sha256`.",
    )
    .required();

    pub(crate) const TABLE: Mapping = Mapping {
        name: "aws_sigv4",
        what: "`aws_sigv4`",
        doc: "The credentials of AWS. A body that is read from a file while it is sent is signed as `UNSIGNED-PAYLOAD`, \
            which only S3 accepts.",
        fields: &[ACCESS_KEY, SECRET_KEY, SESSION_TOKEN, REGION, SERVICE],
        example: "access_key: '${AWS_ACCESS_KEY_ID:-x}'
secret_key: '${AWS_SECRET_ACCESS_KEY:-x}'
region: eu-west-1
service: execute-api
",
        rest: "access_key: x\nsecret_key: x\nregion: eu-west-1\nservice: s3\n",
        ..Mapping::EMPTY
    };
}
