//! Images read from Debian's `dockerd` and put into it.

use super::{BASE, TARGET, id, run, with_delta};
use crate::authority::Authority;
use crate::docker::Docker;
use crate::tools::skopeo;

/// Puts the fixture's releases into an engine, as `NAME:1.0` and `NAME:1.1`.
fn fill(docker: &Docker, name: &str) {
    for (release, version) in [(BASE, "1.0"), (TARGET, "1.1")] {
        let place = format!("docker-daemon:{name}:{version}");
        let host = docker.address().replace("tcp", "http");
        skopeo(&["copy", "--dest-daemon-host", &host, release, &place]);
    }
}

#[test]
fn deltas_are_made_of_images_of_an_engine_and_applied_into_it() {
    let docker = Docker::shared();
    fill(&docker, "team/thermostat");
    let (folder, _) = with_delta();
    let host = docker.socket();
    let environment = [("DOCKER_HOST", host.as_str())];
    let (base, target) = ("docker-daemon:team/thermostat:1.0", "docker-daemon:team/thermostat:1.1");
    let delta = format!("oci:{}:1", folder.path().join("own").display());
    run(folder.path(), &environment, &["create", base, target, "--output", &delta]);
    let place = "docker-daemon:registry.example.com/rebuilt:1.1";
    let applied = ["apply", base, &delta, "--output", place];
    run(folder.path(), &environment, &applied);
    assert_eq!(docker.image_id("registry.example.com/rebuilt:1.1"), id(TARGET));
    // Once more under the same name, and by the ID.
    run(folder.path(), &environment, &applied);
    let by_id = format!("docker-daemon:{}", id(TARGET));
    let output = run(folder.path(), &environment, &["diff", &by_id, place, "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(answer.is_object(), "{answer}");
    // A delta for balena-engine is an image too.
    let place = "docker-daemon:delta-of-thermostat:1";
    run(folder.path(), &environment, &["create", base, target, "--output", place]);
    let inspected = run(folder.path(), &environment, &["inspect", place]);
    assert!(!inspected.stdout.is_empty());
}

#[test]
fn an_engine_with_tls_is_spoken_to_as_docker_does() {
    let authority = Authority::new();
    let docker = Docker::with_tls(&authority);
    let (folder, delta) = with_delta();
    let certificates = docker.client_folder(&authority).display().to_string();
    let host = docker.address();
    let environment = [
        ("DOCKER_HOST", host.as_str()),
        ("DOCKER_TLS_VERIFY", "1"),
        ("DOCKER_CERT_PATH", &certificates),
    ];
    let place = "docker-daemon:app:2";
    run(folder.path(), &environment, &["apply", BASE, &delta, "--output", place]);
    run(folder.path(), &environment, &["diff", BASE, place]);
}
