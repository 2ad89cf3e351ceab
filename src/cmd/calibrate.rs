//! `gander calibrate`: runs of one target against itself, which show how much its figures differ without a change.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use chrono::Utc;

use crate::cli::CalibrateArgs;
use crate::compare::{DEFAULT_GATES, Detectability, Noise, Profile, Scale, show_change};
use crate::exit::Exit;
use crate::report::text;
use crate::run::header;
use crate::units::show_duration;

use super::compare::read_runs;
use super::execute::{Control, Prepared, Setup};
use super::output_file::Existing;
use super::sitting::{Planned, Sitting};
use super::{CommandError, baseline, compile, seed_or_new, terminal};

pub(super) fn calibrate(args: &CalibrateArgs) -> Result<Exit, CommandError> {
    let path = args.baseline.path();
    // A faulty file is refused before the runs.
    baseline::try_read(&path)?;
    let prepared = Prepared::of(Setup::of(&args.file, &args.setup)?)?;
    let seed = seed_or_new(args.sitting.seed);
    let load = compile(&prepared.scenario, seed)
        .map_err(CommandError::Scenario)?
        .workload
        .loads
        .duration();
    let mut control = Control::start()?;
    prepared.check_running_target(&mut control)?;
    let folder = args.sitting.out.clone().unwrap_or_else(|| {
        let id = header::run_id(&format!("calibrate-{}", prepared.scenario.name), Utc::now());
        Path::new("reports").join(id)
    });
    let planned = |number: u32| Planned {
        prepared: &prepared,
        seed: seed.wrapping_add(u64::from(number) - 1),
        folder: folder.join(format!("{number:02}")),
        title: format!("run {number} of {}", args.runs),
    };
    let sitting = Sitting {
        runs: (1..=args.runs).map(planned).collect(),
        folder: &folder,
        existing: Existing::replaced_if(args.sitting.overwrite),
        quiet: args.sitting.quiet,
        load,
    };
    let length = load.map_or_else(String::new, |load| {
        format!(", at least {} in all", show_duration(load * args.runs))
    });
    sitting.tell(&format!(
        "{} runs of the same target, to measure how much its figures differ without a change{length}\n",
        args.runs
    ));
    sitting.run(&mut control, |_, ended| {
        Ok(match ended {
            // An invalid measurement says nothing about the target.
            Exit::MeasurementInvalid => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })
    })?;
    let folders: Vec<PathBuf> = sitting.runs.iter().map(|run| run.folder.clone()).collect();
    let runs = profiles(&folders)?;
    let noise = Noise::of(&runs).ok_or_else(|| {
        CommandError::Argument(anyhow!(
            "a noise floor needs at least three runs with data, found {}",
            runs.len()
        ))
    })?;
    let text = summary(&noise, &runs, args.tolerance);
    let _lock = baseline::lock(&path)?;
    let mut kept = baseline::try_read(&path)?.unwrap_or_default();
    kept.keep_noise(noise);
    baseline::write(&path, &kept)?;
    if !args.sitting.quiet {
        let kept = format!(
            "The noise floor is in {}: `gander run --baseline` and `gander compare --baseline` use it.",
            path.display()
        );
        terminal::say(&format!("{text}\n{}", wrapped(&kept)))?;
    }
    Ok(Exit::Passed)
}

/// A sentence in lines of the terminal's width, indented.
fn wrapped(sentence: &str) -> String {
    let lines = text::paragraph(sentence, terminal::width().min(WIDEST));
    lines.join("\n") + "\n"
}

/// The widest line, in columns.
const WIDEST: usize = 100;

/// The profiles of the runs; an error if one is no measurement.
fn profiles(folders: &[PathBuf]) -> Result<Vec<Profile>, CommandError> {
    let existing: Vec<PathBuf> = folders
        .iter()
        .filter(|folder| folder.is_dir())
        .cloned()
        .collect();
    let side = read_runs(&existing)?;
    let profiles: Vec<Profile> = side
        .reports
        .into_iter()
        .filter_map(|report| report.profile.map(|profile| *profile))
        .collect();
    for profile in &profiles {
        baseline::refuse_useless(profile)?;
    }
    Ok(profiles)
}

/// For each figure that decides: the noise, the smallest detectable changes, and what would find the tolerance.
fn summary(noise: &Noise, runs: &[Profile], tolerance: f64) -> String {
    let length = |seconds: f64| {
        show_duration(std::time::Duration::from_secs(
            seconds.round().max(1.0) as u64
        ))
    };
    let mut text = format!(
        "\n  Noise of {} runs of {}\n\n  {:<22} {:>10}{:>12}{:>12}{:>12}{:>12}\n",
        noise.runs,
        length(noise.load_s),
        "figure",
        "noise",
        "1 run",
        "1 run × 4",
        "6 pairs",
        "6 pairs × 4"
    );
    for name in DEFAULT_GATES {
        let Some(found) = Detectability::of(name, noise, runs) else {
            continue;
        };
        let scale = if name.starts_with("ratio") {
            Scale::Share
        } else {
            Scale::Factor
        };
        let told = |size: Option<f64>| {
            size.map_or_else(
                || "–".to_owned(),
                |size| show_change(scale.told(size), scale),
            )
        };
        let _ = writeln!(
            text,
            "  {name:<22} {:>10}{:>12}{:>12}{:>12}{:>12}",
            told(Some(found.noise)).replace('+', "±"),
            told(found.single(1.0)),
            told(found.single(4.0)),
            told(found.pairs(6, 1.0)),
            told(found.pairs(6, 4.0)),
        );
    }
    text.push('\n');
    text.push_str(&wrapped(
        "The columns are the smallest changes that are found with a probability of 80 %: by one run against another, and by \
         pairs, each at this length and at four times it.",
    ));
    for name in &DEFAULT_GATES[..2] {
        if let Some(advice) =
            Detectability::of(name, noise, runs).and_then(|found| found.advice(tolerance.ln_1p()))
        {
            let size = show_change(tolerance, Scale::Factor);
            text.push_str(&wrapped(&format!("To find {size} of {name}: {advice}.")));
        }
    }
    text
}
