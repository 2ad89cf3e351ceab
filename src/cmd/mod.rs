//! The subcommands. Each connects the modules of the pipeline and returns how the process ends.

mod ab;
mod attempt;
mod baseline;
mod calibrate;
mod check;
mod compare;
mod ctl;
mod doctor;
mod env_file;
mod execute;
mod fetch;
mod found_run;
mod github;
mod live_file;
mod new;
mod output_file;
mod outputs;
mod places;
mod plan;
mod progress;
mod publish;
mod publish_told;
mod receivers;
mod report;
mod run;
mod run_target;
mod schema;
mod secret_commands;
mod shells;
mod site_folder;
mod sitting;
mod suite;
mod suite_outputs;
mod supervise;
#[cfg(feature = "bundled-target")]
mod target;
mod terminal;

use std::ffi::OsString;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use url::Url;

#[cfg(feature = "bundled-target")]
use crate::cli::TargetCommand;
use crate::cli::{ChangeArgs, Cli, Command};
use crate::exit::Exit;
use crate::plan::{Plan, Segment, leave_out_unmeasured};
use crate::scenario::{self, Diagnostics, Overrides, Scenario, Target};

use self::output_file::Existing;

/// Runs the command line `words` (the first is the program's name) and returns how the process ends.
pub fn main(words: impl IntoIterator<Item = OsString>) -> Exit {
    let given: Vec<OsString> = words.into_iter().collect();
    let cli = match Cli::try_parse_from(&given) {
        Ok(cli) => cli,
        Err(mut error) if error.use_stderr() => {
            hide_values(&mut error);
            let words = terminal::without_secrets(&error.render().to_string());
            terminal::complain(&words);
            let junit = junit_in(&given);
            outputs::write_refusal(
                junit.as_deref(),
                None,
                Existing::Keep,
                "the arguments",
                (Exit::InvalidInput, &words),
            );
            return Exit::InvalidInput;
        }
        Err(help) => {
            return match terminal::say(&help.render().to_string()) {
                Ok(()) => Exit::Passed,
                Err(failure) => failed(&failure),
            };
        }
    };
    if cli.no_color {
        console::set_colors_enabled(false);
        console::set_colors_enabled_stderr(false);
    }
    dispatch(&cli.command).unwrap_or_else(|failure| {
        if let Command::Run(args) = &cli.command {
            let words = console::strip_ansi_codes(&failure.render()).into_owned();
            outputs::write_refusal(
                args.outputs.junit.as_deref(),
                args.out.as_deref(),
                Existing::replaced_if(args.overwrite),
                &named(&args.files),
                (failure.exit(), &words),
            );
        }
        failed(&failure)
    })
}

/// The names of scenario files.
fn named(files: &[PathBuf]) -> String {
    let names = files.iter().map(|file| file.display().to_string());
    names.collect::<Vec<_>>().join(", ")
}

fn failed(failure: &CommandError) -> Exit {
    terminal::complain(&failure.render());
    failure.exit()
}

/// Options whose values can be secret.
const OF_SECRETS: [&str; 4] = ["--set", "--admin-token", "--a", "--b"];

/// Removes possible secrets from an error about the command line: the values of those options, and the text after `=`
/// in an unexpected argument.
fn hide_values(error: &mut clap::Error) {
    let text = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let Some(argument) = text(error, ContextKind::InvalidArg) else {
        return;
    };
    let option = argument.split([' ', '=']).next().unwrap_or_default();
    if OF_SECRETS.contains(&option) && text(error, ContextKind::InvalidValue).is_some() {
        let hidden = ContextValue::String("…".to_owned());
        error.insert(ContextKind::InvalidValue, hidden);
    }
    if argument.starts_with("<FILE>")
        && let Some((name, _)) = text(error, ContextKind::InvalidValue)
            .as_deref()
            .and_then(|value| value.split_once('='))
    {
        let shown = ContextValue::String(format!("{name}=…"));
        error.insert(ContextKind::InvalidValue, shown);
    }
    if error.kind() == ErrorKind::UnknownArgument
        && let Some((name, _)) = argument.split_once('=')
    {
        let shown = ContextValue::String(format!("{name}=…"));
        error.insert(ContextKind::InvalidArg, shown);
    }
}

