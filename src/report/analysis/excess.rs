//! The steps and the parts of requests to which the time belongs that was added in slow points.

use super::figures::{Figures, median};
use super::slow::Slow;
use super::{Finding, Topic};
use crate::units::show_percent;

/// The least share of the added time for which a step or a part is named.
const LEAST_SHARE: f64 = 0.6;

/// The step with most of the added time.
pub(super) fn step(figures: &Figures, slow: &Slow) -> Option<Finding> {
    if figures.steps.len() < 2 {
        return None;
    }
    let added = figures.steps.iter().map(|step| {
        let mean = |(requests, sum): (f64, f64)| (requests > 0.0).then(|| sum / requests);
        let others = slow.members(&step.times).filter(|(slow, _)| !slow);
        let usual = median(others.filter_map(|(_, &times)| mean(times)));
        let times = slow.members(&step.times).filter(|(slow, _)| *slow);
        let added: f64 = times
            .map(|(_, (requests, sum))| sum - requests * usual)
            .sum();
        (step.name.as_str(), added)
    });
    let (name, share) = largest(added)?;
    Some(Topic::Step.says(
        Some(name),
        format!(
            "{} of the time added then belongs to the step “{name}”.",
            show_percent(share)
        ),
    ))
}

/// The part of the requests with most of the added time.
pub(super) fn phase(figures: &Figures, slow: &Slow) -> Option<Finding> {
    const PARTS: [&str; 5] = [
        "the wait before the request was sent",
        "connecting",
        "TLS handshakes",
        "the wait for the first byte of the answer",
        "reading the answer",
    ];
    let parts: Vec<[f64; 5]> = figures
        .points
        .iter()
        .map(|point| {
            let times = &point.phases;
            let opening = times.connect + times.tls;
            [
                times.response - times.service,
                times.connect,
                times.tls,
                times.first_byte - opening,
                times.service - times.first_byte,
            ]
            .map(|time| time.max(0.0) / times.requests.max(1) as f64)
        })
        .collect();
    let added = PARTS.iter().enumerate().map(|(part, name)| {
        let others = slow.members(&parts).filter(|(slow, _)| !slow);
        let usual = median(others.map(|(_, parts)| parts[part]));
        let points = slow.members(&figures.points).zip(&parts);
        let added = points
            .filter(|((slow, _), _)| *slow)
            .map(|((_, point), parts)| (parts[part] - usual) * point.phases.requests as f64);
        (*name, added.sum::<f64>())
    });
    let (name, share) = largest(added)?;
    Some(Topic::Phase.says(
        Some(name),
        format!("{} of the time added then is {name}.", show_percent(share)),
    ))
}

/// The largest part of what was added, if its share is large enough.
fn largest<'a>(added: impl Iterator<Item = (&'a str, f64)>) -> Option<(&'a str, f64)> {
    let added: Vec<(&str, f64)> = added.filter(|(_, added)| *added > 0.0).collect();
    let total: f64 = added.iter().map(|(_, added)| added).sum();
    let (name, most) = added.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let share = most / total;
    // Whole percent: more digits would claim more than the shares hold.
    (share >= LEAST_SHARE).then_some((name, (share * 100.0).round() / 100.0))
}
