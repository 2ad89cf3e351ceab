//! Digests and message authentication codes.

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::arguments::Arguments;
use super::{Entry, Kind};
use crate::expr::{Missing, Value};

const ONE: &[Kind] = &[Kind::Text, Kind::Encoding];
const KEYED: &[Kind] = &[Kind::Text, Kind::Text, Kind::Encoding];

pub(super) const GROUP: &[&Entry] = &[
    &SHA256,
    &SHA1,
    &SHA512,
    &MD5,
    &HMAC_SHA256,
    &HMAC_SHA1,
    &HMAC_SHA512,
];

static SHA256: Entry = Entry::pure("sha256(x[,encoding])", ONE, digest::<Sha256>)
    .at_least(1)
    .doc("The SHA-256 of `x`, in lower-case hex; `encoding` may be `'base64'` or `'base64url'`.")
    .example(
        "sha256('abc')",
        "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
    );

static SHA1: Entry = Entry::pure("sha1(x[,encoding])", ONE, digest::<Sha1>)
    .at_least(1)
    .doc("The SHA-1 of `x`, encoded as by `sha256`.")
    .example(
        "sha1('abc')",
        "\"a9993e364706816aba3e25717850c26c9cd0d89d\"",
    );

static SHA512: Entry = Entry::pure("sha512(x[,encoding])", ONE, digest::<Sha512>)
    .at_least(1)
    .doc("The SHA-512 of `x`, encoded as by `sha256`.")
    .example("slice(sha512('abc'), 0, 16)", "\"ddaf35a193617aba\"");

static MD5: Entry = Entry::pure("md5(x[,encoding])", ONE, digest::<Md5>)
    .at_least(1)
    .doc("The MD5 of `x`, encoded as by `sha256`.")
    .example("md5('abc')", "\"900150983cd24fb0d6963f7d28e17f72\"");

static HMAC_SHA256: Entry = Entry::pure("hmac_sha256(k,x[,encoding])", KEYED, hmac_sha256)
    .at_least(2)
    .doc("The HMAC-SHA-256 of `x` with the key `k`, encoded as by `sha256`.")
    .example(
        "hmac_sha256('Jefe', 'what do ya want for nothing?')",
        "\"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843\"",
    );

static HMAC_SHA1: Entry = Entry::pure("hmac_sha1(k,x[,encoding])", KEYED, hmac_sha1)
    .at_least(2)
    .doc("The HMAC-SHA-1 of `x` with the key `k`, encoded as by `sha256`.")
    .example(
        "hmac_sha1('Jefe', 'what do ya want for nothing?', 'base64')",
        "\"7/zfauXrL6LSdBbV8YTfnCWafHk=\"",
    );

static HMAC_SHA512: Entry = Entry::pure("hmac_sha512(k,x[,encoding])", KEYED, hmac_sha512)
    .at_least(2)
    .doc("The HMAC-SHA-512 of `x` with the key `k`, encoded as by `sha256`.")
    .example(
        "slice(hmac_sha512('Jefe', 'what do ya want for nothing?'), 0, 16)",
        "\"164b7a7bfcf819e2\"",
    );

fn digest<D: Digest>(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let digest = D::digest(arguments.text(0)?.as_bytes());
    arguments.encoded(1, &digest)
}

fn hmac_sha256(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    mac::<Hmac<Sha256>>(arguments)
}

fn hmac_sha1(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    mac::<Hmac<Sha1>>(arguments)
}

fn hmac_sha512(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    mac::<Hmac<Sha512>>(arguments)
}

fn mac<M: Mac + KeyInit>(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let mut mac = <M as KeyInit>::new_from_slice(arguments.text(0)?.as_bytes())
        .map_err(|_| arguments.fail("the key has a wrong length"))?;
    mac.update(arguments.text(1)?.as_bytes());
    let code = mac.finalize().into_bytes();
    arguments.encoded(2, &code)
}
