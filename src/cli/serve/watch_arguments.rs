//! The server's settings for watching releases.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::{BoolishValueParser, RangedU64ValueParser};
use remora::release::watch::WatchOptions;
use remora::server::WatchSettings;

use crate::cli::failure::Failure;
use crate::cli::units::{parse_rate, parse_time};
use crate::cli::watched::{Rule, fleets};

/// What the server does for releases by itself.
#[derive(Debug, Args)]
#[command(next_help_heading = "Watching releases")]
pub(super) struct WatchArguments {
    /// Have the deltas of new releases made before devices ask: all, or the fleets' slugs. Needs an
    /// API key [default: none]
    #[arg(long, env = "REMORA_WATCH", value_name = "FLEETS", value_delimiter = ',')]
    pub(super) watch: Vec<String>,
    /// File with an API key of a user who has access to those fleets. The builder's password is none
    #[arg(long, env = "REMORA_API_KEY_FILE", value_name = "FILE")]
    pub(super) api_key_file: Option<PathBuf>,
    /// openBalena's API [default: https://api.DOMAIN]
    #[arg(long, env = "REMORA_API", value_name = "URL")]
    pub(super) api: Option<String>,
    /// Which drafts are let out once their deltas are there: never, tagged (those with the tag
    /// remora-finalize) or always
    #[arg(long, env = "REMORA_WATCH_FINALIZE", value_name = "RULE", value_enum)]
    #[arg(default_value_t = Rule::Never)]
    pub(super) watch_finalize: Rule,
    // A release of a dozen services from some ten earlier ones takes minutes.
    /// How long deltas may keep a draft back
    #[arg(long, env = "REMORA_WATCH_PATIENCE", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "30m")]
    pub(super) watch_patience: Duration,
    // The API has no way to call back; openBalena's own dashboards ask as often.
    /// How often the API is asked for news
    #[arg(long, env = "REMORA_WATCH_INTERVAL", value_name = "TIME", value_parser = parse_time)]
    #[arg(default_value = "12s")]
    pub(super) watch_interval: Duration,
    /// Leave alone what is final from the start
    #[arg(long, env = "REMORA_WATCH_DRAFTS_ONLY", value_parser = BoolishValueParser::new())]
    pub(super) watch_drafts_only: bool,
    /// Leave out releases that fewer devices run
    #[arg(long, env = "REMORA_WATCH_MIN_DEVICES", value_name = "N", default_value_t = 1)]
    #[arg(value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    pub(super) watch_min_devices: u64,
}

impl WatchArguments {
    /// The settings, if anything is to be watched; `tld` is the installation's domain.
    pub(super) fn settings(&self, tld: Option<&str>) -> Result<Option<WatchSettings>, Failure> {
        if self.watch.is_empty() {
            return Ok(None);
        }
        let Some(key_file) = self.api_key_file.clone() else {
            let hint = "make a key with the balena CLI, and name its file with --api-key-file";
            return Err(Failure::usage("watching releases takes an API key", hint));
        };
        let usual = || Some(format!("https://api.{}", tld?));
        let Some(api) = self.api.clone().or_else(usual) else {
            let hint = "name it with --api (REMORA_API), or --tld (BALENA_TLD)";
            return Err(Failure::usage("openBalena's API is not known", hint));
        };
        let options = WatchOptions::of(fleets(&self.watch)).changed(|options| {
            options.finalize = self.watch_finalize.into();
            options.drafts_only = self.watch_drafts_only;
            options.min_devices = self.watch_min_devices;
            options.patience = self.watch_patience;
            options.interval = self.watch_interval;
        });
        Ok(Some(WatchSettings { api, key_file, options, parse_rate }))
    }
}
