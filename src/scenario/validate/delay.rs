//! Delays: `think_time:` and `think:`.

use std::time::Duration;

use crate::format::tables::delay::{EXPONENTIAL, NORMAL, SD, TABLE};
use crate::format::{Field, Problems};
use crate::scenario::Delay;
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
    match (
        fields.get(&NORMAL),
        fields.get(&SD),
        fields.get(&EXPONENTIAL),
    ) {
        (Some(mean), Some(sd), None) => {
            let mean: Option<Duration> = problems.at(mean, &NORMAL);
            let sd = problems.at(sd, &SD);
            Some(Delay::Normal(mean?, sd?))
        }
        (None, None, Some(mean)) => problems.at(mean, &EXPONENTIAL).map(Delay::Exponential),
        _ => {
            problems.report(
                node.span,
                "a random delay is either {normal: 2s, sd: 500ms} or {exponential: 2s}",
            );
            None
        }
    }
}
