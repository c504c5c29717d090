//! What surroundings and variables do to a command, and what is told of it.

use std::fs;

use super::Sandbox;
use crate::registry_server::{Access, RegistryServer};

#[test]
fn a_full_disk_is_named_as_such() {
    let sandbox = Sandbox::new();
    let remora = env!("CARGO_BIN_EXE_remora");
    let create = "create oci:thermostat:1.0 oci:thermostat:1.1 --output oci:x --json";
    // A limit on the size of files, in KiB, stands for a disk without room.
    let script = format!("ulimit -f 8; exec {remora} {create}");
    let output = sandbox.program("bash").args(["-c", &script]).output().expect("bash runs");
    let ran = super::sandbox::Ran::from(output);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let error = &ran.json()["error"];
    assert_eq!(error["code"], "disk_full", "{error}");
    assert!(ran.stderr.contains("hint: make room"), "{}", ran.stderr);
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let sandbox = Sandbox::new();
    let run = |variable: &str, arguments: &str| {
        let output = sandbox.command(arguments).env(variable, "").output().expect("remora runs");
        super::sandbox::Ran::from(output)
    };
    let info = run("REMORA_STORE", "store info --json");
    assert_eq!(info.code, Some(0), "{}", info.stderr);
    assert!(sandbox.path(".cache/remora").is_dir());
    for variable in ["REMORA_LISTEN", "REMORA_MAX_BUILDS", "REMORA_WAIT", "REMORA_PLAIN_HTTP"] {
        let printed = run(variable, "serve --registry registry.example.com --print-config");
        assert_eq!(printed.code, Some(0), "{variable}: {}", printed.stderr);
        assert!(!printed.text().contains(&format!("# {variable}\n")), "{}", printed.text());
    }
    let asked = run("REMORA_SERVER", "prepare a:1=a:2");
    assert_eq!(asked.code, Some(2));
    assert!(asked.stderr.contains("--server"), "{}", asked.stderr);
}

#[test]
fn what_was_decided_is_told_if_asked_for() {
    let sandbox = Sandbox::new();
    let registry = RegistryServer::start(&Access::Password("me", "secret"), None);
    // "me:secret" in base64.
    let auth = "bWU6c2VjcmV0";
    let login = format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{auth}\"}}}}}}", registry.address());
    fs::write(sandbox.path("auth.json"), login).expect("written");
    let output = format!("{}/app:delta --authfile auth.json", registry.address());
    let create = format!("create oci:thermostat:1.0 oci:thermostat:1.1 --output {output}");
    let quiet = sandbox.succeed(&create);
    assert_eq!(quiet.stderr, "");
    let first = sandbox.succeed(&format!("{create} --store other -v"));
    for text in ["credentials in auth.json", "is not in the store", "is there already"] {
        assert!(first.stderr.contains(text), "{text}\n{}", first.stderr);
    }
    let second = sandbox.succeed(&format!(
        "create oci:thermostat:1.0 oci:thermostat:1.1 --store other -v --output {}/new:delta \
         --authfile auth.json",
        registry.address()
    ));
    for text in [" is in the store", " uploaded, "] {
        assert!(second.stderr.contains(text), "{text}\n{}", second.stderr);
    }
    for ran in [&first, &second] {
        assert!(!ran.stderr.contains("secret") && !ran.stderr.contains(auth), "{}", ran.stderr);
    }
}
