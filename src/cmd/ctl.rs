//! `gander ctl`: asks a running test how it does, or changes its load.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::{CommandError, terminal};
use crate::cli::{CtlArgs, CtlCommand};
use crate::control::{self, Phase, Request, Status};
use crate::exit::Exit;
use crate::units::{Micros, show_count, show_duration, show_percent};

/// The folder below which runs are looked for.
const REPORTS: &str = "reports";

/// Sends the request and prints the state of the run after it.
pub(super) fn ctl(args: &CtlArgs) -> Result<Exit, CommandError> {
    let folder = match &args.run {
        Some(folder) => folder.clone(),
        None => running_below(Path::new(REPORTS))?,
    };
    let request = match &args.command {
        CtlCommand::Status => Request::Status,
        CtlCommand::Pause => Request::Pause,
        CtlCommand::Resume => Request::Resume,
        CtlCommand::Users { users, flow } => Request::Users {
            users: *users,
            flow: flow.clone(),
        },
        CtlCommand::Rate { rate, flow } => Request::Rate {
            per_second: rate.as_per_second(),
            flow: flow.clone(),
        },
        CtlCommand::Tag { text } => Request::Tag { text: text.clone() },
        CtlCommand::Stop => Request::Stop,
    };
    let reply =
        control::ask(&folder, &request).map_err(|error| CommandError::Argument(error.into()))?;
    let status = reply.map_err(|refusal| CommandError::Argument(anyhow!(refusal)))?;
    let text = if args.json {
        let text = serde_json::to_string_pretty(&status);
        text.context("the state of the run is no JSON")
            .map_err(CommandError::Internal)?
    } else {
        shown(&status)
    };
    terminal::say(&format!("{text}\n"))?;
    Ok(Exit::Passed)
}

/// The folder of the only run below `reports` that takes requests.
fn running_below(reports: &Path) -> Result<PathBuf, CommandError> {
    let mut running: Vec<PathBuf> = Vec::new();
    for entry in folders(reports).unwrap_or_default() {
        // The runs of a suite are one level below it.
        for folder in [entry.clone()]
            .into_iter()
            .chain(folders(&entry).unwrap_or_default())
        {
            if control::is_alive(&folder) {
                running.push(folder);
            }
        }
    }
    let refusal = match running.as_slice() {
        [only] => return Ok(only.clone()),
        [] => format!(
            "no test is running below `{}`: name the folder of a run with --run",
            reports.display()
        ),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            format!(
                "several tests are running: name one with --run: {}",
                names.join(", ")
            )
        }
    };
    Err(CommandError::Argument(anyhow!(refusal)))
}

fn folders(parent: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(parent)?.filter_map(Result::ok);
    let mut folders: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    Ok(folders)
}

fn shown(status: &Status) -> String {
    let time = |at: Micros| show_duration(Duration::from_secs(at.as_duration().as_secs()));
    let phase = match status.phase {
        Phase::Running => "running",
        Phase::Paused => "paused",
        Phase::Ending => "ending",
    };
    let planned = status
        .planned
        .map_or_else(String::new, |planned| format!(" of {}", time(planned)));
    let mut lines = vec![
        format!("{}: {phase}, {}{planned}", status.scenario, time(status.at)),
        format!(
            "users {}  offered {}/s  started {}/s  in flight {}",
            show_count(status.users.into()),
            show_count(status.offered),
            show_count(status.started),
            show_count(status.in_flight)
        ),
    ];
    let failed = if status.requests == 0 {
        0.0
    } else {
        status.failed as f64 / status.requests as f64
    };
    let p95 = status
        .p95
        .map_or_else(String::new, |p95| format!("  p95 {}", Micros(p95)));
    lines.push(format!(
        "requests {}  failed {} ({}){p95}",
        show_count(status.requests),
        show_count(status.failed),
        show_percent(failed)
    ));
    lines.extend(status.thresholds.iter().map(|(expression, holds)| {
        let mark = match holds {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "·",
        };
        format!("{mark} {expression}")
    }));
    lines.join("\n")
}
