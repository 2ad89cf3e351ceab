use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::expr::fake::Fake;
use crate::expr::{Function, SlotId};

fn fake() -> Fake {
    Fake {
        slots: vec![("id", Some(1_i64.into())), ("order_id", None)],
        columns: vec![("email", "e".into()), ("password", "p".into())],
        ..Fake::default()
    }
}

fn literal(value: serde_json::Value) -> Expression {
    Expression::Literal(value.into())
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let id = || Expression::Slot(SlotId(0));
    let email = || Expression::Column { feed: 0, column: 0 };
    let choice = |arguments: Vec<Expression>| Expression::Call(Function::Choice, arguments.into());
    for (text, expected) in [
        ("${id}", id()),
        ("${  id\t}", id()),
        ("${users.email}", email()),
        ("${users.\"email\"}", email()),
        ("${-1.5}", literal(json!(-1.5))),
        ("${true}", literal(json!(true))),
        ("${(null)}", literal(json!(null))),
        ("${'}'}", literal(json!("}"))),
        (r"${'it\'s a \\ \n'}", literal(json!(r"it's a \ \n"))),
        ("${\"ü'\"}", literal(json!("ü'"))),
        ("${choice(id)}", choice(vec![id()])),
        ("${choice( id , users.email )}", choice(vec![id(), email()])),
        (
            "${choice('a', \"b c\" ,1, -1)}",
            choice(vec![
                literal(json!("a")),
                literal(json!("b c")),
                literal(json!(1)),
                literal(json!(-1)),
            ]),
        ),
        (
            "${choice(random(1,2), 'a, b')}",
            choice(vec![
                Expression::Call(
                    Function::Random,
                    Box::new([literal(json!(1)), literal(json!(2))]),
                ),
                literal(json!("a, b")),
            ]),
        ),
        ("${env(HOME_TOWN)}", literal(json!("Lund & Åhus"))),
        ("${HOME_TOWN}", literal(json!("Lund & Åhus"))),
        ("${NOT_SET:-a == b}", literal(json!("a == b"))),
        ("${env( 'HOME_TOWN' )}", literal(json!("Lund & Åhus"))),
    ] {
        let pieces = pieces(text, &mut fake()).expect(text);
        assert_eq!(pieces, [TemplatePiece::Expression(expected)], "{text}");
    }
}

const LISTING: &str = "the functions are random(a,b), uuid(), now(), timestamp_ms(), choice(a,b,c), iteration(), user(), \
     base64(x), sha256(x), hmac_sha256(k,x), json(x), urlencode(x), env(NAME)";
const INSIDE: &str =
    "`${…}` contains a variable, a column such as users.email, or a function such as random(1,3)";
const CLOSE: &str = "close it with `}`; write `$${` for the text `${`";

