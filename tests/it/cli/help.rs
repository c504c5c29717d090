//! Help, manual pages and completions: all from one table, all with examples.

use super::{Sandbox, assert_snapshot};

const COMMANDS: [&str; 32] = [
    "",
    "create",
    "apply",
    "diff",
    "inspect",
    "list",
    "login",
    "logout",
    "pull",
    "images",
    "rmi",
    "store",
    "store info",
    "store verify",
    "store gc",
    "unpack",
    "bundle",
    "deploy",
    "rollback",
    "undeploy",
    "deployments",
    "run",
    "serve",
    "builder",
    "prepare",
    "release",
    "release diff",
    "release prepare",
    "release fleet",
    "release watch",
    "completions",
    "man",
];

#[test]
fn every_help_text_is_as_it_was_read_and_approved() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let ran = sandbox.succeed(&format!("{command} --help"));
        let name = format!("help {command}").trim_end().replace(' ', "-");
        assert_snapshot(&name, ran.text());
    }
}

#[test]
fn all_options_are_there_for_whoever_asks() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let ran = sandbox.succeed(&format!("{command} --help-all"));
        let name = format!("help-all {command}").trim_end().replace(' ', "-");
        assert_snapshot(&name, ran.text());
        assert_eq!(
            sandbox.succeed(&format!("{command} -h")).text(),
            sandbox.succeed(&format!("{command} --help")).text()
        );
    }
}

#[test]
fn help_shows_ten_options_at_most_and_where_the_others_are() {
    let sandbox = Sandbox::new();
    for command in COMMANDS {
        let ran = sandbox.succeed(&format!("{command} --help"));
        let (options, _) = ran.text().split_once("All options: remora").expect("where they are");
        let is_option = |line: &&str| line.trim_start().starts_with('-');
        let about_help = ["--help", "--version"];
        let options = options.lines().filter(is_option);
        let options = options.filter(|line| !about_help.iter().any(|name| line.contains(name)));
        assert!(options.count() <= 10, "{}", ran.text());
    }
}

#[test]
fn every_command_shows_examples() {
    let sandbox = Sandbox::new();
    for command in COMMANDS.into_iter().filter(|command| !command.starts_with("store ")) {
        let ran = sandbox.succeed(&format!("{command} --help"));
        assert!(ran.text().contains("Examples:\n"), "remora {command} --help");
    }
}

#[test]
fn there_is_a_manual_page_for_every_command() {
    let sandbox = Sandbox::new();
    sandbox.succeed("man --output man1");
    for command in COMMANDS {
        let page = format!("man1/remora {command}").trim_end().replace(' ', "-") + ".1";
        let text = std::fs::read_to_string(sandbox.path(&page)).expect(&page);
        for section in ["SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "SEE ALSO"] {
            assert!(
                text.contains(&format!(".SH {section}"))
                    || text.contains(&format!(".SH \"{section}\"")),
                "{page} has no {section}"
            );
        }
        let kept = text.split(".nf\n").skip(1).filter_map(|part| part.split(".fi").next());
        let kept = kept
            .flat_map(str::lines)
            .map(|line| line.replace("\\-", "-").replace("\\*(Aq", "'").replace("\\\\", "\\"));
        // A name can't be broken.
        let long = kept.filter(|line| line.chars().count() > 73 && line.trim().contains(' '));
        let long: Vec<String> = long.collect();
        assert!(long.is_empty(), "{page}: {long:?}");
    }
    let examples = std::fs::read_to_string(sandbox.path("man1/remora-create.1")).expect("page");
    let synopsis = examples.split(".SH").find(|part| part.starts_with(" SYNOPSIS")).expect("it");
    assert!(synopsis.contains("\\-\\-platform <"), "{synopsis}");
    for word in ["REMORA_STORE", "auth.json", "remora(1)"] {
        assert!(examples.contains(word), "{word}");
    }
    assert!(examples.contains(".SH EXAMPLES\n.nf\n  Make a delta"), "{examples}");
    assert!(sandbox.succeed("man").text().contains(".TH remora 1"));
    sandbox.assert_nothing_temporary();
}

#[test]
fn every_shell_gets_completions() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = sandbox.succeed(&format!("completions {shell}"));
        assert!(ran.text().contains("device-speed"), "{shell}");
    }
}
