//! What projects say beside their Dockerfile: templates, settings of builds, secrets, contracts.

use super::engine_contexts::busybox;
use super::projects::steps;
use super::pushes::Push;
use super::scene::Scene;
use crate::installation::BUILDER_TOKEN;
use crate::registry_server::{Access, RegistryServer};

const SHELL: &str = "FROM scratch\nCOPY busybox /bin/sh\n";

fn project(files: &[(&str, &str)]) -> Push {
    let own = files.iter().map(|(name, text)| (*name, text.as_bytes()));
    Push::of(&own.chain([("busybox", busybox())]).collect::<Vec<_>>())
}

#[test]
fn templates_know_the_fleet_and_the_release() {
    let scene = Scene::new();
    let template = format!(
        "{SHELL}RUN echo \"is-%%BALENA_MACHINE_NAME%%-%%BALENA_ARCH%%-%%BALENA_APP_NAME%%-%%BALENA_SERVICE_NAME%%\"\n\
         LABEL hash=%%BALENA_RELEASE_HASH%%\n"
    );
    let answer = scene.push(project(&[("Dockerfile.template", &template)]));
    assert_eq!(answer.exit_code(), 0, "{answer:?}");
    let release = answer.release_id().expect("a release");
    let (device, architecture) = match cfg!(target_arch = "aarch64") {
        true => ("raspberrypi4-64", "aarch64"),
        false => ("intel-nuc", "amd64"),
    };
    let line = format!("is-{device}-{architecture}-fleet-main");
    assert!(answer.messages().iter().any(|said| said.ends_with(&line)), "{answer:?}");
    let commit = scene.rows().release_row(release)["commit"].clone();
    let image = scene.image(release, "main");
    let dockerfile = image["dockerfile"].as_str().expect("text");
    assert!(dockerfile.contains(commit.as_str().expect("a commit")), "{dockerfile}");
    assert_eq!(image["project_type"], "Dockerfile.template");

    // The device type's own Dockerfile is stronger than all others.
    let own = format!("Dockerfile.{device}");
    let release = scene.pushed(project(&[(&own, SHELL), ("Dockerfile", "FROM nowhere\n")]));
    let image = scene.image(release, "main");
    assert_eq!(image["project_type"], "Architecture-specific Dockerfile");
}

#[test]
fn build_variables_become_arguments_and_build_secrets_stay_out_of_the_image() {
    let scene = Scene::new();
    let settings = "build-variables:\n  global: [A=global, B=global]\n  services:\n    main: {B: own}\n\
                    build-secrets:\n  global: [{source: key, dest: the-key}]\n";
    let dockerfile = format!(
        "{SHELL}ARG A\nARG B\nRUN echo \"$A-$B-$((40+2))\"\n\
         RUN --mount=type=secret,id=the-key read key < /run/secrets/the-key; \
         echo \"read-${{#key}}-$((40+2))\"\n"
    );
    let answer = scene.push(project(&[
        ("Dockerfile", &dockerfile),
        (".balena/balena.yml", settings),
        (".balena/secrets/key", "not-a-secret-of-anybody"),
    ]));
    assert_eq!(answer.exit_code(), 0, "{answer:?}");
    for said in ["global-own-42", "read-23-42"] {
        assert!(answer.text().contains(said), "{said}: {answer:?}");
    }
    let release = answer.release_id().expect("a release");
    let image = scene.image(release, "main");
    assert!(!image.to_string().contains("not-a-secret-of-anybody"), "{image}");
    assert!(!scene.builder.log().contains("not-a-secret-of-anybody"));
    let opened = scene.installation.open(&scene.reference(release, "main"));
    for layer in 0..opened.layer_count() {
        let tar = crate::sample_image::layer_tar(&opened, layer).expect("a layer");
        let found = tar.windows(23).any(|window| window == b"not-a-secret-of-anybody");
        assert!(!found, "in layer {layer}");
    }
}

#[test]
fn a_base_image_behind_a_login_needs_the_projects_secret() {
    let scene = Scene::alone(&[]);
    let registry = RegistryServer::start(&Access::Password("curlew", "pass-9-word"), None);
    let base = format!("{}/library/base:1", registry.address());
    scene.pushed(steps("RUN echo base"));
    crate::tools::run("sh", &["-c", &copying(&scene, &base)]);
    let dockerfile = format!("FROM {base}\nRUN echo upon-$((40+2))\n");
    let bare = scene.failed(project(&[("Dockerfile", &dockerfile)]));
    assert!(bare.contains("main: "), "{bare}");
    let secrets = format!(
        "{{\"{}\":{{\"username\":\"curlew\",\"password\":\"pass-9-word\"}}}}",
        registry.address()
    );
    let files = [("Dockerfile", dockerfile.as_str()), (".balena/registry-secrets.json", &secrets)];
    let answer = scene.push(project(&files));
    assert!(answer.exit_code() == 0 && answer.text().contains("upon-42"), "{answer:?}");
    assert!(!scene.builder.log().contains("pass-9-word"));
}

/// Copies the release's image to another registry.
fn copying(scene: &Scene, to: &str) -> String {
    let from = scene.reference(scene.release(), "main");
    format!(
        "skopeo --insecure-policy copy --src-tls-verify=false --dest-tls-verify=false \
         --src-creds builder:{BUILDER_TOKEN} --dest-creds curlew:pass-9-word \
         docker://{from} docker://{to}"
    )
}

#[test]
fn contracts_and_versions_are_in_the_rows() {
    let scene = Scene::new();
    let contract = "name: thermometer\ntype: sw.application\nversion: 1.4.0\n";
    let compose = "services:\n  main:\n    build: .\n    labels:\n      \
                   io.balena.features.requires.arch.sw: amd64\n";
    let release = scene.pushed(project(&[
        ("balena.yml", contract),
        ("docker-compose.yml", compose),
        ("Dockerfile", SHELL),
    ]));
    let row = scene.rows().release_row(release);
    assert_eq!(row["contract"]["name"], "thermometer");
    assert_eq!(scene.rows().standing(release).raw_version, "1.4.0");
    let image = scene.image(release, "main");
    assert_eq!(image["contract"]["requires"][0]["slug"], "amd64", "{image}");

    let wrong = scene.failed(project(&[
        ("balena.yml", "name: a\ntype: sw.application\nversion: one\n"),
        ("Dockerfile", SHELL),
    ]));
    assert!(wrong.contains("balena.yml") && wrong.contains("version"), "{wrong}");
}
