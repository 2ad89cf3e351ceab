//! Mutated expressions: any text compiles or is refused, and what compiles ends soon with a value of bounded size or a
//! reason; nothing panics.

use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use gander::expr::{
    Ambient, Context, Encoding, Expression, Names, ResponsePart, SlotId, StoredValue, Template,
    Value,
};
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// Expressions from which mutations start, over the names of [`World`].
const SEEDS: [&str; 32] = [
    "${id}",
    "/items/${id}?page=${page + 1}&q=${url_encode(word)}",
    "${page * 3 - 2 / (page + 1) % 7}",
    "${order.lines[-1].price ?? 'none'}",
    "${order['lines'][0]}",
    "${'a' ~ word ~ page}",
    "${page > 1 and not (word == 'red' or later) ? [1, 'x', null] : -page}",
    "${word =~ '^[a-z]+(e|f)*$' ? upper(word) : lower(word)}",
    "${join(split(replace(word, 'e', 'ee'), ''), '-')}",
    "${slice(word, 1, -1)} ${slice(list, -2)} ${len(list)}",
    "${random(1, 6)} ${random_normal(5, 2)} ${random_text(10)} ${uuid()}",
    "${choice(list)} ${choice('a', word)} ${weighted('S', 3, 'L', page)}",
    "${range(1, 20)} ${sorted(list)} ${unique(list)} ${sum(list)} ${min(list)} ${max(1, page)}",
    "${round(price, 1)} ${floor(-price)} ${ceil(price)} ${abs(-price)} ${int(price)} ${float(page)}",
    "${first(list)} ${last(list)} ${keys(order)} ${contains(list, 2)}",
    "${json(order)} ${parse_json('{\"a\": [1, 2]}').a[1]}",
    "${base64(word)} ${base64_decode('YQ==')} ${base64url(word)} ${hex(word)}",
    "${md5(word)} ${sha1(word)} ${sha256(word, 'base64')} ${sha512(word)}",
    "${hmac_sha256('key', word)} ${hmac_sha1('key', word, 'base64url')}",
    "${html('&lt;&amp;&#x20ac;')} ${raw(word)}",
    "${name()} ${email()} ${word()} ${sentence()}",
    "${date('%Y-%m-%dT%H:%M:%S%.3fZ', '-1d2h')} ${now()} ${timestamp_ms()}",
    "${iteration.id} ${user.id} ${flow.name} ${run.elapsed}",
    "${response.status} ${response.headers[\"X-Id\"]} ${response.json.items[0]} ${response.body}",
    "${users.email} ${users['first name']}",
    "$${id} $ ${HOME_TOWN} ${NOT_SET:-default} ${env(HOME_TOWN)}",
    "${123456789012345678901234567890 + 1} ${1e308 * 10} ${0.1 + 0.2}",
    "${9223372036854775807 * 9223372036854775807} ${-9223372036854775808 - 1}",
    "${(((page)))} ${[[[[[]]]]]} ${- - -page}",
    "${bool(later ?? false)} ${string(page)} ${trim(' x ')}",
    "${script(word, page)} ${file('x')}",
    "${page == 3 ? page < 4 ? 'a' : 'b' : 'c'}",
];

const TOKENS: [&str; 72] = [
    "${",
    "}",
    "$",
    "$${",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    "'",
    "\"",
    "\\",
    ":",
    "?",
    "??",
    " ",
    "\n",
    "\0",
    "é",
    "\u{1f980}",
    "\u{202e}",
    "+",
    "-",
    "*",
    "/",
    "%",
    "~",
    "**",
    "=",
    "==",
    "!=",
    "<",
    ">=",
    "=~",
    "!~",
    "!",
    "&&",
    " and ",
    " or ",
    " not ",
    "true",
    "null",
    "0",
    "1",
    "-1",
    "1e308",
    "1e-308",
    "9223372036854775807",
    "99999999999999999999999999999999999999999",
    "0.1",
    "'%Y'",
    "'%!'",
    "'1d'",
    "'base64'",
    "id",
    "page",
    "word",
    "list",
    "order",
    "later",
    "long",
    "users.email",
    "response.json",
    "join(",
    "replace(",
    "range(",
    "random_text(",
    "split(",
    "~ long",
    "* 1000000",
    "[-1]",
];

/// Names, and values for them.
struct World {
    values: Vec<(&'static str, Option<Value>)>,
    random: Pcg64Mcg,
}

impl World {
    fn new() -> Self {
        let json = |text: &str| Some(Value::from_json(text).expect(text));
        Self {
            values: vec![
                ("id", json("\"7f9c\"")),
                ("page", json("3")),
                ("price", json("9.90")),
                ("word", json("\"coffee\"")),
                ("list", json("[3, 1, 2, \"x\", null, 2]")),
                (
                    "order",
                    json(r#"{"lines": [{"price": 1.50}, {"price": "2"}]}"#),
                ),
                ("later", None),
                ("long", Some(Value::Text("lorem ipsum ".repeat(8_192)))),
            ],
            random: Pcg64Mcg::seed_from_u64(3),
        }
    }
}

impl Names for World {
    fn resolve(&mut self, name: &str, member: Option<&str>) -> Option<Expression> {
        if member.is_some() {
            let column = ["email", "first name"]
                .iter()
                .position(|known| Some(*known) == member)?;
            return (name == "users").then_some(Expression::Column { feed: 0, column });
        }
        let slot = self.values.iter().position(|(known, _)| *known == name)?;
        Some(Expression::Slot(SlotId(slot as u32)))
    }

