//! Colours on a terminal; the output must be readable without them.

use console::Style;

/// The colour setting; the caller knows the terminal and the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Escape sequences are written.
    On,
    /// Plain text.
    Off,
}

/// The style of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Soft,
    Good,
    Bad,
    Care,
}

impl From<&str> for Tone {
    /// The style for the tone's name on the page.
    fn from(name: &str) -> Self {
        match name {
            "pass" => Self::Good,
            "fail" => Self::Bad,
            "care" => Self::Care,
            _ => Self::Plain,
        }
    }
}

/// Colours text, or returns it unchanged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    colour: Colour,
}

impl Paint {
    pub(crate) const fn new(colour: Colour) -> Self {
        Self { colour }
    }

    pub(crate) fn with(self, tone: Tone, text: &str) -> String {
        self.apply(Self::style(tone), text)
    }

    pub(crate) fn bold(self, tone: Tone, text: &str) -> String {
        self.apply(Self::style(tone).bold(), text)
    }

    /// An empty line and a heading.
    pub(super) fn heading(self, words: &str) -> Vec<String> {
        vec![
            String::new(),
            format!("  {}", self.bold(Tone::Plain, words)),
        ]
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
        // The caller has decided, so the crate must not look at this process's terminal.
        style
            .force_styling(self.colour == Colour::On)
            .apply_to(text)
            .to_string()
    }
}