/// A text, the position of the error (offset and length), its message and its hint.
type Fault = (&'static str, (usize, usize), &'static str, &'static str);

const FAULTS: &[Fault] = &[
    (
        "ü/${oder_id}",
        (4, 7),
        "nothing is called `oder_id` here",
        "did you mean `order_id`?",
    ),
    (
        "${user.email}",
        (2, 10),
        "nothing is called `user.email` here",
        "did you mean `users.email`?",
    ),
    (
        "${users.phone}",
        (2, 11),
        "nothing is called `users.phone` here",
        "name one of its columns: users.email, users.password",
    ),
    (
        "${users}",
        (2, 5),
        "`users` is a feeder, not a value",
        "name one of its columns: users.email, users.password",
    ),
    (
        "${id.name}",
        (2, 7),
        "`id` is a variable and has no columns",
        "write 'id.name' for a text; known here: id, order_id, users.email, users.password",
    ),
    (
        "${uuid}",
        (2, 4),
        "nothing is called `uuid` here",
        "write `uuid()` to call the function",
    ),
    (
        "${API_KEY}",
        (2, 7),
        "the environment variable `API_KEY` is not set",
        "set it, or give a default: `${API_KEY:-default}`",
    ),
    (
        "${something}",
        (2, 9),
        "nothing is called `something` here",
        "write 'something' for a text; known here: id, order_id, users.email, users.password",
    ),
    (
        "${choice(red wine, id)}",
        (9, 3),
        "nothing is called `red` here",
        "write 'red wine' for a text; known here: id, order_id, users.email, users.password",
    ),
    (
        "${id:-x}",
        (4, 2),
        "a variable of the scenario has no default after `:-`",
        "write it after `??`: `${name ?? 'default'}`; only environment variables, in capitals, have `${NAME:-default}`",
    ),
    (
        "${}",
        (0, 3),
        "there is nothing between `${` and `}`",
        "name a variable or call a function; write `$${` for the text `${`",
    ),
    (
        "a ${id",
        (2, 2),
        "`${` has no closing `}`: the text ends where `}` was expected",
        CLOSE,
    ),
    (
        "${",
        (0, 2),
        "`${` has no closing `}`: the text ends where a variable, a function, a number or a 'text' was expected",
        CLOSE,
    ),
    (
        "${random(1",
        (0, 2),
        "`${` has no closing `}`: the text ends where `,` or `)` was expected",
        CLOSE,
    ),
    (
        "${id id}",
        (5, 1),
        "found `i` where `}` was expected",
        INSIDE,
    ),
    (
        "${users.}",
        (8, 1),
        "found `}` where the name of a column was expected",
        INSIDE,
    ),
    (
        "${#}",
        (2, 1),
        "found `#` where a variable, a function, a number or a 'text' was expected",
        INSIDE,
    ),
    (
        "${nope(1,2)}",
        (2, 4),
        "there is no function `nope`",
        LISTING,
    ),
    (
        "${radnom(1,2)}",
        (2, 6),
        "there is no function `radnom`",
        "did you mean `random(a,b)`?",
    ),
    (
        "${random(1)}",
        (2, 9),
        "`random` takes 2 arguments, found 1",
        "write `random(a,b)`",
    ),
    (
        "${uuid(1)}",
        (2, 7),
        "`uuid` takes no argument, found 1",
        "write `uuid()`",
    ),
    (
        "${sha256()}",
        (2, 8),
        "`sha256` takes 1 argument, found 0",
        "write `sha256(x)`",
    ),
    (
        "${choice()}",
        (2, 8),
        "`choice` takes 1 or more arguments, found 0",
        "write `choice(a,b,c)`",
    ),
    (
        "${random(5,1)}",
        (2, 11),
        "5 is more than 1",
        "write `random(1,5)`",
    ),
    (
        "${random(0.5,1)}",
        (2, 13),
        "0.5 is not a whole number",
        "`random(a,b)` gives a whole number from a to b",
    ),
    (
        "${random(1,)}",
        (11, 1),
        "found `)` where a variable, a function, a number or a 'text' was expected",
        INSIDE,
    ),
    (
        "${random(1 2)}",
        (11, 1),
        "found `2` where `,` or `)` was expected",
        INSIDE,
    ),
    (
        "${1x}",
        (2, 2),
        "`1x` is not a number",
        "write 42, -1 or 0.5, or '1x' for a text",
    ),
    (
        "${'abc}",
        (2, 1),
        "the text that starts with ' is never closed",
        "end it with '",
    ),
    (
        "${env(NOT_SET)}",
        (6, 7),
        "the environment variable `NOT_SET` is not set",
        "set it, or give a default: `${NOT_SET:-default}`",
    ),
    (
        "${env(1)}",
        (6, 1),
        "found `1` where the name of an environment variable was expected",
        INSIDE,
    ),
];

#[test]
fn what_is_wrong_is_placed_and_comes_with_a_remedy() {
    for &(text, place, message, hint) in FAULTS {
        let error = pieces(text, &mut fake()).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!(error.hint.as_deref(), Some(hint), "{text}");
        assert_eq!((error.offset, error.length), place, "{text}");
    }
}

/// A condition, the underlined part, the message, and the hint.
const SLIPS: &[Fault] = &[
    (
        "30%",
        (2, 1),
        "a percentage is not a value",
        "to run a step 30 % of the time, write `if: random(1,100) <= 30`",
    ),
    (
        "id = 1",
        (3, 1),
        "`=` is not an operator here",
        "did you mean `==`?",
    ),
    (
        "${id} === 1",
        (6, 3),
        "`===` is not an operator here",
        "did you mean `==`?",
    ),
    (
        "id && true",
        (3, 2),
        "`&&` is not an operator here",
        "did you mean `and`?",
    ),
    (
        "id || true",
        (3, 2),
        "`||` is not an operator here",
        "did you mean `or`?",
    ),
    (
        "!id",
        (0, 1),
        "`!` is not an operator here",
        "did you mean `not`?",
    ),
    (
        "id <> 1",
        (3, 2),
        "`<>` is not an operator here",
        "did you mean `!=`?",
    ),
    (
        "id => 1",
        (3, 2),
        "`=>` is not an operator here",
        "did you mean `>=`?",
    ),
    (
        "id AND true",
        (3, 3),
        "`AND` is not an operator here",
        "did you mean `and`?",
    ),
    (
        "id is 1",
        (3, 2),
        "`is` is not an operator here",
        "did you mean `==`?",
    ),
    (
        "True",
        (0, 4),
        "nothing is called `True` here",
        "did you mean `true`?",
    ),
    (
        "${user()} % 2 == 0",
        (10, 1),
        "`%`: expressions do not support arithmetic",
        "compare values as they are, or put the result under `vars:` or into a column",
    ),
    (
        "1 < id < 5",
        (7, 1),
        "a comparison has two sides",
        "join two comparisons with `and`: `1 < page and page < 5`",
    ),
    (
        "${id}-${id}",
        (5, 1),
        "`-`: expressions do not support arithmetic",
        "compare values as they are, or put the result under `vars:` or into a column",
    ),
    (
        "${id} ${id}",
        (6, 2),
        "two values follow each other without an operator",
        "to join them as a text, put quotes around both: \"${a}-${b}\"",
    ),
    (
        "id == done",
        (6, 4),
        "nothing is called `done` here",
        "write 'done' for a text; known here: id, order_id, users.email, users.password",
    ),
    (
        "order_di == 1",
        (0, 8),
        "nothing is called `order_di` here",
        "did you mean `order_id`?",
    ),
    (
        "id == 'x ${order_di}'",
        (11, 8),
        "nothing is called `order_di` here",
        "did you mean `order_id`?",
    ),
    (
        "id ==",
        (5, 1),
        "the condition ends where a variable, a function, a number or a 'text' was expected",
        "a condition is a value, or two with ==, !=, <, <=, > or >= between them, joined by `and` and `or`",
    ),
    (
        "id =~ '['",
        (6, 3),
        "`[` is not a regular expression: unclosed character class",
        "use the syntax of the Rust crate regex: no look-around, no back-references",
    ),
];

#[test]
fn operators_of_other_languages_are_told_with_the_one_that_is_meant() {
    for &(text, place, message, hint) in SLIPS {
        let error = condition(text, &mut fake()).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!(error.hint.as_deref(), Some(hint), "{text}");
        assert_eq!((error.offset, error.length), place, "{text}");
    }
}

#[test]
fn with_nothing_known_the_hint_says_how_to_make_something_known() {
    let error = pieces("${token}", &mut Fake::default()).expect_err("unknown");
    assert_eq!(
        error.hint.as_deref(),
        Some("declare it under `vars`, capture it in an earlier step, or write 'token' for a text")
    );
}

#[test]
fn expressions_nested_beyond_reason_are_refused() {
    let deep = |levels: usize| format!("${{{}id{}}}", "json(".repeat(levels), ")".repeat(levels));
    assert!(pieces(&deep(MAX_DEPTH), &mut fake()).is_ok());
    assert!(pieces(&deep(100_000), &mut fake()).is_err());
    for open in ["(", "not ", "${"] {
        assert!(condition(&open.repeat(100_000), &mut fake()).is_err());
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        check(&text)?;
    }

    /// Texts made of the language's own tokens, which reach deeper into the parser.
    #[test]
    fn no_tokens_make_it_panic(tokens in prop::collection::vec(prop::sample::select(vec![
        "${", "}", "$", "$${", "(", ")", ",", ".", "'", "\"", "\\", ":-", " ", "ü", "id", "users", "email",
        "random", "choice", "env", "HOME_TOWN", "uuid()", "1", "-", "2.5", "x y",
        "==", "=~", "<", "and", " or ", "not ", "??", "true", "%", "=", "!",
    ]), 0..24)) {
        check(&tokens.concat())?;
    }
}

/// The text compiles, or the position of the error is inside it.
fn check(text: &str) -> Result<(), TestCaseError> {
    // If something is missing at the end, the position is just after the end.
    let read = [
        pieces(text, &mut fake()).err(),
        condition(text, &mut fake()).err(),
    ];
    for error in read.into_iter().flatten() {
        prop_assert!(
            error.offset + error.length <= text.chars().count() + 1,
            "{error:?}"
        );
    }
    Ok(())
}
