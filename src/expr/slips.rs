//! Suggestions for operators of other languages.

use super::ExprError;
use super::cursor::Cursor;

/// A symbol, the error and the hint.
const SYMBOLS: [(&str, &str, &str); 16] = [
    ("===", "`===` is not an operator here", "did you mean `==`?"),
    ("!==", "`!==` is not an operator here", "did you mean `!=`?"),
    ("&&", "`&&` is not an operator here", "did you mean `and`?"),
    ("||", "`||` is not an operator here", "did you mean `or`?"),
    ("<>", "`<>` is not an operator here", "did you mean `!=`?"),
    ("=<", "`=<` is not an operator here", "did you mean `<=`?"),
    ("=>", "`=>` is not an operator here", "did you mean `>=`?"),
    ("=", "`=` is not an operator here", "did you mean `==`?"),
    ("!", "`!` is not an operator here", "did you mean `not`?"),
    ("&", "`&` is not an operator here", "did you mean `and`?"),
    ("|", "`|` is not an operator here", "did you mean `or`?"),
    (
        "?",
        "`?` is not an operator here",
        "write the default of a value that may be missing after `??`",
    ),
    ("**", "`**` is not an operator here", "multiply with `*`"),
    ("^", "`^` is not an operator here", "multiply with `*`"),
    (
        ":-",
        "a variable of the scenario has no default after `:-`",
        "write it after `??`: `${name ?? 'default'}`; only environment variables, in capitals, have `${NAME:-default}`",
    ),
    (
        "${",
        "two values follow each other without an operator",
        "to join them as a text, put quotes around both: \"${a}-${b}\"",
    ),
];

/// Words of other languages and the operators they mean.
const WORDS: [(&str, &str); 18] = [
    ("AND", "and"),
    ("And", "and"),
    ("OR", "or"),
    ("Or", "or"),
    ("NOT", "not"),
    ("Not", "not"),
    ("is", "=="),
    ("eq", "=="),
    ("equals", "=="),
    ("ne", "!="),
    ("lt", "<"),
    ("le", "<="),
    ("lte", "<="),
    ("gt", ">"),
    ("ge", ">="),
    ("gte", ">="),
    ("contains", "=~"),
    ("matches", "=~"),
];

/// The error for text where only an operator or the end is valid.
pub(super) fn operator(cursor: &mut Cursor<'_>, expected: &str) -> ExprError {
    let start = cursor.at;
    let is_ours = |symbol: &&str| cursor.rest().starts_with(*symbol);
    let slip = SYMBOLS
        .into_iter()
        .find(|(symbol, ..)| is_ours(symbol))
        .filter(|(symbol, ..)| symbol.len() > 1 || !["==", "!=", "!~", "=~"].iter().any(is_ours));
    if let Some((symbol, message, hint)) = slip {
        cursor.at += symbol.len();
        return cursor.error(start, message, hint);
    }
    let before = cursor.text[..start].trim_end();
    if before.ends_with(|c: char| c.is_ascii_digit()) && cursor.take("%") {
        let digits = before.trim_start_matches(|c: char| !c.is_ascii_digit());
        let hint =
            format!("to run a step {digits} % of the time, write `if: random(1,100) <= {digits}`");
        return cursor.error(start, "a percentage is not a value", &hint);
    }
    if let Some((word, meant)) = WORDS.iter().find(|(word, _)| cursor.take_word(word)) {
        let message = format!("`{word}` is not an operator here");
        return cursor.error(start, &message, &format!("did you mean `{meant}`?"));
    }
    cursor.unexpected(expected)
}
