//! The sections of a manual page that clap knows nothing of.

use std::io::{self, Write};

use clap::{Arg, ArgAction, Command};
use clap_mangen::roff::{Roff, bold, roman};

/// Columns of a line that is kept as it is: a terminal has 80, and manual pages are indented by 7.
const COLUMNS: usize = 72;

const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "Done."),
    ("1", "A defect in Remora."),
    ("2", "Wrong usage."),
    ("3", "The surroundings failed: network, registry, disk, permissions."),
    ("4", "The content was refused: corrupt, not a delta, another base."),
    ("130, 143", "Ended by SIGINT or SIGTERM."),
];

const AUTH_FILES: &str = "Credentials for registries, as skopeo, podman and docker keep them; the first that \
                          has some for the registry counts.";

const CACHE: &str = "Uncompressed layers, unless --store or REMORA_STORE names another folder.";

/// The command with all its options and their values.
pub(super) fn synopsis(command: &Command, page: &mut dyn Write) -> io::Result<()> {
    let mut roff = Roff::new();
    let name = command.get_bin_name().unwrap_or(command.get_name());
    roff.control("SH", ["SYNOPSIS"]).text([bold(name)]);
    let shown = |arg: &&Arg| !arg.is_hide_set();
    let is_option = |arg: &&Arg| !arg.is_positional();
    for option in command.get_arguments().filter(shown).filter(is_option) {
        let repeated = matches!(option.get_action(), ArgAction::Count | ArgAction::Append);
        let shown = option.to_string();
        let shown = shown.trim_end_matches("...");
        let dots = if repeated { "..." } else { "" };
        roff.text([roman(match option.is_required_set() {
            true => format!("{shown}{dots}"),
            false => format!("[{shown}]{dots}"),
        })]);
    }
    for value in command.get_positionals().filter(shown) {
        roff.text([roman(value.to_string())]);
    }
    if command.has_subcommands() {
        roff.text([roman("<COMMAND>")]);
    }
    roff.to_writer(page)
}

pub(super) fn exit_status(page: &mut dyn Write) -> io::Result<()> {
    items(page, "EXIT STATUS", &EXIT_STATUS.map(|(code, text)| (code.into(), text.into())))
}

/// The variables of the command's own options, and those that every command reads.
pub(super) fn environment(command: &Command, page: &mut dyn Write) -> io::Result<()> {
    let mut found: Vec<(String, String)> = Vec::new();
    for option in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
        let (Some(name), Some(long)) = (option.get_env(), option.get_long()) else { continue };
        let help = option.get_help().map(ToString::to_string).unwrap_or_default();
        found.push((name.to_string_lossy().into_owned(), format!("As --{long}: {help}.")));
    }
    let mut add = |name: &str, text: &str| found.push((name.into(), text.into()));
    if has(command, "authfile") {
        add(
            "REGISTRY_AUTH_FILE",
            "The file with credentials for registries, unless --authfile names one.",
        );
        add("TMPDIR", "The folder for temporary files.");
    }
    add("REMORA_LOG", "The log's filter in place of -v, for instance remora=debug,hyper=info.");
    add("NO_COLOR", "If it is set and not empty, nothing is coloured.");
    found.push(("".into(), "An empty variable is as one that is not set.".into()));
    items(page, "ENVIRONMENT", &found)
}

pub(super) fn files(command: &Command, page: &mut dyn Write) -> io::Result<()> {
    let mut found: Vec<(String, String)> = Vec::new();
    if has(command, "authfile") {
        let places = "$XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, \
                      ~/.docker/config.json";
        found.push((places.into(), AUTH_FILES.into()));
    }
    if has(command, "store") {
        found.push(("~/.cache/remora".into(), CACHE.into()));
    }
    if has(command, "config") {
        let text = "Settings in TOML; remora serve --print-config writes one.";
        found.push(("the file that --config names".into(), text.into()));
    }
    if found.is_empty() { Ok(()) } else { items(page, "FILES", &found) }
}

pub(super) fn see_also(command: &Command, page: &mut dyn Write) -> io::Result<()> {
    let own = command.get_display_name().unwrap_or(command.get_name());
    let above = own.rsplit_once('-').map(|(above, _)| above.to_owned());
    let below = command.get_subcommands().filter(|command| !command.is_hide_set());
    let below =
        below.map(|command| command.get_display_name().unwrap_or(command.get_name()).to_owned());
    let others = ["skopeo", "podman", "rsync"].map(str::to_owned);
    let pages = above.into_iter().chain(below).chain(others);
    let pages: Vec<String> = pages.map(|page| format!("{page}(1)")).collect();
    let mut roff = Roff::new();
    roff.control("SH", ["SEE ALSO"]).text([roman(pages.join(", "))]).to_writer(page)
}

/// A section whose lines stay as they are, but for those that are too long.
pub(super) fn lines(page: &mut dyn Write, heading: &str, text: &str) -> io::Result<()> {
    if text.trim().is_empty() {
        return Ok(());
    }
    let mut roff = Roff::new();
    roff.control("SH", [heading]).control("nf", []);
    for line in text.trim_end().lines().flat_map(fitting) {
        roff.text([roman(line)]);
    }
    roff.control("fi", []).to_writer(page)
}

fn items(page: &mut dyn Write, heading: &str, items: &[(String, String)]) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (name, text) in items {
        match name.is_empty() {
            true => roff.control("PP", []),
            false => roff.control("TP", []).text([bold(name.as_str())]),
        };
        roff.text([roman(text.as_str())]);
    }
    roff.to_writer(page)
}

fn has(command: &Command, option: &str) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some(option))
}

/// The line, as several where it is too long. A shell's command goes on after a backslash, and the last
/// column of a table below itself.
fn fitting(line: &str) -> Vec<String> {
    let indent = line.len() - line.trim_start().len();
    let body = &line[indent..];
    let is_command = body.starts_with("remora ") || body.ends_with('\\');
    let hang = match body.find("  ") {
        _ if is_command => indent + 2,
        Some(gap) => line.len() - body[gap..].trim_start().len(),
        None => indent,
    };
    let (mut found, mut rest) = (Vec::new(), line.to_owned());
    while rest.chars().count() > COLUMNS {
        let end = rest.char_indices().nth(COLUMNS - 2).map_or(rest.len(), |(at, _)| at);
        let Some(at) = rest[..end].rfind(' ').filter(|at| *at > hang) else { break };
        let next = format!("{:hang$}{}", "", rest[at..].trim_start());
        rest.truncate(at);
        found.push(rest.trim_end().to_owned() + if is_command { " \\" } else { "" });
        rest = next;
    }
    found.push(rest);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_goes_on_where_its_column_begins() {
        let long = format!("  oci:DIR    {}", "word ".repeat(20));
        let lines = fitting(&long);
        assert!(lines.len() > 1 && lines[1].starts_with("             word"), "{lines:?}");
        let command =
            format!("    remora create {} --output x", "registry.example.com/app:1 ".repeat(3));
        let lines = fitting(&command);
        assert!(lines[0].ends_with(" \\") && lines[1].starts_with("      "), "{lines:?}");
        for line in lines {
            assert!(line.chars().count() <= COLUMNS, "{line}");
        }
        assert_eq!(fitting("short"), ["short"]);
    }
}
