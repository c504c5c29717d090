//! What `--help` and `--help-all` show: the ten options of a command that matter, or all there are.

use clap::{Arg, ArgAction, Command};

/// The options that `--help` shows of a command, beside those of all commands. A command that is not here has few
/// enough to show them all.
const SHOWN: &[(&str, &[&str])] = &[
    (
        "create",
        &["output", "format", "prefer", "effort", "link-rate", "platform", "replace", "dry-run"],
    ),
    ("apply", &["output", "platform", "replace", "dry-run", "store", "authfile"]),
    (
        "diff",
        &[
            "files",
            "formats",
            "prefer",
            "effort",
            "link-rate",
            "device-speed",
            "platform",
            "authfile",
        ],
    ),
    ("inspect", &["base", "platform", "store", "authfile"]),
    ("list", &["platform", "authfile", "creds"]),
    ("deploy", &["as", "check", "keep", "from", "runtime", "deployments", "owners", "authfile"]),
    (
        "pull",
        &["from", "to", "as", "dry-run", "delta-server", "verify-key", "link-rate", "authfile"],
    ),
    ("login", &["username", "password-stdin", "authfile", "ca-file", "tls-verify", "plain-http"]),
    ("unpack", &["owners", "platform", "store", "authfile"]),
    ("bundle", &["owners", "platform", "store", "authfile"]),
    (
        "serve",
        &[
            "listen",
            "tld",
            "registry",
            "builder-token-file",
            "insecure-no-auth",
            "role",
            "data",
            "database",
        ],
    ),
    (
        "builder",
        &[
            "config",
            "listen",
            "tld",
            "delta-server",
            "engines-amd64",
            "engines-arm64",
            "engine-certificates",
            "data",
        ],
    ),
    ("prepare", &["file", "server", "token-file", "format", "fleet", "wait", "ca-file"]),
    ("release diff", &["token-file", "server", "builder-token-file"]),
    (
        "release prepare",
        &[
            "fleet",
            "to",
            "wait",
            "timeout",
            "finalize",
            "token-file",
            "server",
            "builder-token-file",
        ],
    ),
    ("store verify", &["repair", "deployments", "authfile", "plain-http", "ca-file"]),
    ("release fleet", &["to", "html", "token-file", "server", "builder-token-file"]),
    ("release watch", &["finalize", "patience", "token-file", "server", "builder-token-file"]),
];

/// The program, with which every command begins.
const PROGRAM: &str = "remora";

/// The options of all commands that `--help` shows.
const SHOWN_EVERYWHERE: [&str; 4] = ["quiet", "json", "help", "help-all"];

/// The command line with both kinds of help.
pub(super) fn arranged(root: Command) -> Command {
    let help =
        Arg::new("help").help_heading(None).short('h').long("help").action(ArgAction::HelpShort);
    let all = Arg::new("help-all").help_heading(None).long("help-all").action(ArgAction::HelpLong);
    let root = root
        .disable_help_flag(true)
        .arg(help.global(true).help("Print the options that matter most"))
        .arg(all.global(true).help("Print all options, in full"));
    arrange(root, PROGRAM)
}

/// The same command, and those below it, with a short help. It is typed as `path`.
fn arrange(command: Command, path: &str) -> Command {
    let name = path.strip_prefix(PROGRAM).unwrap_or(path).trim_start();
    let shown = SHOWN.iter().find(|(known, _)| *known == name).map(|(_, shown)| *shown);
    let command = command.mut_args(|arg| {
        let is_shown = is_shown(&arg, shown);
        arg.hide_short_help(!is_shown)
    });
    let examples = command.get_after_help().or(command.get_after_long_help()).cloned();
    let examples = examples.unwrap_or_default();
    let short = format!("All options: {path} --help-all\n\n{examples}");
    let command = command.after_help(short.trim_end().to_owned()).after_long_help(examples);
    command.mut_subcommands(|below| {
        let path = format!("{path} {}", below.get_name());
        arrange(below, &path)
    })
}

fn is_shown(arg: &Arg, shown: Option<&[&str]>) -> bool {
    let Some(name) = arg.get_long() else { return true };
    let of_command = || shown.map_or(!arg.is_global_set(), |shown| shown.contains(&name));
    arg.is_required_set() || SHOWN_EVERYWHERE.contains(&name) || of_command()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;

    #[test]
    fn every_option_that_is_to_be_shown_is_there_and_ten_are_the_most() {
        let commands = Arguments::command();
        for (name, shown) in SHOWN {
            let below = |command: &Command, word: &str| command.find_subcommand(word).cloned();
            let command = name.split(' ').try_fold(commands.clone(), |it, word| below(&it, word));
            let command = command.expect(name);
            for option in *shown {
                let there = command.get_arguments().any(|arg| arg.get_long() == Some(*option));
                assert!(there, "remora {name} --{option}");
            }
            assert!(shown.len() + 2 <= 10, "{name}");
        }
    }
}
