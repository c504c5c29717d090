//! Whole projects.

use super::*;
use crate::project::limits::ProjectLimits;
use crate::project::test_projects::{circumstances, project};

fn read_as(files: &[(&str, &str)], circumstances: &Circumstances) -> Result<Project, String> {
    let bytes = project(files);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    read_project(&tar, circumstances).map_err(|error| error.to_string())
}

fn plan(service: &Service) -> &BuildPlan {
    match &service.source {
        Source::Build(plan) => plan,
        Source::Image(image) => panic!("{image} is built"),
    }
}

#[test]
fn a_lone_dockerfile_is_one_service() {
    let read = read_as(&[("Dockerfile", "FROM a")], &circumstances()).expect("a project");
    let expected = serde_json::json!({
        "networks": {}, "volumes": {"resin-data": {}},
        "services": {"main": {
            "privileged": true, "tty": true, "restart": "always", "network_mode": "host",
            "volumes": ["resin-data:/data"],
            "labels": {
                "io.resin.features.kernel-modules": "1", "io.resin.features.firmware": "1",
                "io.resin.features.dbus": "1", "io.resin.features.supervisor-api": "1",
                "io.resin.features.resin-api": "1",
            },
            "build": {"context": "."},
        }},
    });
    assert_eq!(read.composition, expected);
    assert_eq!((read.services[0].name.as_str(), read.services[0].labels.len()), ("main", 5));
    assert_eq!(plan(&read.services[0]).dockerfile_text, "FROM a");
    assert!(read.warnings.is_empty());
}

#[test]
fn another_dockerfile_can_be_asked_for() {
    let files = [("Dockerfile", "FROM a"), ("sub/My.template", "FROM %%BALENA_ARCH%%")];
    let asked =
        |path: &str| Circumstances { dockerfile_path: Some(path.to_owned()), ..circumstances() };
    let read = read_as(&files, &asked("./sub/My")).expect("a project");
    let found = plan(&read.services[0]);
    assert_eq!(
        (found.dockerfile.as_str(), found.dockerfile_text.as_str()),
        ("sub/My", "FROM aarch64")
    );
    assert_eq!(read.composition["services"]["main"]["build"]["dockerfile"], "sub/My");
    assert_eq!(
        plan(&read_as(&files, &asked("")).expect("a project").services[0]).dockerfile,
        "Dockerfile"
    );
    for (path, text) in [
        ("../Dockerfile", "dockerfilePath \"../Dockerfile\": leads out of the project"),
        ("/etc/passwd", "dockerfilePath \"/etc/passwd\": leads out of the project"),
        ("a\nb", "dockerfilePath \"a\\nb\": has characters"),
        ("undefined", "the project: Specified file not found or is invalid: undefined"),
        ("--x", "the project: Specified file not found or is invalid: --x"),
    ] {
        let error = read_as(&files, &asked(path)).expect_err(path);
        assert!(error.starts_with(text), "{error}");
    }
    let files = [("docker-compose.yml", "services: {a: {image: x}}")];
    let read = read_as(&files, &asked("sub/My")).expect("a project");
    assert!(read.warnings[0].starts_with("dockerfilePath is ignored"), "{:?}", read.warnings);
}

#[test]
fn everything_of_a_project_comes_together() {
    let compose = "services:\n  web:\n    build:\n      context: web\n      args: {A: compose, B: compose}\n      labels: {l: v}\n      \
                   shm_size: 64m\n      cache_from: [c]\n      extra_hosts: {h: 1.2.3.4}\n      target: t\n  db:\n    image: postgres:16\n";
    let settings = "build-variables: {global: {B: global, DB_PASSWORD: hush}, services: {web: {C: own}}}\n\
                    build-secrets: {services: {web: [{source: s, dest: s}]}}\n";
    let read = read_as(
        &[
            ("docker-compose.yml", compose),
            ("web/Dockerfile", "FROM a AS t\nRUN --mount=type=secret,id=s x"),
            (".balena/balena.yml", settings),
            (".balena/secrets/s", "hush"),
            ("balena.yml", "type: sw.application\nversion: 1.0.0"),
        ],
        &circumstances(),
    );
    let read = read.expect("a project");
    assert!(matches!(&read.services[0].source, Source::Image(image) if image == "postgres:16"));
    let found = plan(&read.services[1]);
    let arguments: Vec<(&str, &str)> =
        found.arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        arguments,
        [("A", "compose"), ("B", "global"), ("C", "own"), ("DB_PASSWORD", "hush")]
    );
    assert_eq!((found.shm_size, found.target.as_deref()), (Some(64 << 20), Some("t")));
    assert_eq!(
        (&found.cache_from[..], &found.extra_hosts[..]),
        (&["c".to_owned()][..], &["h:1.2.3.4".to_owned()][..])
    );
    assert_eq!(found.secrets.len(), 1);
    assert_eq!(found.needs_buildkit.as_ref().map(|needs| needs.line), Some(2));
    assert_eq!(read.semver.as_deref(), Some("1.0.0"));
    let [warning] = &read.warnings[..] else { panic!("{:?}", read.warnings) };
    assert!(
        warning.contains("DB_PASSWORD may be a secret") && !warning.contains("hush"),
        "{warning}"
    );
}

#[test]
fn a_fleet_for_one_container_takes_one_service() {
    let one = Circumstances { multicontainer: false, ..circumstances() };
    assert!(read_as(&[("docker-compose.yml", "services: {a: {image: x}}")], &one).is_ok());
    let error =
        read_as(&[("docker-compose.yml", "services: {a: {image: x}, b: {image: x}}")], &one);
    let error = error.expect_err("two");
    assert!(error.starts_with("docker-compose.yml: the project has 2 services"), "{error}");
}

#[test]
fn what_a_service_is_built_from_has_to_be_there() {
    for (files, text) in [
        (
            &[("docker-compose.yml", "services: {a: {build: web}}")][..],
            "service \"a\": build.context: there are no files in the context web",
        ),
        (
            &[("docker-compose.yml", "services: {a: {build: web}}"), ("web/x", "")],
            "docker-compose.yml: service \"a\": build: Could not find a Dockerfile",
        ),
        (
            &[
                ("docker-compose.yml", "services: {a: {build: {context: web, dockerfile: X}}}"),
                ("web/x", ""),
            ],
            "Specified file not found or is invalid: X",
        ),
        (&[("x", "")], "the project: Could not find a Dockerfile for this service"),
        (
            &[
                ("docker-compose.yml", "services: {a: {build: .balena}}"),
                (".balena/Dockerfile", ""),
            ],
            "Could not find a Dockerfile",
        ),
    ] {
        let error = read_as(files, &circumstances()).expect_err(text);
        assert!(error.contains(text), "{error}");
    }
}