/// The value of `--junit` on a command line that could not be parsed.
fn junit_in(words: &[OsString]) -> Option<PathBuf> {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--junit" {
            return words.next().map(PathBuf::from);
        }
        let place = word.to_str().and_then(|word| word.strip_prefix("--junit="));
        if let Some(place) = place {
            return Some(place.into());
        }
    }
    None
}

fn dispatch(command: &Command) -> Result<Exit, CommandError> {
    match command {
        Command::Run(args) => run::run(args),
        Command::Try(args) => attempt::attempt(args),
        Command::New(args) => new::new(args),
        Command::Ab(args) => ab::ab(args),
        Command::Ctl(args) => ctl::ctl(args),
        Command::Check(args) => check::check(args),
        Command::Plan(args) => plan::plan(args),
        Command::Doctor(args) => doctor::doctor(args),
        Command::Report(args) => report::report(args),
        Command::Compare(args) => compare::compare(args),
        Command::Calibrate(args) => calibrate::calibrate(args),
        Command::Baseline(command) => baseline::baseline(command),
        Command::Publish(args) => publish::publish(args),
        Command::Schema(args) => schema::schema(args),
        Command::Completions(args) => shells::completions(args),
        Command::Man(args) => shells::man(args),
        Command::Supervise(args) => supervise::supervise(args),
        #[cfg(feature = "bundled-target")]
        Command::Target(TargetCommand::Serve(args)) => target::serve(args),
        #[cfg(not(feature = "bundled-target"))]
        Command::Target { .. } => Err(run_target::none_bundled()),
    }
}

/// The reason why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// The scenario is not valid.
    #[error("{0}")]
    Scenario(Diagnostics),
    /// An argument, or a file it names, cannot be used.
    #[error("{0:#}")]
    Argument(anyhow::Error),
    /// The target could not be reached or started.
    #[error("{0:#}")]
    Target(anyhow::Error),
    /// The user interrupted the command before it was finished.
    #[error("{0:#}")]
    Stopped(anyhow::Error),
    /// Any other error.
    #[error("{0:#}")]
    Internal(anyhow::Error),
    /// One of these in a part of the command, which the text names.
    #[error("{0}: {1}")]
    Within(String, Box<CommandError>),
}

impl CommandError {
    /// The error in a part of the command.
    fn within(self, part: String) -> Self {
        Self::Within(part, Box::new(self))
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Scenario(_) | Self::Argument(_) => Exit::InvalidInput,
            Self::Target(_) => Exit::TargetUnreachable,
            Self::Stopped(_) => Exit::Stopped,
            Self::Internal(_) => Exit::Internal,
            Self::Within(_, inner) => inner.exit(),
        }
    }

    fn render(&self) -> String {
        match self {
            Self::Scenario(diagnostics) => terminal::diagnosis(diagnostics),
            // Diagnostics have lines of their own.
            Self::Within(part, inner) if matches!(**inner, Self::Scenario(_)) => {
                format!("{part}:\n{}", inner.render())
            }
            _ => terminal::without_secrets(&format!("error: {self}\n")),
        }
    }
}

/// A placeholder for the address of a target that Gander starts, which is known only once it runs.
fn placeholder() -> Url {
    Url::parse("http://127.0.0.1:1").expect("a valid URL")
}

/// The changes that a command line makes to its scenario, with the variables of its environment files.
fn overrides(changes: &ChangeArgs) -> Result<Overrides, CommandError> {
    let variables = env_file::read(&changes.env_file)?;
    Ok(changes.overrides(variables))
}

/// Reads a scenario, or tells all its errors.
fn load(file: &Path, overrides: &Overrides) -> Result<Scenario, CommandError> {
    let mut scenario = scenario::load(file, overrides).map_err(CommandError::Scenario)?;
    leave_out_unmeasured(&mut scenario, &placeholder());
    Ok(scenario)
}

/// The plan for the scenario's own target, or for a placeholder of one that Gander starts.
fn compile(scenario: &Scenario, seed: u64) -> Result<Plan, Diagnostics> {
    let target = match &scenario.target {
        Target::Bundled | Target::Command(_) => placeholder(),
        Target::Url(url) => url.clone(),
    };
    Plan::compile(scenario, &target, seed, Segment::WHOLE)
}

/// The given seed, or a new one of 32 bits: short to type, and exact in every JSON reader.
fn seed_or_new(asked: Option<u64>) -> u64 {
    asked.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32)
}
