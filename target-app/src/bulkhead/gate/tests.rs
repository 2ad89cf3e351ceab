//! Order, limits and cancellation of a gate, polled by hand where the order matters.

use std::pin::Pin;
use std::sync::atomic::AtomicU32;

use futures_util::FutureExt;

use super::*;

type Entering<'a> = Pin<Box<dyn Future<Output = Result<GatePermit<'a>, GateFull>> + Send + 'a>>;

fn gate(places: u32, size: u32) -> (Gate, Arc<Live>, Metrics) {
    let mut settings = Settings::default();
    settings.admission.http_limit = places;
    settings.admission.http_waiting = size;
    let live = Arc::new(Live::new(settings));
    let metrics = Metrics::new().expect("metrics");
    let limits = |settings: &Settings| {
        (
            settings.admission.http_limit,
            settings.admission.http_waiting,
        )
    };
    let gate = Gate::new("http", limits, Arc::clone(&live), &metrics).expect("a gate");
    (gate, live, metrics)
}

fn set_limits(live: &Live, places: u32, size: u32) {
    let mut settings = Settings::clone(&live.load());
    settings.admission.http_limit = places;
    settings.admission.http_waiting = size;
    live.replace(settings);
}

/// Takes a permit at once.
fn enter(gate: &Gate) -> GatePermit<'_> {
    let entered = gate.enter(RequestPriority::Normal).now_or_never();
    entered.expect("no wait").expect("a place")
}

/// Starts to wait.
fn wait(gate: &Gate, priority: RequestPriority) -> Entering<'_> {
    let mut entry: Entering<'_> = Box::pin(gate.enter(priority));
    assert!(entry.as_mut().now_or_never().is_none(), "it has to wait");
    entry
}

/// The waiters that have a permit now; their permits are kept, so that nobody else enters.
fn entered<'a>(waiting: &mut [Option<Entering<'a>>], kept: &mut Vec<GatePermit<'a>>) -> Vec<usize> {
    let mut positions = Vec::new();
    for (position, entry) in waiting.iter_mut().enumerate() {
        if let Some(outcome) = entry.as_mut().and_then(FutureExt::now_or_never) {
            kept.push(outcome.expect("a place"));
            *entry = None;
            positions.push(position);
        }
    }
    positions
}

fn counts(gate: &Gate) -> (u32, u32) {
    let word = gate.word.load(Ordering::SeqCst);
    (inside(word), waiting(word))
}

