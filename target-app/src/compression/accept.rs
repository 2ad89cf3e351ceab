//! Content negotiation (RFC 9110, 12.5.3): encodings with weights, a star for those not named, zero for never.

use axum::http::{HeaderMap, header};

use crate::settings::Compression;

/// The compression of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Encoding {
    Gzip,
    Br,
}

/// Weights in thousandths; `None` means not named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    gzip: Option<u16>,
    br: Option<u16>,
    identity: Option<u16>,
    star: Option<u16>,
}

impl Encoding {
    pub(super) const ALL: [Self; 2] = [Self::Gzip, Self::Br];

    /// The spelling in headers and metrics.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Br => "br",
        }
    }
}

impl Accepted {
    /// Reads all `Accept-Encoding` lines; an entry that cannot be parsed counts as not accepted.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for line in headers.get_all(header::ACCEPT_ENCODING) {
            for element in line.to_str().unwrap_or_default().split(',') {
                accepted.note(element);
            }
        }
        accepted
    }

    /// Selects the encoding with the greatest weight that `mode` allows, brotli before gzip; `None` if the client
    /// prefers an uncompressed body.
    pub(super) fn choose(self, mode: Compression) -> Option<Encoding> {
        let allowed: &[Encoding] = match mode {
            Compression::Off => &[],
            Compression::Gzip => &[Encoding::Gzip],
            Compression::Br => &[Encoding::Br],
            Compression::Auto => &Encoding::ALL,
        };
        // Of equal weights the last one wins: brotli.
        let best = allowed
            .iter()
            .max_by_key(|encoding| self.weight(**encoding));
        let least = self.identity.unwrap_or(0).max(1);
        best.copied()
            .filter(|encoding| self.weight(*encoding) >= least)
    }

    fn weight(self, encoding: Encoding) -> u16 {
        let named = match encoding {
            Encoding::Gzip => self.gzip,
            Encoding::Br => self.br,
        };
        named.or(self.star).unwrap_or(0)
    }

    fn note(&mut self, element: &str) {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let slot = if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
            &mut self.gzip
        } else if name.eq_ignore_ascii_case("br") {
            &mut self.br
        } else if name.eq_ignore_ascii_case("identity") {
            &mut self.identity
        } else if name == "*" {
            &mut self.star
        } else {
            return;
        };
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim_end()
                .eq_ignore_ascii_case("q")
                .then_some(value.trim_start())
        });
        *slot = Some(weight.map_or(1_000, thousandths));
    }
}

/// Parses a weight from 0 to 1 with at most three decimals; anything else is 0.
fn thousandths(weight: &str) -> u16 {
    let is_plain = weight
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    match weight.parse::<f32>() {
        Ok(weight) if is_plain && weight <= 1.0 => (weight * 1_000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_preference_decides_within_the_mode() {
        use Encoding::{Br, Gzip};
        for (line, auto, gzip, br) in [
            ("", None, None, None),
            ("gzip", Some(Gzip), Some(Gzip), None),
            ("gzip, deflate, br, zstd", Some(Br), Some(Gzip), Some(Br)),
            ("br;q=0.5, gzip", Some(Gzip), Some(Gzip), Some(Br)),
            (
                "br; Q = 0.9 , X-GZIP;q=0.901",
                Some(Gzip),
                Some(Gzip),
                Some(Br),
            ),
            ("gzip;q=0", None, None, None),
            ("gzip;q=0.000, br", Some(Br), None, Some(Br)),
            ("*", Some(Br), Some(Gzip), Some(Br)),
            ("*, br;q=0", Some(Gzip), Some(Gzip), None),
            ("*;q=0, gzip;q=0.1", Some(Gzip), Some(Gzip), None),
            ("*;q=0", None, None, None),
            ("identity, gzip;q=0.5", None, None, None),
            ("identity;q=0.5, gzip;q=0.5", Some(Gzip), Some(Gzip), None),
            ("identity;q=0", None, None, None),
            ("gzip;q=2, br;q=-1", None, None, None),
            ("gzip;q=inf, br;q=", None, None, None),
            ("zstd, deflate", None, None, None),
            (",, ;;, gzip ,", Some(Gzip), Some(Gzip), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, line.parse().expect("a value"));
            let accepted = Accepted::of(&headers);
            assert_eq!(accepted.choose(Compression::Auto), auto, "auto of {line:?}");
            assert_eq!(accepted.choose(Compression::Gzip), gzip, "gzip of {line:?}");
            assert_eq!(accepted.choose(Compression::Br), br, "br of {line:?}");
            assert_eq!(accepted.choose(Compression::Off), None, "off of {line:?}");
        }
    }

    #[test]
    fn several_lines_are_one_list_and_none_accepts_nothing() {
        let mut headers = HeaderMap::new();
        assert_eq!(Accepted::of(&headers), Accepted::default());
        for line in ["deflate", "gzip;q=0.3", "br;q=0.2"] {
            headers.append(header::ACCEPT_ENCODING, line.parse().expect("a value"));
        }
        let chosen = Accepted::of(&headers).choose(Compression::Auto);
        assert_eq!(chosen, Some(Encoding::Gzip));
    }
}
