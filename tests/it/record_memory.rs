//! Recording's memory: it grows with series, not with users or with time.

use gander::outcome::Outcome;
use gander::plan::{Metrics, SeriesId};
use gander::probe::OwnHealth;
use gander::record::{Recorder, Sample};

use crate::record::{request, rotate, steps};

const MIB: u64 = 1 << 20;

/// Histograms of each user alone would be 10,000 users × 20 series × 3 timings × 16 KiB, some 9 GiB. Other tests run in
/// this process meanwhile, so the bound is wide.
#[test]
fn ten_thousand_users_share_the_histograms() {
    let mut health = OwnHealth::new();
    let before = health.sample().rss_bytes;
    let recorder = Recorder::new(&Metrics::built_in(), &steps(20), 0, 8);
    for second in 1..=5 {
        for user in 0..10_000 {
            recorder.record(user, |shard| {
                for series in (0..20).map(SeriesId) {
                    shard.request(&Sample {
                        series,
                        ..request(Outcome::Ok, user as u64, 0)
                    });
                }
            });
        }
        let interval = rotate(&recorder, second);
        assert_eq!(interval.series[&SeriesId(19)].counts.ended, 10_000);
    }
    let after = health.sample().rss_bytes;
    let grown = after.saturating_sub(before) / MIB;
    assert!(grown < 512, "{grown} MiB");
}

/// `cargo test --release --test it record_memory -- --ignored --nocapture`
#[test]
#[ignore = "must be alone in its process for the figure to mean something"]
fn an_hour_of_intervals_does_not_grow() {
    let recorder = Recorder::new(&Metrics::built_in(), &steps(20), 0, 8);
    let mut health = OwnHealth::new();
    let mut after_a_minute = 0;
    for second in 1..=3_600 {
        for user in 0..1_000 {
            recorder.record(user, |shard| {
                let series = SeriesId(user as u32 % 20);
                let time = (user as u64).pow(2) * (second % 7);
                shard.request(&Sample {
                    series,
                    ..request(Outcome::Ok, time, 0)
                });
            });
        }
        rotate(&recorder, second);
        if second == 60 {
            after_a_minute = health.sample().rss_bytes;
        }
    }
    let grown = health.sample().rss_bytes.saturating_sub(after_a_minute);
    assert!(grown < MIB, "{grown} bytes beyond {after_a_minute}");
}
