//! A piecewise linear level over time: users of a closed model, starts per second of an open one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A level over time; pieces follow one another without a gap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// In order; at least one; each longer than nothing.
    pub pieces: Vec<Piece>,
}

/// A linear piece of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Piece {
    /// Level at its start.
    pub from: f64,
    /// Level at its end.
    pub to: f64,
    /// How long it lasts.
    pub duration: Duration,
}

impl Curve {
    /// How long all pieces last.
    pub fn duration(&self) -> Duration {
        self.pieces.iter().map(|piece| piece.duration).sum()
    }

    /// The highest level.
    pub fn peak(&self) -> f64 {
        self.pieces
            .iter()
            .map(|piece| piece.from.max(piece.to))
            .fold(0.0, f64::max)
    }
}
