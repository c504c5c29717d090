//! A pair as a person reads it.

use remora::api::{PairState, PairStatus};

use crate::cli::plain::plain;
use crate::cli::units;

/// A pair on one line.
pub(super) fn line(pair: &PairStatus) -> String {
    let mut line = format!("{:9} {}", state_name(pair.status), images(pair));
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

/// What is done for a pair now, and how far that is.
pub(super) fn work(pair: &PairStatus) -> String {
    let how = match (&pair.stage, pair.percent, pair.position) {
        (Some(stage), Some(percent), _) => format!("{stage} {percent} %"),
        (_, _, Some(before)) if pair.status == PairState::Pending => {
            format!("{}, {before} before it", state_name(pair.status))
        }
        _ => state_name(pair.status).to_owned(),
    };
    format!("{how}: {}", images(pair))
}

/// The images and the format: the same images may be there for several.
fn images(pair: &PairStatus) -> String {
    let PairStatus { src, dest, format, .. } = pair;
    format!("{src} -> {dest} ({format})")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_told_with_its_format() {
        let text = r#"{"src": "a:1", "dest": "a:2", "format": "remora", "status": "ready",
            "size": 1500, "pull_size": 20000}"#;
        let pair: PairStatus = serde_json::from_str(text).expect("a pair");
        assert_eq!(line(&pair), "ready     a:1 -> a:2 (remora): 1.50 kB instead of 20.0 kB");
        assert_eq!(work(&pair), "ready: a:1 -> a:2 (remora)");
    }
}
