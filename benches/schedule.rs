//! Benchmarks the computation of an arrival's due time: the inverse of the area under the rate curve.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use gander::plan::Segment;
use gander::plan::arrivals::ArrivalTimes;
use gander::plan::curve::{Curve, Piece};
use gander::scenario::ArrivalLaw;

fn curve(pieces: u32) -> Curve {
    let pieces = (0..pieces)
        .map(|i| Piece {
            from: f64::from(i) * 100.0,
            to: f64::from(i + 1) * 100.0,
            duration: Duration::from_mins(1),
        })
        .collect();
    Curve { pieces }
}

fn due(c: &mut Criterion) {
    for (name, pieces) in [("due, one stage", 1), ("due, 64 stages", 64)] {
        let arrivals = ArrivalTimes::new(&curve(pieces), ArrivalLaw::Constant, 1, Segment::WHOLE);
        let total = arrivals.remaining();
        c.bench_function(name, |b| {
            let mut k = 0;
            b.iter(|| {
                k = (k + 7_919) % total;
                black_box(arrivals.due(black_box(k)))
            });
        });
    }
    let poisson = ArrivalTimes::new(&curve(64), ArrivalLaw::Poisson, 1, Segment::WHOLE);
    c.bench_function("next, Poisson, 64 stages", |b| {
        let mut arrivals = poisson.clone();
        b.iter(|| {
            black_box(arrivals.next()).or_else(|| {
                arrivals = poisson.clone();
                None
            })
        });
    });
}

criterion_group!(benches, due);
criterion_main!(benches);
