//! Rebuilt images in registries: what the base has is not sent again.

use remora::apply::{ApplyOptions, Rebuilt, apply};
use remora::image::{Digest, Image, ImageContents, Transports};
use remora::progress::Silent;
use remora::store::Store;
use remora::v3::{self, CreateOptions};
use serde_json::json;

use super::release_pair;
use crate::images::{ImageBuilder, linux, parse};
use crate::registry_client;
use crate::registry_server::RegistryServer;

/// A registry, a client of it, and a store.
struct Scene {
    server: RegistryServer,
    client: Transports,
    store: Store,
    _folders: [tempfile::TempDir; 2],
}

impl Scene {
    fn new() -> Self {
        let server = RegistryServer::open();
        let (client, folder) = registry_client::client(1, &json!({}));
        let stored = tempfile::tempdir().expect("a folder");
        let store = Store::open(stored.path()).expect("a store");
        Scene { server, client, store, _folders: [folder, stored] }
    }

    fn push(&self, name: &str, contents: &ImageContents) -> Image {
        let reference = parse(&format!("{}/{name}", self.server.address()));
        self.client.write(&reference, contents, &Silent).expect("pushed");
        self.client.open(&reference, &linux()).expect("opened")
    }

    /// Makes the delta between two images, pushes it, and rebuilds the second with it.
    fn rebuild(&self, base: &Image, target: &Image) -> Rebuilt {
        let options = CreateOptions::default();
        let delta = v3::create(base, target, &self.store, &options, &Silent).expect("made");
        let delta = self.push("app:delta", delta.contents());
        let options = ApplyOptions::for_destination(base.reference());
        apply(base, &delta, &self.store, options, &Silent).expect("applies")
    }
}

fn digests(image: &Image) -> Vec<Digest> {
    image.manifest().expect("one").layers().iter().map(|layer| layer.digest).collect()
}

fn manifest_digest(image: &Image) -> Digest {
    image.manifest().expect("one").digest()
}

#[test]
fn layers_of_the_base_are_mounted_where_the_image_goes_and_not_sent() {
    let scene = Scene::new();
    let (base, target) = release_pair();
    let base = scene.push("app:1", &base.build());
    let target = scene.push("app:2", &target.build());
    let rebuilt = scene.rebuild(&base, &target);
    for repository in ["other", "app"] {
        let puts = format!("\"PUT /v2/{repository}/blobs/");
        let before = scene.server.count(&puts);
        let image = scene.push(&format!("{repository}:rebuilt"), rebuilt.contents());
        assert_eq!(image.id(), target.id());
        // Two layers are new. The config is the target's, which is in the base's repository.
        assert_eq!(scene.server.count(&puts), before + 2, "{}", scene.server.log());
        let (of_base, of_image) = (digests(&base), digests(&image));
        assert_eq!(of_image[..2], [of_base[0], of_base[2]], "one shared, one moved");
        // New layers are compressed anew, and the manifest names them.
        assert_ne!(manifest_digest(&image), manifest_digest(&target));
    }
    for layer in [0, 2] {
        let mounted = format!("mount={}&from=app HTTP/1.1\" 201", digests(&base)[layer]);
        let escaped = mounted.replace(':', "%3A");
        let count = scene.server.count(&mounted) + scene.server.count(&escaped);
        assert_eq!(count, 1, "{}", scene.server.log());
    }
}

#[test]
fn the_manifest_s_digest_is_kept_where_the_base_has_all_layers() {
    let scene = Scene::new();
    let (base, target) = release_pair();
    let base = scene.push("app:1", &base.build());
    let whole = scene.push("app:2", &target.build());
    // As we write manifests: the base's first and last layer in the other order, and another config.
    let fewer = |image: ImageBuilder, layers: &[usize]| {
        layers.iter().fold(image, |image, &layer| {
            image.layer(&scene.store.ensure_layer(&base, layer, &Silent).expect("there"))
        })
    };
    let target = fewer(crate::images::image(), &[2, 0]).with("author", "somebody else".into());
    let target = scene.push("app:3", &target.build());
    let known = scene.push("app:4", scene.rebuild(&base, &target).contents());
    assert_eq!(known.id(), target.id());
    for base in [&base, &whole] {
        let rebuilt = scene.rebuild(base, &known);
        let image = scene.push("elsewhere:5", rebuilt.contents());
        let all_known = digests(&known).iter().all(|layer| digests(base).contains(layer));
        assert_eq!(manifest_digest(&image) == manifest_digest(&known), all_known);
        assert!(all_known, "both have these layers");
    }
    assert_eq!(scene.server.count("\"PUT /v2/elsewhere/blobs/"), 0, "all is mounted");
}
