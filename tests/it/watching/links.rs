//! Fleets that say themselves what links their devices have.

use std::collections::BTreeMap;

use super::{Scene, until};
use crate::installation::{Pair, ServerProcess};

/// Fleets whose devices run the first image of a pair and get the second: a slug, and the pair's references.
fn fleets(scene: &Scene) -> BTreeMap<&'static str, (String, String)> {
    let mut fleets = BTreeMap::new();
    for (number, slug) in [(50, "org/fibre"), (51, "org/ships")] {
        let (base, target) = scene.installation.push_pair(number, &Pair::scattered(number as u64));
        let api = &scene.installation.api.openbalena;
        let fleet = api.fleet(slug);
        api.config_variable(fleet, "BALENA_SUPERVISOR_DELTA_VERSION", "3");
        let release = |commit: &str, image: &crate::installation::Pushed| {
            let location = format!("{}/{}", scene.installation.registry_host(), image.repository);
            let digest = image.image.manifest_digest().to_string();
            let release = api.release(fleet, &format!("{commit:0>40}"));
            release.image("web", &location, Some(&digest), 1).add()
        };
        api.device(fleet).runs(release(&format!("{number}a"), &base)).add();
        release(&format!("{number}b"), &target);
        if slug == "org/fibre" {
            api.environment_variable(fleet, "REMORA_LINK_RATE", "1G");
        }
        fleets.insert(slug, (base.reference, target.reference));
    }
    fleets
}

fn commands(scene: &Scene, server: &ServerProcess, pair: &(String, String)) -> Option<u64> {
    let name = |reference: &str| {
        let (repository, _) = reference.split_once('@').expect("a digest");
        repository.split_once('/').expect("a host").1.to_owned()
    };
    let token = scene.installation.token(&[&name(&pair.0), &name(&pair.1)]);
    let path = format!("/api/v3/status?src={}&dest={}", pair.0, pair.1);
    let bearer = format!("Bearer {token}");
    server.ask("GET", &path, &[("Authorization", &bearer)]).json()["commands"].as_u64()
}

#[test]
fn a_delta_is_made_for_the_link_that_the_fleet_is_set_to() {
    let scene = Scene::new();
    let fleets = fleets(&scene);
    let server = scene.watch(&[("REMORA_LINK_RATE", "100k")]);
    let made = |slug| commands(&scene, &server, &fleets[slug]);
    until("both", &server, || made("org/fibre").is_some() && made("org/ships").is_some());
    let (fast, slow) = (made("org/fibre").expect("made"), made("org/ships").expect("made"));
    assert!(fast * 10 < slow, "few commands for a fast link: {fast}, {slow}");
}
