//! What documents and deployments say of a server's settings, against the options themselves. For tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::{Arg, CommandFactory as _};

use super::arguments::Arguments;

/// Every variable of a server with the default of its option, if it has one.
pub(super) fn settings(command: &str) -> BTreeMap<String, Option<String>> {
    let arguments = Arguments::command();
    let command = arguments.find_subcommand(command).expect("a command");
    let variable = |option: &Arg| Some(option.get_env()?.to_str()?.to_owned());
    let default = |option: &Arg| {
        let values = option.get_default_values().first()?.to_str()?.to_owned();
        (values != "false").then_some(values)
    };
    let options = command.get_arguments();
    options.filter_map(|option| Some((variable(option)?, default(option)))).collect()
}

/// What a document's tables say: variables, and the default of each if the row has one for each.
fn documented(document: &str) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for row in document.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [first, second, third] = cells[..] else { continue };
        for (index, name) in first.split(", ").enumerate() {
            let default = second.split(", ").nth(index).and_then(in_code);
            found.extend(in_code(name).map(|name| (name, default)));
        }
        found.extend(in_code(third).map(|name| (name, None)));
    }
    found.retain(|name, _| name.starts_with("REMORA_"));
    found
}

fn in_code(cell: &str) -> Option<String> {
    Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned())
}

/// Checks that a document has every setting of a command with its default, but for those `in_prose`, and no other.
pub(super) fn assert_documented(command: &str, document: &str, in_prose: &[&str]) {
    let (settings, documented) = (settings(command), documented(document));
    for (name, default) in &settings {
        assert!(documented.contains_key(name), "{name} of {command} is in no document");
        if !in_prose.contains(&name.as_str()) && default.is_some() {
            assert_eq!(documented[name], *default, "{name}");
        }
    }
    for (name, default) in &documented {
        let setting = settings.get(name);
        assert!(setting.is_some(), "the document has {name}, which is no setting of {command}");
        let is_file = default.as_ref().is_some_and(|default| default.starts_with("/certs/"));
        assert!(is_file || default.is_none() || setting == Some(default), "{name}: {default:?}");
    }
}

/// Checks that files of `deploy/` set nothing but settings of a command.
pub(super) fn assert_deployed(command: &str, files: &[&str]) {
    let settings = settings(command);
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for file in files {
        let text = fs::read_to_string(deploy.join(file)).expect(file);
        let mut names = 0;
        for (at, _) in text.match_indices("REMORA_") {
            let is_of_compose = text[..at].ends_with("${") || text[..at].ends_with("#   ");
            let name: String =
                text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            names += 1;
            assert!(is_of_compose || settings.contains_key(&name), "{file}: {name}");
        }
        assert!(names > 0, "{file} sets nothing");
    }
}