    fn known(&self) -> Vec<String> {
        self.values
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect()
    }

    fn environment(&self, name: &str) -> Option<String> {
        (name == "HOME_TOWN").then(|| "Lund".to_owned())
    }

    fn scripts(&self) -> Option<Vec<&str>> {
        Some(vec!["script"])
    }
}

impl Context for World {
    fn slot(&self, slot: SlotId) -> Option<&Value> {
        self.values[slot.0 as usize].1.as_ref()
    }

    fn column(&self, _: usize, _: usize) -> Option<StoredValue<'_>> {
        Some(StoredValue::Json("[1, {\"a\": 2}]"))
    }

    fn random(&mut self) -> u64 {
        self.random.next_u64()
    }

    fn user(&self) -> u64 {
        7
    }

    fn iteration(&self) -> u64 {
        41
    }

    fn slot_name(&self, slot: SlotId) -> &str {
        self.values[slot.0 as usize].0
    }

    fn column_name(&self, _: usize, _: usize) -> String {
        "users.email".to_owned()
    }

    fn ambient(&self, _: Ambient) -> Option<Value> {
        Some(5_i64.into())
    }

    fn response(&self, _: &ResponsePart) -> Result<&Value, String> {
        self.slot(SlotId(5)).ok_or_else(String::new)
    }

    fn script(&mut self, _: usize, arguments: &[Value]) -> Result<Value, String> {
        Ok(Value::List(arguments.to_vec()))
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH
    }
}

fn mutated(random: &mut impl Rng) -> String {
    let seed = |random: &mut dyn Rng| SEEDS[(random.next_u32() as usize) % SEEDS.len()];
    let mut text: Vec<char> = seed(random).chars().collect();
    for _ in 0..random.random_range(1..=5) {
        let at = random.random_range(0..=text.len());
        let end = (at + random.random_range(0..=10)).min(text.len());
        match random.random_range(0..6) {
            0 => drop(text.drain(at..end)),
            1 | 2 => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                text.splice(at..at, token.chars());
            }
            3 => {
                let token = TOKENS[random.random_range(0..TOKENS.len())];
                text.splice(at..end, token.chars());
            }
            4 => {
                let copy = text[at..end].to_vec();
                for _ in 0..random.random_range(1..=8) {
                    text.splice(at..at, copy.iter().copied());
                }
            }
            _ => {
                let other: Vec<char> = seed(random).chars().collect();
                let from = random.random_range(0..=other.len());
                let until = (from + random.random_range(0..=30)).min(other.len());
                text.splice(at..end, other[from..until].iter().copied());
            }
        }
    }
    text.into_iter().collect()
}

/// Compiles and evaluates a text in each way; true if it compiles.
fn evaluate(text: &str, world: &mut World) -> bool {
    const LONGEST: usize = 200 << 20;
    let mut compiled = false;
    let templates = [
        Template::compile(text, Encoding::Plain, world),
        Template::url(text, world),
        Template::json(&Value::from(text), world),
    ];
    for template in templates {
        match template {
            Ok(template) => {
                compiled = true;
                let mut out = String::new();
                let rendered = template.render(world, &mut out);
                let mut shown = String::new();
                if let Err(missing) = rendered {
                    write!(shown, "{missing}").expect("a String takes everything");
                }
                if let Ok(value) = template.evaluate(world) {
                    out.push_str(&value.to_string());
                }
                assert!(out.len() < LONGEST, "{} bytes of {text}", out.len());
                assert!(shown.len() < 10_000, "{shown}");
            }
            Err(error) => {
                let length = text.chars().count() + 1;
                assert!(error.offset + error.length <= length, "{error:?} of {text}");
            }
        }
    }
    if let Ok(expression) = Expression::condition(text, world) {
        compiled = true;
        let _ = gander::expr::Condition(expression).holds(world);
    }
    compiled
}

#[test]
fn mutated_expressions_end_soon_and_without_a_panic() {
    hold(20_000);
}

#[test]
#[ignore = "takes a minute in a debug build; the same as above, five times over"]
fn a_hundred_thousand_mutated_expressions_end_soon_and_without_a_panic() {
    hold(100_000);
}

fn hold(rounds: u32) {
    let mut world = World::new();
    let mut random = Pcg64Mcg::seed_from_u64(11);
    let (mut compiled, mut slowest) = (0_u32, Duration::ZERO);
    for round in 0..rounds {
        let text = mutated(&mut random);
        let began = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| evaluate(&text, &mut world)));
        let Ok(is_compiled) = outcome else {
            panic!("round {round} panics on: {text}");
        };
        compiled += u32::from(is_compiled);
        slowest = slowest.max(began.elapsed());
        // Milliseconds on a quiet machine, in a debug build.
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "round {round}: {text}"
        );
    }
    // Both must happen; otherwise the mutations are too weak or too strong to test anything.
    assert!(
        compiled > rounds / 10,
        "{compiled} of {rounds} compiled; slowest {slowest:?}"
    );
    assert!(
        compiled < rounds * 9 / 10,
        "{compiled} of {rounds} compiled"
    );
}
