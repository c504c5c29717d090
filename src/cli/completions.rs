//! `remora completions`: what a shell needs to complete our command line.

use clap::{Args, Command};
use clap_complete::Shell;

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
    /// Prints the script for the command line `definition`.
    pub(super) fn run(&self, mut definition: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut definition, "remora", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}
