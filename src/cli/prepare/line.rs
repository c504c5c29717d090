//! A pair as a person reads it.

use remora::api::{PairState, PairStatus};

use crate::cli::plain::plain;
use crate::cli::units;

/// A pair on one line.
pub(super) fn line(pair: &PairStatus) -> String {
    let mut line = format!("{:9} {} -> {}", state_name(pair.status), pair.src, pair.dest);
    if let Some(size) = pair.size {
        line += &format!(": {}", units::bytes(size));
    }
    if let Some(pull) = pair.pull_size {
        line += &format!(" instead of {}", units::bytes(pull));
    }
    if let Some(reason) = &pair.reason {
        line += &format!(" ({})", plain(reason));
    }
    line
}

fn state_name(state: PairState) -> &'static str {
    match state {
        PairState::Pending => "pending",
        PairState::Preparing => "preparing",
        PairState::Ready => "ready",
        PairState::Failed => "failed",
        _ => "unknown",
    }
}
