//! v2 deltas of images: layers from a store, configs in front.

use std::io::{Read as _, Seek as _};

use remora::progress::Silent;
use remora::v2::{self, CreateOptions};

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
