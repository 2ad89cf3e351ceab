//! Bodies of the assets: each is derived from the seed and the asset's position, and is valid for its type.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use rand::{Rng, RngExt as _};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng as _;

/// The type of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AssetForm {
    Page,
    Style,
    Script,
    Drawing,
    Records,
    Font,
    Picture,
}

/// Name without extension, and type. The page comes first.
pub(super) const ASSETS: [(&str, AssetForm); 40] = [
    ("index", AssetForm::Page),
    ("app", AssetForm::Style),
    ("vendor", AssetForm::Style),
    ("theme-dark", AssetForm::Style),
    ("print", AssetForm::Style),
    ("app", AssetForm::Script),
    ("vendor", AssetForm::Script),
    ("catalogue", AssetForm::Script),
    ("reader", AssetForm::Script),
    ("search", AssetForm::Script),
    ("charts", AssetForm::Script),
    ("worker", AssetForm::Script),
    ("polyfills", AssetForm::Script),
    ("logo", AssetForm::Drawing),
    ("icon-search", AssetForm::Drawing),
    ("icon-cart", AssetForm::Drawing),
    ("icon-user", AssetForm::Drawing),
    ("icon-menu", AssetForm::Drawing),
    ("icon-star", AssetForm::Drawing),
    ("map", AssetForm::Drawing),
    ("pattern", AssetForm::Drawing),
    ("locale-en", AssetForm::Records),
    ("locale-de", AssetForm::Records),
    ("locale-fr", AssetForm::Records),
    ("locale-pt", AssetForm::Records),
    ("facets", AssetForm::Records),
    ("covers", AssetForm::Records),
    ("serif-regular", AssetForm::Font),
    ("serif-italic", AssetForm::Font),
    ("serif-bold", AssetForm::Font),
    ("sans-regular", AssetForm::Font),
    ("mono-regular", AssetForm::Font),
    ("hero", AssetForm::Picture),
    ("cover-1", AssetForm::Picture),
    ("cover-2", AssetForm::Picture),
    ("cover-3", AssetForm::Picture),
    ("cover-4", AssetForm::Picture),
    ("avatar", AssetForm::Picture),
    ("texture", AssetForm::Picture),
    ("favicon", AssetForm::Picture),
];

impl AssetForm {
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Page => "html",
            Self::Style => "css",
            Self::Script => "js",
            Self::Drawing => "svg",
            Self::Records => "json",
            Self::Font => "woff2",
            Self::Picture => "png",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Page => "text/html; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Drawing => "image/svg+xml",
            Self::Records => "application/json",
            Self::Font => "font/woff2",
            Self::Picture => "image/png",
        }
    }

    /// Minimum and maximum bytes to aim for; the result is at most one line longer.
    fn sizes(self) -> (f64, f64) {
        match self {
            Self::Page => (4_000.0, 12_000.0),
            Self::Style => (2_000.0, 60_000.0),
            Self::Script => (5_000.0, 195_000.0),
            Self::Drawing => (300.0, 8_000.0),
            Self::Records => (500.0, 40_000.0),
            Self::Font => (15_000.0, 80_000.0),
            Self::Picture => (400.0, 195_000.0),
        }
    }
}

/// The body of the asset at `place` in [`ASSETS`]; the page links to `links`, other assets ignore them.
pub(super) fn body(seed: u64, place: usize, links: &[String]) -> Vec<u8> {
    let form = ASSETS[place].1;
    let mut random = Pcg64Mcg::seed_from_u64(seed.rotate_left(32) ^ place as u64);
    let (least, most) = form.sizes();
    // Log-uniform: many small and few large assets, as on real sites.
    let size = (least * (most / least).powf(random.random())) as usize;
    match form {
        AssetForm::Page => page(&mut random, size, links).into_bytes(),
        AssetForm::Style => style(&mut random, size).into_bytes(),
        AssetForm::Script => script(&mut random, size).into_bytes(),
        AssetForm::Drawing => drawing(&mut random, size).into_bytes(),
        AssetForm::Records => records(&mut random, size).into_bytes(),
        AssetForm::Font => font(&mut random, size),
        AssetForm::Picture => picture(&mut random, size),
    }
}

// Writing to a String cannot fail: every result is dropped below.

fn page(random: &mut impl Rng, size: usize, links: &[String]) -> String {
    let mut text =
        String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<title>Folio</title>\n");
    for name in links {
        let _ = match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "css" => writeln!(text, "<link rel=\"stylesheet\" href=\"/assets/{name}\">"),
            "js" => writeln!(text, "<script defer src=\"/assets/{name}\"></script>"),
            _ => writeln!(text, "<link rel=\"preload\" href=\"/assets/{name}\">"),
        };
    }
    text.push_str("</head>\n<body>\n");
    while text.len() < size {
        let shelf: u16 = random.random();
        let _ = writeln!(
            text,
            "<p>Shelf {shelf} of the catalogue, bay {}.</p>",
            shelf % 97
        );
    }
    text.push_str("</body>\n</html>\n");
    text
}

