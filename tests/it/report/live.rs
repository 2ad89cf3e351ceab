//! The live view, drawn onto a terminal that is a grid in memory.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use gander::record::{LoadCounts, Standing};
use gander::report::Colour;
use gander::report::live::{Live, LiveState, Mode, TerminalSize};
use gander::report::model::Spread;
use gander::units::Micros;

use super::fixture::{Recipe, header};

/// The written bytes, readable while more are written.
#[derive(Clone, Default)]
struct Sink(Rc<RefCell<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("UTF-8")
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn state(second: u64) -> LiveState {
    LiveState {
        at: Micros(second * 1_000_000),
        is_warm_up: second <= 15,
        load: LoadCounts {
            offered: 66,
            started: 65,
            active_users: 21,
            in_flight: 4,
            ..LoadCounts::default()
        },
        length: Micros(1_000_000),
        requests: 197,
        response: Some(Spread {
            p50: Micros(17_900),
            p95: Micros(61_000),
            p99: Micros(98_000),
            max: Micros(140_000),
            mean: 24_000.0,
        }),
        timed_out: (second == 40).then_some((3, Micros(300_000))),
        total_requests: 197 * second,
        total_failed: second / 10,
        total_iterations: 65 * second,
        kept: vec![],
        thresholds: vec![
            (Standing::Pass, Some(171_000.0)),
            (Standing::Fail, Some(314_000.0)),
            (Standing::Pass, Some(0.0012)),
            (Standing::NoData, None),
            (Standing::Pass, Some(1.0)),
        ],
    }
}

fn view(mode: Mode, size: fn() -> Option<TerminalSize>) -> (Live<Sink>, Sink) {
    let sink = Sink::default();
    (
        Live::new(
            sink.clone(),
            size,
            mode,
            Colour::Off,
            &header(&Recipe::BASELINE),
        ),
        sink,
    )
}

/// The screen of a terminal of this size after these bytes, and the number of scrolled lines.
fn screen(bytes: &str, size: TerminalSize) -> (Vec<String>, usize) {
    let (rows, columns) = (usize::from(size.rows), usize::from(size.columns));
    let mut grid = vec![vec![' '; columns]; rows];
    let (mut row, mut column, mut scrolled) = (0_usize, 0_usize, 0);
    let mut chars = bytes.chars().peekable();
    let mut down = |row: &mut usize, grid: &mut Vec<Vec<char>>| {
        if *row + 1 == rows {
            grid.remove(0);
            grid.push(vec![' '; columns]);
            scrolled += 1;
        } else {
            *row += 1;
        }
    };
    while let Some(c) = chars.next() {
        match c {
            '\n' => {
                down(&mut row, &mut grid);
                column = 0;
            }
            '\r' => column = 0,
            '\u{1b}' => {
                assert_eq!(chars.next(), Some('['));
                let mut number = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                match chars.next() {
                    Some('A') => row = row.saturating_sub(number.parse().expect("a count")),
                    Some('K') => grid[row][column..].fill(' '),
                    Some('J') => {
                        grid[row][column..].fill(' ');
                        grid[row + 1..].iter_mut().for_each(|line| line.fill(' '));
                    }
                    other => panic!("unexpected sequence {other:?}"),
                }
            }
            c => {
                if column == columns {
                    down(&mut row, &mut grid);
                    column = 0;
                }
                grid[row][column] = c;
                column += 1;
            }
        }
    }
    let lines = grid
        .into_iter()
        .map(|line| line.into_iter().collect::<String>().trim_end().to_owned());
    (lines.collect(), scrolled)
}

#[test]
fn a_frame_says_how_the_run_stands() {
    let (mut live, sink) = view(Mode::Redraw, || {
        Some(TerminalSize {
            rows: 24,
            columns: 120,
        })
    });
    live.begin().expect("written");
    for second in 1..=151 {
        live.update(&state(second)).expect("written");
    }
    let (lines, _) = screen(
        &sink.text(),
        TerminalSize {
            rows: 24,
            columns: 120,
        },
    );
    insta::assert_snapshot!(lines.join("\n").trim_end());
}

#[test]
fn frames_never_scroll_and_never_wrap_whatever_the_terminal() {
    fn check(size: TerminalSize, sized: fn() -> Option<TerminalSize>) {
        let (mut live, sink) = view(Mode::Redraw, sized);
        for second in 1..=60 {
            live.update(&state(second)).expect("written");
        }
        live.finish(&state(61)).expect("written");
        let (lines, scrolled) = screen(&sink.text(), size);
        assert_eq!(scrolled, 0, "{size:?}\n{}", lines.join("\n"));
        assert!(
            lines[0].contains("1:01") || size.columns < 30,
            "{size:?}\n{}",
            lines.join("\n")
        );
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() < usize::from(size.columns).clamp(2, 101))
        );
    }
    check(
        TerminalSize {
            rows: 24,
            columns: 80,
        },
        || {
            Some(TerminalSize {
                rows: 24,
                columns: 80,
            })
        },
    );
    check(
        TerminalSize {
            rows: 6,
            columns: 40,
        },
        || {
            Some(TerminalSize {
                rows: 6,
                columns: 40,
            })
        },
    );
    check(
        TerminalSize {
            rows: 50,
            columns: 300,
        },
        || {
            Some(TerminalSize {
                rows: 50,
                columns: 300,
            })
        },
    );
    check(
        TerminalSize {
            rows: 2,
            columns: 20,
        },
        || {
            Some(TerminalSize {
                rows: 2,
                columns: 20,
            })
        },
    );
}

#[test]
fn a_note_stays_above_the_frame() {
    let (mut live, sink) = view(Mode::Redraw, || {
        Some(TerminalSize {
            rows: 24,
            columns: 80,
        })
    });
    live.update(&state(1)).expect("written");
    live.note("stopping: 4 requests are in flight\u{1b}[2J")
        .expect("written");
    live.finish(&state(2)).expect("written");
    let (lines, _) = screen(
        &sink.text(),
        TerminalSize {
            rows: 24,
            columns: 80,
        },
    );
    assert_eq!(lines[0], "stopping: 4 requests are in flight[2J");
    assert!(lines[1].contains("0:02 of 5:00"), "{}", lines.join("\n"));
    assert_eq!(
        lines.iter().filter(|line| line.contains("of 5:00")).count(),
        1
    );
}

#[test]
fn without_a_terminal_there_is_a_line_every_ten_seconds_and_at_each_stage() {
    let (mut live, sink) = view(Mode::Lines, || None);
    live.begin().expect("written");
    for second in 1..=45 {
        live.update(&state(second)).expect("written");
    }
    live.finish(&state(46)).expect("written");
    insta::assert_snapshot!(sink.text());
    assert!(!sink.text().contains('\u{1b}'));
}

#[test]
fn quiet_is_quiet() {
    let (mut live, sink) = view(Mode::Quiet, || None);
    live.begin().expect("written");
    live.update(&state(1)).expect("written");
    live.note("words").expect("written");
    live.finish(&state(2)).expect("written");
    assert_eq!(sink.text(), "");
}
