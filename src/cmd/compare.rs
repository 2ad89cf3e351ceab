//! `gander compare`: the runs of two sides against each other.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use crate::ab::{AbRecord, RECORD_FILE};
use crate::cli::{CompareArgs, Inconclusive, JudgingArgs};
use crate::compare::{Answer, Gate, Options, Profile, compare as compare_sides};
use crate::exit::Exit;
use crate::plan::threshold::figure_name;
use crate::record::journal::RUN_FILE;
use crate::report::Report;
use crate::report::compare::{self as forms, Compared, Side};
use crate::report::text::clean;

use super::output_file::{Existing, OutputFile};
use super::outputs::{journal_files, journal_in};
use super::places::Places;
use super::{CommandError, terminal};
use super::{ab, baseline};

pub(super) fn compare(args: &CompareArgs) -> Result<Exit, CommandError> {
    let noise = match &args.baseline {
        Some(place) => baseline::read(&baseline::path_of(place))?.noise,
        None => Vec::new(),
    };
    let options = Options {
        may_workloads_differ: args.different_workloads,
        noise,
        ..judging(&args.judging)
    };
    let (outputs, compared) = match (&args.runs[..], &args.against[..]) {
        ([folder], []) if folder.join(RECORD_FILE).is_file() => of_sitting(args, folder, options)?,
        _ => of_sides(args, &options)?,
    };
    outputs.write(&compared)?;
    Ok(exit_of(&compared, args.judging.inconclusive))
}

/// The comparison of the pairs that `gander ab` made in a folder.
fn of_sitting(
    args: &CompareArgs,
    folder: &Path,
    options: Options,
) -> Result<(Outputs, Compared), CommandError> {
    let record = AbRecord::read(folder)
        .with_context(|| format!("cannot read {}", folder.join(RECORD_FILE).display()))
        .map_err(CommandError::Argument)?;
    let runs = record.runs.iter().map(|run| folder.join(&run.folder));
    let outputs = Outputs::open(args, &runs.collect::<Vec<_>>())?;
    let options = ab::judged_as_recorded(&record, options);
    Ok((outputs, ab::compared(folder, &record, &options)?))
}

/// The comparison of the runs that the command line names.
fn of_sides(args: &CompareArgs, options: &Options) -> Result<(Outputs, Compared), CommandError> {
    let (a, b) = sides(args)?;
    let outputs = Outputs::open(args, &[&a[..], &b].concat())?;
    let (a, b) = (read_runs(&a)?, read_runs(&b)?);
    refuse_repeated(&a, &b)?;
    Ok((outputs, compared(a, b, options)?))
}

/// The options of the command line that judge.
pub(super) fn judging(args: &JudgingArgs) -> Options {
    Options {
        gates: args
            .gates
            .iter()
            .map(|name| Gate::named(&figure_name(name)))
            .collect(),
        tolerance: args.tolerance,
        is_strict: args.strict,
        ..Options::default()
    }
}

/// The exit code; an inconclusive comparison passes if the caller says so, one that is not comparable never does.
pub(super) fn exit_of(compared: &Compared, policy: Inconclusive) -> Exit {
    match (compared.comparison.answer, policy) {
        (Answer::Inconclusive, Inconclusive::Pass) => Exit::Passed,
        (answer, _) => answer.exit(),
    }
}

/// The folders of the runs of both sides: those before and after `--against`, or the two folders given without it.
fn sides(args: &CompareArgs) -> Result<(Vec<PathBuf>, Vec<PathBuf>), CommandError> {
    let (a, b) = match (&args.runs[..], &args.against[..]) {
        ([a, b], []) => (vec![a.clone()], vec![b.clone()]),
        (_, []) => {
            return Err(CommandError::Argument(anyhow!(
                "expected two sides, found {} without --against: write `gander compare A B`, or `gander compare A… --against \
                 B…` for several runs a side",
                match args.runs.len() {
                    1 => "one folder".to_owned(),
                    more => format!("{more} folders"),
                }
            )));
        }
        (a, b) => (a.to_vec(), b.to_vec()),
    };
    let runs = |side: Vec<PathBuf>| -> Result<Vec<PathBuf>, CommandError> {
        let each: Result<Vec<Vec<PathBuf>>, CommandError> =
            side.iter().map(|folder| runs_in(folder)).collect();
        Ok(each?.concat())
    };
    let (a, b) = (runs(a)?, runs(b)?);
    let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
    let all_a: Vec<PathBuf> = a.iter().map(real).collect();
    if let Some(twice) = b.iter().find(|run| all_a.contains(&real(run))) {
        return Err(CommandError::Argument(anyhow!(
            "{} is on both sides: a run cannot be compared with itself",
            twice.display()
        )));
    }
    Ok((a, b))
}

