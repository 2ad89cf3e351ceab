//! The clock, and the numbers of the user and the iteration.

use std::fmt::Write as _;

use chrono::SecondsFormat;

use super::arguments::Arguments;
use super::{Entry, Kind};
use crate::expr::{Missing, Value};
use crate::source::brief;

const NOTHING: &[Kind] = &[];

pub(super) const GROUP: &[&Entry] = &[&NOW, &TIMESTAMP_MS, &DATE, &ITERATION, &USER];

static NOW: Entry = Entry::varying("now()", NOTHING, |arguments| {
    let now = arguments.context().now();
    Ok(now.to_rfc3339_opts(SecondsFormat::Millis, true).into())
})
.doc("The time as RFC 3339 in UTC, to the millisecond: `2026-01-31T09:30:00.000Z`.")
.example("now()", "^\"20[0-9-]+T[0-9:.]+Z\"$");

static TIMESTAMP_MS: Entry = Entry::varying("timestamp_ms()", NOTHING, |arguments| {
    Ok(arguments.context().now().timestamp_millis().into())
})
.doc("The time as milliseconds since 1970.")
.example("timestamp_ms()", "^[0-9]{13}$");

static DATE: Entry = Entry::varying("date(format[,offset])", &[Kind::Format, Kind::Offset], date)
    .at_least(1)
    .doc(
        "The time in UTC in a format of `strftime` (as the crate chrono has it): `date('%Y-%m-%d')`. An offset moves it: \
         `date('%s', '-1d')` is a day ago; a number is in seconds.",
    )
    .example("date('%Y-%m-%d', '-1d')", "^\"20[0-9]{2}-[0-9]{2}-[0-9]{2}\"$");

pub(super) static ITERATION: Entry = Entry::varying("iteration()", NOTHING, |arguments| {
    Ok(arguments.context().iteration().into())
})
.doc("The number of this user's iteration, from 0.")
.example("iteration()", "^[0-9]+$");

pub(super) static USER: Entry = Entry::varying("user()", NOTHING, |arguments| {
    Ok(arguments.context().user().into())
})
.doc("The number of the user, from 0.")
.example("user()", "^[0-9]+$");

fn date(arguments: &mut Arguments<'_>) -> Result<Value, Missing> {
    let format = arguments.text(0)?.into_owned();
    let mut time = arguments.context().now();
    if arguments.len() > 1 {
        let offset = arguments.offset(1)?;
        time = time
            .checked_add_signed(offset)
            .ok_or_else(|| arguments.fail("the date is too far away"))?;
    }
    let mut text = String::new();
    // An invalid format is an error of formatting.
    match write!(text, "{}", time.format(&format)) {
        Ok(()) => Ok(text.into()),
        Err(_) => Err(arguments.fail(format!("`{}` is not a date format", brief(&format)))),
    }
}
