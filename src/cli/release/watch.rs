//! `remora release watch`: the deltas of every new release, by themselves.

use std::time::Duration;

use clap::Args;
use clap::builder::RangedU64ValueParser;
use remora::release::Installation;
use remora::release::watch::{WatchNews, WatchOptions, watch};

use super::access::InstallationArguments;
use crate::cli::failure::Failure;
use crate::cli::session::Session;
use crate::cli::units::parse_time;
use crate::cli::watched::{Rule, fleets};

const EXAMPLES: &str = "\
Examples:
  Make the deltas of every new release of two fleets:
    remora release watch org/thermostats org/doors
  Let drafts out by themselves when their deltas are there:
    remora release watch org/thermostats --finalize tagged

remora serve does the same by itself if REMORA_WATCH is set.";

/// Have the deltas of new releases made as soon as there are any, until interrupted.
///
/// The API is asked again and again. For each new release the deltas are made that the fleet's devices need,
/// the most devices first; drafts are let out by rule.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Watch {
    /// The fleets, by slug or name; all: those that the user sees
    #[arg(value_name = "FLEET", required = true)]
    fleets: Vec<String>,
    /// Which drafts are let out once their deltas are there; tagged: those with the tag remora-finalize
    #[arg(long, value_name = "RULE", value_enum, num_args = 0..=1)]
    #[arg(default_value_t = Rule::Never, default_missing_value = "always")]
    finalize: Rule,
    /// Leave alone what is final from the start
    #[arg(long)]
    drafts_only: bool,
    /// Leave out releases that fewer devices run
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    min_devices: u64,
    /// How long deltas may keep a draft back
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "30m")]
    patience: Duration,
    /// How often the API is asked for news
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "12s")]
    interval: Duration,
    #[command(flatten)]
    access: InstallationArguments,
}

impl Watch {
    pub(super) fn run(&self, session: &Session) -> Result<(), Failure> {
        let options = WatchOptions::of(fleets(&self.fleets)).changed(|options| {
            options.finalize = self.finalize.into();
            options.drafts_only = self.drafts_only;
            options.min_devices = self.min_devices;
            options.patience = self.patience;
            options.interval = self.interval;
        });
        let settings = self.access.settings()?;
        let connect = || Installation::new(settings.clone());
        let mut pause = |time| {
            std::thread::sleep(time);
            true
        };
        let mut told = |news: WatchNews<'_>| {
            if let WatchNews::Decided(event) = news {
                session.event(event);
            }
        };
        Ok(watch(options, &connect, &mut pause, &mut told)?)
    }
}
