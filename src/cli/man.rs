//! `remora man`: the manual pages, made from the same table of options as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::arguments::Arguments;
use super::failure::Failure;
use super::session::print;

const EXAMPLES: &str = "\
Examples:
  remora man | man -l -
  remora man --output /usr/local/share/man/man1";

/// Print the manual page, or write the pages of all commands.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Man {
    /// Write one page a command to this folder instead of printing the first
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self) -> Result<(), Failure> {
        match &self.output {
            Some(folder) => write_all(folder),
            None => print_first(),
        }
    }
}

fn write_all(folder: &PathBuf) -> Result<(), Failure> {
    std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder))
        .map_err(|error| Failure::io(format!("cannot write to {}", folder.display()), &error))
}

fn print_first() -> Result<(), Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Arguments::command())
        .render(&mut page)
        .map_err(|error| Failure::io("cannot render the manual page", &error))?;
    print(&String::from_utf8_lossy(&page))
}
