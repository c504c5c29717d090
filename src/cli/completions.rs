//! `remora completions`: what a shell needs to complete our command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::arguments::Arguments;
use super::failure::Failure;
use super::session::print;

const EXAMPLES: &str = "\
Examples:
  remora completions bash > ~/.local/share/bash-completion/completions/remora
  remora completions zsh > ~/.zfunc/_remora
  remora completions fish > ~/.config/fish/completions/remora.fish";

/// Print the completion script for a shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "remora", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
