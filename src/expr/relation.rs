//! Conditions on a text by a selector: `="login"`, `!=`, `=~`, `!~`, as in `PromQL`.

use regex::Regex;

use super::ExprError;
use super::cursor::Cursor;
use crate::source::did_you_mean;

/// The comparison of a selector with a text.
#[derive(Debug, Clone)]
pub enum Relation {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `=~`: the regular expression matches the complete text.
    Matches(Regex),
    /// `!~`: the regular expression does not match the complete text.
    MatchesNot(Regex),
}

impl Relation {
    /// True for `!=` and `!~`.
    pub const fn is_negative(&self) -> bool {
        match self {
            Self::IsNot | Self::MatchesNot(_) => true,
            Self::Is | Self::Matches(_) => false,
        }
    }

    /// True if `text` satisfies the comparison with `value`, the text between the quotes.
    pub fn accepts(&self, value: &str, text: &str) -> bool {
        match self {
            Self::Is => text == value,
            Self::IsNot => text != value,
            Self::Matches(regex) => regex.is_match(text),
            Self::MatchesNot(regex) => !regex.is_match(text),
        }
    }

    /// Takes a comparison and a text in quotes; returns both, and the position of the text between the quotes in
    /// characters: offset and length.
    pub(super) fn parse(
        cursor: &mut Cursor<'_>,
    ) -> Result<(Self, String, (usize, usize)), ExprError> {
        cursor.skip_space();
        let symbol_at = cursor.at;
        let symbol = cursor.word(|c| matches!(c, '=' | '!' | '~'));
        if !matches!(symbol, "=" | "!=" | "=~" | "!~") {
            let found = match symbol {
                "" => cursor.found(),
                symbol => format!("`{symbol}`"),
            };
            let message = format!("found {found}, expected =, !=, =~ or !~");
            return Err(ExprError {
                hint: (symbol == "==").then(|| did_you_mean("=")),
                ..cursor.fault(symbol_at, message)
            });
        }
        cursor.skip_space();
        let Some(quote @ ('\'' | '"')) = cursor.peek() else {
            let message = format!(
                "found {}, expected a text in quotes, such as `\"login\"`",
                cursor.found()
            );
            return Err(cursor.fault(cursor.at, message));
        };
        let quoted_at = cursor.at;
        let value = cursor.quoted(quote)?;
        let (offset, length) = cursor.range(quoted_at);
        // A regular expression must match the whole text, as in PromQL.
        let regex = || cursor.regex(quoted_at, &value, true);
        let relation = match symbol {
            "=" => Self::Is,
            "!=" => Self::IsNot,
            "=~" => Self::Matches(regex()?),
            _ => Self::MatchesNot(regex()?),
        };
        Ok((relation, value, (offset + 1, length - 2)))
    }
}
