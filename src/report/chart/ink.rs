//! Colours by meaning. Each has a fixed colour of the light theme and a class. The page's style sheet changes the
//! class for the dark theme, and the chart stays readable if a strict policy blocks style sheets.

use std::fmt::Write as _;

use plotters::style::RGBColor;
use strum::VariantArray;

/// The meaning of a stroke or an area. Every ink has its own colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, VariantArray)]
pub(super) enum Ink {
    /// Labels of axes.
    Text,
    /// Emphasised labels.
    Strong,
    /// Grid lines.
    Grid,
    /// Base lines of axes.
    Axis,
    /// The median.
    P50,
    /// p95.
    P95,
    /// p99.
    P99,
    /// The maximum.
    Max,
    /// A limit.
    Limit,
    /// Periods in which a threshold does not hold.
    Violation,
    /// The warm-up.
    WarmUp,
    /// The first quantity of a plain chart.
    First,
    /// The second.
    Second,
    /// Failed requests.
    Failed,
    /// The interval of a number.
    Interval,
    /// A cell of a heatmap with few requests.
    Heat0,
    Heat1,
    Heat2,
    Heat3,
    Heat4,
    Heat5,
    Heat6,
    /// A cell of a heatmap with the most requests.
    Heat7,
}

/// The number of shades of a heatmap.
pub(super) const HEAT_STEPS: u8 = 8;

impl Ink {
    /// The ink of a shade, from 0 to below [`HEAT_STEPS`].
    pub(super) const fn heat(shade: u8) -> Self {
        match shade {
            0 => Self::Heat0,
            1 => Self::Heat1,
            2 => Self::Heat2,
            3 => Self::Heat3,
            4 => Self::Heat4,
            5 => Self::Heat5,
            6 => Self::Heat6,
            _ => Self::Heat7,
        }
    }

    /// The colour in the light theme: blue, green, vermilion of Okabe and Ito, greys, and a single-hue ramp.
    pub(super) const fn colour(self) -> RGBColor {
        match self {
            Self::Text => RGBColor(0x5b, 0x64, 0x70),
            Self::Strong => RGBColor(0x16, 0x19, 0x1d),
            Self::Grid => RGBColor(0xe6, 0xe9, 0xec),
            Self::Axis => RGBColor(0xb4, 0xbb, 0xc3),
            Self::P50 => RGBColor(0x00, 0x72, 0xb2),
            Self::P95 => RGBColor(0x00, 0x8a, 0x64),
            Self::P99 => RGBColor(0xd5, 0x5e, 0x00),
            Self::Max => RGBColor(0x8c, 0x94, 0x9e),
            Self::Limit => RGBColor(0xa1, 0x2a, 0x5e),
            Self::Violation => RGBColor(0xfd, 0xf0, 0xed),
            Self::WarmUp => RGBColor(0xf0, 0xf2, 0xf4),
            Self::First => RGBColor(0x01, 0x72, 0xb2),
            Self::Second => RGBColor(0xd6, 0x5e, 0x00),
            Self::Failed => RGBColor(0xb3, 0x26, 0x1e),
            Self::Interval => RGBColor(0xc9, 0xdd, 0xee),
            Self::Heat0 => RGBColor(0xdc, 0xe9, 0xf5),
            Self::Heat1 => RGBColor(0xbc, 0xd7, 0xec),
            Self::Heat2 => RGBColor(0x92, 0xc0, 0xe0),
            Self::Heat3 => RGBColor(0x63, 0xa4, 0xd1),
            Self::Heat4 => RGBColor(0x3c, 0x86, 0xbf),
            Self::Heat5 => RGBColor(0x1f, 0x68, 0xa6),
            Self::Heat6 => RGBColor(0x0d, 0x4a, 0x83),
            Self::Heat7 => RGBColor(0x06, 0x2c, 0x56),
        }
    }

