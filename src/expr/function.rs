//! The built-in functions: names, arguments and results.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use strum::{EnumCount, VariantArray};
use uuid::Uuid;

use super::encoding::{Encoding, hex};
use super::{Context, Expression, Missing, Value};

/// The built-in functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumCount, VariantArray)]
pub enum Function {
    /// `random(a,b)`: a whole number from a to b, both included.
    Random,
    /// `uuid()`: a version 4 UUID, from the seed.
    Uuid,
    /// `now()`: RFC 3339, UTC, to the millisecond.
    Now,
    /// `timestamp_ms()`: milliseconds since 1970.
    TimestampMs,
    /// `choice(a,b,c)`: a random one of them.
    Choice,
    /// `iteration()`: this user's iteration, from 0.
    Iteration,
    /// `user()`: this user's number, from 0.
    User,
    /// `base64(x)`: with the standard alphabet and padding (RFC 4648 §4).
    Base64,
    /// `sha256(x)`, in lower-case hex.
    Sha256,
    /// `hmac_sha256(k,x)`, in lower-case hex (RFC 2104).
    HmacSha256,
    /// `json(x)`: as JSON text.
    Json,
    /// `urlencode(x)`: percent-encoded.
    UrlEncode,
}

impl Function {
    /// Every function, in the order of the documentation.
    pub const ALL: [Self; Self::COUNT] = *Self::VARIANTS
        .first_chunk()
        .expect("there are COUNT variants");

