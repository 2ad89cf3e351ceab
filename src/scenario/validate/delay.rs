//! Delays: `think_time:` and `think:`.

use std::time::Duration;

use crate::format::tables::delay::{EXPONENTIAL, MAX, MIN, NORMAL, SD, TABLE};
use crate::format::{Field, Fields, Problems};
use crate::scenario::{Bounds, Delay};
use crate::source::did_you_mean;
use crate::source::{Content, Node};
use crate::units::{parse_duration, show_duration};

/// True for the word `none`, which means no delay.
pub(in crate::scenario) fn is_none(node: &Node) -> bool {
    matches!(&node.value, Content::Scalar(scalar) if scalar.text == "none")
}

/// Reads a delay: `2s`, `1s..3s`, `{normal: 2s, sd: 500ms}` or `{exponential: 2s}`.
pub(in crate::scenario) fn delay(
    node: &Node,
    field: &Field,
    problems: &mut Problems,
) -> Option<Delay> {
    const WHAT: &str = "a delay such as 2s, 1s..3s, {normal: 2s, sd: 500ms} or {exponential: 2s}";
    if matches!(node.value, Content::Map(_)) {
        return random_delay(node, problems);
    }
    let text = &problems.scalar(node, WHAT)?.text;
    let Some((least, most)) = text.split_once("..") else {
        return problems.at(node, field).map(Delay::Constant);
    };
    let mut bound = |text: &str| {
        parse_duration(text)
            .map_err(|error| problems.report(node.span, error.to_string()))
            .ok()
    };
    let (least, most) = (bound(least), bound(most));
    let (least, most) = (least?, most?);
    if least > most {
        let (long, short) = (show_duration(least), show_duration(most));
        problems.report_with(
            node.span,
            format!("this range is reversed, from {long} to {short}"),
            did_you_mean(&format!("{short}..{long}")),
        );
        return None;
    }
    Some(Delay::Uniform(least, most))
}

fn random_delay(node: &Node, problems: &mut Problems) -> Option<Delay> {
    let fields = problems.fields(node, &TABLE)?;
    let bounds = bounds(&fields, problems);
    match (
        fields.get(&NORMAL),
        fields.get(&SD),
        fields.get(&EXPONENTIAL),
    ) {
        (Some(mean), Some(sd), None) => {
            let mean: Option<Duration> = problems.at(mean, &NORMAL);
            let sd = problems.at(sd, &SD);
            Some(Delay::Normal(mean?, sd?, bounds?))
        }
        (None, None, Some(mean)) => {
            let mean = problems.at(mean, &EXPONENTIAL);
            Some(Delay::Exponential(mean?, bounds?))
        }
        _ => {
            problems.report(
                node.span,
                "a random delay is either {normal: 2s, sd: 500ms} or {exponential: 2s}",
            );
            None
        }
    }
}

fn bounds(fields: &Fields<'_>, problems: &mut Problems) -> Option<Bounds> {
    let mut bound = |field: &Field| match fields.get(field) {
        Some(node) => problems.at::<Duration>(node, field).map(Some),
        None => Some(None),
    };
    let (least, most) = (bound(&MIN), bound(&MAX));
    let (least, most) = (least?.unwrap_or_default(), most?);
    if let (Some(most), Some(entry)) = (most, fields.entry(&MAX))
        && most < least
    {
        let (least, most) = (show_duration(least), show_duration(most));
        problems.report(
            entry.value.span,
            format!("`max` is {most}, but `min` is {least}"),
        );
        return None;
    }
    Some(Bounds { least, most })
}