    /// The class, without the letter for stroke or fill.
    const fn class(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Strong => "strong",
            Self::Grid => "grid",
            Self::Axis => "axis",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
            Self::Limit => "limit",
            Self::Violation => "bad",
            Self::WarmUp => "warm",
            Self::First => "one",
            Self::Second => "two",
            Self::Failed => "failed",
            Self::Interval => "interval",
            Self::Heat0 => "h0",
            Self::Heat1 => "h1",
            Self::Heat2 => "h2",
            Self::Heat3 => "h3",
            Self::Heat4 => "h4",
            Self::Heat5 => "h5",
            Self::Heat6 => "h6",
            Self::Heat7 => "h7",
        }
    }

    /// Dashes of a stroke, in tenths of a pixel.
    const fn dashes(self) -> Option<&'static str> {
        match self {
            Self::Limit => Some("50 35"),
            Self::Max => Some("15 25"),
            Self::Text
            | Self::Strong
            | Self::Grid
            | Self::Axis
            | Self::P50
            | Self::P95
            | Self::P99
            | Self::Violation
            | Self::WarmUp
            | Self::First
            | Self::Second
            | Self::Failed
            | Self::Interval
            | Self::Heat0
            | Self::Heat1
            | Self::Heat2
            | Self::Heat3
            | Self::Heat4
            | Self::Heat5
            | Self::Heat6
            | Self::Heat7 => None,
        }
    }

    /// A box of this colour with its left edge at `x`.
    pub(super) fn swatch(self, x: i32, width: i32, height: i32) -> String {
        let RGBColor(r, g, b) = self.colour();
        format!(
            "<rect x=\"{x}\" width=\"{width}\" height=\"{height}\" class=\"f-{}\" fill=\"#{r:02x}{g:02x}{b:02x}\"/>",
            self.class()
        )
    }

    fn of_hex(hex: &str) -> Option<Self> {
        Self::VARIANTS.iter().copied().find(|ink| {
            let RGBColor(r, g, b) = ink.colour();
            hex == format!("{r:02X}{g:02X}{b:02X}")
        })
    }
}

/// Adds a class to every fixed colour, and removes attributes with default values.
pub(super) fn with_classes(svg: &str) -> String {
    const HASH: &str = "=\"#";
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(at) = rest.find(HASH) {
        let (before, from_hash) = rest.split_at(at);
        let hex = from_hash.get(HASH.len()..HASH.len() + 6).unwrap_or("");
        let ink = Ink::of_hex(hex);
        let attribute = ["stroke", "fill"]
            .into_iter()
            .find(|name| before.ends_with(name));
        if let (Some(ink), Some(name)) = (ink, attribute) {
            out.push_str(&before[..before.len() - name.len()]);
            let letter = &name[..1];
            let _ = write!(
                out,
                "class=\"{letter}-{}\" {name}=\"#{}\"",
                ink.class(),
                hex.to_ascii_lowercase()
            );
            if let (Some(dashes), "stroke") = (ink.dashes(), name) {
                let _ = write!(out, " stroke-dasharray=\"{dashes}\"");
            }
            rest = &from_hash[HASH.len() + 7..];
        } else {
            out.push_str(before);
            out.push_str(HASH);
            rest = &from_hash[HASH.len()..];
        }
    }
    out.push_str(rest);
    out.replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" \"", "\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ink_has_a_colour_of_its_own() {
        for (index, ink) in Ink::VARIANTS.iter().enumerate() {
            for other in &Ink::VARIANTS[index + 1..] {
                assert_ne!(ink.colour(), other.colour(), "{ink:?} {other:?}");
                assert_ne!(ink.class(), other.class());
            }
        }
    }

    #[test]
    fn colours_get_classes_and_text_stays() {
        assert_eq!(
            with_classes(
                "<line opacity=\"1\" stroke=\"#0072B2\" x1=\"1\"/><text fill=\"#123456\">=\"#x</text>"
            ),
            "<line class=\"s-p50\" stroke=\"#0072b2\" x1=\"1\"/><text fill=\"#123456\">=\"#x</text>"
        );
    }
}