/// Refuses a run that is given more than once, also as a copy: it would count as several.
fn refuse_repeated(a: &Side, b: &Side) -> Result<(), CommandError> {
    let mut seen: Vec<&str> = Vec::new();
    for report in a.reports.iter().chain(&b.reports) {
        let run_id = &*report.header.run_id;
        if seen.contains(&run_id) {
            return Err(CommandError::Argument(anyhow!(
                "run {run_id} is given more than once: each run counts once, on one side"
            )));
        }
        seen.push(run_id);
    }
    Ok(())
}

/// The folder itself if it holds a run, else the folders in it that do, by name.
pub(super) fn runs_in(folder: &Path) -> Result<Vec<PathBuf>, CommandError> {
    if folder.join(RUN_FILE).is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    if folder.join(RECORD_FILE).is_file() {
        return Err(CommandError::Argument(anyhow!(
            "{} holds a comparison by pairs, whose runs belong to two arms: give it alone, or name the folders of its runs",
            folder.display()
        )));
    }
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))
        .map_err(CommandError::Argument)?;
    let mut runs: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join(RUN_FILE).is_file())
        .collect();
    runs.sort();
    if runs.is_empty() {
        return Err(CommandError::Argument(anyhow!(
            "no run in {}: expected {RUN_FILE} in it, or folders with {RUN_FILE} in them",
            folder.display()
        )));
    }
    Ok(runs)
}

/// The reports of runs, with their profiles, and the name of their side.
pub(super) fn read_runs(folders: &[PathBuf]) -> Result<Side, CommandError> {
    let report = |folder: &PathBuf| {
        let journal = journal_in(folder)?;
        Report::build_profiled(&journal).map_err(|error| CommandError::Internal(error.into()))
    };
    let reports: Result<Vec<Report>, CommandError> = folders.iter().map(report).collect();
    let names: Vec<String> = folders
        .iter()
        .map(|folder| clean(&folder.display().to_string()))
        .collect();
    Ok(Side {
        name: match &names[..] {
            [first, .., last] => format!("{first} … {last}"),
            _ => names.concat(),
        },
        reports: reports?,
    })
}

/// Compares two sides.
pub(super) fn compared(a: Side, b: Side, options: &Options) -> Result<Compared, CommandError> {
    let profiles = |side: &Side| -> Vec<Profile> {
        side.reports
            .iter()
            .filter_map(|report| report.profile.as_deref().cloned())
            .collect()
    };
    let title = b
        .reports
        .first()
        .map_or_else(String::new, |report| report.header.scenario.clone());
    let (profiles_a, profiles_b) = (profiles(&a), profiles(&b));
    known_gates(options, &profiles_a, &profiles_b)?;
    Ok(Compared {
        title,
        comparison: compare_sides(&profiles_a, &profiles_b, options),
        a,
        b,
    })
}

/// Refuses a gate that names no figure of the runs.
fn known_gates(options: &Options, a: &[Profile], b: &[Profile]) -> Result<(), CommandError> {
    let figures = a.iter().chain(b).flat_map(|run| &run.figures);
    let names: Vec<String> = figures.map(|(figure, _)| figure.name.clone()).collect();
    gates_among(&options.gates, &names)
}

/// Refuses a gate that is not among these figures.
pub(super) fn gates_among(gates: &[Gate], names: &[String]) -> Result<(), CommandError> {
    let Some(unknown) = gates.iter().find(|gate| !names.contains(&gate.figure)) else {
        return Ok(());
    };
    let hint = crate::source::nearest(&unknown.figure, names.iter().map(String::as_str));
    let hint = hint.map_or_else(
        || {
            let mut few: Vec<&str> = Vec::new();
            for name in names {
                if few.len() < MOST_NAMES && !few.contains(&&**name) {
                    few.push(name);
                }
            }
            format!("the runs have {}, …", few.join(", "))
        },
        |near| format!("did you mean {near}?"),
    );
    Err(CommandError::Argument(anyhow!(
        "--gate {}: the runs have no such figure; {hint}",
        unknown.figure
    )))
}

/// The maximum number of figures that an error lists.
const MOST_NAMES: usize = 12;

