//! `gander run A B …`: several scenarios, one after another, with one page and one exit code.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use anyhow::anyhow;
use chrono::{SecondsFormat, Utc};
use tokio::time::{Instant, sleep};
use url::Url;

use super::execute::{Control, Destination, Prepared, Setup};
use super::fetch::fetch;
use super::output_file::Existing;
use super::outputs::Telling;
use super::suite_outputs::{SuiteOutputs, claim, is_json_on_stdout};
use super::{CommandError, seed_or_new, terminal};
use crate::cli::{OutputArgs, RunArgs};
use crate::exit::Exit;
use crate::report::suite::{EntryResult, Suite, SuiteEntry};
use crate::run::header;
use crate::scenario::Target;
use crate::units::show_duration;

/// The maximum time to wait for a target between two runs, and the time between two attempts.
const HEALTHY_WITHIN: Duration = Duration::from_mins(1);
const ATTEMPT_EVERY: Duration = Duration::from_secs(1);

/// Runs the files in their order.
pub(super) fn suite(args: &RunArgs) -> Result<Exit, CommandError> {
    refuse_options_of_one_run(args)?;
    let prepared = prepared(args)?;
    let now = Utc::now();
    let id = header::run_id("suite", now);
    let folder = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("reports").join(&id));
    let existing = Existing::replaced_if(args.overwrite);
    let _lock = claim(&folder, existing)?;
    let outputs = SuiteOutputs::open(args, &folder, &prepared).inspect_err(|_| {
        // Removes only a folder that is still empty.
        std::fs::remove_dir(&folder).ok();
    })?;
    let mut control = Control::start()?;
    let mut suite = Suite {
        id,
        started_at: now.to_rfc3339_opts(SecondsFormat::Secs, true),
        entries: entries(args, &prepared),
    };
    let seed = seed_or_new(args.seed);
    let mut stop: Option<String> = None;
    for (number, prepared) in prepared.iter().enumerate() {
        let result = if let Some(reason) = &stop {
            EntryResult::NotRun(reason.clone())
        } else {
            let entry = &suite.entries[number];
            run_one(args, number, prepared, (entry, &folder, seed), &mut control)
        };
        let entry = &mut suite.entries[number];
        entry.result = result;
        if stop.is_none() {
            stop = reason_to_stop(entry, args.suite.keep_going);
        }
    }
    outputs.write(&suite, &folder, args.quiet)?;
    Ok(suite.exit())
}

/// The reason why nothing follows a run.
fn reason_to_stop(entry: &SuiteEntry, keeps_going: bool) -> Option<String> {
    match entry.result.exit() {
        None | Some(Exit::Passed) => None,
        Some(Exit::Stopped) => Some(format!("the suite was stopped during {}", entry.name)),
        Some(_) if keeps_going => None,
        Some(exit) => Some(format!(
            "{} ended with exit code {} ({exit}); --keep-going would go on",
            entry.name,
            exit.code()
        )),
    }
}

/// Waits for the target of a run, unless it is the first, and runs it.
fn run_one(
    args: &RunArgs,
    number: usize,
    prepared: &Prepared,
    (entry, folder, seed): (&SuiteEntry, &Path, u64),
    control: &mut Control,
) -> EntryResult {
    let tell = |text: &str| {
        if !args.quiet {
            terminal::complain(text);
        }
    };
    let place = format!("run {} of {}", number + 1, args.files.len());
    let waited = if number == 0 {
        Ok(())
    } else {
        between(args, prepared, &entry.name, control, &tell)
    };
    let ended = waited.and_then(|()| {
        tell(&format!("\n{place}: {} ({})\n", entry.name, entry.file));
        let run = folder.join(&entry.folder);
        let besides = OutputArgs::default();
        let destination = Destination {
            folder: Some(&run),
            existing: Existing::replaced_if(args.overwrite),
            besides: &besides,
            receivers: Some(&args.receivers),
            hides_live_view: args.quiet,
            telling: if is_json_on_stdout(args) {
                Telling::Nothing
            } else {
                Telling::Annotations
            },
            figures_as: Some(&entry.name),
        };
        prepared.run(seed, destination, control)
    });
    match ended {
        Ok(written) => {
            tell(&format!("  {}\n", written.line));
            match written.figures {
                Some(figures) => EntryResult::Ran(figures),
                None => EntryResult::Broken(written.exit, written.reason),
            }
        }
        Err(error) => {
            let words = console::strip_ansi_codes(&error.render()).into_owned();
            tell(&words);
            let words = words.trim().trim_start_matches("error: ").to_owned();
            EntryResult::Broken(error.exit(), words)
        }
    }
}

