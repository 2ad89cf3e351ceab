use proptest::prelude::*;
use serde_json::json;

use super::super::expression::Part;
use super::*;
use crate::expr::fake::Fake;
use crate::expr::{Function, SlotId, Value};

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

fn function(name: &str) -> Function {
    Function::named(name).expect(name)
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let id = || Expression::Slot(SlotId(0));
    let email = || Expression::Column { feed: 0, column: 0 };
    let choice =
        |arguments: Vec<Expression>| Expression::Call(function("choice"), arguments.into());
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
                    function("random"),
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

const LISTING: &str = "the functions are random, random_normal, random_text, choice, weighted, uuid, name, email, word, \
     sentence, now, timestamp_ms, date, iteration, user, string, len, lower, upper, trim, replace, split, join, slice, \
     contains, int, float, bool, min, max, sum, round, floor, ceil, abs, first, last, keys, range, sorted, unique, json, \
     parse_json, base64, base64url, base64_decode, hex, url_encode, raw, html, sha256, sha1, sha512, md5, hmac_sha256, \
     hmac_sha1, hmac_sha512, jwt, env, file";
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
        "`sha256` takes 1 to 2 arguments, found 0",
        "write `sha256(x[,encoding])`",
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
        "`random(a,b)`: A whole number from `a` to `b`, both included.",
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
        "1 < id < 5",
        (7, 1),
        "a comparison has two sides",
        "join two comparisons with `and`: `1 < page and page < 5`",
    ),
    (
        "id ** 2",
        (3, 2),
        "`**` is not an operator here",
        "multiply with `*`",
    ),
    (
        "id ? 1",
        (6, 1),
        "the condition ends where `:` was expected",
        "a choice has two values: `condition ? value : other`; the default of a value that may be missing comes after `??`",
    ),
    (
        "id ?? 0 + 1",
        (6, 5),
        "`??` beside another operator needs parentheses",
        "write `(a ?? 0) + b` or `a ?? (0 + b)`",
    ),
    (
        "id == 2026-01-31",
        (6, 10),
        "`2026-01-31` is a date, and a date is a text",
        "write 42, -1 or 0.5, or '2026-01-31' for a text",
    ),
    (
        "id + 500ms",
        (5, 5),
        "`500ms` is not a number",
        "write 42, -1 or 0.5, or '500ms' for a text",
    ),
    (
        "id[0",
        (4, 1),
        "the condition ends where `]` was expected",
        "a condition is a value, or two with ==, !=, <, <=, > or >= between them, joined by `and` and `or`",
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

/// A constant that has no value, the underlined part, and the message.
const NO_VALUES: &[(&str, (usize, usize), &str)] = &[
    ("1 / 0", (0, 5), "no value for `1 / 0`: division by zero"),
    (
        "id + -'red'",
        (5, 6),
        "no value for `-\"red\"`: `-` needs a number, found a text",
    ),
    (
        "id == 'a' * 2",
        (6, 7),
        "`*` needs two numbers, found \"a\"",
    ),
    (
        "[1, 2][2]",
        (0, 9),
        "no value for `[1, 2][2]`: the list has 2 items, from [0] to [1]",
    ),
    (
        "parse_json('{')",
        (0, 15),
        "no value for `parse_json(x)`: it is not JSON: EOF while parsing an object at line 1 column 1",
    ),
    ("len(5)", (0, 6), "no value for `len(x)`: 5 has no length"),
];

#[test]
fn constants_without_a_value_are_told_before_the_run() {
    for &(text, place, message) in NO_VALUES {
        let error = condition(text, &mut fake()).expect_err(text);
        assert_eq!(error.message, message, "{text}");
        assert_eq!((error.offset, error.length), place, "{text}");
    }
}

#[test]
fn constants_are_calculated_when_they_are_read() {
    for (text, expected) in [
        ("1 + 2 * 3", json!(7)),
        ("(1 + 2) * 3", json!(9)),
        ("10 - 3 - 2", json!(5)),
        ("7 % 4 % 2", json!(1)),
        ("-2 * -(1 + 2)", json!(6)),
        ("1-1", json!(0)),
        ("'a' ~ 1 + 1 ~ 'b'", json!("a2b")),
        ("[1, [2, 'x']][-1][1]", json!("x")),
        ("parse_json('{\"a b\": {\"c\": 5}}')['a b'].c", json!(5)),
        ("upper(replace('a-b', '-', '+'))", json!("A+B")),
        ("1 < 2 ? 'yes' : 'no'", json!("yes")),
        ("false ? 1 : true ? 2 : 3", json!(2)),
        ("[]", json!([])),
    ] {
        let read = condition(text, &mut fake());
        assert_eq!(read, Ok(literal(expected)), "{text}");
    }
}

#[test]
fn parts_of_values_and_columns_have_one_notation() {
    let id = || Expression::Slot(SlotId(0));
    let part = |key: serde_json::Value| {
        Expression::Part(Box::new(Part {
            whole: id(),
            key: literal(key),
            written: "".into(),
        }))
    };
    let email = || Expression::Column { feed: 0, column: 0 };
    for (text, expected) in [
        ("id.name", part(json!("name"))),
        ("id.'first name'", part(json!("first name"))),
        ("id['name']", part(json!("name"))),
        ("id[-1]", part(json!(-1))),
        ("users['email']", email()),
        (
            "users.first-name",
            Expression::Column { feed: 0, column: 2 },
        ),
    ] {
        let mut fake = fake();
        fake.columns.push(("first-name", Value::Null));
        assert_eq!(condition(text, &mut fake), Ok(expected), "{text}");
    }
    let difference = condition("users.email-id", &mut fake());
    assert!(
        matches!(difference, Ok(Expression::Arithmetic(_))),
        "{difference:?}"
    );
}

#[test]
fn long_chains_of_operators_are_refused() {
    for operator in ["+", "*", "-", " % "] {
        let chain = |count: usize| vec!["id"; count + 1].join(operator);
        assert!(
            condition(&chain(MAX_OPERATORS), &mut fake()).is_ok(),
            "{operator}"
        );
        assert!(condition(&chain(MAX_OPERATORS + 1), &mut fake()).is_err());
        assert!(condition(&chain(100_000), &mut fake()).is_err());
    }
    assert!(condition(&format!("id{}", "[0]".repeat(100_000)), &mut fake()).is_err());
    for open in ["-", "[", "id ? ", "id ? id : "] {
        assert!(condition(&open.repeat(100_000), &mut fake()).is_err());
    }
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
        "+", "*", "/", "~", "?", ":", "[", "]", "['email']", "len(", "'5'", "9223372036854775807",
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