    /// The call as written: `random(a,b)`.
    pub const fn usage(self) -> &'static str {
        match self {
            Self::Random => "random(a,b)",
            Self::Uuid => "uuid()",
            Self::Now => "now()",
            Self::TimestampMs => "timestamp_ms()",
            Self::Choice => "choice(a,b,c)",
            Self::Iteration => "iteration()",
            Self::User => "user()",
            Self::Base64 => "base64(x)",
            Self::Sha256 => "sha256(x)",
            Self::HmacSha256 => "hmac_sha256(k,x)",
            Self::Json => "json(x)",
            Self::UrlEncode => "urlencode(x)",
        }
    }

    /// The description for the reference.
    pub(crate) const fn doc(self) -> &'static str {
        match self {
            Self::Random => "A whole number from `a` to `b`, both included.",
            Self::Uuid => "A version 4 UUID.",
            Self::Now => {
                "The time as RFC 3339 in UTC, to the millisecond: `2026-01-31T09:30:00.000Z`."
            }
            Self::TimestampMs => "The time as milliseconds since 1970.",
            Self::Choice => {
                "A random one of the values. Texts need quotes: `choice('red', 'blue')`."
            }
            Self::Iteration => "The number of this user's iteration, from 0.",
            Self::User => "The number of the user, from 0.",
            Self::Base64 => "`x` in base64, with padding (RFC 4648 §4).",
            Self::Sha256 => "The SHA-256 of `x`, in lower-case hex.",
            Self::HmacSha256 => "The HMAC-SHA-256 of `x` with the key `k`, in lower-case hex.",
            Self::Json => "`x` as JSON text.",
            Self::UrlEncode => {
                "`x` percent-encoded. Values in a path or a query are always encoded, so they do not need it."
            }
        }
    }

    /// The name before the parenthesis.
    pub fn name(self) -> &'static str {
        let usage = self.usage();
        usage.split_once('(').map_or(usage, |(name, _)| name)
    }

    /// The minimum and the maximum number of arguments.
    pub(super) const fn arity(self) -> (usize, usize) {
        match self {
            Self::Uuid | Self::Now | Self::TimestampMs | Self::Iteration | Self::User => (0, 0),
            Self::Base64 | Self::Sha256 | Self::Json | Self::UrlEncode => (1, 1),
            Self::Random | Self::HmacSha256 => (2, 2),
            Self::Choice => (1, usize::MAX),
        }
    }

    /// The function with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
    }

    /// True if the same arguments always give the same value.
    pub(super) const fn is_pure(self) -> bool {
        matches!(
            self,
            Self::Base64 | Self::Sha256 | Self::HmacSha256 | Self::Json | Self::UrlEncode
        )
    }

    /// The value for these arguments, whose number matches [`Self::arity`].
    pub(super) fn call(
        self,
        arguments: &[Expression],
        context: &mut dyn Context,
    ) -> Result<Value, Missing> {
        let argument = |index: usize| {
            arguments
                .get(index)
                .ok_or_else(|| Missing::named(self.usage()))
        };
        Ok(match self {
            Self::Random => {
                let low = self.whole_number(argument(0)?, context)?;
                let high = self.whole_number(argument(1)?, context)?;
                Value::from(between(low.min(high), low.max(high), context.random()))
            }
            Self::Uuid => Value::from(uuid(context).hyphenated().to_string()),
            Self::Now => Value::from(context.now().to_rfc3339_opts(SecondsFormat::Millis, true)),
            Self::TimestampMs => Value::from(context.now().timestamp_millis()),
            Self::Choice => Self::chosen(arguments, context)?
                .value(context)?
                .into_owned(),
            Self::Iteration => Value::from(context.iteration()),
            Self::User => Value::from(context.user()),
            Self::Base64 => Value::from(STANDARD.encode(&*argument(0)?.text(context)?)),
            Self::Sha256 => {
                let text = argument(0)?.text(context)?;
                Value::from(hex(&Sha256::digest(text.as_bytes())))
            }
            Self::HmacSha256 => {
                let key = argument(0)?.text(context)?.into_owned();
                let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())
                    .map_err(|_| Missing::named(self.usage()))?;
                mac.update(argument(1)?.text(context)?.as_bytes());
                Value::from(hex(&mac.finalize().into_bytes()))
            }
            Self::Json => Value::from(argument(0)?.value(context)?.to_string()),
            Self::UrlEncode => {
                let mut out = String::new();
                Encoding::Percent.write(&argument(0)?.text(context)?, &mut out);
                Value::from(out)
            }
        })
    }

    /// One of the arguments of `choice`, from the context's random bits.
    pub(super) fn chosen<'a>(
        arguments: &'a [Expression],
        context: &mut dyn Context,
    ) -> Result<&'a Expression, Missing> {
        let index = below(arguments.len() as u64, context.random());
        arguments
            .get(index as usize)
            .ok_or_else(|| Missing::named(Self::Choice.usage()))
    }

    fn whole_number(
        self,
        argument: &Expression,
        context: &mut dyn Context,
    ) -> Result<i64, Missing> {
        let value = argument.value(context)?;
        whole_number(&value).ok_or_else(|| {
            Missing::named(format!(
                "{}, given {value} for a whole number",
                self.usage()
            ))
        })
    }
}

/// A version 4 UUID from 128 of the context's random bits.
pub(super) fn uuid(context: &mut dyn Context) -> Uuid {
    let bits = u128::from(context.random()) << 64 | u128::from(context.random());
    uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
}

