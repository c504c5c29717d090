//! Engines that are killed at any moment of a push: no row stays open, nothing is in the registry that no row knows, and
//! the next push works.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::engine_contexts::{BASE, busybox};
use super::projects::changed;
use super::pushes::Push;
use super::scene::Scene;
use super::stopped::any;
use crate::docker::Docker;

/// How often an engine is killed where nobody says so with `REMORA_ENGINE_KILLS`.
const KILLS: usize = 3;

fn kills() -> usize {
    let told = std::env::var("REMORA_ENGINE_KILLS");
    told.map_or(KILLS, |told| told.parse().expect("REMORA_ENGINE_KILLS is a number"))
}

/// A project that the engine has something to do for: no step of it is there already.
fn project(number: usize) -> Push {
    let change = format!("push {number}");
    let dockerfile = format!("{BASE}COPY data /data\nRUN echo {change}; sleep 0.2\nRUN true\n");
    let data = changed(7, &change);
    let files =
        [("Dockerfile", dockerfile.as_bytes()), ("busybox", busybox()), ("data", data.as_slice())];
    Push::of(&files)
}

fn engine(scene: &mut Scene) -> &mut Docker {
    Arc::get_mut(&mut scene.docker).expect("nobody else's")
}

/// The repositories of a registry with a tag.
fn tagged(registry: &Path) -> BTreeSet<String> {
    let Ok(repositories) = fs::read_dir(registry.join("docker/registry/v2/repositories/v2")) else {
        return BTreeSet::new();
    };
    let repositories = repositories.map(|entry| entry.expect("a folder"));
    let has_tag = repositories.filter(|one| one.path().join("_manifests/tags/latest").is_dir());
    has_tag.map(|one| format!("v2/{}", one.file_name().to_string_lossy())).collect()
}

/// The repositories that images have, and of those the ones whose images are there.
fn known(scene: &Scene) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut all, mut there) = (BTreeSet::new(), BTreeSet::new());
    for release in scene.rows().releases_of(scene.fleet) {
        let image = scene.image(release, "main");
        let location = image["is_stored_at__image_location"].as_str().expect("a place");
        let repository = location.split_once('/').expect("a host").1.to_owned();
        if image["status"] == "success" {
            there.insert(repository.clone());
        }
        all.insert(repository);
    }
    (all, there)
}

#[test]
fn an_engine_that_is_killed_at_any_moment_leaves_nothing_open() {
    let mut scene = Scene::alone(&[]);
    let begun = Instant::now();
    scene.pushed(project(0));
    let whole = u64::try_from(begun.elapsed().as_millis()).expect("a short time");
    for number in 1..=kills() {
        let moment = Duration::from_millis(any(whole));
        let pending = scene.begin(project(number));
        std::thread::sleep(moment);
        engine(&mut scene).kill();
        let answer = pending.answer();
        assert!(answer.is_complete(), "after {moment:?}: {answer:?}");
        for release in scene.rows().releases_of(scene.fleet) {
            assert_ne!(scene.status(release), "running", "after {moment:?}: {answer:?}");
            let images = scene.rows().image_statuses(release);
            assert_eq!(images.get("running"), None, "after {moment:?}: {answer:?}");
        }
        let (all, there) = known(&scene);
        let tagged = tagged(&scene.installation.registry.data());
        assert!(tagged.is_subset(&all) && there.is_subset(&tagged), "after {moment:?}: {answer:?}");
        println!("killed after {moment:?} of {whole} ms: exit {}", answer.exit_code());
        engine(&mut scene).start_again();
        scene.pushed(project(number));
    }
}
