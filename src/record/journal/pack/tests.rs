//! Packed series are read back unchanged, and damaged ones are refused.

use proptest::prelude::*;

use super::*;
use crate::units::Micros;

fn bins(times: impl IntoIterator<Item = u64>) -> Bins {
    let mut bins = Bins::default();
    times.into_iter().for_each(|time| bins.record(Micros(time)));
    bins
}

fn interval(histograms: impl IntoIterator<Item = (u32, Timing, Bins)>) -> Interval {
    let mut series: BTreeMap<SeriesId, SeriesInterval> = BTreeMap::new();
    for (id, timing, bins) in histograms {
        let own = series.entry(SeriesId(id)).or_default();
        own.counts.ended += bins.len();
        own.histograms.insert(timing.into(), bins);
    }
    Interval {
        number: 7,
        series,
        ..Interval::default()
    }
}

fn unpacked(bytes: &[u8]) -> Result<(u64, BySeries), String> {
    unpack(bytes, &Timing::ALL.map(MetricId::from))
}

fn packed(interval: &Interval) -> Vec<u8> {
    let mut packed = Packed::default();
    packed.fill(interval).expect("it can be written");
    packed.parts().collect::<Vec<_>>().concat()
}

proptest! {
    #[test]
    fn histograms_of_any_kind_are_read_back(
        times in prop::collection::vec(
            (prop_oneof![0_u64..3_000, 0_u64..5_000_000_000], 0_u64..200, 0_u64..3),
            1..300,
        ),
    ) {
        let histograms = [
            (3, Timing::ResponseTime, bins(times.iter().map(|(time, lag, _)| time + lag))),
            (3, Timing::ServiceTime, bins(times.iter().map(|(time, ..)| *time))),
            (3, Timing::Ttfb, bins(times.iter().map(|(time, ..)| time * 9 / 10))),
            (3, Timing::TimedOut, bins([3_000_000; 500])),
            (300, Timing::StartLag, bins(times.iter().map(|(.., few)| *few))),
            (300, Timing::SchedulingLag, bins(times.iter().map(|(.., few)| *few))),
            (300, Timing::IterationTime, bins(times.iter().skip(1).map(|(time, ..)| *time))),
        ];
        let written = interval(histograms);
        let (number, read) = unpacked(&packed(&written)).expect("it was just written");
        prop_assert_eq!((number, read.len()), (7, written.series.len()));
        for (id, series) in &written.series {
            prop_assert_eq!(&read[id].counts, &series.counts);
            prop_assert_eq!(&read[id].histograms, &series.histograms);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = unpacked(&bytes);
    }
}

#[test]
fn what_is_cut_or_goes_on_is_refused() {
    let times = || (0..50).map(|n| n * n * 31);
    let bytes = packed(&interval([
        (0, Timing::ResponseTime, bins(times().map(|time| time + 40))),
        (0, Timing::ServiceTime, bins(times())),
    ]));
    for length in 0..bytes.len() {
        assert!(unpacked(&bytes[..length]).is_err(), "{length}");
    }
    assert!(unpacked(&[&bytes[..], &[0]].concat()).is_err());
    assert!(unpacked(&bytes).is_ok());
}

#[test]
fn a_metric_beyond_the_header_is_named() {
    let bytes = packed(&interval([(0, Timing::Tls, bins([5]))]));
    let known = Timing::ALL.map(MetricId::from);
    let error = unpack(&bytes, &known[..4]).expect_err("there are four metrics");
    assert_eq!(error, "metric 4 is not in the header");
}

#[test]
fn a_service_time_that_is_the_response_time_takes_no_room() {
    let times = || bins((0..100).map(|n| n * n * 31));
    let one = interval([(0, Timing::ResponseTime, times())]);
    let mut both = one.clone();
    for series in both.series.values_mut() {
        series
            .histograms
            .insert(Timing::ServiceTime.into(), times());
    }
    assert_eq!(packed(&both).len(), packed(&one).len() + 2);
}
