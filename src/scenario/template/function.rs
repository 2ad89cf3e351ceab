//! The built-in functions: what each is called, takes and gives.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::SecondsFormat;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::encoding::{Encoding, hex};
use super::{Context, Expression, Missing};

/// The built-in functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// `random(a,b)`: a whole number from a to b, both included.
    Random,
    /// `uuid()`: a version 4 UUID, from the seed.
    Uuid,
    /// `now()`: RFC 3339, UTC, to the millisecond.
    Now,
    /// `timestamp_ms()`: milliseconds since 1970.
    TimestampMs,
    /// `choice(a,b,c)`: one of them.
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
    pub const ALL: [Self; 12] = [
        Self::Random,
        Self::Uuid,
        Self::Now,
        Self::TimestampMs,
        Self::Choice,
        Self::Iteration,
        Self::User,
        Self::Base64,
        Self::Sha256,
        Self::HmacSha256,
        Self::Json,
        Self::UrlEncode,
    ];

    /// How it is written: `random(a,b)`.
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

    /// The name before the parenthesis.
    pub fn name(self) -> &'static str {
        let usage = self.usage();
        usage.split_once('(').map_or(usage, |(name, _)| name)
    }

    /// How many arguments it takes: at least, and at most.
    pub(super) const fn arity(self) -> (usize, usize) {
        match self {
            Self::Uuid | Self::Now | Self::TimestampMs | Self::Iteration | Self::User => (0, 0),
            Self::Base64 | Self::Sha256 | Self::Json | Self::UrlEncode => (1, 1),
            Self::Random | Self::HmacSha256 => (2, 2),
            Self::Choice => (1, usize::MAX),
        }
    }

    /// The function of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == name)
    }

    /// Whether the same arguments always give the same value.
    pub(super) const fn is_pure(self) -> bool {
        matches!(
            self,
            Self::Base64 | Self::Sha256 | Self::HmacSha256 | Self::Json | Self::UrlEncode
        )
    }

    /// The value for these arguments, of which there are as many as [`Self::arity`] asks for.
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

/// The whole number that a number is, or a text says.
pub(super) fn whole_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// A whole number from `low` to `high`, both included, from 64 random bits: Lemire, "Fast Random Integer Generation
/// in an Interval" (2019), without the rejection, whose bias is below range / 2⁶⁴.
fn between(low: i64, high: i64, bits: u64) -> i64 {
    let range = (i128::from(high) - i128::from(low) + 1).unsigned_abs();
    let offset = (u128::from(bits) * range) >> 64;
    (i128::from(low) + offset as i128) as i64
}

/// A whole number below `count` (0 when that is 0), from 64 random bits, by the same method.
pub(crate) fn below(count: u64, bits: u64) -> u64 {
    ((u128::from(bits) * u128::from(count)) >> 64) as u64
}
