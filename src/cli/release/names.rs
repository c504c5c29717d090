//! The two releases of an update, as they are named on the command line.

use clap::Args;
use remora::release::ReleaseName;

use crate::cli::failure::Failure;

/// Balena's own tool says it in these words, which scripts may look for.
const BOTH_NEEDED: &str = "Must specify both a source and a target release";

/// The releases that devices have and are to get.
#[derive(Debug, Args)]
pub(super) struct ReleaseArguments {
    /// The release that devices have: ID, commit, FLEET:VERSION, or FLEET for the one that it runs
    #[arg(value_name = "FROM")]
    from: Option<ReleaseName>,
    /// The release that they are to get
    #[arg(value_name = "TO")]
    to: Option<ReleaseName>,
    /// As FROM, for scripts written for balena-release-update
    #[arg(long, value_name = "RELEASE")]
    from_release: Option<ReleaseName>,
    /// As TO
    #[arg(long, value_name = "RELEASE")]
    to_release: Option<ReleaseName>,
}

impl ReleaseArguments {
    /// Whether no release is named.
    pub(super) fn is_empty(&self) -> bool {
        let all = [&self.from, &self.to, &self.from_release, &self.to_release];
        all.into_iter().all(Option::is_none)
    }

    /// Source and target. A release without an option takes the place that no option has.
    pub(super) fn both(&self) -> Result<(&ReleaseName, &ReleaseName), Failure> {
        let mut rest = [&self.from, &self.to].into_iter().flatten();
        let from = self.from_release.as_ref().or_else(|| rest.next());
        let to = self.to_release.as_ref().or_else(|| rest.next());
        match (from, to, rest.next()) {
            (Some(from), Some(to), None) => Ok((from, to)),
            (Some(_), Some(_), Some(third)) => {
                let what = format!("{third} is a third release, and an update has two");
                Err(Failure::usage(what, "leave one of them out"))
            }
            _ => Err(Failure::usage(BOTH_NEEDED, "write FROM and TO: remora release diff 12 13")),
        }
    }
}
