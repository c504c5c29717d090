//! Engines that build for other processors than their own: what they have of one kind is not taken for another.

use super::engine_contexts::native;
use super::projects::data;
use super::pushes::Push;
use super::scene::Scene;
use super::together::foreign;
use crate::registry_server::RegistryServer;

/// Device type and architecture of the fleet, and the architecture of its images.
type Kind = (&'static str, &'static str, &'static str);

const PI: Kind = ("raspberrypi4-64", "aarch64", "arm64");
const NUC: Kind = ("intel-nuc", "amd64", "amd64");

/// The kind of this machine, and the other one.
fn kinds() -> (Kind, Kind) {
    if native().of_images() == PI.2 { (PI, NUC) } else { (NUC, PI) }
}

/// Pushes as a fleet of this kind; returns the answer's text.
#[track_caller]
fn pushed_for(scene: &Scene, (device_type, architecture, image): Kind, push: Push) -> String {
    scene.rows().set_device_type(scene.fleet, device_type, architecture);
    let answer = scene.push(push);
    assert!(answer.is_complete() && answer.exit_code() == 0, "{answer:?}");
    let release = answer.release_id().expect("a release");
    let there = scene.installation.open(&scene.reference(release, "main"));
    assert_eq!(there.config().architecture(), image, "{answer:?}");
    answer.text()
}

#[test]
fn a_base_image_that_the_engine_has_for_other_processors_is_fetched_anew() {
    let (registry, scene) = (RegistryServer::open(), Scene::new());
    let (own, other) = kinds();
    for kind in [own, other, own] {
        let (base, _) = foreign(&registry, "library/base:1", kind.2);
        let dockerfile = format!("ARG BASE={base}\nFROM $BASE AS first\nCOPY a /a\nFROM first\n");
        let push = Push::of(&[("Dockerfile", dockerfile.as_bytes()), ("a", b"a")]);
        pushed_for(&scene, kind, push);
    }
}

#[test]
fn layers_on_nothing_are_built_for_each_kind_of_processor() {
    let scene = Scene::alone(&[]);
    let (own, other) = kinds();
    let words = "building again without it";
    assert!(!pushed_for(&scene, own, data(1, "")).contains(words));
    assert!(pushed_for(&scene, other, data(1, "")).contains(words));
}
