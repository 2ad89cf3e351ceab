use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::outcome::Outcome;
use crate::record::{Phases, Sample};

const SERIES: u32 = 4;

/// This number of series of requests.
fn series(count: u32) -> Vec<Series> {
    let series = Series {
        name: String::new(),
        flow: String::new(),
        subject: Subject::Requests,
        tags: BTreeMap::new(),
    };
    vec![series; count as usize]
}

/// A request of this response time, with its number as its iteration.
fn candidate(series: u32, time: u64, number: usize) -> SlowCandidate {
    let sample = Sample::unsent(SeriesId(series), Micros(0), Outcome::Ok);
    SlowCandidate {
        request: SlowRequest {
            series: SeriesId(series),
            intended: Micros(0),
            response_time: Micros(time),
            phases: Phases::of(&sample, Micros::ZERO),
            outcome: Outcome::Ok,
            status: Some(200),
            redirects: 0,
            resent: 0,
            user: 0,
            iteration: number as u64,
            request: "GET /".to_owned(),
            values: Vec::new(),
            traceparent: None,
            server_timing: None,
        },
        secrets: Vec::new(),
    }
}

/// Offers a request as users do: only if it may be slow.
fn offer(requests: &SlowestRequests, candidate: SlowCandidate) {
    let (series, time) = (candidate.request.series, candidate.request.response_time);
    if requests.may_keep(series, time) {
        requests.offer(candidate);
    }
}

/// The numbers of the slowest, of each series and of the run, as a report selects them.
fn selected(written: &[SlowRequest]) -> Vec<Vec<u64>> {
    let mut slowest = Slowest::default();
    for request in written {
        slowest.add(request.series, request.response_time, request.iteration);
    }
    let of_series = (0..SERIES).map(|id| slowest.of_series(SeriesId(id)).map(|n| **n).collect());
    of_series
        .chain([slowest.of_run().map(|n| **n).collect()])
        .collect()
}

/// The same, from all requests: sorted, the first of equal ones first.
fn expected(all: &[(u32, u64)]) -> Vec<Vec<u64>> {
    let mut sorted: Vec<(usize, &(u32, u64))> = all.iter().enumerate().collect();
    sorted.sort_by_key(|(_, (_, time))| std::cmp::Reverse(*time));
    let take = |of: Option<u32>, most: usize| {
        let wanted = sorted
            .iter()
            .filter(|(_, (series, _))| of.is_none_or(|of| of == *series));
        wanted
            .take(most)
            .map(|(number, _)| *number as u64)
            .collect()
    };
    let of_series = (0..SERIES).map(|id| take(Some(id), PER_SERIES));
    of_series.chain([take(None, PER_RUN)]).collect()
}

proptest! {
    #[test]
    fn a_report_selects_the_slowest_of_all_requests(
        all in prop::collection::vec((0..SERIES, 1_u64..60), 0..300),
        pauses in prop::collection::vec(0_usize..300, 0..20),
    ) {
        let requests = SlowestRequests::after(Micros::ZERO, &series(SERIES));
        requests.begin_interval(Micros::ZERO);
        let mut written = Vec::new();
        for (number, (id, time)) in all.iter().enumerate() {
            let at = Micros(number as u64);
            if pauses.contains(&number) {
                written.extend(requests.take(at, false, &Mask::default()));
                requests.begin_interval(at);
                // A run that is killed now has the slowest so far.
                prop_assert_eq!(selected(&written), expected(&all[..number]));
            }
            offer(&requests, candidate(*id, *time, number));
        }
        let at = Micros(all.len() as u64);
        written.extend(requests.take(at, true, &Mask::default()));
        prop_assert_eq!(selected(&written), expected(&all));
    }
}

#[test]
fn rising_times_write_few_requests_and_the_last_ones_are_there() {
    let requests = SlowestRequests::after(Micros::ZERO, &series(SERIES));
    requests.begin_interval(Micros::ZERO);
    let hours = |hours: u64| hours * 3_600;
    let (mut written, mut number) = (Vec::new(), 0);
    let mut after_an_hour = 0;
    for second in 0..hours(8) {
        for _ in 0..24 {
            offer(
                &requests,
                candidate(number as u32 % SERIES, number as u64 + 1, number),
            );
            number += 1;
        }
        let at = Micros((second + 1) * 1_000_000);
        written.extend(requests.take(at, second + 1 == hours(8), &Mask::default()));
        if second == hours(1) {
            after_an_hour = written.len();
        }
    }
    let last: Vec<u64> = (0..PER_RUN as u64).map(|n| number as u64 - 1 - n).collect();
    assert_eq!(selected(&written).pop(), Some(last));
    // Eight hours are three doublings more than one.
    assert!(after_an_hour > 5_000, "{after_an_hour}");
    let more = written.len() - after_an_hour;
    assert!(
        more <= 5 * BUDGET as usize,
        "{more} more than {after_an_hour}"
    );
}

#[test]
fn the_warm_up_is_left_out() {
    let requests = SlowestRequests::after(Micros(2_000_000), &series(1));
    assert!(!requests.begin_interval(Micros::ZERO));
    assert!(!requests.may_keep(SeriesId(0), Micros(u64::MAX)));
    assert!(!requests.begin_interval(Micros(1_999_999)));
    assert!(requests.begin_interval(Micros(2_000_000)));
    assert!(requests.may_keep(SeriesId(0), Micros(1)));
}

#[test]
fn only_requests_of_steps_are_kept() {
    let mut series = series(4);
    series[1].subject = Subject::Iterations;
    series[2].subject = Subject::Groups;
    series[3].subject = Subject::Silent;
    let requests = SlowestRequests::after(Micros::ZERO, &series);
    requests.begin_interval(Micros::ZERO);
    let kept = (0..4).map(|id| requests.may_keep(SeriesId(id), Micros(1)));
    assert_eq!(kept.collect::<Vec<_>>(), [true, false, false, false]);
}

#[test]
fn secrets_are_redacted_before_a_text_is_cut() {
    let requests = SlowestRequests::after(Micros::ZERO, &series(1));
    requests.begin_interval(Micros::ZERO);
    let secret = "s3cr3t-of-the-user";
    let mut one = candidate(0, 1, 0);
    // The cut would fall into the secret.
    one.request.values = vec![("note".to_owned(), format!("{}{secret}", "x".repeat(70)))];
    one.request.server_timing = Some(format!("db;desc={secret}"));
    one.request.traceparent = Some("known-before".to_owned());
    one.secrets = vec![secret.to_owned()];
    requests.offer(one);
    let mask = Mask::of(["known-before"]);
    let written = requests.take(Micros::ZERO, false, &mask);
    let [request] = &written[..] else {
        panic!("{written:?}")
    };
    let texts = format!("{request:?}");
    assert!(
        !texts.contains("s3cr3t") && !texts.contains("known"),
        "{texts}"
    );
    assert_eq!(request.values[0].1.chars().count(), 80, "{texts}");
    assert!(texts.contains("[redacted]"), "{texts}");
}