fn style(random: &mut impl Rng, size: usize) -> String {
    let mut text = String::with_capacity(size + 80);
    while text.len() < size {
        let [class, top, left, red, green, blue]: [u8; 6] = random.random();
        let _ = writeln!(
            text,
            ".c{class}{{margin:{top}px {left}px;color:#{red:02x}{green:02x}{blue:02x}}}"
        );
    }
    text
}

fn script(random: &mut impl Rng, size: usize) -> String {
    let mut text = String::with_capacity(size + 80);
    let mut number = 0_u32;
    while text.len() < size {
        let [factor, addend]: [u16; 2] = random.random();
        let _ = writeln!(
            text,
            "export function f{number}(a){{return a*{factor}+{addend};}}"
        );
        number += 1;
    }
    text
}

fn drawing(random: &mut impl Rng, size: usize) -> String {
    let mut text =
        String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 255 255\">\n");
    while text.len() < size {
        let [x, y, radius, red, green, blue]: [u8; 6] = random.random();
        let _ = writeln!(
            text,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" fill=\"#{red:02x}{green:02x}{blue:02x}\"/>"
        );
    }
    text.push_str("</svg>\n");
    text
}

fn records(random: &mut impl Rng, size: usize) -> String {
    let mut text = String::from("{\"version\":1");
    let mut number = 0_u32;
    while text.len() < size {
        let value: u32 = random.random();
        let _ = write!(text, ",\n\"key.{number}\":\"value {value}\"");
        number += 1;
    }
    text.push_str("}\n");
    text
}

/// The head of a WOFF2 file and random bytes: like a real font, it cannot be compressed.
fn font(random: &mut impl Rng, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    random.fill(bytes.as_mut_slice());
    bytes[..4].copy_from_slice(b"wOF2");
    bytes[8..12].copy_from_slice(&(size as u32).to_be_bytes());
    bytes
}

/// A PNG of grey noise, stored without compression so that its size follows from its rows.
fn picture(random: &mut impl Rng, size: usize) -> Vec<u8> {
    let width: u32 = if size < 16_000 { 16 } else { 256 };
    let row = width as usize + 1;
    let height = (size / row).max(1);
    let mut rows = vec![0; row * height];
    for row in rows.chunks_mut(row) {
        // The first byte of a row selects the filter: none.
        random.fill(&mut row[1..]);
    }
    let mut packed = ZlibEncoder::new(Vec::with_capacity(size + 64), Compression::none());
    // Writing to a Vec cannot fail.
    let _ = packed.write_all(&rows);
    let packed = packed.finish().unwrap_or_default();

    let mut head = Vec::with_capacity(13);
    head.extend(width.to_be_bytes());
    head.extend((height as u32).to_be_bytes());
    // Eight bits, greyscale; the only compression and filter method of the format; no interlacing.
    head.extend([8, 0, 0, 0, 0]);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, content) in [(b"IHDR", head), (b"IDAT", packed), (b"IEND", Vec::new())] {
        let mut sum = Crc::new();
        sum.update(name);
        sum.update(&content);
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(name);
        bytes.extend(content);
        bytes.extend(sum.sum().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn bodies_follow_from_the_seed_and_keep_their_bounds() {
        for seed in [1, 2, u64::MAX] {
            for (place, asset) in ASSETS.iter().enumerate() {
                let made = body(seed, place, &[]);
                assert!(
                    (200..=200_000).contains(&made.len()),
                    "{asset:?}: {} bytes",
                    made.len()
                );
                assert_eq!(made, body(seed, place, &[]));
                assert_ne!(made, body(seed ^ 5, place, &[]), "{asset:?}");
            }
        }
    }

    #[test]
    fn records_are_json_and_pictures_are_whole() {
        for (place, (_, form)) in ASSETS.iter().enumerate() {
            let made = body(1, place, &[]);
            match form {
                AssetForm::Records => {
                    let read: serde_json::Value = serde_json::from_slice(&made).expect("JSON");
                    assert!(read.is_object());
                }
                AssetForm::Picture => {
                    let length = u32::from_be_bytes(made[33..37].try_into().expect("four bytes"));
                    let packed = &made[41..41 + length as usize];
                    let mut rows = Vec::new();
                    ZlibDecoder::new(packed)
                        .read_to_end(&mut rows)
                        .expect("whole");
                    assert!(!rows.is_empty() && made.ends_with(b"IEND\xaeB`\x82"));
                }
                _ => {}
            }
        }
    }
}
