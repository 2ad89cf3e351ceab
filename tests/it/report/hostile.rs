//! Names, URLs and errors from a target or a scenario's author stay text in every output.

use std::path::Path;
use std::process::Command;

use gander::outcome::Outcome;
use gander::record::FailureExample;
use gander::record::journal::Event;
use gander::report::{
    BenchmarkBigger, BenchmarkSmaller, Colour, GitlabMetrics, JunitXml, Renderer, Report,
    ReportHtml, SummaryJson, SummaryMarkdown, TimelineCsv, annotations, console,
};
use gander::units::Micros;

use super::fixture::{Recipe, report_with};

/// Each would set the page's title to `owned` if a browser took it for markup.
pub(crate) const PAYLOADS: [&str; 7] = [
    "<script>document.title='owned'</script>",
    "\"><img src=x onerror=\"document.title='owned'\">",
    "'><svg onload=document.title='owned'>",
    "</script><script>document.title='owned'</script>",
    "</title></svg><iframe srcdoc='<script>parent.document.title=1</script>'>",
    "{{ 7 * 191 }}{% raw %}<b>",
    "]]>&lt;\u{1b}[31m\u{9b}2J\u{7}\0\u{202e}=cmd|' /C calc'!A0",
];

pub(super) fn hostile() -> Report {
    report_with(&Recipe::SMALL, |header, events| {
        let all = PAYLOADS.concat();
        header.scenario.clone_from(&all);
        header.description = Some(all.clone());
        header.target.clone_from(&all);
        header.load.clone_from(&all);
        header.scenario_path.clone_from(&all);
        header.overrides = vec![all.clone()];
        header.git_commit = Some(all.clone());
        header.machine.cpu.clone_from(&all);
        for (index, series) in header.series.iter_mut().enumerate() {
            PAYLOADS[index % PAYLOADS.len()].clone_into(&mut series.name);
            series.flow = format!("={}", PAYLOADS[(index + 1) % PAYLOADS.len()]);
            series.tags.insert(all.clone(), all.clone());
        }
        for check in &mut header.checks {
            check.name.clone_from(&all);
        }
        for threshold in &mut header.thresholds {
            threshold.expression = format!("{} < 500ms", PAYLOADS[0]);
        }
        for outcome in [Outcome::Check, Outcome::Status, Outcome::Timeout] {
            events.insert(
                0,
                Event::Failure(FailureExample {
                    at: Micros::ZERO,
                    series: Some(gander::plan::SeriesId(0)),
                    outcome,
                    status: Some(500),
                    request: all.clone(),
                    detail: all.clone(),
                }),
            );
        }
        for event in events.iter_mut() {
            if let Event::Slow { requests } = event {
                for request in requests {
                    request.request.clone_from(&all);
                    request.values = vec![(all.clone(), all.clone())];
                    request.server_timing = Some(all.clone());
                    request.traceparent.get_or_insert_with(|| all.clone());
                }
            }
        }
        events.push(Event::Failure(FailureExample {
            at: Micros::ZERO,
            series: None,
            outcome: Outcome::Reset,
            status: None,
            request: all.clone(),
            detail: all.clone(),
        }));
        events.push(Event::Warning {
            at: Micros::ZERO,
            text: all,
        });
    })
}

fn page() -> String {
    String::from_utf8(ReportHtml.render(&hostile()).expect("a page")).expect("UTF-8")
}

#[test]
fn the_page_has_no_markup_that_is_not_its_own() {
    let page = page();
    for foreign in [
        "<script>",
        "<img",
        "<iframe",
        "<b>",
        "<svg onload",
        "onerror=\"",
        "1337",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // The one script element holds data, and nothing in it can end it.
    assert_eq!(page.matches("<script").count(), 1);
    assert_eq!(page.matches("</script").count(), 1);
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    assert!(page.contains(policy));
    for fetched in ["src=\"", "url(", "@import"] {
        assert!(!page.contains(fetched), "{fetched}");
    }
    // The only links to elsewhere are those of traces, in the table of the run and in that of the step.
    let trace = "https://traces.test/trace/4bf92f3577b34da6a3ce929d0e0e4736";
    let page = page.replace("&#x2F;", "/");
    let links = page.matches(&format!("href=\"{trace}\"")).count();
    assert_eq!((links, page.matches("href=\"http").count()), (2, 2));
}

#[test]
fn the_address_of_traces_is_a_link_only_if_it_is_one_of_the_web() {
    let report = report_with(&Recipe::SMALL, |header, _| {
        header.trace_url = Some("javascript:alert(1)//${trace_id}".to_owned());
    });
    let page = ReportHtml.render(&report).expect("a page");
    let page = String::from_utf8(page).expect("UTF-8");
    assert!(page.contains("4bf92f3577b34da6a3ce929d0e0e4736"));
    assert!(!page.contains("javascript:"));
}

#[test]
fn no_form_keeps_a_control_character() {
    let report = hostile();
    let mut forms: Vec<String> = [
        &ReportHtml as &dyn Renderer,
        &SummaryJson,
        &JunitXml,
        &TimelineCsv,
        &SummaryMarkdown,
        &GitlabMetrics,
        &BenchmarkSmaller,
        &BenchmarkBigger,
    ]
    .into_iter()
    .map(|renderer| {
        String::from_utf8(renderer.render(&report).expect("it renders")).expect("UTF-8")
    })
    .collect();
    forms.push(console::summary(
        &report,
        Some(Path::new("a\u{1b}[2Jb")),
        100,
        Colour::Off,
    ));
    forms.push(annotations(&report, "a.yaml"));
    for form in forms {
        let control = form.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None);
        assert!(!form.contains('\u{202e}'));
        assert!(!form.contains("\\u001b"));
    }
}

#[test]
fn no_cell_of_the_timeline_is_a_formula() {
    let bytes = TimelineCsv.render(&hostile()).expect("a timeline");
    let mut csv = csv::Reader::from_reader(bytes.as_slice());
    for record in csv.records() {
        for cell in &record.expect("a row") {
            assert!(!cell.starts_with(['=', '+', '-', '@']), "{cell}");
        }
    }
}

#[test]
fn a_browser_runs_no_script_of_a_hostile_page() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            Command::new(name)
                .arg("--version")
                .output()
                .is_ok_and(|out| out.status.success())
        })
    else {
        return;
    };
    let dir = tempfile::tempdir().expect("a directory");
    // Without the page's content security policy, so that the test covers the escaping, not the browser's enforcement.
    let page = page().replace(
        "http-equiv=\"Content-Security-Policy\"",
        "name=\"no-policy\"",
    );
    let file = dir.path().join("report.html");
    std::fs::write(&file, page).expect("the page is written");
    let dump = |file: &Path| {
        let out = Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--disable-background-networking",
            ])
            .args(["--disable-component-update", "--disable-sync", "--dump-dom"])
            .arg(format!(
                "--user-data-dir={}",
                dir.path().join("profile").display()
            ))
            .arg(file)
            .output()
            .expect("the browser runs");
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let seen = dump(&file);
    assert!(
        seen.contains("How to read this"),
        "the browser showed no page"
    );
    assert!(!seen.contains("<title>owned</title>"), "a script ran");

    let control = dir.path().join("control.html");
    std::fs::write(&control, format!("<title>safe</title>{}", PAYLOADS[0])).expect("written");
    assert!(
        dump(&control).contains("<title>owned</title>"),
        "the browser runs no scripts at all"
    );
}