/// The files of a comparison.
pub(super) struct Outputs {
    json: Option<OutputFile>,
    markdown: Option<OutputFile>,
    html: Option<OutputFile>,
    /// `ab.html`, for the folder of a comparison by pairs.
    sitting: Option<OutputFile>,
    json_copy: Option<OutputFile>,
    is_json_on_stdout: bool,
    page: Option<PathBuf>,
    quiet: bool,
}

impl Outputs {
    /// Checks the paths against the files that are read, and opens them.
    fn open(args: &CompareArgs, runs: &[PathBuf]) -> Result<Self, CommandError> {
        let mut inputs: Vec<PathBuf> = runs.iter().flat_map(|run| journal_files(run)).collect();
        inputs.extend(args.baseline.as_deref().map(baseline::path_of));
        let json_place = args.json.as_deref().filter(|path| *path != Path::new("-"));
        let options: Vec<(&'static str, &Path)> = json_place
            .map(|path| ("--json", path))
            .into_iter()
            .collect();
        Places {
            inputs: &inputs,
            folder: args.out.as_deref().unwrap_or(Path::new(".")),
            names: match args.out {
                Some(_) => &["compare.json", "compare.md", "compare.html"],
                None => &[],
            },
            options: &options,
        }
        .check()?;
        let existing = Existing::replaced_if(args.overwrite);
        let is_json_on_stdout = args.json.as_deref() == Some(Path::new("-"));
        let json = args.json.as_deref().filter(|_| !is_json_on_stdout);
        let mut outputs = match &args.out {
            Some(folder) => Self::in_folder(folder, existing, args.quiet)?,
            None => Self::none(args.quiet),
        };
        outputs.json_copy = json
            .map(|path| OutputFile::open(path, existing))
            .transpose()?;
        outputs.is_json_on_stdout = is_json_on_stdout;
        Ok(outputs)
    }

    const fn none(quiet: bool) -> Self {
        Self {
            json: None,
            markdown: None,
            html: None,
            sitting: None,
            json_copy: None,
            is_json_on_stdout: false,
            page: None,
            quiet,
        }
    }

    /// `compare.json`, `compare.md` and `compare.html` in a folder, which is created.
    pub(super) fn in_folder(
        folder: &Path,
        existing: Existing,
        quiet: bool,
    ) -> Result<Self, CommandError> {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the output folder {}", folder.display()))
            .map_err(CommandError::Argument)?;
        let open = |name: &str| OutputFile::open(&folder.join(name), existing).map(Some);
        Ok(Self {
            json: open("compare.json")?,
            markdown: open("compare.md")?,
            html: open("compare.html")?,
            page: Some(folder.join("compare.html")),
            ..Self::none(quiet)
        })
    }

    /// Also `ab.html`, in the folder of a comparison by pairs.
    pub(super) fn of_sitting(
        folder: &Path,
        existing: Existing,
        quiet: bool,
    ) -> Result<Self, CommandError> {
        Ok(Self {
            sitting: Some(OutputFile::open(&folder.join("ab.html"), existing)?),
            ..Self::in_folder(folder, existing, quiet)?
        })
    }

    /// Writes `ab.html`; the reports of the runs are in these folders next to it, of side A and of side B.
    pub(super) fn write_sitting(
        &mut self,
        compared: &Compared,
        folders: [&[String]; 2],
    ) -> Result<(), CommandError> {
        let Some(file) = self.sitting.take() else {
            return Ok(());
        };
        let page = forms::sitting_page(compared, folders);
        file.write(&page.map_err(|error| CommandError::Internal(error.into()))?)
    }

    /// Writes the files and prints the comparison.
    pub(super) fn write(self, compared: &Compared) -> Result<(), CommandError> {
        let internal = |error: crate::report::RenderError| CommandError::Internal(error.into());
        let json = forms::document(compared).map_err(internal)?;
        for file in [self.json, self.json_copy].into_iter().flatten() {
            file.write(&json)?;
        }
        if let Some(file) = self.markdown {
            file.write(forms::markdown(compared).as_bytes())?;
        }
        if let Some(file) = self.html {
            file.write(&forms::page(compared).map_err(internal)?)?;
        }
        if self.is_json_on_stdout {
            terminal::say(&String::from_utf8_lossy(&json))?;
        }
        if self.quiet {
            return Ok(());
        }
        let page = self.page.as_deref();
        let shown = |colour| forms::summary(compared, page, terminal::width(), colour);
        if self.is_json_on_stdout {
            terminal::complain(&shown(terminal::colour_on_stderr()));
            return Ok(());
        }
        terminal::say(&shown(terminal::colour_on_stdout()))
    }
}