/// The whole number in a number or a text.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_whole(),
        Value::Text(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// A whole number from `low` to `high`, both included, from 64 random bits: Lemire, "Fast Random Integer Generation in
/// an Interval" (2019), without the rejection step; the bias is below range / 2⁶⁴.
fn between(low: i64, high: i64, bits: u64) -> i64 {
    let range = (i128::from(high) - i128::from(low) + 1).unsigned_abs();
    let offset = (u128::from(bits) * range) >> 64;
    (i128::from(low) + offset as i128) as i64
}

/// A whole number below `count` (0 if `count` is 0), from 64 random bits, by the same method.
pub(crate) fn below(count: u64, bits: u64) -> u64 {
    ((u128::from(bits) * u128::from(count)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::json;

    use super::super::fake::Fake;
    use super::*;

    #[test]
    fn each_function_gives_what_its_standard_says() {
        let mut fake = Fake::with([
            ("list", json!(["a", 1])),
            ("word", json!("a b")),
            ("low", json!("5")),
        ]);
        for (text, expected) in [
            ("${random(1,3)}", json!(1)),
            ("${random(low,5)}", json!(5)),
            ("${random(-2, -2)}", json!(-2)),
            ("${uuid()}", json!("00000000-0000-4000-8000-000000000000")),
            ("${now()}", json!("2023-11-14T22:13:20.123Z")),
            ("${timestamp_ms()}", json!(1_700_000_000_123_i64)),
            ("${iteration()}", json!(41)),
            ("${user()}", json!(7)),
            ("${choice('red wine', 2, word)}", json!("red wine")),
            ("${choice(word, 2)}", json!("a b")),
            ("${choice(2, word)}", json!(2)),
            ("${choice('a,b', \"c\")}", json!("a,b")),
            (
                "${choice(sha256(word))}",
                json!("c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65"),
            ),
            // RFC 4648 §10, and its two special characters.
            ("${base64('foob')}", json!("Zm9vYg==")),
            ("${base64('???>>>')}", json!("Pz8/Pj4+")),
            // FIPS 180-2, appendix B.1.
            (
                "${sha256('abc')}",
                json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            ),
            // RFC 4231, test case 2.
            (
                "${hmac_sha256('Jefe','what do ya want for nothing?')}",
                json!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            ),
            ("${json(list)}", json!("[\"a\",1]")),
            ("${json(word)}", json!("\"a b\"")),
            ("${urlencode(word)}", json!("a%20b")),
            ("${urlencode(list)}", json!("%5B%22a%22%2C1%5D")),
            ("${env(HOME_TOWN)}", json!("Lund & Åhus")),
            (
                "${sha256(base64(word))}",
                json!(hex(&Sha256::digest(b"YSBi"))),
            ),
        ] {
            let template = fake.compile(text, Encoding::Plain);
            assert_eq!(template.evaluate(&mut fake), Ok(expected.into()), "{text}");
        }
    }

    #[test]
    fn every_function_is_found_by_its_name() {
        for function in Function::ALL {
            assert_eq!(Function::named(function.name()), Some(function));
        }
    }

    #[test]
    fn random_covers_its_range_evenly_and_never_leaves_it() {
        assert_eq!(between(i64::MIN, i64::MAX, 0), i64::MIN);
        assert_eq!(between(i64::MIN, i64::MAX, u64::MAX), i64::MAX);
        let mut counts = [0_u32; 3];
        for step in 0..3_000_u64 {
            let value = between(1, 3, step * (u64::MAX / 3_000) + u64::MAX / 6_000);
            counts[(value - 1) as usize] += 1;
        }
        assert_eq!(counts, [1_000; 3]);
    }

    #[test]
    fn bounds_that_cross_at_run_time_are_a_range_all_the_same() {
        let mut fake = Fake::with([("a", json!(3)), ("b", json!(1))]);
        let template = fake.compile("${random(a,b)}", Encoding::Plain);
        let drawn: HashSet<String> = [0, u64::MAX / 2, u64::MAX]
            .into_iter()
            .map(|bits| {
                fake.bits.push_back(bits);
                fake.rendered(&template)
            })
            .collect();
        assert_eq!(drawn, HashSet::from(["1", "2", "3"].map(str::to_owned)));
    }

    #[test]
    fn a_bound_that_is_no_whole_number_at_run_time_is_a_missing_value() {
        let mut fake = Fake::with([("a", json!(1.5))]);
        let missing = fake
            .compile("${random(a,2)}", Encoding::Plain)
            .evaluate(&mut fake)
            .expect_err("1.5 is no whole number");
        assert_eq!(missing.name, "random(a,b), given 1.5 for a whole number");
    }

    #[test]
    fn uuids_are_of_version_4_and_made_of_the_bits_drawn() {
        let mut fake = Fake::default().drawing([0x0123_4567_89ab_cdef, u64::MAX]);
        let text = fake.render("${uuid()}", Encoding::Plain);
        assert_eq!(text, "01234567-89ab-4def-bfff-ffffffffffff");
        let evaluated = fake.clone().drawing([0x0123_4567_89ab_cdef, u64::MAX]);
        let template = fake.compile("${uuid()}", Encoding::Plain);
        assert_eq!(template.evaluate(&mut evaluated.clone()), Ok(text.into()));
    }
}
