//! `gander ab`: interleaved runs of two arms.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use chrono::{DateTime, SecondsFormat, Utc};
#[cfg(feature = "bundled-target")]
use clap::ValueEnum as _;

use crate::ab::{
    AbRecord, Arm, ArmRecord, JudgedAs, RECORD_FILE, RunRecord, SCHEMA, Side, order, read_arms,
};
#[cfg(feature = "bundled-target")]
use crate::bundled::ProfileName;
use crate::cli::AbArgs;
use crate::compare::{
    Answer, DEFAULT_TOLERANCE, Design, Gate, Options, ProfileFold, show_confidence,
};
use crate::exit::Exit;
use crate::plan::threshold::figure_name;
use crate::report::compare::Compared;
use crate::run::header;
use crate::stats::{CONFIDENCE, Spending};
use crate::units::show_duration;

use super::compare::{
    Outputs, compared as compare_sides, exit_of, gates_among, judging, read_runs,
};
use super::execute::{Control, Prepared, Setup};
use super::output_file::Existing;
use super::outputs::Lock;
use super::sitting::{Planned, Sitting};
use super::{CommandError, compile, seed_or_new, terminal};

/// Pairs with which the comparison has a chance to see a difference.
const ENOUGH_PAIRS: u32 = 5;

/// The width of an arm's settings in a line about a run, in columns.
const SETTINGS_WIDTH: usize = 60;

