//! Several services, and several pushes at once.

use remora::image::{Digest, ImageReference, TransportSettings, Transports};
use remora::progress::Silent;

use super::engine_contexts::{busybox, native};
use super::projects::steps;
use super::pushes::Push;
use super::scene::Scene;
use crate::registry_server::RegistryServer;
use crate::sample_image::{SampleImage, Style, noise, tar};

/// Pushes an image for `architecture` into a registry of somebody else.
pub(super) fn foreign(
    registry: &RegistryServer,
    name: &str,
    architecture: &str,
) -> (String, Digest) {
    let layers = vec![tar("a", &noise(5, 30_000)), tar("b", b"some text")];
    let image = SampleImage::of_tars(Style::Oci, architecture, layers);
    let name = format!("{}/{name}", registry.address());
    let reference: ImageReference = name.parse().expect("a reference");
    let transports = Transports::new(TransportSettings::default()).expect("transports");
    let digest = transports.write(&reference, &image.contents, &Silent).expect("pushed");
    (name, digest)
}

fn beside_an_image(name: &str) -> Push {
    let compose = format!(
        "services:\n  web: {{build: ./web, depends_on: [db]}}\n  db: {{image: \"{name}\", environment: [A=b]}}\n"
    );
    Push::of(&[
        ("docker-compose.yml", compose.as_bytes()),
        ("web/Dockerfile", b"FROM scratch\nCOPY busybox /bin/sh\nRUN echo web\n"),
        ("web/busybox", busybox()),
    ])
}

#[test]
fn an_image_that_others_made_is_copied_as_it_is() {
    let registry = RegistryServer::open();
    let scene = Scene::with(&[("REMORA_LOCAL_REGISTRIES", &registry.address())]);
    let (name, digest) = foreign(&registry, "library/db:1", native().of_images());
    let release = scene.pushed(beside_an_image(&name));
    let image = scene.image(release, "db");
    assert_eq!(image["content_hash"], digest.to_string());
    assert_eq!(image["project_type"], "external service");
    assert_eq!(image["status"], "success");
    let copy = scene.installation.open(&scene.reference(release, "db"));
    assert_eq!(copy.manifest().expect("a manifest").digest(), digest);
    assert_eq!(scene.rows().image_variables(release, "db")["A"], "b");
    assert_eq!(scene.image(release, "web")["project_type"], "Standard Dockerfile");
}

#[test]
fn nobody_who_pushes_has_the_builder_ask_its_own_machine() {
    let scene = Scene::new();
    let registry = RegistryServer::open();
    let (name, _) = foreign(&registry, "library/db:1", native().of_images());
    let asked = registry.count("library/db");
    let told = scene.failed(beside_an_image(&name));
    assert!(told.contains("is not set to ask"), "{told}");
    assert_eq!(registry.count("library/db"), asked, "{told}");
}

#[test]
fn an_image_for_other_processors_or_from_nowhere_is_refused() {
    let registry = RegistryServer::open();
    let scene = Scene::with(&[("REMORA_LOCAL_REGISTRIES", &registry.address())]);
    let (name, _) = foreign(&registry, "library/db:1", "s390x");
    let told = scene.failed(beside_an_image(&name));
    assert!(told.contains("db: ") && told.contains("s390x"), "{told}");
    let nowhere = format!("{}/library/nowhere:1", registry.address());
    let told = scene.failed(beside_an_image(&nowhere));
    assert!(told.contains("db: ") && told.contains("library/nowhere"), "{told}");
    for release in scene.rows().releases_of(scene.fleet) {
        scene.assert_ended(release, "failed");
    }
}

#[test]
fn pushes_of_one_fleet_wait_for_places_and_the_last_begun_is_what_it_runs() {
    let scene = Scene::alone(&[("REMORA_ENGINE_BUILDS", "1")]);
    let push = |number: usize| steps(&format!("RUN echo {number}; sleep 1"));
    let answers: Vec<_> = std::thread::scope(|scope| {
        let scene = &scene;
        let pushes = [0, 1, 2, 3].map(|number| scope.spawn(move || scene.push(push(number))));
        pushes.map(|pushing| pushing.join().expect("no panic")).into()
    });
    for answer in &answers {
        assert!(answer.is_complete() && answer.exit_code() == 0, "{answer:?}");
    }
    let waited =
        answers.iter().filter(|answer| answer.text().contains("Waiting for a place to build main"));
    assert!(waited.count() >= 2, "{answers:?}");
    let releases = scene.rows().releases_of(scene.fleet);
    assert_eq!(releases.len(), answers.len());
    let started = |release: &u64| {
        let row = scene.rows().release_row(*release);
        row["start_timestamp"].as_str().expect("a time").to_owned()
    };
    let last = releases.iter().map(started).max().expect("releases");
    let targets: Vec<&u64> =
        releases.iter().filter(|release| scene.rows().standing(**release).is_target).collect();
    assert_eq!(targets.len(), 1);
    assert_eq!(started(targets[0]), last);
    assert!(releases.iter().all(|release| scene.rows().standing(*release).is_final));
}
