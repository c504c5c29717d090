//! The options that every command has.

use clap::Args;

use super::progress::Mode;

/// What the command says, and how much of it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output options")]
pub(super) struct OutputArguments {
    /// Leave out progress, notes and summaries: errors and answers that were asked for remain
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(super) quiet: bool,
    /// Log more to stderr (-vv, -vvv: more still)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
    /// How to show progress, on stderr
    #[arg(long, global = true, value_enum, default_value_t, value_name = "HOW")]
    pub(super) progress: Mode,
    /// Answer with JSON on stdout
    #[arg(long, global = true)]
    pub(super) json: bool,
}
