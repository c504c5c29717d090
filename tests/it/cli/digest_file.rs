//! `--digestfile`, which scripts read.

use std::fs;

use super::sandbox::Sandbox;
use crate::registry_server::RegistryServer;
use crate::tools::skopeo;

const CREATE: &str = "create oci:thermostat:1.0 oci:thermostat:1.1 --quiet --output";

#[test]
fn the_file_holds_what_the_place_calls_the_manifest() {
    let (sandbox, registry) = (Sandbox::new(), RegistryServer::open());
    let delta = format!("{}/app:delta", registry.address());
    let rebuilt = format!("{}/app:2", registry.address());
    sandbox.succeed(&format!("{CREATE} {delta} --digestfile digest"));
    let of = |image: &str| {
        let image = format!("docker://{image}");
        skopeo(&["inspect", "--tls-verify=false", "--format", "{{.Digest}}", &image])
    };
    let read = || fs::read_to_string(sandbox.path("digest")).expect("written");
    assert_eq!(read(), of(&delta).trim());
    // What the last run left is a digest, and is replaced.
    let apply = format!("apply oci:thermostat:1.0 {delta} --output {rebuilt} --digestfile digest");
    sandbox.succeed(&apply);
    assert_eq!(read(), of(&rebuilt).trim());
    sandbox.assert_nothing_temporary();
}

#[test]
fn a_file_of_something_else_is_refused_before_the_work() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("notes"), "do not lose").expect("written");
    for (arguments, problem) in [
        ("oci:x --digestfile notes", "something else than a digest"),
        ("oci-archive:x --digestfile x", "would overwrite the output"),
        ("oci:x --digestfile thermostat/index.json", "would overwrite the input"),
        ("oci:x --digestfile nowhere/digest", "there is no folder"),
        ("oci:x --digestfile store/digest", "is in the store"),
        ("oci:x --digestfile digest --dry-run", "cannot be used with"),
        ("x --format v2 --digestfile digest", "means nothing to a delta of the format v2"),
    ] {
        let ran = sandbox.run(&format!("{CREATE} {arguments}"));
        assert!(matches!(ran.code, Some(2 | 3)), "{arguments}: {}", ran.stderr);
        assert!(ran.stderr.contains(problem), "{arguments}: {}", ran.stderr);
        assert!(!sandbox.path("x").exists() && !sandbox.path("digest").exists(), "{arguments}");
    }
    assert_eq!(fs::read_to_string(sandbox.path("notes")).expect("there"), "do not lose");
    sandbox.succeed(&format!("{CREATE} oci:x --digestfile notes --replace"));
    assert!(fs::read_to_string(sandbox.path("notes")).expect("there").starts_with("sha256:"));
}
