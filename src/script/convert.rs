//! Converts values both ways.
//!
//! A whole number beyond 2^53 becomes a BigInt, so that no digit is lost; another number becomes a JavaScript number. A
//! BigInt becomes a whole number with all its digits. `undefined` becomes null, an object its own members, one with
//! `toJSON` (a date) the result of it.

use rquickjs::function::This;
use rquickjs::{
    Array, BigInt, Coerced, Ctx, Error, Exception, FromJs as _, Function, Object, Result,
    String as JsString, Type, Value as JsValue,
};

use crate::expr::{Number, Value};

/// The greatest whole number up to which a JavaScript number has every whole number.
const MOST_SAFE: i64 = (1 << 53) - 1;

/// The maximum nesting of a value that a function returns.
const MOST_DEEP: usize = 100;

/// The maximum number of values within a value that a function returns.
const MOST_PARTS: usize = 1_000_000;

pub(super) fn into_js<'js>(ctx: &Ctx<'js>, value: &Value) -> Result<JsValue<'js>> {
    Ok(match value {
        Value::Null => JsValue::new_null(ctx.clone()),
        Value::Bool(flag) => JsValue::new_bool(ctx.clone(), *flag),
        Value::Number(number) => number_into_js(ctx, number)?,
        Value::Text(text) => JsString::from_str(ctx.clone(), text)?.into_value(),
        Value::List(items) => {
            let array = Array::new(ctx.clone())?;
            for (index, item) in items.iter().enumerate() {
                array.set(index, into_js(ctx, item)?)?;
            }
            array.into_value()
        }
        Value::Map(members) => {
            let object = Object::new(ctx.clone())?;
            for (name, member) in members {
                object.set(&**name, into_js(ctx, member)?)?;
            }
            object.into_value()
        }
    })
}

fn number_into_js<'js>(ctx: &Ctx<'js>, number: &Number) -> Result<JsValue<'js>> {
    match number.as_whole() {
        Some(whole) if whole.abs_diff(0) <= MOST_SAFE.unsigned_abs() => {
            Ok(match i32::try_from(whole) {
                Ok(small) => JsValue::new_int(ctx.clone(), small),
                Err(_) => JsValue::new_float(ctx.clone(), whole as f64),
            })
        }
        Some(whole) => Ok(BigInt::from_i64(ctx.clone(), whole)?.into_value()),
        None => {
            let digits = number.to_string();
            let is_whole = digits.bytes().all(|b| b.is_ascii_digit() || b == b'-');
            if is_whole && digits != "-0" {
                let constructor: Function<'js> = ctx.globals().get("BigInt")?;
                return constructor.call((digits,));
            }
            Ok(JsValue::new_float(ctx.clone(), number.to_float()))
        }
    }
}

pub(super) fn from_js<'js>(ctx: &Ctx<'js>, value: JsValue<'js>) -> Result<Value> {
    let mut parts = 0;
    part_from_js(ctx, value, 0, &mut parts)
}

fn refuse<T>(ctx: &Ctx<'_>, message: &str) -> Result<T> {
    Err(Exception::throw_type(ctx, message))
}

fn part_from_js<'js>(
    ctx: &Ctx<'js>,
    value: JsValue<'js>,
    depth: usize,
    parts: &mut usize,
) -> Result<Value> {
    *parts += 1;
    if *parts > MOST_PARTS || depth > MOST_DEEP {
        return refuse(
            ctx,
            "the returned value has a million parts, or contains itself",
        );
    }
    match value.type_of() {
        Type::Null | Type::Undefined | Type::Uninitialized => Ok(Value::Null),
        Type::Bool => Ok(value.as_bool().unwrap_or_default().into()),
        Type::Int => Ok(i64::from(value.as_int().unwrap_or_default()).into()),
        Type::Float => {
            let float = value.as_float().unwrap_or(f64::NAN);
            if float.fract() == 0.0 && float.abs() <= MOST_SAFE as f64 {
                return Ok((float as i64).into());
            }
            match Number::from_float(float) {
                Some(number) => Ok(number.into()),
                None => refuse(ctx, &format!("the returned number is {float}")),
            }
        }
        Type::String => match JsString::from_value(value)?.to_string() {
            Ok(text) => Ok(text.into()),
            Err(Error::Utf8(_)) => refuse(ctx, "the returned text is not valid Unicode"),
            Err(error) => Err(error),
        },
        Type::BigInt => {
            let Coerced(digits) = Coerced::<String>::from_js(ctx, value)?;
            match Number::from_json(&digits) {
                Some(number) => Ok(number.into()),
                None => refuse(ctx, "the returned BigInt has no digits"),
            }
        }
        Type::Array => {
            let Some(array) = value.into_array() else {
                return Ok(Value::Null);
            };
            let mut items = Vec::new();
            for index in 0..array.len() {
                items.push(part_from_js(ctx, array.get(index)?, depth + 1, parts)?);
            }
            Ok(Value::List(items))
        }
        Type::Function | Type::Constructor => refuse(ctx, "a function cannot be returned"),
        Type::Symbol => refuse(ctx, "a symbol cannot be returned"),
        other => match value.into_object() {
            Some(object) => object_from_js(ctx, &object, depth, parts),
            None => refuse(ctx, &format!("a {other} cannot be returned")),
        },
    }
}

fn object_from_js<'js>(
    ctx: &Ctx<'js>,
    object: &Object<'js>,
    depth: usize,
    parts: &mut usize,
) -> Result<Value> {
    // The members of bytes are their numbers, or nothing at all, so that a digest would be one of something else.
    let item_size: JsValue<'js> = object.get("BYTES_PER_ELEMENT")?;
    if object.is_array_buffer() || item_size.is_number() {
        return refuse(
            ctx,
            "bytes (an ArrayBuffer or a typed array) have no text: pass a text, or a list made by Array.from",
        );
    }
    let to_json: JsValue<'js> = object.get("toJSON")?;
    if let Some(to_json) = to_json.as_function() {
        let json: JsValue<'js> = to_json.call((This(object.clone()),))?;
        return part_from_js(ctx, json, depth + 1, parts);
    }
    let mut members = Vec::new();
    for member in object.props::<String, JsValue<'js>>() {
        let (name, member) = member?;
        let is_left_out = member.is_undefined() || member.is_function() || member.is_symbol();
        if !is_left_out {
            members.push((name, part_from_js(ctx, member, depth + 1, parts)?));
        }
    }
    Ok(Value::Map(members))
}
