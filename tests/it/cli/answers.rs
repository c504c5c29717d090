//! Answers: JSON of a fixed shape for programs, tables for people.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{IMAGE_1_0, IMAGE_1_1, Sandbox, assert_snapshot};

/// The shape that `values` have in common: names and types, without the figures.
fn shape(values: &[&Value], indent: usize) -> String {
    if let Some(Value::Object(first)) = values.first() {
        let of = |name: &str| -> Vec<&Value> { values.iter().map(|value| &value[name]).collect() };
        let pad = "  ".repeat(indent + 1);
        let line = |name: &String| format!("\n{pad}{name}: {}", shape(&of(name), indent + 1));
        return first.keys().map(line).collect();
    }
    if values.iter().all(|value| value.is_array()) {
        let items: Vec<&Value> = values.iter().filter_map(|v| v.as_array()).flatten().collect();
        return match items.is_empty() {
            true => "empty array".to_owned(),
            false => format!("array of {}", shape(&items, indent)),
        };
    }
    let types: BTreeSet<&str> = values.iter().map(|value| type_name(value)).collect();
    types.into_iter().collect::<Vec<_>>().join(" or ")
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) | Value::Object(_) => unreachable!("handled where it is called"),
    }
}

#[test]
fn json_answers_keep_their_shape() {
    let sandbox = Sandbox::new();
    let commands = [
        "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:delta",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:nowhere --dry-run",
        "apply oci:thermostat:1.0 oci:delta --output oci:rebuilt",
        "diff oci:thermostat:1.0 oci:thermostat:1.1 --files 3",
        "inspect oci:delta",
        "create oci:thermostat:1.0 oci:thermostat:1.1 --format v2 --output thermostat.delta",
        "inspect thermostat.delta",
        "store info",
        "store verify",
        "store gc --max-size 1GB",
    ];
    let mut all = String::new();
    for command in commands {
        let ran = sandbox.succeed(&format!("{command} --json"));
        assert_eq!(ran.stderr, "", "{command}");
        let answer = ran.json();
        assert_eq!(answer["schema_version"], 1);
        all += &format!("$ remora {command} --json{}\n\n", shape(&[&answer], 0));
    }
    assert_snapshot("json", &all);
    assert!(!sandbox.path("nowhere").exists(), "a dry run published");
}

#[test]
fn the_answers_of_create_diff_apply_and_inspect_agree() {
    let sandbox = Sandbox::new();
    let answers = [
        "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:delta --json",
        "diff oci:thermostat:1.0 oci:thermostat:1.1 --json",
        "inspect oci:delta --json",
        "apply oci:thermostat:1.0 oci:delta --output oci:rebuilt --json",
    ]
    .map(|arguments| sandbox.succeed(arguments).json());
    for answer in &answers {
        assert_eq!(answer["base_id"], IMAGE_1_0);
        assert_eq!(answer["target_id"], IMAGE_1_1);
        assert_eq!(answer["total"]["delta_bytes"], answers[0]["total"]["delta_bytes"]);
        assert_eq!(answer["total"]["commands"], answers[0]["total"]["commands"]);
    }
    let layers = answers[0]["layers"].as_array().expect("layers");
    let shared: Vec<bool> = layers.iter().filter_map(|layer| layer["shared"].as_bool()).collect();
    assert_eq!(shared, [true, false, false]);
    for layer in layers.iter().skip(1) {
        assert!(layer["delta_bytes"].as_u64() < layer["pull_bytes"].as_u64(), "{layer}");
    }
}

#[test]
fn diff_names_the_files_that_cost_most() {
    let ran = Sandbox::new().succeed("diff oci:thermostat:1.0 oci:thermostat:1.1 --files 4 --json");
    let answer = ran.json();
    let files = answer["files"].as_array().expect("files");
    assert_eq!(files.len(), 4);
    assert_eq!(files[0]["path"], "srv/thermostat");
    let costs: Vec<u64> = files.iter().filter_map(|file| file["literal_bytes"].as_u64()).collect();
    assert!(costs.is_sorted_by(|a, b| a >= b), "{costs:?}");
}

#[test]
fn people_get_a_table_and_quiet_gets_nothing() {
    let sandbox = Sandbox::new();
    let ran = sandbox.succeed("diff oci:thermostat:1.0 oci:thermostat:1.1");
    assert!(ran.text().contains("layer         shared"), "{}", ran.text());
    assert!(ran.text().contains("times smaller"), "{}", ran.text());
    let quiet = "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:delta --quiet";
    let ran = sandbox.succeed(quiet);
    assert_eq!((ran.text(), ran.stderr.as_str()), ("", ""));
}

#[test]
fn a_layer_whose_delta_saves_nothing_is_named() {
    let create = "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:delta";
    let ran = Sandbox::new().succeed(&format!("{create} --compression none"));
    assert!(ran.text().contains("note:    layer 3 gains nothing: "), "{}", ran.text());
    let ran = Sandbox::new().succeed(create);
    assert!(!ran.text().contains("gains nothing"), "{}", ran.text());
}
