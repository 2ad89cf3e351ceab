//! Runs the commands of `docs/ci.md` and of the page about the history, as a job would: each must pass and write the files that
//! the page names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::outputs::target;
use crate::support::gander;

const PAGE: &str = include_str!("../../docs/ci.md");
const HISTORY: &str = include_str!("../../docs/guide/history.md");

/// A code block of the page.
#[derive(Debug)]
struct Block {
    section: String,
    language: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let (mut blocks, mut section) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        }
        if let Some(language) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block {
                section: section.clone(),
                language: language.to_owned(),
                text: text.join("\n"),
            });
        }
    }
    blocks
}

/// A job: the commands that it runs, and the files that it reads after them.
#[derive(Debug, Default)]
struct Job {
    scripts: Vec<String>,
    files: Vec<String>,
}

impl Job {
    fn of(block: &Block) -> Self {
        match (&*block.section, &*block.language) {
            ("GitHub Actions" | "GitHub Pages", "yaml") => Self::of_github(&yaml(&block.text)),
            ("GitLab CI" | "GitLab Pages", "yaml") => Self::of_gitlab(&yaml(&block.text)),
            ("Jenkins", "groovy") => Self::of_jenkins(&block.text),
            (_, "sh") => Self {
                scripts: vec![block.text.clone()],
                files: Vec::new(),
            },
            _ => panic!("no test for {block:?}"),
        }
    }

    fn of_github(workflow: &Value) -> Self {
        let mut job = Self::default();
        let jobs = workflow["jobs"].as_object().expect("jobs");
        let steps = jobs
            .values()
            .flat_map(|job| job["steps"].as_array().expect("steps"));
        for step in steps {
            assert!(
                step["run"].is_string() != step["uses"].is_string(),
                "a step runs or uses: {step}"
            );
            job.scripts.extend(step["run"].as_str().map(str::to_owned));
            let inputs = [&step["with"]["path"], &step["with"]["output-file-path"]];
            let inputs = inputs.into_iter().filter_map(Value::as_str);
            job.files.extend(inputs.map(str::to_owned));
        }
        job
    }

    fn of_gitlab(pipeline: &Value) -> Self {
        let mut job = Self::default();
        for (name, described) in pipeline.as_object().expect("jobs") {
            let texts = |value: &Value| -> Vec<String> {
                let list = value
                    .as_array()
                    .unwrap_or_else(|| panic!("a list in {name}"));
                list.iter()
                    .map(|item| item.as_str().expect("text").to_owned())
                    .collect()
            };
            job.scripts.extend(texts(&described["script"]));
            job.files.extend(texts(&described["artifacts"]["paths"]));
            let reports = described["artifacts"]["reports"].as_object();
            let reports = reports
                .into_iter()
                .flat_map(serde_json::Map::values)
                .map(|file| file.as_str().expect("text").to_owned());
            job.files.extend(reports);
        }
        job
    }

    fn of_jenkins(pipeline: &str) -> Self {
        let scripts = pipeline.split("'''").skip(1).step_by(2).map(str::to_owned);
        let named = pipeline
            .split('\'')
            .filter(|text| text.starts_with("results"));
        Self {
            scripts: scripts.collect(),
            files: named
                .map(|file| file.trim_end_matches("/**").to_owned())
                .collect(),
        }
    }

