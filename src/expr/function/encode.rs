//! Encodings: JSON, base64, hexadecimal, URLs, HTML.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::super::encoding::{Encoding, hex as hex_of};
use super::arguments::Arguments;
use super::{Entry, Kind};
use crate::expr::{Missing, Value};

const TEXT: &[Kind] = &[Kind::Text];

pub(super) const GROUP: &[&Entry] = &[
    &JSON,
    &PARSE_JSON,
    &BASE64,
    &BASE64URL,
    &BASE64_DECODE,
    &HEX,
    &URL_ENCODE,
    &RAW,
    &HTML,
];

static JSON: Entry = Entry::pure("json(x)", &[Kind::Any], json)
    .doc("`x` as JSON text.")
    .example("json(['a', 1])", "\"[\\\"a\\\",1]\"");

static PARSE_JSON: Entry = Entry::pure("parse_json(x)", TEXT, parse_json)
    .doc("The value that the JSON text `x` describes.")
    .example("parse_json('{\"a\": [1, 2]}').a[-1]", "2");

static BASE64: Entry = Entry::pure("base64(x)", TEXT, base64)
    .doc("`x` in base64, with padding (RFC 4648 §4).")
    .example("base64('???>>>')", "\"Pz8/Pj4+\"");

static BASE64URL: Entry = Entry::pure("base64url(x)", TEXT, base64url)
    .doc("`x` in base64 for URLs and tokens, without padding (RFC 4648 §5).")
    .example("base64url('???>>>!')", "\"Pz8_Pj4-IQ\"");

static BASE64_DECODE: Entry = Entry::pure("base64_decode(x)", TEXT, base64_decode)
    .doc("The text that `x` encodes in base64, of either alphabet, with or without padding. It must be UTF-8.")
    .example("base64_decode('Pz8_Pj4-IQ')", "\"???>>>!\"");

static HEX: Entry = Entry::pure("hex(x)", TEXT, hex)
    .doc("The bytes of the text `x` in lower-case hex.")
    .example("hex('Az')", "\"417a\"");

/// In a URL, where values are encoded anyway, the same as without it.
pub(in crate::expr) static URL_ENCODE: Entry = Entry::pure("url_encode(x)", TEXT, url_encode)
    .doc(
        "`x` percent-encoded. Values in a path or a query are always encoded, so they do not need it; there it encodes \
         once.",
    )
    .example("url_encode('a b/c')", "\"a%20b%2Fc\"");

/// In a URL it keeps the characters with a meaning; everywhere else it changes nothing.
pub(in crate::expr) static RAW: Entry = Entry::pure("raw(x)", TEXT, raw)
    .doc(
        "In a URL, a query or a form: `x` as a part of the URL, of which only the characters are encoded that no URL may \
         contain. For a captured path of several segments or a captured query: `/list${raw(query)}`. Elsewhere `x` \
         itself.",
    )
    .example("raw('a/b?c=d')", "\"a/b?c=d\"");

static HTML: Entry = Entry::pure("html(x)", TEXT, html)
    .doc("The text that `x` is in HTML: with its entities decoded. For links and hidden fields that a regex captured.")
    .example("html('a?b=1&amp;c=&#34;x&#34;')", "\"a?b=1&c=\\\"x\\\"\"");

fn json(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    Ok(arguments.value(0)?.to_string().into())
}

fn parse_json(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let parsed = Value::from_json(&arguments.text(0)?);
    parsed.map_err(|error| arguments.fail(format!("it is not JSON: {error}")))
}

fn base64(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    Ok(STANDARD.encode(&*arguments.text(0)?).into())
}

fn base64url(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    Ok(URL_SAFE_NO_PAD.encode(&*arguments.text(0)?).into())
}

fn base64_decode(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);
    let text = arguments.text(0)?;
    let text: String = text
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            other => other,
        })
        .collect();
    let bytes = ENGINE
        .decode(text)
        .map_err(|error| arguments.fail(format!("it is not base64: {error}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(arguments.fail("the decoded bytes are not a UTF-8 text")),
    }
}

fn hex(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    Ok(hex_of(arguments.text(0)?.as_bytes()).into())
}

fn url_encode(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let mut out = String::new();
    Encoding::Percent.write(&arguments.text(0)?, &mut out);
    Ok(out.into())
}

fn raw(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    Ok(arguments.text(0)?.into())
}

fn html(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let text = arguments.text(0)?;
    Ok(html_escape::decode_html_entities(&*text)
        .into_owned()
        .into())
}
