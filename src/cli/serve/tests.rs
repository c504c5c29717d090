//! What documents and deployments say of the settings, against the options themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use clap::{Arg, CommandFactory as _};
use remora::delta::{Effort, Options};
use remora::image::UnpackLimits;

use crate::cli::arguments::Arguments;
use crate::cli::units::parse_size;

const DOCUMENT: &str = include_str!("../../../docs/server.md");

/// Every variable of the server with the default of its option, if it has one.
fn settings() -> BTreeMap<String, Option<String>> {
    let arguments = Arguments::command();
    let serve = arguments.find_subcommand("serve").expect("a command");
    let variable = |option: &Arg| Some(option.get_env()?.to_str()?.to_owned());
    let default = |option: &Arg| {
        let values = option.get_default_values().first()?.to_str()?.to_owned();
        (values != "false").then_some(values)
    };
    serve.get_arguments().filter_map(|option| Some((variable(option)?, default(option)))).collect()
}

/// What the document's tables say: variables, and the default of each where the row has one for each.
fn documented() -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    for row in DOCUMENT.lines().filter(|line| line.starts_with("| `")) {
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

#[test]
fn the_document_has_every_setting_with_its_default() {
    let (settings, documented) = (settings(), documented());
    assert!(settings.len() > 40, "{settings:?}");
    for (name, default) in &settings {
        assert!(documented.contains_key(name), "{name} is not in docs/server.md");
        // Two existing variables have their defaults in prose, as has what other settings decide.
        let in_prose = ["REMORA_TOKEN_ALGORITHM"].contains(&name.as_str());
        if !in_prose && default.is_some() {
            assert_eq!(documented[name], *default, "{name}");
        }
    }
    for (name, default) in &documented {
        let setting = settings.get(name);
        assert!(setting.is_some(), "docs/server.md has {name}, which is no setting");
        let is_file = default.as_ref().is_some_and(|default| default.starts_with("/certs/"));
        assert!(is_file || default.is_none() || setting == Some(default), "{name}: {default:?}");
    }
}

#[test]
fn deployments_set_what_there_is() {
    let settings = settings();
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for file in [
        "helm/remora/templates/_settings.tpl",
        "helm/remora/values.yaml",
        "systemd/remora.env",
        "compose/docker-compose.remora.yml",
        "docker/Dockerfile",
    ] {
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

#[test]
fn the_chart_leaves_room_beside_the_budget() {
    let values = include_str!("../../../deploy/helm/remora/values.yaml");
    let value = |key: &str| {
        let line = values.lines().find_map(|line| line.trim().strip_prefix(key));
        line.unwrap_or_else(|| panic!("{key} is in values.yaml")).trim().to_owned()
    };
    let budget = parse_size(&value("budget:")).expect("a size");
    // Kubernetes leaves the B out.
    let size = parse_size(&format!("{}B", value("size:"))).expect("a size");
    assert!(budget * 5 / 4 <= size, "{budget} of {size}");
}

#[test]
fn defaults_are_those_of_the_library() {
    let settings = settings();
    let default = |name: &str| settings[name].clone().expect(name);
    let limits = UnpackLimits::default();
    for (name, bytes) in [
        ("REMORA_MAX_LAYER_SIZE", limits.layer_bytes),
        ("REMORA_MAX_IMAGE_SIZE", limits.image_bytes),
        ("REMORA_BUILD_MEMORY", Options::default().memory),
    ] {
        assert_eq!(parse_size(&default(name)), Ok(bytes), "{name}");
    }
    assert_eq!(default("REMORA_MAX_RATIO"), limits.ratio.to_string());
    assert_eq!(default("REMORA_EFFORT"), Effort::default().level().to_string());
}
