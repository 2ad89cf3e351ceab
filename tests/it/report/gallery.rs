use super::fixture::*;
use gander::plan::schedule::Model;
use gander::report::{Renderer, ReportHtml};
#[test]
fn gallery() {
    let out = std::path::Path::new("/tmp/gw/gallery");
    std::fs::create_dir_all(out).expect("dir");
    let write = |name: &str, recipe: &Recipe| {
        let t = std::time::Instant::now();
        let report = report(recipe);
        let built = t.elapsed();
        let html = ReportHtml.render(&report).expect("html");
        eprintln!(
            "{name}: built {built:?}, rendered {:?}, {} KB",
            t.elapsed() - built,
            html.len() / 1024
        );
        std::fs::write(out.join(format!("{name}.html")), html).expect("write");
    };
    write("baseline", &Recipe::BASELINE);
    write(
        "short",
        &Recipe {
            seconds: 5,
            warm_up: 0,
            has_bump: false,
            model: Model::Closed,
            has_target: false,
            ..Recipe::BASELINE
        },
    );
    write(
        "empty",
        &Recipe {
            seconds: 0,
            warm_up: 0,
            has_bump: false,
            ..Recipe::BASELINE
        },
    );
    write(
        "idle",
        &Recipe {
            seconds: 3,
            warm_up: 0,
            per_second: 0,
            has_bump: false,
            ..Recipe::BASELINE
        },
    );
}
