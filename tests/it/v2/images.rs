//! v2 deltas of images: layers from a store, configs in front.

use std::fs;
use std::io::{Read as _, Seek as _};
use std::os::unix::fs::PermissionsExt as _;

use remora::ErrorKind;
use remora::image::DiffId;
use remora::progress::Silent;
use remora::store::Store;
use remora::v2::{self, CreateOptions, ListScope};

use super::assert_applies;
use super::layers::Unpacked;
use super::tree::Tree;
use crate::images::{Bench, image};

#[test]
fn layers_come_from_images_and_the_config_goes_in_front() {
    let bench = Bench::new();
    let system = Tree::new().file("etc/os", b"NAME=test").file("lib/l", &[7; 50_000]).tar();
    let old = Tree::new().file("app/a", b"1").file("app/gone", b"1").tar();
    let new = Tree::new().file("app/a", b"2").symlink("app/l", "a").tar();
    let base = bench.put("base", &image().layer(&system).layer(&old).build());
    let target = bench.put("target", &image().layer(&system).layer(&new).build());

    let mut out = tempfile::tempfile().expect("a file");
    let options = CreateOptions::default();
    let report = v2::create(&base, &target, &bench.store, &options, &out, &Silent).expect("made");
    assert_eq!((report.base_id, report.target_id), (base.id(), target.id()));
    // What both have is not even mentioned.
    assert_eq!(report.sizes.entries, 4);
    out.rewind().expect("a file");
    let mut delta = Vec::new();
    out.read_to_end(&mut delta).expect("readable");
    assert_eq!(report.delta_bytes, delta.len() as u64);

    let inspection = v2::inspect(&delta[..], None).expect("whole");
    let runtime = target.config().runtime();
    assert_eq!(inspection.config["Env"], runtime["Env"]);
    assert_eq!(inspection.config["Labels"], runtime["Labels"]);

    let base = Unpacked::new(&[&system, &old]).expect("unpacked");
    let target = Unpacked::new(&[&system, &new]).expect("unpacked");
    assert_applies(&delta, &base.root(), &target.root());
}

#[test]
fn the_same_images_make_the_same_delta_with_any_number_of_threads() {
    let tree = |seed: u32| {
        let content: Vec<u8> = (0..3_000_000u32)
            .map(|at| ((at.wrapping_mul(2_654_435_761) >> 13) % (at % 50 + seed)) as u8)
            .collect();
        (0..40u32).fold(Tree::new().file("large", &content), |tree, number| {
            let start = (number * 1000) as usize;
            tree.file(&format!("d/{number}"), &content[start..start * 3])
        })
    };
    let (base, target) = (tree(20), tree(21));
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| super::delta(&base, &target, &CreateOptions::default()).expect("made"))
    };
    let alone = with(1);
    assert!(alone == with(2) && alone == with(16));
}

/// Changes one byte of a stored layer, whose modes keep others from doing so by accident.
fn damage(store: &Store, diff_id: DiffId, at: usize) {
    let path = store.path().join("layers").join(diff_id.0.hex());
    let mut bytes = fs::read(&path).expect("stored");
    bytes[at] ^= 1;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("ours");
    fs::write(&path, bytes).expect("ours");
}

#[test]
fn a_damaged_stored_layer_makes_no_delta_whichever_image_has_it() {
    let bench = Bench::new();
    let [system, old, new] = ["system", "old", "new"].map(|name| {
        Tree::new().file(name, name.repeat(500).as_bytes()).file("changes", name.as_bytes()).tar()
    });
    let base = bench.put("base", &image().layer(&system).layer(&old).build());
    let target = bench.put("target", &image().layer(&system).layer(&new).build());
    let file = || tempfile::tempfile().expect("a file");
    let create = |options| v2::create(&base, &target, &bench.store, &options, &file(), &Silent);
    let diff_ids = [base.config().diff_ids(), target.config().diff_ids()];
    for (side, layer, diff_id) in
        [("base", 1, diff_ids[0][0]), ("base", 2, diff_ids[0][1]), ("target", 2, diff_ids[1][1])]
    {
        create(CreateOptions::default()).expect("sound");
        // In content, in what nothing reads (the end of the tar), and in a header.
        for at in [2100, 0, 150] {
            for list in [ListScope::Pruned, ListScope::Full] {
                damage(&bench.store, diff_id, at);
                let mut options = CreateOptions::default();
                options.list = list;
                let error = create(options).expect_err("damaged");
                let expected = format!(
                    "{side} layer {layer} in the store does not hash to its diff ID {diff_id}"
                );
                assert_eq!(error.to_string(), expected);
                assert_eq!(error.kind(), ErrorKind::Environment);
                // It has been dropped.
                create(CreateOptions::default()).expect("fetched anew");
            }
        }
    }
}
