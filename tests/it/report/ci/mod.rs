//! The outputs for CI systems, each read by an independent reader of its format.

mod annotations;
mod figures;
mod markdown;

use gander::report::{Renderer, Report};

use super::fixture::{Recipe, report_with};

/// Markup, links, mentions and references of Markdown as GitHub and GitLab read it.
const MARKUP: &str = "a|b `c` ``d`` *e* _f_ ~~g~~ \\| [h](http://i.test) ![j](k) <img src=l> <!-- m --> &amp; \
     @octocat @org/team #1 o/p#2 !3 $4 ~\"label\" www.q.test https://r.test $s$ - t";

fn text(renderer: &dyn Renderer, report: &Report) -> String {
    let bytes = renderer.render(report).expect("it renders");
    String::from_utf8(bytes).expect("UTF-8")
}

/// The same run, with these words wherever an author or a target chooses them.
fn named(words: &str) -> Report {
    let mut report = report_with(&Recipe::SMALL, |header, _| {
        words.clone_into(&mut header.scenario);
        for series in &mut header.series {
            series.flow = format!("{words} {}", series.flow);
            series.name = format!("{} {words}", series.name);
        }
        for threshold in &mut header.thresholds {
            threshold.expression = format!("{words} {}", threshold.expression);
        }
    });
    words.clone_into(&mut report.verdict.reason);
    report
}
