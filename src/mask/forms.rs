//! The forms in which a target may return a secret.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use regex::Regex;

/// The maximum number of characters of a secret to compare; longer secrets are redacted up to the next separator.
const COMPARED: usize = 128;

/// The minimum number of characters of a line of a secret that is searched for on its own.
const SHORTEST_LINE: usize = 8;

/// The minimum number of characters of another part of a secret that is searched for on its own.
const SHORTEST_PART: usize = 16;

/// The minimum number of base64 characters to search for.
const SHORTEST_BASE64: usize = 4;

/// A line break between two characters, from a folded header or a wrapped mail.
const BREAK: &str = r"(?:=?(?:\r?\n|(?:\\+r)?\\+n)[ \t]?)?";

/// A line break in base64, which is wrapped at a fixed width; it may be shown as a space.
const BASE64_BREAK: &str = r"(?:\s|\\+[rn]){0,2}";

/// A regular expression for the secret in any form, and in any mixture of escapes.
pub(super) fn pattern(secret: &str) -> Regex {
    let compared = compared(secret);
    let rest = if compared.len() < secret.len() {
        r#"[^\s"'<>&…]*"#
    } else {
        ""
    };
    let characters: Vec<String> = compared.chars().map(escapes).collect();
    let mut forms = vec![characters.join(BREAK) + rest];
    let hex: String = compared.bytes().map(hex_digits).collect();
    forms.push(if rest.is_empty() {
        hex
    } else {
        hex + "[0-9a-fA-F]*"
    });
    for core in cores(compared.as_bytes()) {
        let core: Vec<String> = core.chars().map(base64_character).collect();
        let core = core.join(BASE64_BREAK);
        forms.push(format!("[A-Za-z0-9+/_=-]*{core}[A-Za-z0-9+/_=-]*"));
    }
    Regex::new(&forms.join("|")).expect("a bounded expression of escaped characters")
}

/// The forms of the secret as plain texts, to find a secret that is cut off.
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

/// The parts of a secret that are searched for too: its lines, which may be shown apart, and the words of a secret that is
/// too long to be compared as a whole, such as a private key.
pub(super) fn parts(secret: &str) -> impl Iterator<Item = &str> {
    let is_at_least = |length: usize| move |part: &&str| part.chars().count() >= length;
    let lines = Some(secret).filter(|secret| secret.contains('\n'));
    let lines = lines.into_iter().flat_map(str::lines).map(str::trim);
    let words = Some(secret).filter(|secret| compared(secret).len() < secret.len());
    let words = words.into_iter().flat_map(str::split_whitespace);
    lines
        .filter(is_at_least(SHORTEST_LINE))
        .chain(words.filter(is_at_least(SHORTEST_PART)))
}

fn compared(secret: &str) -> &str {
    let end = secret.char_indices().nth(COMPARED);
    &secret[..end.map_or(secret.len(), |(end, _)| end)]
}

/// A character, or any of the ways in which servers and libraries escape it: for URLs (also in Latin-1), JSON and the
/// literals of programming languages, HTML by number or by any name, SQL and CSV by doubling quotes.
fn escapes(c: char) -> String {
    let mut buffer = [0; 4];
    let plain = c.encode_utf8(&mut buffer);
    let each = |bytes: &[u8], before: &str| -> String {
        let escape = |byte: &u8| format!("{before}{}", hex_digits(*byte));
        bytes.iter().map(escape).collect()
    };
    let latin = u8::try_from(c).ok().filter(|byte| !byte.is_ascii());
    let mut forms = vec![regex::escape(plain)];
    for before in ["%(?:25)?", r"\\+x"] {
        forms.push(each(plain.as_bytes(), before));
        forms.extend(latin.map(|byte| each(&[byte], before)));
    }
    let number = u32::from(c);
    let hex: String = format!("{number:x}").chars().map(hex_digit).collect();
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units).iter();
    let units = units.map(|unit| r"\\+u".to_owned() + &each(&unit.to_be_bytes(), ""));
    forms.push(units.collect());
    forms.push(format!(r"\\+u\{{0*{hex}\}}"));
    forms.push(format!("&(?:amp;)?#(?:0*{number}|[xX]0*{hex});"));
    if !c.is_ascii_alphanumeric() {
        forms.push("&(?:amp;)?[A-Za-z][A-Za-z0-9]*;".to_owned());
    }
    let own: &[&str] = match c {
        ' ' => &[r"\+"],
        '"' => &[r#"\\+""#, "\"\""],
        '\'' => &[r"\\+'", "''"],
        '\\' => &[r"\\+"],
        '/' => &[r"\\+/"],
        '\n' => &[r"\\+n", " "],
        '\r' => &[r"\\+r", " "],
        '\t' => &[r"\\+t", " "],
        c if c.is_control() => &[" "],
        _ => &[],
    };
    // Longer forms first, so that two quotes are removed together.
    forms.splice(0..0, own.iter().rev().map(|&form| form.to_owned()));
    format!("(?:{})", forms.join("|"))
}

fn hex_digits(byte: u8) -> String {
    format!("{byte:02x}").chars().map(hex_digit).collect()
}

/// A pattern for a hexadecimal digit in either case.
fn hex_digit(digit: char) -> String {
    if digit.is_ascii_digit() {
        digit.to_string()
    } else {
        format!("[{digit}{}]", digit.to_ascii_uppercase())
    }
}

/// The base64 characters of these bytes at each of the three possible offsets, without the characters that depend on
/// neighbouring bytes.
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

/// A pattern for a base64 character in either alphabet, also percent-encoded.
fn base64_character(c: char) -> String {
    match c {
        '+' => r"(?:[+-]|%2[bB])".to_owned(),
        '/' => r"(?:[/_]|\\/|%2[fF])".to_owned(),
        c => c.to_string(),
    }
}
