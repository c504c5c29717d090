//! The folder with what is for the builder.

use super::*;
use crate::project::limits::ProjectLimits;
use crate::project::test_projects::project;

fn read(files: &[(&str, &str)]) -> Result<Metadata, String> {
    let bytes = project(files);
    let tar = ProjectTar::index(&bytes, &ProjectLimits::default()).expect("taken");
    Metadata::read(&tar).map_err(|error| error.to_string())
}

fn logins(metadata: &Metadata) -> Vec<(&str, &str, &str)> {
    let login = |(registry, login)| -> (&str, &str, &str) {
        let login: &RegistryLogin = login;
        (registry, &login.username, login.password.reveal())
    };
    metadata.registry_secrets.iter().map(login).collect()
}

#[test]
fn logins_are_read_from_all_their_files() {
    let metadata = read(&[
        (".balena/registry-secrets.json", r#"{"r.io": {"username": "json", "password": "p"}}"#),
        (
            ".balena/registry-secrets.yml",
            "r.io: {username: yml, password: p}\n'': {username: u, password: '1'}\n",
        ),
    ]);
    let metadata = metadata.expect("taken");
    assert_eq!(
        logins(&metadata),
        [("", "u", "1"), ("https://index.docker.io/v1/", "u", "1"), ("r.io", "json", "p")]
    );
    let metadata = read(&[(".resin/registry-secrets.yaml", "r.io: {username: u, password: p}")])
        .expect("taken");
    assert_eq!(logins(&metadata), [("r.io", "u", "p")]);
}

#[test]
fn variables_of_a_service_are_stronger_than_those_of_all() {
    let text =
        "build-variables:\n  global: [A=1, B=a=b]\n  services: {web: {A: '2', C: 3}}\nother: x\n";
    let metadata = read(&[(".balena/balena.yml", text)]).expect("taken");
    let pairs = |service: &str| -> Vec<String> {
        metadata
            .variables_of(service)
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    };
    assert_eq!(pairs("web"), ["A=2", "B=a=b", "C=3"]);
    assert_eq!(pairs("other"), ["A=1", "B=a=b"]);
}

#[test]
fn build_secrets_are_files_of_the_folder() {
    let text = "build-secrets:\n  global: [{source: a, dest: one}]\n  services: {web: [{source: sub/b, dest: one}, {source: a, dest: two}]}\n";
    let files =
        [(".balena/balena.yml", text), (".balena/secrets/a", "1"), (".balena/secrets/sub/b", "2")];
    let metadata = read(&files).expect("taken");
    let secret = |id: &str, path: &str| BuildSecret {
        id: id.to_owned(),
        path: format!(".balena/secrets/{path}"),
    };
    assert_eq!(metadata.secrets_of("web"), [secret("one", "sub/b"), secret("two", "a")]);
    assert_eq!(metadata.secrets_of("other"), [secret("one", "a")]);
}

#[test]
fn what_makes_no_sense_is_refused_and_secrets_are_not_told() {
    for (files, text) in [
        (
            &[(".balena/x", ""), (".resin/x", "")][..],
            ".resin: the project has a folder .balena too",
        ),
        (
            &[(".balena/balena.yml", "{}"), (".balena/resin.json", "{}")],
            ".balena/balena.yml: the project has .balena/resin.json too",
        ),
        (
            &[(".balena/registry-secrets.json", "{\"hush\": [hush")],
            ".balena/registry-secrets.json: cannot be read",
        ),
        (&[(".balena/registry-secrets.json", "[]")], "has to be a map"),
        (
            &[(
                ".balena/registry-secrets.json",
                r#"{"r": {"username": "hush", "password": "hush", "x": 1}}"#,
            )],
            "r: has other keys",
        ),
        (
            &[(".balena/registry-secrets.json", r#"{"r": {"username": "hush"}}"#)],
            "r.password: has to be a text",
        ),
        (
            &[(".balena/balena.yml", "build-variables: {global: [hush]}")],
            "build-variables.global: has to be a list of NAME=value",
        ),
        (
            &[(".balena/balena.yml", "build-variables: {global: {A: [hush]}}")],
            "build-variables.global",
        ),
        (
            &[(".balena/balena.yml", "build-variables: {local: []}")],
            "build-variables.local: is not known",
        ),
        (
            &[(".balena/balena.yml", "build-variables: {global: ['1=hush']}")],
            "\"1\" is not a variable name",
        ),
        (
            &[(".balena/balena.yml", "build-secrets: {global: [{source: a, dest: b}]}")],
            "there is no file \".balena/secrets/a\"",
        ),
        (
            &[(".balena/balena.yml", "build-secrets: {global: [{source: ../../a, dest: b}]}")],
            "source: \"../../a\" leads out",
        ),
        (&[(".balena/balena.yml", "build-secrets: {global: [{source: a}]}")], "dest: is missing"),
    ] {
        let error = read(files).expect_err(text);
        assert!(
            error.contains(text) && !error.contains("hush") && !error.contains('\n'),
            "{error}"
        );
    }
}
