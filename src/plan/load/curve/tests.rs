//! The area under a curve and its inverse, on given and on random curves.

use proptest::prelude::*;

use super::*;

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn curve(pieces: &[(f64, f64, f64)]) -> Curve {
    let pieces = pieces
        .iter()
        .map(|&(from, to, seconds)| Piece {
            from,
            to,
            duration: secs(seconds),
        })
        .collect();
    Curve { pieces }
}

#[test]
fn the_later_piece_decides_at_a_boundary_and_nothing_follows_the_end() {
    let curve = curve(&[(0.0, 50.0, 30.0), (20.0, 20.0, 10.0)]);
    for (t, level) in [
        (0.0, 0.0),
        (15.0, 25.0),
        (30.0, 20.0),
        (39.9, 20.0),
        (40.0, 0.0),
        (99.0, 0.0),
    ] {
        assert!((curve.level_at(secs(t)) - level).abs() < 1e-12, "at {t} s");
    }
}

#[test]
fn area_and_inverse_are_the_closed_forms() {
    let curve = curve(&[(0.0, 100.0, 10.0), (100.0, 100.0, 10.0), (100.0, 0.0, 10.0)]);
    for (a, t) in [
        (0.0, 0.0),
        (125.0, 5.0),
        (500.0, 10.0),
        (1_500.0, 20.0),
        (1_875.0, 25.0),
    ] {
        let found = curve
            .inverse_area(a)
            .expect("below the total")
            .as_secs_f64();
        assert!((found - t).abs() < 1e-9, "area {a} at {found} s, not {t} s");
        assert!((curve.area(secs(t)) - a).abs() < 1e-9, "area at {t} s");
    }
    assert_eq!(curve.inverse_area(2_000.0), None);
}

#[test]
fn a_slope_near_zero_is_as_exact_as_none() {
    let nearly = curve(&[(1_000.0, 1_000.0 + 1e-12, 3_600.0)]);
    let flat = curve(&[(1_000.0, 1_000.0, 3_600.0)]);
    for k in [1.0, 999.0, 1e6, 3.5e6] {
        assert_eq!(nearly.inverse_area(k), flat.inverse_area(k), "start {k}");
    }
}

#[test]
fn a_pause_is_skipped_by_the_start_that_follows_it() {
    let curve = curve(&[(0.1, 0.1, 100.0), (0.0, 0.0, 10.0), (0.1, 0.1, 100.0)]);
    assert_eq!(curve.inverse_area(9.0), Some(secs(90.0)));
    assert_eq!(curve.inverse_area(10.0), Some(secs(110.0)));
}

#[test]
fn users_come_and_go_where_the_level_passes_their_number() {
    let curve = curve(&[(0.0, 50.0, 30.0), (50.0, 50.0, 60.0), (50.0, 0.0, 30.0)]);
    let tick = Duration::from_micros(1);
    for (user, on, off) in [(0, 0.0, 120.0), (25, 15.0, 105.0), (49, 29.4, 90.6)] {
        let active = curve
            .next_active(user, Duration::ZERO)
            .expect("everyone is active some time");
        assert!(
            active.abs_diff(secs(on)) <= tick,
            "user {user} on at {active:?}"
        );
        let inactive = curve.inactive_after(user, active);
        assert!(
            inactive.abs_diff(secs(off)) <= tick,
            "user {user} off at {inactive:?}"
        );
    }
    assert_eq!(curve.next_active(50, Duration::ZERO), None);
    for t in [30.0, 60.0, 89.999] {
        assert_eq!(curve.active_users(secs(t)), 50, "at {t} s");
    }
    assert_eq!(
        curve.active_users(Duration::ZERO),
        0,
        "a ramp from nothing starts with no one"
    );
}

#[test]
fn a_user_comes_back_with_the_second_wave() {
    let curve = curve(&[
        (20.0, 20.0, 10.0),
        (200.0, 200.0, 5.0),
        (20.0, 20.0, 10.0),
        (20.0, 120.0, 10.0),
    ]);
    assert_eq!(curve.next_active(100, Duration::ZERO), Some(secs(10.0)));
    assert_eq!(curve.inactive_after(100, secs(10.0)), secs(15.0));
    let again = curve
        .next_active(100, secs(15.0))
        .expect("the ramp passes 100");
    assert!(
        again.abs_diff(secs(33.0)) <= Duration::from_micros(1),
        "{again:?}"
    );
    assert_eq!(curve.inactive_after(100, again), secs(35.0));
    assert_eq!(curve.next_active(100, secs(35.0)), None);
}

/// One to five stages of 1 ms to 100 s between 0 and 40 users; about half of the levels are constant.
fn user_curves() -> impl Strategy<Value = Curve> {
    let stage = (0..40_u32, any::<bool>(), 1..100_000_u64);
    prop::collection::vec(stage, 1..5).prop_map(|stages| {
        let mut before = 0.0;
        let mut pieces = Vec::new();
        for (users, is_held, millis) in stages {
            let to = f64::from(users);
            let from = if is_held { to } else { before };
            pieces.push(Piece {
                from,
                to,
                duration: Duration::from_millis(millis),
            });
            before = to;
        }
        Curve { pieces }
    })
}

proptest! {
    #[test]
    fn every_change_is_at_the_microsecond_at_which_the_count_changes(curve in user_curves(), user in 0..40_u32) {
        let is_active = |t| curve.active_users(t) > user;
        let (mut t, mut changes) = (Duration::ZERO, 0);
        while let Some(on) = curve.next_active(user, t) {
            prop_assert!(is_active(on), "inactive at {:?}", on);
            prop_assert!(on == t || !is_active(on.saturating_sub(TICK)), "active before {:?}", on);
            let off = curve.inactive_after(user, on);
            prop_assert!(off > on && !is_active(off), "active at {:?}", off);
            prop_assert!(is_active(off.saturating_sub(TICK)), "inactive before {:?}", off);
            t = off;
            changes += 1;
        }
        prop_assert!(changes <= curve.pieces.len(), "{} changes", changes);
        prop_assert_eq!(changes == 0, curve.peak() <= f64::from(user));
    }

    #[test]
    fn active_users_are_those_below_the_level(curve in user_curves(), part in 0.0..1.0_f64) {
        let t = Duration::from_micros((curve.duration().as_micros() as f64 * part) as u64);
        let count = (0..41).filter(|user| curve.next_active(*user, t) == Some(t)).count();
        prop_assert_eq!(count as u32, curve.active_users(t));
    }
}
