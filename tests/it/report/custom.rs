//! Rows of custom metrics: their order, and the notice of names beyond the limit.

use gander::plan::threshold::server_timing;
use gander::record::journal::Ending;
use gander::record::{Millionths, Recorded, ValueCounts};
use gander::report::model::Draft;
use gander::scenario::{CustomMetric, MetricType};

use super::fixture::{Dice, Recipe, header, interval};
use gander::units::Micros;

#[test]
fn declared_metrics_come_first_and_names_beyond_the_limit_last_with_a_warning() {
    let recipe = Recipe::SMALL;
    let mut header = header(&recipe);
    header.custom_metrics = vec![CustomMetric {
        name: "stock".to_owned(),
        kind: MetricType::Gauge,
        unit: Some("pieces".to_owned()),
    }];
    let mut interval = interval(&recipe, &header, 0, &mut Dice::of(&header));
    interval.is_warm_up = false;
    let (three, at) = (Millionths(3_000_000), Micros(1));
    let counts = ValueCounts {
        count: 1,
        refused: 2,
        sum: 3_000_000,
        min: three,
        max: three,
        last: (at, three),
        ..ValueCounts::default()
    };
    for name in [
        server_timing("__other__"),
        server_timing("z"),
        "stock".to_owned(),
    ] {
        let recorded = Recorded {
            counts,
            ..Recorded::default()
        };
        interval.values.insert(name, recorded);
    }
    let mut draft = Draft::new(&header, 1);
    draft.absorb(&interval);
    let report = draft.finish(&[], &Ending::default(), &[]);
    let rows: Vec<(String, String)> = report
        .custom
        .iter()
        .map(|row| (row.label(), row.told()))
        .collect();
    let timing = |name| format!("{} (ms)", server_timing(name));
    assert_eq!(
        rows,
        [
            (
                "stock (pieces)".to_owned(),
                "last 3, min 3, max 3; 2 not recorded"
            ),
            (timing("z"), "1 value; 2 not recorded"),
            (timing("__other__"), "1 value; 2 not recorded"),
        ]
        .map(|(label, told)| (label, told.to_owned()))
    );
    let told = "`server-timing` headers had more than 32 names: the others are recorded together as `__other__`";
    assert!(
        report
            .verdict
            .warnings
            .iter()
            .any(|warning| warning == told)
    );
}