    /// The commands of Gander, each on one line, and the files that their options name.
    fn commands(&self) -> Vec<String> {
        let lines = self
            .scripts
            .iter()
            .map(|script| script.replace("\\\n", " "));
        let commands = lines.flat_map(|script| {
            let lines = script.lines().map(str::trim).map(str::to_owned);
            lines
                .filter(|line| line.starts_with("gander "))
                .collect::<Vec<_>>()
        });
        commands.collect()
    }
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The paths of options whose value is a path below `results`, `compared`, `site` or `public`.
fn named(command: &str) -> impl Iterator<Item = &str> {
    command.split_whitespace().filter(|word| {
        ["results", "compared", "site", "public"]
            .iter()
            .any(|name| word.starts_with(name))
    })
}

/// A checkout with the scenario of the page.
fn checkout(blocks: &[Block]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let scenario = blocks
        .iter()
        .find(|block| block.language == "yaml scenario");
    fs::create_dir(folder.path().join("load")).expect("a folder");
    let path = folder.path().join("load/checkout.yaml");
    fs::write(path, &scenario.expect("the scenario").text).expect("written");
    folder
}

/// Runs a line of a script as a job does.
fn run(line: &str, folder: &Path, target: &str) {
    let program = PathBuf::from(gander().get_program());
    let path = [
        program.parent().expect("a folder").display().to_string(),
        std::env::var("PATH").expect("a path"),
    ];
    let mut told = String::new();
    // A busy machine can make a run invalid, which the page says to repeat.
    for attempt in 0..3 {
        let line = match attempt {
            0 => line.to_owned(),
            _ => format!("{line} --overwrite").replace("--overwrite --overwrite", "--overwrite"),
        };
        let output = Command::new("sh")
            .args(["-e", "-c", &line])
            .current_dir(folder)
            .env("PATH", path.join(":"))
            .env("STAGING_URL", target)
            .env("CI", "true")
            .env("GITHUB_REF_NAME", "main")
            .env("GITHUB_SHA", "3f2a9c1d")
            .env("JOB", "https://ci.example.com/jobs/7")
            .env("CI_COMMIT_BRANCH", "main")
            .env("CI_COMMIT_SHA", "3f2a9c1d")
            .env("CI_PIPELINE_URL", "https://ci.example.com/jobs/7")
            .env_remove("GITHUB_ACTIONS")
            .output()
            .expect("a shell");
        if output.status.success() {
            return;
        }
        told = format!(
            "{line}: {:?}\n{}{}",
            output.status.code(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        if output.status.code() != Some(94) {
            break;
        }
    }
    panic!("{told}");
}

#[test]
fn every_command_of_the_page_about_ci_does_what_the_page_says() {
    do_what_is_said(&blocks(PAGE));
}

#[test]
fn every_command_of_the_page_about_the_history_does_what_the_page_says() {
    do_what_is_said(&blocks(HISTORY));
}

/// Runs the commands of these blocks, in checkouts with the scenario of the page about CI.
fn do_what_is_said(blocks: &[Block]) {
    let target = target();
    let scenario = self::blocks(PAGE);
    let mut folder = checkout(&scenario);
    let mut count = 0;
    for block in blocks
        .iter()
        .filter(|block| block.language != "yaml scenario")
    {
        let job = Job::of(block);
        let commands = job.commands();
        assert!(!commands.is_empty(), "{block:?}");
        if commands
            .iter()
            .any(|command| command.starts_with("gander run"))
        {
            folder = checkout(&scenario);
        }
        for command in &commands {
            run(command, folder.path(), &target);
        }
        count += commands.len();
        let files = job.files.iter().map(String::as_str);
        let files: Vec<&str> = files
            .chain(commands.iter().flat_map(|line| named(line)))
            .collect();
        assert!(!files.is_empty(), "{block:?}");
        for file in files {
            assert!(
                folder.path().join(file).exists(),
                "{}: {file} was not written",
                block.section
            );
        }
    }
    assert_eq!(count, typed(blocks), "a command of the page was not run");
}

/// The lines of the page that begin with a command.
fn typed(blocks: &[Block]) -> usize {
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    lines
        .map(|line| {
            line.trim()
                .trim_start_matches("- ")
                .trim_start_matches("run: ")
        })
        .filter(|line| line.starts_with("gander "))
        .count()
}

#[test]
fn the_page_about_ci_names_every_exit_code() {
    let help = gander().arg("--help").output().expect("gander runs");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let (_, codes) = help.split_once("Exit codes:").expect("exit codes");
    let codes = codes
        .split(|c: char| !c.is_ascii_digit())
        .filter(|code| !code.is_empty());
    let rows: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| ")).collect();
    let mut count = 0;
    for code in codes {
        let is_told = rows.iter().any(|row| {
            let cell = row.split('|').nth(1).unwrap_or_default();
            cell.split(',').any(|told| told.trim() == code)
        });
        assert!(
            is_told,
            "no row says what a job should do with exit code {code}"
        );
        count += 1;
    }
    assert!(count > 5, "{count}");
}
