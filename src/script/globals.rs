//! What modules find beside the language: the pure functions of expressions, k6's modules for signatures, and a clock and
//! random numbers that belong to the run.

use std::cell::Cell;

use rquickjs::{Array, Ctx, Exception, Function, Module, Result, Value as JsValue};

use super::Surroundings;
use super::convert::{from_js, into_js};
use crate::expr::{call_pure, pure_functions};

thread_local! {
    static RANDOM: Cell<u64> = const { Cell::new(0) };
    static NOW: Cell<f64> = const { Cell::new(0.0) };
}

/// Sets the clock and the random numbers of the next call.
pub(super) fn enter(surroundings: Surroundings) {
    RANDOM.set(surroundings.seed);
    NOW.set(surroundings.now);
}

/// Replaces what depends on the machine. `host` is removed again, so that no module sees it.
const PRELUDE: &str = r"
(({ call, names, random, now }) => {
  for (const name of names) {
    const value = (...args) => call(name, args);
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  }
  globalThis.hmac = (algorithm, key, text, encoding = 'hex') => call(`hmac_${algorithm}`, [key, text, encoding]);
  Math.random = random;
  const Real = Date;
  const Clock = function Date(...args) {
    if (!new.target) return new Real(now()).toString();
    return Reflect.construct(Real, args.length ? args : [now()], new.target);
  };
  Object.defineProperties(Clock, {
    now: { value: now, writable: true, configurable: true },
    parse: { value: Real.parse, writable: true, configurable: true },
    UTC: { value: Real.UTC, writable: true, configurable: true },
    prototype: { value: Real.prototype },
  });
  Real.prototype.constructor = Clock;
  globalThis.Date = Clock;
  delete globalThis.performance;
  // A loop inside QuickJS does not see the time limit, so its length is limited. An array of more items does not fit
  // into the memory; it consists of gaps.
  const MOST_ITEMS = 4e6, MOST_STEPS = 4e9;
  const guard = (owner, names, refusal) => {
    for (const name of names) {
      const native = owner[name];
      const { [name]: value } = { [name](...args) {
        const reason = refusal(this, args);
        if (reason) throw new RangeError(reason);
        return Reflect.apply(native, this, args);
      } };
      Object.defineProperty(owner, name, { value, writable: true, configurable: true });
    }
  };
  const isLong = (value) => typeof value === 'object' && value?.length > MOST_ITEMS;
  const direct = ['constructor', 'length', 'push', 'pop', 'at', 'entries', 'keys', 'values'];
  const loops = Object.getOwnPropertyNames(Array.prototype).filter((name) => !direct.includes(name));
  const some = Array.prototype.some;
  guard(Array.prototype, loops, (list, args) => (isLong(list) || Reflect.apply(some, args, [isLong])) &&
    `an array may have at most ${MOST_ITEMS} items here`);
  guard(String.prototype, ['includes', 'indexOf', 'lastIndexOf', 'replace', 'replaceAll', 'split'], (text, [sought]) =>
    typeof sought === 'string' && String(text).length * sought.length > MOST_STEPS && 'these texts are too long to search');
  const nothing = () => {};
  globalThis.console = { log: nothing, info: nothing, warn: nothing, error: nothing, debug: nothing };
})
";

/// k6's `k6/crypto` and `k6/encoding`, as far as texts go.
pub(super) const K6: [(&str, &str); 2] = [
    (
        "k6/crypto",
        r"
const encodings = { hex: 'hex', base64: 'base64', base64rawurl: 'base64url' };
const encoding = (name) => {
  if (name in encodings) return encodings[name];
  throw new TypeError(`the encoding '${name}' is not supported: use hex, base64 or base64rawurl`);
};
export const md5 = (x, e = 'hex') => globalThis.md5(x, encoding(e));
export const sha1 = (x, e = 'hex') => globalThis.sha1(x, encoding(e));
export const sha256 = (x, e = 'hex') => globalThis.sha256(x, encoding(e));
export const sha512 = (x, e = 'hex') => globalThis.sha512(x, encoding(e));
export const hmac = (algorithm, key, x, e = 'hex') => globalThis.hmac(algorithm, key, x, encoding(e));
const digests = { md5, sha1, sha256, sha512 };
const gathering = (digest) => {
  let text = '';
  const gatherer = { update: (part) => { text += part; return gatherer; }, digest: (e = 'hex') => digest(text, e) };
  return gatherer;
};
export const createHash = (algorithm) => {
  if (!(algorithm in digests)) throw new TypeError(`the algorithm '${algorithm}' is not supported: use ${Object.keys(digests).join(', ')}`);
  return gathering(digests[algorithm]);
};
export const createHMAC = (algorithm, key) => gathering((text, e) => hmac(algorithm, key, text, e));
export default { md5, sha1, sha256, sha512, hmac, createHash, createHMAC };
",
    ),
    (
        "k6/encoding",
        r"
export const b64encode = (x, e = 'std') => (e === 'rawurl' ? globalThis.base64url(x) : globalThis.base64(x));
export const b64decode = (x) => globalThis.base64_decode(x);
export default { b64encode, b64decode };
",
    ),
];

pub(super) fn install<'js>(ctx: &Ctx<'js>) -> Result<()> {
    let host = rquickjs::Object::new(ctx.clone())?;
    host.set("call", Function::new(ctx.clone(), call)?)?;
    host.set("random", Function::new(ctx.clone(), random)?)?;
    host.set("now", Function::new(ctx.clone(), || NOW.get())?)?;
    host.set("names", pure_functions().collect::<Vec<&str>>())?;
    let prelude: Function<'js> = ctx.eval(PRELUDE)?;
    prelude.call::<_, ()>((host,))?;
    for (name, text) in K6 {
        Module::declare(ctx.clone(), name, text)?;
    }
    Ok(())
}

/// Calls a pure function of expressions.
#[expect(clippy::needless_pass_by_value, reason = "QuickJS passes values")]
fn call<'js>(ctx: Ctx<'js>, name: String, arguments: Array<'js>) -> Result<JsValue<'js>> {
    let arguments = arguments.iter::<JsValue<'js>>();
    let values: Result<Vec<_>> = arguments.map(|argument| from_js(&ctx, argument?)).collect();
    match call_pure(&name, values?) {
        Ok(value) => into_js(&ctx, &value),
        Err(reason) => Err(Exception::throw_type(&ctx, &reason)),
    }
}

/// From 0 to below 1, by the steps of `SplitMix64` (Steele, Lea and Flood, 2014).
fn random() -> f64 {
    let state = RANDOM.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    RANDOM.set(state);
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 11) as f64 / (1_u64 << 53) as f64
}