pub(super) fn ab(args: &AbArgs) -> Result<Exit, CommandError> {
    let (arms, prepared) = arms(args)?;
    let seed = seed_or_new(args.sitting.seed);
    let plan = compile(&prepared[0].scenario, seed).map_err(CommandError::Scenario)?;
    let load = plan.workload.loads.duration();
    let expected = header::header(&prepared[0].scenario, &plan, String::new(), Utc::now());
    gates_among(
        &judging(&args.judging).gates,
        &ProfileFold::new(&expected).names(),
    )?;
    let mut control = Control::start()?;
    for (side, arm) in Side::BOTH.into_iter().zip(&prepared) {
        let checked = arm.check_running_target(&mut control);
        checked.map_err(|error| error.within(format!("arm {side}")))?;
    }
    let now = Utc::now();
    let folder = args.sitting.out.clone().unwrap_or_else(|| {
        let id = header::run_id(&format!("ab-{}", prepared[0].scenario.name), now);
        Path::new("reports").join(id)
    });
    let existing = Existing::replaced_if(args.sitting.overwrite);
    let _lock = claim(&folder, existing)?;
    let mut record = record(args, &arms, &prepared, (seed, now));
    save(&record, &folder)?;
    let planned = record.runs.iter();
    let sitting = Sitting {
        runs: planned
            .map(|run| planned_run(run, &record, &prepared, &folder))
            .collect(),
        folder: &folder,
        existing,
        quiet: args.sitting.quiet,
        load,
    };
    sitting.tell(&introduction(&record, load, &folder));
    let mut outputs = Outputs::of_sitting(&folder, existing, args.sitting.quiet)?;
    let looks = Spending::each_pair_of(args.pairs);
    let mut confidence = CONFIDENCE;
    let sat = sitting.run(&mut control, |index, ended| {
        record.runs[index].exit_code = Some(ended.code());
        save(&record, &folder)?;
        let pairs = (index as u32).div_ceil(2);
        let is_look = args.stop_early && index % 2 == 1;
        if let Some(spent) = looks.confidence(pairs).filter(|_| is_look) {
            confidence = spent;
            let compared = compared(&folder, &record, &options(args, confidence))?;
            sitting.tell(&format!(
                "  a look after {pairs} pairs, at {} confidence: {}\n",
                show_confidence(confidence),
                compared.comparison.reason
            ));
            if compared.comparison.answer != Answer::Inconclusive {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    });
    if let Err(error) = sat {
        record.stopped = Some(terminal::without_secrets(&error.to_string()));
        save(&record, &folder)?;
        if !complete_pairs(&record).0.is_empty() {
            sitting.tell(&format!(
                "\n`gander compare {}` compares the pairs that are complete\n",
                folder.display()
            ));
        }
        return Err(error);
    }
    record.judged = Some(JudgedAs {
        gates: args.judging.gates.clone(),
        tolerance: args.judging.tolerance,
        strict: args.judging.strict,
        confidence,
    });
    save(&record, &folder)?;
    let compared = compared(&folder, &record, &options(args, confidence))?;
    let (a, b, _) = complete_pairs(&record);
    outputs.write_sitting(&compared, [&a, &b])?;
    outputs.write(&compared)?;
    Ok(exit_of(&compared, args.judging.inconclusive))
}

/// How the arms are compared.
fn options(args: &AbArgs, confidence: f64) -> Options {
    Options {
        confidence,
        ..judging(&args.judging)
    }
}

/// The options with which the comparison was judged when its runs were made; a gate or a tolerance of the command line
/// counts more, except that the confidence stays.
pub(super) fn judged_as_recorded(record: &AbRecord, given: Options) -> Options {
    let Some(judged) = &record.judged else {
        return given;
    };
    let is_default = given.gates.is_empty()
        && !given.is_strict
        && (given.tolerance - DEFAULT_TOLERANCE).abs() < 1e-9;
    let confidence = judged.confidence;
    if !is_default {
        return Options {
            confidence,
            ..given
        };
    }
    let gates = judged.gates.iter();
    Options {
        gates: gates.map(|name| Gate::named(&figure_name(name))).collect(),
        tolerance: judged.tolerance,
        is_strict: judged.strict,
        confidence,
        ..given
    }
}

/// The comparison of a sitting from the pairs of which both runs have ended.
pub(super) fn compared(
    folder: &Path,
    record: &AbRecord,
    options: &Options,
) -> Result<Compared, CommandError> {
    let (a, b, a_first) = complete_pairs(record);
    if a_first.is_empty() {
        return Err(CommandError::Argument(anyhow!(
            "{} holds no complete pair of runs",
            folder.display()
        )));
    }
    let options = Options {
        design: Design::Pairs { a_first },
        // The arms are given: if their workloads differ, that is the question.
        may_workloads_differ: true,
        ..options.clone()
    };
    let paths = |names: Vec<String>| -> Vec<PathBuf> {
        names.into_iter().map(|name| folder.join(name)).collect()
    };
    let (mut a, mut b) = (read_runs(&paths(a))?, read_runs(&paths(b))?);
    for (side, arm) in [(&mut a, &record.a), (&mut b, &record.b)] {
        side.name = match &arm.settings[..] {
            [] => "nothing changed".to_owned(),
            settings => settings.join(", "),
        };
    }
    compare_sides(a, b, &options)
}

/// The folders of side A and of side B of the pairs of which both runs have ended, and whether side A was first.
fn complete_pairs(record: &AbRecord) -> (Vec<String>, Vec<String>, Vec<bool>) {
    let (mut a, mut b, mut a_first) = (Vec::new(), Vec::new(), Vec::new());
    let pairs = record.runs.chunks_exact(2);
    for pair in pairs.filter(|pair| pair.iter().all(|run| run.exit_code.is_some())) {
        for run in pair {
            let side = if run.arm == Side::A { &mut a } else { &mut b };
            side.push(run.folder.clone());
        }
        a_first.push(pair[0].arm == Side::A);
    }
    (a, b, a_first)
}

/// Both arms, alone and with the options that they share, or every error of both.
fn arms(args: &AbArgs) -> Result<([Arm; 2], [Prepared; 2]), CommandError> {
    let here = std::env::current_dir()
        .context("the current folder cannot be found")
        .map_err(CommandError::Argument)?;
    let arms = read_arms(&args.a, &args.b, &here).map_err(|wrong| {
        CommandError::Argument(anyhow!("invalid arms:\n  {}", wrong.join("\n  ")))
    })?;
    let prepared = arms.clone();
    let [a, b] = prepared.map(|arm| setup(args, arm).and_then(Prepared::of));
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((arms, [a, b])),
        (Err(error), Ok(_)) => Err(error.within("arm a".to_owned())),
        (Ok(_), Err(error)) => Err(error.within("arm b".to_owned())),
        // An error of the file itself is in both.
        (Err(a), Err(b)) if a.to_string() == b.to_string() => Err(a),
        (Err(a), Err(b)) => {
            terminal::complain(&a.within("arm a".to_owned()).render());
            Err(b.within("arm b".to_owned()))
        }
    }
}

/// The options of both arms, changed by those of one.
fn setup(args: &AbArgs, arm: Arm) -> Result<Setup, CommandError> {
    let mut setup = Setup::of(&args.file, &args.setup)?;
    let overrides = &mut setup.overrides;
    if arm.names("command") {
        overrides.target = None;
    }
    overrides.target = arm.target.or(overrides.target.take());
    overrides.set.extend(arm.set);
    overrides.target_command = arm.command;
    #[cfg(feature = "bundled-target")]
    {
        if let Some(name) = &arm.target_profile {
            let profile = ProfileName::from_str(name, false).map_err(|_| {
                CommandError::Argument(anyhow!(
                    "target_profile: expected `embedded` or `full`, found `{name}`"
                ))
            })?;
            setup.bundled.target_profile = Some(profile);
        }
        setup.bundled.target_set.extend(arm.target_set);
    }
    #[cfg(not(feature = "bundled-target"))]
    if arm.target_profile.is_some() || !arm.target_set.is_empty() {
        return Err(super::run_target::none_bundled());
    }
    Ok(setup)
}

/// Creates the folder and locks it. An earlier comparison in it stays, unless it may be replaced.
fn claim(folder: &Path, existing: Existing) -> Result<Option<Lock>, CommandError> {
    let shown = folder.display();
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create the folder {shown}: choose another with --out"))
        .map_err(CommandError::Argument)?;
    let lock = Lock::of(folder).map_err(CommandError::Argument)?;
    let is_taken = folder.join(RECORD_FILE).symlink_metadata().is_ok();
    if is_taken && existing == Existing::Keep {
        return Err(CommandError::Argument(anyhow!(
            "{shown} already holds a comparison: choose another folder with --out, or replace it with --overwrite"
        )));
    }
    Ok(lock)
}

fn save(record: &AbRecord, folder: &Path) -> Result<(), CommandError> {
    record
        .write(folder)
        .with_context(|| format!("cannot write {}", folder.join(RECORD_FILE).display()))
        .map_err(CommandError::Argument)
}

/// The record of a comparison of which nothing has run.
fn record(
    args: &AbArgs,
    arms: &[Arm; 2],
    prepared: &[Prepared; 2],
    (seed, now): (u64, DateTime<Utc>),
) -> AbRecord {
    let [a, b] = prepared.each_ref().map(|arm| &arm.scenario.overridden);
    // A change without its value may differ although its text is the same.
    let is_common = |change: &String| {
        let is_hidden = arms.iter().any(|arm| arm.hides(change));
        a.contains(change) && b.contains(change) && (!is_hidden || arms[0] == arms[1])
    };
    let own = |changes: &[String]| ArmRecord {
        settings: changes
            .iter()
            .filter(|change| !is_common(change))
            .cloned()
            .collect(),
    };
    let width = args.pairs.to_string().len().max(2);
    let runs = order(args.pairs, seed)
        .into_iter()
        .zip(1..)
        .flat_map(|(sides, pair)| {
            sides
                .into_iter()
                .zip(1..)
                .map(move |(arm, slot)| RunRecord {
                    pair,
                    slot,
                    arm,
                    seed: seed.wrapping_add(u64::from(pair) - 1),
                    folder: format!("{pair:0width$}-{arm}"),
                    exit_code: None,
                })
        });
    let scenario = &prepared[0].scenario;
    AbRecord {
        schema: SCHEMA.to_owned(),
        gander: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        scenario_path: scenario.source.texts.path().display().to_string(),
        started_at: now.to_rfc3339_opts(SecondsFormat::Millis, true),
        pairs: args.pairs,
        seed,
        common: a
            .iter()
            .filter(|change| is_common(change))
            .cloned()
            .collect(),
        a: own(a),
        b: own(b),
        judged: None,
        runs: runs.collect(),
        stopped: None,
    }
}

fn planned_run<'a>(
    run: &RunRecord,
    record: &AbRecord,
    arms: &'a [Prepared; 2],
    folder: &Path,
) -> Planned<'a> {
    let settings = record.arm(run.arm).settings.join(", ");
    let settings = match console::truncate_str(&settings, SETTINGS_WIDTH, "…") {
        settings if settings.is_empty() => String::new(),
        settings => format!(" ({settings})"),
    };
    Planned {
        prepared: match run.arm {
            Side::A => &arms[0],
            Side::B => &arms[1],
        },
        seed: run.seed,
        folder: folder.join(&run.folder),
        title: format!(
            "pair {} of {}, arm {}{settings}",
            run.pair, record.pairs, run.arm
        ),
    }
}

/// What is run and how long it takes.
fn introduction(record: &AbRecord, load: Option<Duration>, folder: &Path) -> String {
    let runs = record.runs.len();
    let mut text = match load {
        Some(load) => format!(
            "{runs} runs of {} each: at least {}, and the starts and ends of the targets\n",
            show_duration(load),
            show_duration(load * runs as u32)
        ),
        None => format!("{runs} runs; how long each takes depends on the target\n"),
    };
    for side in Side::BOTH {
        let settings = &record.arm(side).settings;
        let settings = match settings.as_slice() {
            [] => "nothing changed".to_owned(),
            _ => settings.join(", "),
        };
        let _ = writeln!(text, "  arm {side}: {settings}");
    }
    if Side::BOTH
        .iter()
        .all(|side| record.arm(*side).settings.is_empty())
    {
        text.push_str("  both arms are equal (A/A): a difference between them is noise\n");
    }
    if record.pairs < ENOUGH_PAIRS {
        let _ = writeln!(
            text,
            "  fewer than {ENOUGH_PAIRS} pairs show only large differences; more with --pairs"
        );
    }
    let _ = writeln!(text, "  seed {}, in {}", record.seed, folder.display());
    text
}
