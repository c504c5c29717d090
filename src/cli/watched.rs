//! Which fleets are watched, and which drafts are let out, as people say.

use clap::ValueEnum;
use remora::release::watch::{FinalizeRule, WatchedFleets};

/// The word for all fleets.
const ALL: &str = "all";

/// Which drafts are let out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Rule {
    Never,
    Tagged,
    Always,
}

impl From<Rule> for FinalizeRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Never => FinalizeRule::Never,
            Rule::Tagged => FinalizeRule::Tagged,
            Rule::Always => FinalizeRule::Always,
        }
    }
}

/// The fleets that somebody named.
pub(super) fn fleets(names: &[String]) -> WatchedFleets {
    match names.iter().any(|name| name == ALL) {
        true => WatchedFleets::All,
        false => WatchedFleets::Named(names.to_vec()),
    }
}
