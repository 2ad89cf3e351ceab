//! Delays: `think_time:` and `think:`.

use super::reader::{Problems, Shape};
use crate::scenario::Delay;
use crate::source::did_you_mean;
use crate::source::{Content, Node};
use crate::units::{parse_duration, show_duration};

const DELAY: Shape = Shape {
    what: "a random delay",
    known: &["normal", "sd", "exponential"],
    later: &[],
};

/// Whether the value is the word `none`, which stands for no delay at all.
pub(super) fn is_none(node: &Node) -> bool {
    matches!(&node.value, Content::Scalar(scalar) if scalar.text == "none")
}

/// Reads a delay: `2s`, `1s..3s`, `{normal: 2s, sd: 500ms}` or `{exponential: 2s}`.
pub(super) fn delay(node: &Node, problems: &mut Problems) -> Option<Delay> {
    const WHAT: &str = "a delay such as 2s, 1s..3s, {normal: 2s, sd: 500ms} or {exponential: 2s}";
    if matches!(node.value, Content::Map(_)) {
        return random_delay(node, problems);
    }
    let text = &problems.scalar(node, WHAT)?.text;
    let Some((least, most)) = text.split_once("..") else {
        return problems.duration(node).map(Delay::Constant);
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
            format!("this range runs backwards, from {long} to {short}"),
            did_you_mean(&format!("{short}..{long}")),
        );
        return None;
    }
    Some(Delay::Uniform(least, most))
}

fn random_delay(node: &Node, problems: &mut Problems) -> Option<Delay> {
    let fields = problems.fields(node, &DELAY)?;
    match (
        fields.get("normal"),
        fields.get("sd"),
        fields.get("exponential"),
    ) {
        (Some(mean), Some(sd), None) => {
            let (mean, sd) = (problems.duration(mean), problems.duration(sd));
            Some(Delay::Normal(mean?, sd?))
        }
        (None, None, Some(mean)) => problems.positive_duration(mean).map(Delay::Exponential),
        _ => {
            problems.report(
                node.span,
                "a random delay is either {normal: 2s, sd: 500ms} or {exponential: 2s}",
            );
            None
        }
    }
}