/// The pause between two runs, and the wait for the target of the next one.
fn between(
    args: &RunArgs,
    prepared: &Prepared,
    name: &str,
    control: &mut Control,
    tell: &dyn Fn(&str),
) -> Result<(), CommandError> {
    let health = health(args, prepared)?;
    let waits_for = match (&health, &prepared.scenario.target) {
        (Some(url), _) => format!(
            "until {} answers 2xx",
            prepared.scenario.mask.urls(url.as_str())
        ),
        (None, Target::Url(url)) => {
            format!(
                "until {} accepts a connection",
                url.origin().ascii_serialization()
            )
        }
        (None, Target::Bundled | Target::Command(_)) => "until its target has started".to_owned(),
    };
    tell(&format!(
        "\npause of {} before {name}, then {waits_for}\n",
        show_duration(args.suite.pause)
    ));
    pause(args.suite.pause, control)?;
    let deadline = Instant::now() + HEALTHY_WITHIN;
    loop {
        let found = match &health {
            Some(url) => is_healthy(url, prepared, control),
            None => prepared.check_running_target(control),
        };
        match found {
            Err(CommandError::Target(reason)) if Instant::now() < deadline => {
                let _ = reason;
                pause(ATTEMPT_EVERY, control)?;
            }
            Err(CommandError::Target(reason)) => {
                return Err(CommandError::Target(reason.context(format!(
                    "the target of {name} was not ready within {}",
                    show_duration(HEALTHY_WITHIN)
                ))));
            }
            other => return other,
        }
    }
}

/// The URL of `--health`: below the target, unless it is a whole one. Of a target that Gander starts there is none yet.
fn health(args: &RunArgs, prepared: &Prepared) -> Result<Option<Url>, CommandError> {
    let Some(written) = &args.suite.health else {
        return Ok(None);
    };
    let faulty = || {
        CommandError::Argument(anyhow!(
            "--health needs a path such as /health, or a URL that begins with http:// or https://"
        ))
    };
    if written.starts_with('/') {
        let Target::Url(url) = &prepared.scenario.target else {
            return Ok(None);
        };
        let base = url.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}{written}"));
        return url.map(Some).map_err(|_| faulty());
    }
    let url = Url::parse(written).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https"));
    url.map(Some).ok_or_else(faulty)
}

fn is_healthy(url: &Url, prepared: &Prepared, control: &mut Control) -> Result<(), CommandError> {
    let Control { runtime, signals } = control;
    let exchange = runtime.block_on(async {
        tokio::select! {
            exchange = fetch(url, prepared.setup.allowed_hosts.clone()) => exchange,
            () = signals.next() => Err(stopped()),
        }
    })?;
    match exchange.status() {
        Some(200..=299) if !exchange.outcome.is_failure() => Ok(()),
        Some(status) => Err(CommandError::Target(anyhow!(
            "it answers with status {status}"
        ))),
        None => Err(CommandError::Target(anyhow!("{}", exchange.detail))),
    }
}

/// Sleeps, unless a signal comes.
fn pause(length: Duration, control: &mut Control) -> Result<(), CommandError> {
    let Control { runtime, signals } = control;
    runtime.block_on(async {
        tokio::select! {
            () = sleep(length) => Ok(()),
            () = signals.next() => Err(stopped()),
        }
    })
}

fn stopped() -> CommandError {
    CommandError::Stopped(anyhow!("stopped between two runs"))
}

/// Refuses options that are about one run.
fn refuse_options_of_one_run(args: &RunArgs) -> Result<(), CommandError> {
    let outputs = &args.outputs;
    let given = [
        ("--baseline", args.baseline.is_some()),
        ("--gitlab-metrics", outputs.gitlab_metrics.is_some()),
        ("--benchmark-smaller", outputs.benchmark_smaller.is_some()),
        ("--benchmark-bigger", outputs.benchmark_bigger.is_some()),
    ];
    let texts = outputs.texts.wanted().map(|(format, _)| format.option());
    let given = given.into_iter().filter(|(_, is_given)| *is_given);
    match given.map(|(option, _)| option).chain(texts).next() {
        Some(option) => Err(CommandError::Argument(anyhow!(
            "{option} is about one run, but {} files are given: run this file alone, or use `gander report RUN_DIR` or \
             `gander compare` on a folder of the suite",
            args.files.len()
        ))),
        None => Ok(()),
    }
}

/// Every file, read and checked; the errors of all of them are shown.
fn prepared(args: &RunArgs) -> Result<Vec<Prepared>, CommandError> {
    let mut prepared = Vec::new();
    let mut failures = Vec::new();
    for file in &args.files {
        let one = Setup::of(file, &args.setup).and_then(Prepared::of);
        let one = one.and_then(|one| health(args, &one).map(|_| one));
        match one {
            Ok(one) => prepared.push(one),
            // A diagnostic names its file.
            Err(error @ CommandError::Scenario(_)) => failures.push(error),
            Err(error) => failures.push(error.within(file.display().to_string())),
        }
    }
    let Some(last) = failures.pop() else {
        return Ok(prepared);
    };
    for failure in &failures {
        terminal::complain(&failure.render());
    }
    Err(last)
}

/// The runs, none of which has begun. Each has a name and a folder of its own.
fn entries(args: &RunArgs, prepared: &[Prepared]) -> Vec<SuiteEntry> {
    let mut seen: HashMap<&str, u32> = HashMap::new();
    let width = prepared.len().to_string().len();
    let each = prepared.iter().zip(&args.files).zip(1..);
    each.map(|((prepared, file), number)| {
        let scenario = prepared.scenario.name.as_str();
        let count = seen.entry(scenario).or_default();
        *count += 1;
        let name = match count {
            1 => scenario.to_owned(),
            more => format!("{scenario} #{more}"),
        };
        SuiteEntry {
            folder: format!("{number:0width$}-{}", slug(scenario)),
            name,
            file: file.display().to_string(),
            result: EntryResult::NotRun("it was not reached".to_owned()),
        }
    })
    .collect()
}

/// A name as a part of a path.
fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(plain).take(40).collect()
}
