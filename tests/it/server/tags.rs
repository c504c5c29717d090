//! Delta tags: whose they are, and what becomes of one that is deleted.

use super::{SEEN_LIFE, SIZE, Scene, assert_applies};
use crate::installation::{Installation, Pair};
use crate::sample_image::{SampleImage, Style};

#[test]
fn another_tools_image_under_the_tag_is_neither_given_out_nor_overwritten() {
    let scene = Scene::new(&[]);
    let usual = scene.usual_name();
    let tag = usual.rsplit(':').next().expect("a tag");
    let foreign = SampleImage::new(Style::Docker, "no delta");
    scene.installation.push(&scene.target.repository, tag, &foreign);

    let name = scene.ask_on(3).name();
    assert_ne!(name, usual);
    assert_applies(&scene.installation, &name, &scene.base, &scene.target);
    assert_eq!(scene.installation.open(&usual).id(), foreign.id());
}

#[test]
fn the_delta_for_an_older_base_stays_beside_that_for_the_newer() {
    let scene = Scene::new(&[]);
    let old = scene.ask_on(3).name();
    let newer = scene.installation.push(
        &scene.base.repository,
        "newer",
        &Pair::similar(1, SIZE - 512).base,
    );
    let answer = scene.server.delta(3, &newer.reference, &scene.target.reference, &scene.token);
    assert_ne!(answer.name(), old);
    assert_applies(&scene.installation, &answer.name(), &newer, &scene.target);
    assert_eq!(scene.ask(3).name(), old);
    assert_applies(&scene.installation, &old, &scene.base, &scene.target);
}

#[test]
fn a_delta_that_is_there_already_is_not_built_again() {
    let mut scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    let blobs = scene.installation.proxy.count("POST /v2/");
    // A server that knows nothing of it: all it has is new.
    let folder = scene.installation.path("other").display().to_string();
    scene.restart(&[("REMORA_DATA", &folder)]);
    assert_eq!(scene.ask_on(3).name(), name);
    assert_eq!(scene.installation.proxy.count("POST /v2/"), blobs);
}

#[test]
fn a_delta_that_was_deleted_is_built_again_and_never_named_before() {
    let scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    delete(&scene.installation, &name);
    std::thread::sleep(SEEN_LIFE);
    let again = scene.ask_on(3).name();
    assert_applies(&scene.installation, &again, &scene.base, &scene.target);
}

#[test]
fn a_delta_that_somebody_replaced_is_not_given_out() {
    let scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    let tag = name.rsplit(':').next().expect("a tag");
    let foreign = SampleImage::new(Style::Docker, "no delta");
    scene.installation.push(&scene.target.repository, tag, &foreign);
    std::thread::sleep(SEEN_LIFE);
    let again = scene.ask_on(3).name();
    assert_applies(&scene.installation, &again, &scene.base, &scene.target);
}

/// Deletes an image's manifest, as the registry's weekly clean-up would.
fn delete(installation: &Installation, name: &str) {
    let digest = installation.open(name).manifest().expect("a manifest").digest().to_string();
    let (repository, _) = name.rsplit_once(':').expect("a tag");
    let (_, repository) = repository.split_once('/').expect("a host");
    // Not by HTTP: that takes a token with `delete`, which the API grants nobody.
    let folder =
        installation.registry.data().join("docker/registry/v2/repositories").join(repository);
    let revision =
        folder.join("_manifests/revisions/sha256").join(digest.trim_start_matches("sha256:"));
    std::fs::remove_dir_all(revision).expect("removed");
    let tags = std::fs::read_dir(folder.join("_manifests/tags")).expect("tags");
    for tag in tags.map(|tag| tag.expect("an entry").path()) {
        let link = std::fs::read_to_string(tag.join("current/link")).expect("a link");
        if link == digest {
            std::fs::remove_dir_all(tag).expect("removed");
        }
    }
}

#[test]
fn a_delta_is_no_image_that_deltas_are_made_of() {
    let scene = Scene::new(&[]);
    let delta = scene.ask_on(3).name();
    let (base, target) = (&scene.base.reference, &scene.target.reference);
    for version in [3, 2] {
        for (src, dest) in [(&delta, target), (base, &delta)] {
            let answer = scene.server.delta(version, src, dest, &scene.token);
            assert_eq!(answer.status, 422, "{}", answer.text());
            assert!(answer.text().contains("it is a delta"), "{}", answer.text());
        }
    }
}
