//! Projects that cannot be built: an outcome with the reason, and no row that says that it goes on.

use super::engine_contexts::{busybox, native};
use super::projects::{services, steps};
use super::pushes::Push;
use super::scene::Scene;
use super::together::foreign;
use crate::openbalena::WriteFault;
use crate::registry_server::RegistryServer;

#[test]
fn a_step_that_fails_fails_its_image_and_cancels_the_others() {
    let scene = Scene::new();
    let push = services(&[("bad", "RUN echo before; exit 7"), ("slow", "RUN sleep 600")]);
    let told = scene.failed(push);
    assert!(told.contains("bad: ") && told.contains("non-zero code: 7"), "{told}");
    let release = scene.release();
    scene.assert_ended(release, "failed");
    let image = scene.image(release, "bad");
    assert_eq!(image["status"], "failed");
    let text = |name: &str| image[name].as_str().expect("text").to_owned();
    assert!(text("error_message").contains("non-zero code: 7"), "{image}");
    assert!(text("build_log").contains("\nbefore"), "{image}");
    assert_eq!(scene.image(release, "slow")["status"], "cancelled");
    assert!(scene.rows().release_row(release)["end_timestamp"].is_string());
    scene.pushed(steps("RUN echo better"));
}

#[test]
fn an_image_for_other_processors_than_the_fleets_is_no_release() {
    let scene = Scene::new();
    let (device, other) = match cfg!(target_arch = "aarch64") {
        true => ("intel-nuc", "amd64"),
        false => ("raspberrypi4-64", "aarch64"),
    };
    scene.rows().set_device_type(scene.fleet, device, other);
    let registry = RegistryServer::open();
    let (base, _) = foreign(&registry, "library/base:1", native().of_images());
    let dockerfile = format!("FROM {base}\nCOPY a /a\n");
    let push = Push::of(&[("Dockerfile", dockerfile.as_bytes()), ("a", b"a")]);
    let told = scene.failed(push);
    assert!(told.contains("the fleet's devices are"), "{told}");
    scene.assert_ended(scene.release(), "failed");
}

#[test]
fn a_project_that_is_not_understood_leaves_no_row() {
    let scene = Scene::new();
    let compose = |text: &'static str| {
        Push::of(&[("docker-compose.yml", text.as_bytes()), ("Dockerfile", b"FROM scratch\n")])
    };
    for (push, word) in [
        (Push::of(&[("a.txt", b"a")]), "Could not find a Dockerfile"),
        (Push::of(&[("package.json", b"{}")]), "Dockerfile"),
        (Push::of(&[("Dockerfile", b"FROM a\n")]).parameter("dockerfilePath", "b/c"), "b/c"),
        (compose("services: {a: {build: ., deploy: {replicas: 2}}}"), "deploy"),
        (compose("services: {a: {build: ., configs: [a]}}"), "configs"),
        (compose("services: {a: {extends: {service: b}}}"), "extends"),
        (compose("services: {a: {build: ./b}}"), "b"),
        (compose("services: [a"), "docker-compose.yml"),
        (Push::of(&[("Dockerfile.template", b"FROM %%NO_SUCH%%\n")]), "NO_SUCH"),
    ] {
        let told = scene.failed(push);
        assert!(told.contains(word), "{word}: {told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    assert!(scene.rows().releases_of(scene.fleet).is_empty());
    assert_eq!(scene.rows().writes(), 0);
}

#[test]
fn several_services_need_a_fleet_that_takes_them() {
    let scene = Scene::new();
    scene.rows().single_container(scene.fleet);
    let told = scene.failed(services(&[("a", "RUN true"), ("b", "RUN true")]));
    assert!(told.contains("2 services"), "{told}");
    scene.pushed(Push::of(&[("Dockerfile", b"FROM scratch\nCOPY b /b\n"), ("b", busybox())]));
}

#[test]
fn a_label_that_the_api_does_not_take_ends_what_engines_do() {
    let scene = Scene::new();
    scene.rows().fail_writes("POST /v7/image_label", 3, 1, WriteFault::Status(400));
    let told = scene.failed(steps("RUN sleep 600"));
    assert!(told.contains("400"), "{told}");
    let release = scene.release();
    scene.assert_ended(release, "failed");
    assert_eq!(scene.image(release, "main")["status"], "cancelled");
    scene.pushed(steps("RUN true"));
}
