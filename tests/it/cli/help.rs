//! Help, manual pages and completions: all from one table, all with examples.

use super::{Sandbox, assert_snapshot};

const COMMANDS: [&str; 13] = [
    "",
    "create",
    "apply",
    "diff",
    "inspect",
    "store",
    "store info",
    "store verify",
    "store gc",
    "serve",
    "prepare",
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
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH OPTIONS"), "{page}");
    }
    let examples = std::fs::read_to_string(sandbox.path("man1/remora-create.1")).expect("page");
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
