//! The file of a baseline.

use gander::compare::{Baseline, Figure, Noise, Part, Profile, Reading, Scale, Worse};

use super::simulator::{Place, Simulator, Traffic};

const TRAFFIC: Traffic = Traffic {
    seconds: 20,
    rate: 50,
    between_runs: 0.01,
    unrest: 0.05,
    bursts: (0.02, 0.5),
};

fn runs(count: usize) -> Vec<Profile> {
    let mut simulator = Simulator::seeded(7);
    (0..count)
        .map(|number| {
            let mut run = simulator.run(TRAFFIC, Place::default());
            run.facts.run_id = format!("20261129T12{number:02}00Z-simulated-0001");
            run
        })
        .collect()
}

/// The figures of 30 steps, as a run records them.
fn with_thirty_steps(mut run: Profile) -> Profile {
    let own: Vec<(Figure, Option<Reading>)> = run.figures.clone();
    for step in 0..29 {
        let name = format!("GET /api/v1/documents/{step}");
        for (figure, reading) in &own {
            if let Part::Step { .. } = figure.part {
                let figure = Figure {
                    name: figure.name.replace("\"get\"", &format!("\"{name}\"")),
                    part: Part::Step {
                        flow: "browse and buy".to_owned(),
                        step: name.clone(),
                    },
                    ..figure.clone()
                };
                run.figures.push((figure, *reading));
            }
        }
    }
    run
}

#[test]
fn twenty_runs_of_thirty_steps_take_64_kib_at_most() {
    let runs: Vec<Profile> = runs(20).into_iter().map(with_thirty_steps).collect();
    let noise = Noise::of(&runs).into_iter().collect();
    let steps = runs[0].figures.iter();
    assert_eq!(
        steps
            .filter(|(figure, _)| figure.name.starts_with("p95(response_time{"))
            .count(),
        30
    );
    let text = Baseline { runs, noise }.to_text().expect("a text");
    assert!(text.len() <= 64 * 1024, "{} bytes", text.len());
}

#[test]
fn a_file_gives_back_what_was_kept() {
    let runs = runs(3);
    let kept = Baseline {
        noise: Noise::of(&runs).into_iter().collect(),
        runs,
    };
    let read = Baseline::parse(&kept.to_text().expect("a text")).expect("a baseline");
    assert_eq!(read.noise[0].runs, 3);
    for (kept, read) in kept.runs.iter().zip(&read.runs) {
        assert_eq!(kept.facts, read.facts);
        for (figure, reading) in &kept.figures {
            let found = read.reading(&figure.name);
            assert_eq!(found.is_some(), reading.is_some(), "{}", figure.name);
            let (Some(found), Some(reading)) = (found, reading) else {
                continue;
            };
            assert!(
                (found.value - reading.value).abs() < 1e-4,
                "{}",
                figure.name
            );
            assert_eq!(found.samples, reading.samples, "{}", figure.name);
        }
        let p95 = |run: &Profile| {
            let figure = run
                .figures
                .iter()
                .find(|(figure, _)| figure.name == "p95(response_time)");
            figure.expect("p95").0.clone()
        };
        assert_eq!(p95(kept), p95(read));
        assert_eq!(
            (p95(read).scale, p95(read).worse),
            (Scale::Factor, Worse::More)
        );
    }
    // A second pass changes nothing.
    let text = read.to_text().expect("a text");
    assert_eq!(
        Baseline::parse(&text).expect("a baseline").to_text().ok(),
        Some(text)
    );
}

#[test]
fn a_later_minor_version_is_read_and_another_schema_is_refused() {
    let kept = Baseline {
        runs: runs(1),
        noise: Vec::new(),
    };
    let text = kept.to_text().expect("a text");
    let later = text
        .replacen("gander.baseline/1", "gander.baseline/1.7", 1)
        .replacen(
            "\"figures\"",
            "\"invented later\": {\"a\": 1},\n\"figures\"",
            1,
        );
    assert_eq!(Baseline::parse(&later).expect("a baseline").runs.len(), 1);
    let other = text.replacen("gander.baseline/1", "gander.baseline/2", 1);
    let error = Baseline::parse(&other)
        .expect_err("another schema")
        .to_string();
    assert!(
        error.contains("gander.baseline/2") && error.contains("gander baseline add"),
        "{error}"
    );
}

#[test]
fn a_damaged_file_is_refused() {
    let text = Baseline {
        runs: runs(1),
        noise: Vec::new(),
    }
    .to_text()
    .expect("a text");
    assert!(Baseline::parse(&text[..text.len() / 2]).is_err());
    assert!(Baseline::parse("[]").is_err());
    let short = text.replacen("\"readings\":[[", "\"readings\":[null,[", 1);
    let error = Baseline::parse(&short)
        .expect_err("a reading too many")
        .to_string();
    assert!(error.contains("readings for"), "{error}");
}
