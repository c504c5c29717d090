//! How deltas are waited for, and what follows: the options of every command that has some made.

use std::time::Duration;

use clap::{Args, ValueEnum};
use remora::release::{Finalize, PrepareOptions};

use crate::cli::units;

/// When a release becomes final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// If all deltas are there
    Ready,
    /// Also if some of them cannot be made
    Always,
}

/// How long to wait, and whether to let the release out.
#[derive(Debug, Args)]
pub(super) struct WaitArguments {
    /// Wait until each delta is there or cannot be made, for 24 hours at most
    #[arg(long)]
    wait: bool,
    /// Wait no longer than this (ms, s, m, h, d; a plain number is seconds)
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    timeout: Option<Duration>,
    /// Wait, then make the release final if all its deltas are there: devices get it
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true)]
    #[arg(default_missing_value = "ready")]
    finalize: Option<When>,
}

impl WaitArguments {
    /// The options as the library has them.
    pub(super) fn options(&self) -> PrepareOptions {
        PrepareOptions::default().changed(|options| {
            options.wait = self.wait || self.timeout.is_some() || self.finalize.is_some();
            options.timeout = self.timeout;
            options.finalize = match self.finalize {
                None => Finalize::Never,
                Some(When::Ready) => Finalize::WhenReady,
                Some(When::Always) => Finalize::Always,
            };
        })
    }
}

/// Reads a time, or seconds without a unit as balena's own tool takes them.
pub(super) fn parse_timeout(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => units::parse_time(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_unit_is_seconds() {
        assert_eq!(parse_timeout("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_timeout("30m"), Ok(Duration::from_secs(1_800)));
        assert!(parse_timeout("-1").is_err() && parse_timeout("soon").is_err());
    }
}
