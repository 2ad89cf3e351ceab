//! The points of a stage, from a CSV file.

use std::time::Duration;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::format::Problems;
use crate::format::tables::load::{MAX_RATE, MAX_USERS};
use crate::scenario::{Shape, Stage};
use crate::source::{Files, Node};
use crate::units::{Rate, parse_duration, show_duration};

/// More points are not needed to draw a load.
const MOST_POINTS: usize = 10_000;

/// Reads the file that a node names: the stage, and whether its levels are rates.
pub(super) fn points(node: &Node, files: &Files, problems: &mut Problems) -> Option<(Stage, bool)> {
    let named = problems.name(node, "the name of a .csv file")?;
    let text = match files.read_text(named, node.span) {
        Ok((_, text)) => text,
        Err(refusal) => {
            problems.refused(node.span, refusal);
            return None;
        }
    };
    let read = read(&text);
    read.map_err(|message| {
        problems.report_with(
            node.span,
            format!("{named}: {message}"),
            "write a header `time,users` or `time,rate`, then a line for each point, such as `1m30s,50`",
        );
    })
    .ok()
}

fn read(text: &str) -> Result<(Stage, bool), String> {
    let mut reader = ReaderBuilder::new()
        .trim(Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?;
    let is_open = match &*header.iter().collect::<Vec<_>>() {
        ["time", "users"] => false,
        ["time", "rate"] => true,
        found => {
            return Err(format!(
                "found the columns `{}`, expected `time,users` or `time,rate`",
                found.join(",")
            ));
        }
    };
    let mut points: Vec<(Duration, f64)> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let at_line = |message: String| format!("line {line}: {message}");
        let (at, level) = point(&record, is_open).map_err(at_line)?;
        match points.last() {
            None if !at.is_zero() => {
                let found = show_duration(at);
                return Err(at_line(format!("the first time is {found}, expected 0s")));
            }
            Some((before, _)) if at < *before => {
                let (at, before) = (show_duration(at), show_duration(*before));
                return Err(at_line(format!(
                    "the time {at} is before the last one, {before}"
                )));
            }
            None | Some(_) => {}
        }
        if points.len() == MOST_POINTS {
            return Err(at_line(format!("there are more than {MOST_POINTS} points")));
        }
        points.push((at, level));
    }
    let duration = points.last().map_or(Duration::ZERO, |(at, _)| *at);
    if duration.is_zero() {
        return Err("expected at least two points, at different times".to_owned());
    }
    let stage = Stage {
        name: None,
        level: points.iter().map(|(_, level)| *level).fold(0.0, f64::max),
        duration,
        shape: Shape::Points(points),
    };
    Ok((stage, is_open))
}

fn point(record: &StringRecord, is_open: bool) -> Result<(Duration, f64), String> {
    let (time, level) = (&record[0], &record[1]);
    let seconds = time.parse().ok().map(Duration::try_from_secs_f64);
    let at = match seconds {
        Some(Ok(at)) => at,
        Some(Err(_)) => return Err(format!("`{time}` is not a time")),
        None => parse_duration(time).map_err(|error| error.to_string())?,
    };
    let level = if is_open && level.contains('/') {
        let rate: Rate = level.parse().map_err(|error| format!("{error}"))?;
        rate.as_per_second()
    } else {
        level
            .parse::<f64>()
            .map_err(|_| format!("`{level}` is not a number"))?
    };
    let most = if is_open {
        MAX_RATE
    } else {
        f64::from(MAX_USERS)
    };
    if !(0.0..=most).contains(&level) {
        return Err(format!("found the level {level}, expected 0 to {most}"));
    }
    Ok((at, level))
}