#[test]
fn a_permit_goes_to_the_highest_priority_then_to_the_first_arrival() {
    use RequestPriority::{Critical, High, Low, Normal};
    let (gate, _, metrics) = gate(1, 10);
    let inside = enter(&gate);
    let arrivals = [Low, Normal, High, Normal, Critical, High];
    let mut waiting = arrivals.map(|priority| Some(wait(&gate, priority)));
    assert_eq!(counts(&gate), (1, 6));
    metrics.assert_line(r#"folio_admission_in_use{gate="http"} 1"#);
    metrics.assert_line(r#"folio_admission_waiting{gate="http"} 6"#);
    metrics.assert_line(r#"folio_admission_queued_total{gate="http",priority="high"} 2"#);
    drop(inside);
    let mut order = Vec::new();
    for _ in arrivals {
        let mut kept = Vec::new();
        order.extend(entered(&mut waiting, &mut kept));
    }
    assert_eq!(order, [4, 2, 5, 1, 3, 0]);
    assert_eq!(counts(&gate), (0, 0));
    metrics.assert_line(r#"folio_admission_accepted_total{gate="http"} 7"#);
    metrics.assert_line(r#"folio_admission_wait_seconds_count{gate="http"} 6"#);
}

#[test]
fn a_full_queue_displaces_only_the_newest_waiter_of_a_lower_priority() {
    use RequestPriority::{Critical, High, Low, Normal};
    let (gate, _, metrics) = gate(1, 3);
    let _inside = enter(&gate);
    let mut waiting = [Low, Normal, Low].map(|priority| Some(wait(&gate, priority)));
    let refused = gate.enter(Low).now_or_never().expect("no wait");
    assert_eq!(
        refused.err().map(|full| full.retry_after),
        Some(RETRY_AFTER)
    );

    let gone = |waiting: &mut [Option<Entering<'_>>; 3]| {
        let gone = waiting.iter_mut().position(|entry| {
            let outcome = entry.as_mut().and_then(FutureExt::now_or_never);
            matches!(outcome, Some(Err(_)))
        });
        waiting[gone.expect("somebody was displaced")] = None;
        gone
    };
    let _normal = wait(&gate, Normal);
    assert_eq!(gone(&mut waiting), Some(2), "the newer of the two low ones");
    let _high = wait(&gate, High);
    assert_eq!(gone(&mut waiting), Some(0));
    assert!(
        gate.enter(Normal).now_or_never().expect("no wait").is_err(),
        "normal does not displace normal"
    );
    let _critical = wait(&gate, Critical);
    assert_eq!(counts(&gate), (1, 3));
    for line in [
        r#"folio_admission_rejected_total{reason="http_full"} 2"#,
        r#"folio_admission_rejected_total{reason="http_displaced"} 2"#,
    ] {
        metrics.assert_line(line);
    }
}

#[test]
fn a_cancelled_waiter_leaves_the_queue() {
    let (gate, ..) = gate(1, 2);
    let inside = enter(&gate);
    let first = wait(&gate, RequestPriority::Normal);
    let mut second = wait(&gate, RequestPriority::Normal);
    drop(first);
    assert_eq!(counts(&gate), (1, 1));
    drop(inside);
    let pass = second.as_mut().now_or_never().expect("its turn");
    assert!(pass.is_ok());
    drop(pass);
    assert_eq!(counts(&gate), (0, 0));
}

#[test]
fn a_cancelled_waiter_passes_its_permit_to_the_next() {
    let (gate, ..) = gate(1, 2);
    let inside = enter(&gate);
    let first = wait(&gate, RequestPriority::Normal);
    let mut second = wait(&gate, RequestPriority::Normal);
    drop(inside);
    assert_eq!(counts(&gate), (1, 1), "the place is the first one's");
    drop(first);
    assert!(
        second
            .as_mut()
            .now_or_never()
            .is_some_and(|pass| pass.is_ok())
    );
    drop(second);
    assert_eq!(counts(&gate), (0, 0));
}

#[test]
fn a_cancelled_displaced_waiter_changes_nothing() {
    let (gate, ..) = gate(1, 1);
    let _inside = enter(&gate);
    let low = wait(&gate, RequestPriority::Low);
    let _high = wait(&gate, RequestPriority::High);
    drop(low);
    assert_eq!(counts(&gate), (1, 1));
}

#[test]
fn a_lower_limit_drains_the_surplus_and_a_higher_one_admits_waiters() {
    let (gate, live, _) = gate(3, 5);
    let mut inside = [(); 3].map(|()| Some(enter(&gate)));
    let mut waiting = [(); 4].map(|()| Some(wait(&gate, RequestPriority::Normal)));
    let mut kept = Vec::new();
    set_limits(&live, 1, 5);
    inside[0] = None;
    inside[1] = None;
    assert_eq!(entered(&mut waiting, &mut kept), [] as [usize; 0]);
    assert_eq!(counts(&gate), (1, 4));
    inside[2] = None;
    assert_eq!(entered(&mut waiting, &mut kept), [0]);
    set_limits(&live, 3, 5);
    kept.clear();
    assert_eq!(entered(&mut waiting, &mut kept), [1, 2, 3]);
    assert_eq!(counts(&gate), (3, 0));
}

#[test]
fn the_next_arrival_applies_a_higher_limit() {
    let (gate, live, _) = gate(1, 5);
    let _inside = enter(&gate);
    let mut waiting = [Some(wait(&gate, RequestPriority::Normal))];
    set_limits(&live, 3, 5);
    let newcomer = gate.enter(RequestPriority::Low).now_or_never();
    assert!(newcomer.is_some_and(|pass| pass.is_ok()));
    assert_eq!(entered(&mut waiting, &mut Vec::new()), [0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_permit_and_no_wake_up_is_lost_under_concurrent_cancellations() {
    const PLACES: u32 = 3;
    const TASKS: u32 = 32;
    const ROUNDS: u32 = 300;
    let (gate, live, _) = gate(PLACES, 12);
    let gate = Arc::new(gate);
    let inside_now = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let [passed, refused, gone] = [(); 3].map(|()| Arc::new(AtomicU32::new(0)));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (gate, inside_now, most) = (
                Arc::clone(&gate),
                Arc::clone(&inside_now),
                Arc::clone(&most),
            );
            let (passed, refused, gone) =
                (Arc::clone(&passed), Arc::clone(&refused), Arc::clone(&gone));
            tokio::spawn(async move {
                for round in 0..ROUNDS {
                    let priority = RequestPriority::ALL[((task + round) % 4) as usize];
                    let patience = async {
                        // Some give up after a few turns of the scheduler, some never.
                        for _ in 0..(task + round) % 7 {
                            tokio::task::yield_now().await;
                        }
                        if (task + round) % 3 != 0 {
                            std::future::pending::<()>().await;
                        }
                    };
                    let outcome = tokio::select! {
                        biased;
                        () = patience => None,
                        outcome = gate.enter(priority) => Some(outcome),
                    };
                    match outcome {
                        None => gone.fetch_add(1, Ordering::SeqCst),
                        Some(Err(_)) => refused.fetch_add(1, Ordering::SeqCst),
                        Some(Ok(pass)) => {
                            let now = inside_now.fetch_add(1, Ordering::SeqCst) + 1;
                            most.fetch_max(now, Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            inside_now.fetch_sub(1, Ordering::SeqCst);
                            drop(pass);
                            passed.fetch_add(1, Ordering::SeqCst)
                        }
                    };
                }
            })
        })
        .collect();
    let all = async {
        for task in tasks {
            task.await.expect("no panic");
        }
    };
    // A lost wake-up would leave a task waiting forever.
    let ended = tokio::time::timeout(Duration::from_mins(1), all).await;
    ended.expect("every waiter had its turn");
    assert_eq!(counts(&gate), (0, 0));
    assert_eq!(most.load(Ordering::SeqCst), PLACES);
    let [passed, refused, gone] = [passed, refused, gone].map(|count| count.load(Ordering::SeqCst));
    assert_eq!(passed + refused + gone, TASKS * ROUNDS);
    assert!(
        passed > 0 && refused > 0 && gone > 0,
        "{passed} {refused} {gone}"
    );
    set_limits(&live, 1, 0);
    let _alone = enter(&gate);
    let other = gate.enter(RequestPriority::Critical).now_or_never();
    assert!(other.expect("no wait").is_err());
}
