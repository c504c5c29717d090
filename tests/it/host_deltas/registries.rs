//! Artifacts on their way through other people's registries and tools.

use std::collections::BTreeSet;

use remora::apply::find_deltas;
use remora::image::{ImageContents, ImageReference};
use remora::progress::Silent;

use super::{DIALECTS, Scene, small_pair};
use crate::images::parse;
use crate::registry_server::RegistryServer;
use crate::tools::skopeo;

#[test]
fn what_skopeo_copied_into_a_registry_is_applied_from_there() {
    let registry = RegistryServer::open();
    for dialect in DIALECTS {
        let scene = Scene::new(dialect);
        let local = scene.bench.reference("delta");
        scene.bench.transports.write(&local, &scene.delta.contents(), &Silent).expect("written");
        let place = format!("{}/app:{dialect}", registry.address());
        let there = format!("docker://{place}");
        skopeo(&["copy", "--dest-tls-verify=false", "--quiet", &local.to_string(), &there]);
        assert_eq!(
            scene.apply_from(&parse(&place)).expect("applies"),
            scene.target.config().bytes()
        );
    }
}

#[test]
fn a_registry_that_lists_no_referrers_has_both_kinds_of_delta_under_the_tag_that_stands_in_for_it()
{
    // Debian's registry has no referrers API: whoever pushes keeps the list.
    let registry = RegistryServer::open();
    let image = parse(&format!("{}/app:2", registry.address()));
    let ImageReference::Registry(name) = &image else { panic!("a registry's: {image}") };
    let scenes = DIALECTS.map(Scene::new);
    for (scene, dialect) in scenes.iter().zip(DIALECTS) {
        let place = parse(&format!("{}/app:any-{dialect}", registry.address()));
        let write = |place: &ImageReference, contents: &ImageContents| {
            scene.bench.transports.write(place, contents, &Silent).expect("pushed");
        };
        write(&image, &small_pair().1.build());
        write(&place, &scene.delta.contents());
        // Pushed again, a delta is listed once.
        write(&place, &scene.delta.contents());
    }
    let opened = scenes[0].bench.open(&image);
    let found =
        find_deltas(&scenes[0].bench.transports, name, &opened, None, &Silent).expect("answered");
    let formats: BTreeSet<_> = found.iter().map(|delta| delta.format).collect();
    assert_eq!((found.len(), formats), (2, DIALECTS.into_iter().collect()));
    for delta in &found {
        let place = ImageReference::Registry(delta.reference.clone());
        let applied = scenes[0].apply_from(&place).expect("applies");
        assert_eq!(applied, scenes[0].target.config().bytes());
    }
}
