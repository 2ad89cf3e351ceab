//! The exit codes, the same for every command: a contract with CI.

use std::fmt;

/// The exit code of the process. Variants are ordered from the strongest to the weakest; if several apply, the
/// strongest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// A fault in Gander itself.
    Internal,
    /// The scenario or the arguments are not valid.
    InvalidInput,
    /// The target could not be reached.
    TargetUnreachable,
    /// The user stopped the run.
    Stopped,
    /// The generator was the bottleneck, so the measurement is invalid.
    MeasurementInvalid,
    /// A threshold failed.
    ThresholdFailed,
    /// A figure got worse than in the baseline, or on side B of a comparison.
    Regressed,
    /// A comparison cannot tell, or its sides cannot be compared.
    Inconclusive,
    /// Success.
    Passed,
}

impl Exit {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::MeasurementInvalid => 94,
            Self::Inconclusive => 95,
            Self::Regressed => 96,
            Self::ThresholdFailed => 99,
            Self::InvalidInput => 104,
            Self::Stopped => 105,
            Self::TargetUnreachable => 107,
            Self::Internal => 255,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::MeasurementInvalid => "measurement invalid",
            Self::Inconclusive => "inconclusive",
            Self::Regressed => "regressed",
            Self::ThresholdFailed => "threshold failed",
            Self::InvalidInput => "invalid scenario or arguments",
            Self::Stopped => "stopped by the user",
            Self::TargetUnreachable => "target unreachable",
            Self::Internal => "internal error",
        })
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_the_strongest_decides() {
        let mut found = [
            Exit::Passed,
            Exit::Inconclusive,
            Exit::Regressed,
            Exit::ThresholdFailed,
            Exit::MeasurementInvalid,
            Exit::Stopped,
            Exit::TargetUnreachable,
            Exit::InvalidInput,
            Exit::Internal,
        ];
        found.sort_unstable();
        let codes = found.map(Exit::code);
        assert_eq!(codes, [255, 104, 107, 105, 94, 99, 96, 95, 0]);
    }
}
