//! Colour on a terminal, when it is wanted; never the only sign of anything.

use console::Style;

/// Whether colour is wanted: the caller knows the terminal and the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Escape sequences are written.
    On,
    /// Plain text.
    Off,
}

/// What a text is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Soft,
    Good,
    Bad,
    Care,
}

impl From<&str> for Tone {
    /// From the tone's name on the page.
    fn from(name: &str) -> Self {
        match name {
            "pass" => Self::Good,
            "fail" => Self::Bad,
            "care" => Self::Care,
            _ => Self::Plain,
        }
    }
}

/// Colours text, or leaves it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    colour: Colour,
}

impl Paint {
    pub(super) const fn new(colour: Colour) -> Self {
        Self { colour }
    }

    pub(super) fn with(self, tone: Tone, text: &str) -> String {
        self.apply(Self::style(tone), text)
    }

    pub(super) fn bold(self, tone: Tone, text: &str) -> String {
        self.apply(Self::style(tone).bold(), text)
    }

    fn style(tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Plain => style,
            Tone::Soft => style.dim(),
            Tone::Good => style.green(),
            Tone::Bad => style.red(),
            Tone::Care => style.yellow(),
        }
    }

    fn apply(self, style: Style, text: &str) -> String {
        // What the crate thinks of this process's own terminal does not matter: the caller has decided.
        style
            .force_styling(self.colour == Colour::On)
            .apply_to(text)
            .to_string()
    }
}
