//! `remora man`: the manual pages, made from the same table of options as `--help`.

mod sections;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::{Args, Command};
use remora::output::Output;

use self::sections::{environment, exit_status, files, lines, see_also, synopsis};
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
    /// Prints or writes the pages of the command line `definition`.
    pub(super) fn run(&self, definition: Command) -> Result<(), Failure> {
        let mut command = definition.disable_help_subcommand(true);
        command.build();
        match &self.output {
            Some(folder) => write_all(&command, folder),
            None => print(&String::from_utf8_lossy(&page(&command)?)),
        }
    }
}

/// Writes the page of `command`, and those of all commands below it.
fn write_all(command: &Command, folder: &Path) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let path = folder.join(format!("{name}.1"));
    let page = page(command)?;
    let cannot_write = |error| Failure::io(format!("cannot write {}", path.display()), &error);
    std::fs::create_dir_all(folder).map_err(cannot_write)?;
    let mut output = Output::open(&path)?;
    output.write_all(&page).map_err(cannot_write)?;
    output.finish()?;
    command.get_subcommands().try_for_each(|command| write_all(command, folder))
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    render(command, &mut page)
        .map_err(|error| Failure::io("cannot render the manual page", &error))?;
    Ok(page)
}

fn render(command: &Command, page: &mut dyn Write) -> io::Result<()> {
    let epilogue = command.get_after_long_help().or(command.get_after_help());
    let epilogue = epilogue.map(ToString::to_string).unwrap_or_default();
    let bare = command.clone().after_help(Resettable::Reset).after_long_help(Resettable::Reset);
    let man = clap_mangen::Man::new(bare)
        .source(format!("remora {}", env!("CARGO_PKG_VERSION")))
        .manual("Remora");
    man.render_title(page)?;
    man.render_name_section(page)?;
    synopsis(command, page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(page)?;
    }
    let (notes, examples) = epilogue.split_once("Examples:\n").unwrap_or((&epilogue, ""));
    lines(page, "NOTES", notes)?;
    exit_status(page)?;
    environment(command, page)?;
    files(command, page)?;
    lines(page, "EXAMPLES", examples)?;
    see_also(command, page)
}
