//! One secret in all the forms in which it may come back.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex::Regex;

/// The most characters of a secret that are compared; what follows without a gap is hidden with them.
const COMPARED: usize = 256;

/// The fewest characters of base64 that are looked for.
const SHORTEST_BASE64: usize = 4;

/// An expression that finds the secret in any form, and in any mixture of escapes.
pub(super) fn pattern(secret: &str) -> Regex {
    let compared = compared(secret);
    let rest = if compared.len() < secret.len() {
        r#"[^\s"'<>&…]*"#
    } else {
        ""
    };
    let mut forms = vec![compared.chars().map(escapes).collect::<String>() + rest];
    let hex: String = compared.bytes().map(hex_digits).collect();
    forms.push(if rest.is_empty() {
        hex
    } else {
        hex + "[0-9a-fA-F]*"
    });
    for core in cores(compared.as_bytes()) {
        let core: String = core.chars().map(base64_character).collect();
        forms.push(format!("[A-Za-z0-9+/_=-]*{core}[A-Za-z0-9+/_=-]*"));
    }
    Regex::new(&forms.join("|")).expect("a bounded expression of escaped characters")
}

/// The forms as texts of which only the beginning may be there.
pub(super) fn beginnings(secret: &str) -> Vec<String> {
    let compared = compared(secret);
    let json = serde_json::Value::from(compared).to_string();
    let hex = |upper: bool| {
        compared.bytes().fold(String::new(), |mut out, byte| {
            let _ = if upper {
                write!(out, "{byte:02X}")
            } else {
                write!(out, "{byte:02x}")
            };
            out
        })
    };
    let mut forms = vec![
        compared.replace(char::is_control, " "),
        json[1..json.len() - 1].to_owned(),
        url::form_urlencoded::byte_serialize(compared.as_bytes()).collect(),
        hex(false),
        hex(true),
    ];
    forms.extend(cores(compared.as_bytes()));
    forms
}

fn compared(secret: &str) -> &str {
    let end = secret.char_indices().nth(COMPARED);
    &secret[..end.map_or(secret.len(), |(end, _)| end)]
}

/// A character, or any of the ways to escape it.
fn escapes(c: char) -> String {
    let plain = regex::escape(c.encode_utf8(&mut [0; 4]));
    let mut bytes = [0; 4];
    let percent = c
        .encode_utf8(&mut bytes)
        .bytes()
        .map(|byte| format!("%(?:25)?{}", hex_digits(byte)))
        .collect::<Vec<_>>()
        .concat();
    if c.is_ascii_alphanumeric() {
        return format!("(?:{plain}|{percent})");
    }
    let mut units = [0; 2];
    let unicode = c
        .encode_utf16(&mut units)
        .iter()
        .map(|unit| {
            let digits: String = unit.to_be_bytes().into_iter().map(hex_digits).collect();
            format!(r"\\+u{digits}")
        })
        .collect::<Vec<_>>()
        .concat();
    let own: &str = match c {
        ' ' => r"|\+",
        '"' => r#"|\\+"|&quot;|&#34;"#,
        '\'' => r"|\\+'|&#0?39;|&apos;|&#x27;",
        '\\' => r"|\\+",
        '/' => r"|\\+/|&#47;|&#x2[fF];",
        '&' => "|&amp;",
        '<' => "|&lt;",
        '>' => "|&gt;",
        '=' => "|&#61;|&#x3[dD];",
        '+' => "|&#43;|&#x2[bB];",
        '\n' => r"|\\+n| ",
        '\r' => r"|\\+r| ",
        '\t' => r"|\\+t| ",
        c if c.is_control() => "| ",
        _ => "",
    };
    format!("(?:{plain}|{percent}|{unicode}{own})")
}

fn hex_digits(byte: u8) -> String {
    format!("{byte:02x}")
        .chars()
        .fold(String::new(), |mut out, digit| {
            if digit.is_ascii_digit() {
                out.push(digit);
            } else {
                let _ = write!(out, "[{digit}{}]", digit.to_ascii_uppercase());
            }
            out
        })
}

/// What base64 has of these bytes wherever they stand in what is encoded: the characters that no neighbour changes.
fn cores(bytes: &[u8]) -> Vec<String> {
    (0..3)
        .map(|offset| {
            let mut padded = vec![0; offset];
            padded.extend(bytes);
            let encoded = STANDARD_NO_PAD.encode(&padded);
            let (start, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
            encoded[start..end.max(start)].to_owned()
        })
        .filter(|core| core.len() >= SHORTEST_BASE64)
        .collect()
}

/// A character of either alphabet of base64, and as a URL has it.
fn base64_character(c: char) -> String {
    match c {
        '+' => r"(?:[+-]|%2[bB])".to_owned(),
        '/' => r"(?:[/_]|\\/|%2[fF])".to_owned(),
        c => c.to_string(),
    }
}
