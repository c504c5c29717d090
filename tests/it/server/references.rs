//! Every form of reference that clients send.

use super::{SIZE, Scene, assert_applies};
use crate::installation::{Pair, Pushed};

#[test]
fn every_form_of_reference_means_the_same_pair() {
    let scene = Scene::new(&[]);
    let name = scene.ask_on(3).name();
    let host = scene.installation.registry_host();
    let forms = |image: &Pushed| {
        let digest = image.image.manifest_digest();
        [
            format!("{host}/{}", image.repository),
            format!("{host}/{}:latest", image.repository),
            format!("{host}/{}@{digest}", image.repository),
            // A digest decides, whatever the tag is.
            format!("{host}/{}:gone@{digest}", image.repository),
        ]
    };
    for src in forms(&scene.base) {
        for dest in forms(&scene.target) {
            for (src, dest) in [(src.clone(), dest.clone()), (encoded(&src), encoded(&dest))] {
                let answer = scene.server.delta(3, &src, &dest, &scene.token);
                assert_eq!(answer.name(), name, "{src} {dest}");
            }
        }
    }
}

/// With everything percent-encoded that query parameters usually have percent-encoded.
fn encoded(reference: &str) -> String {
    reference.replace('/', "%2F").replace(':', "%3a").replace('@', "%40")
}

#[test]
fn images_of_multi_stage_builds_have_a_number_behind_their_name() {
    let scene = Scene::new(&[]);
    let pair = Pair::similar(5, SIZE);
    let hash = scene.base.repository.clone();
    let base = scene.installation.push(&format!("{hash}-0"), "latest", &pair.base);
    let target = scene.installation.push(&format!("{hash}-1"), "latest", &pair.target);
    let token = scene.installation.token(&[&base.repository, &target.repository]);
    let (src, dest) = (&base.reference, &target.reference);
    let name = scene.server.delta(3, src, dest, &token).name();
    assert_applies(&scene.installation, &name, &base, &target);
}

#[test]
fn a_tag_that_moves_on_is_another_pair() {
    let scene = Scene::new(&[]);
    let host = scene.installation.registry_host();
    let dest = format!("{host}/{}:latest", scene.target.repository);
    let ask = || scene.server.delta(3, &scene.base.reference, &dest, &scene.token).name();
    let first = ask();
    assert_applies(&scene.installation, &first, &scene.base, &scene.target);

    let image = Pair::similar(1, SIZE - 512).target;
    let newer = scene.installation.push(&scene.target.repository, "latest", &image);
    // What a tag names may be a few seconds old; then the name is another one.
    let mut name = first.clone();
    while name == first {
        std::thread::sleep(std::time::Duration::from_millis(100));
        name = ask();
    }
    assert_applies(&scene.installation, &name, &scene.base, &newer);
}
