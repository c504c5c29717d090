//! Writers of one OCI layout: together, failing, and killed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use remora::image::{BlobData, ImageContents, Transports, parse_manifest};
use remora::progress::Silent;

use crate::images::{Bench, ImageBuilder, image, linux, noise, parse, tar};

/// Enough layers that taking them away again takes a while.
const LAYERS: u64 = 200;

fn image_of_many_layers() -> ImageBuilder {
    (0..LAYERS).fold(image(), |image, seed| image.layer(&tar(&[("file", &noise(seed, 100))])))
}

/// The same image with a layer more, which can't be read.
fn with_a_missing_layer(image: ImageBuilder) -> ImageContents {
    let mut broken = image.layer(&tar(&[("file", b"missing")])).build();
    broken.layers.last_mut().expect("a layer").data = BlobData::File(PathBuf::from("/nowhere"));
    broken
}

#[test]
fn a_writer_that_fails_takes_nothing_away_from_one_that_waited() {
    let many = image_of_many_layers();
    let (contents, broken) = (many.build(), with_a_missing_layer(many));
    for _ in 0..3 {
        let bench = Bench::new();
        let (good, bad) = (bench.reference("good"), bench.reference("bad"));
        let layout = bench.path().join("layout");
        std::thread::scope(|scope| {
            let failing = scope.spawn(|| bench.transports.write(&bad, &broken, &Silent));
            while !failing.is_finished() && blobs(&layout).len() < 3 {
                std::thread::yield_now();
            }
            bench.transports.write(&good, &contents, &Silent).expect("written");
            failing.join().expect("no panic").expect_err("a layer is missing");
        });
        let image = bench.open(&good);
        for layer in 0..image.layer_count() {
            let mut bytes = image.open_layer(layer).expect("there");
            std::io::copy(&mut bytes, &mut std::io::sink()).expect("whole");
        }
    }
}

/// The blobs of a layout.
fn blobs(layout: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(layout.join("blobs/sha256")) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().into_string().expect("text"));
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}

/// Kills a writer of `layout` when it has added some blobs.
fn kill_a_writer(bench: &Bench, layout: &Path) {
    let (there, delta) = (blobs(layout).len(), bench.reference("many"));
    let output = format!("oci:{}:killed", layout.display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["create", &bench.reference("base").to_string(), &delta.to_string()])
        .args(["--output", &output, "--quiet", "--store"])
        .arg(bench.store.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("remora runs");
    while blobs(layout).len() < there + 3 {
        assert!(child.try_wait().expect("a child").is_none(), "the writer ended too early");
    }
    child.kill().expect("killed");
    child.wait().expect("ended");
}

#[test]
fn what_a_killed_writer_added_goes_with_the_next_and_nothing_else() {
    let bench = Bench::new();
    bench.put("base", &image().layer(&tar(&[("file", &noise(9_999, 100))])).build());
    bench.put("many", &image_of_many_layers().build());
    let other = image().layer(&tar(&[("other", b"x")])).build();
    let layout = bench.path().join("deltas");
    let reference = |tag: &str| parse(&format!("oci:{}:{tag}", layout.display()));
    bench.put_at(&reference("other"), &other);
    // A blob that nothing names, but no writer of ours had announced.
    let foreign = remora::image::Digest::of(b"foreign").hex();
    fs::write(layout.join("blobs/sha256").join(&foreign), "foreign").expect("written");
    let before = blobs(&layout);
    kill_a_writer(&bench, &layout);
    bench.put_at(&reference("other"), &other);
    assert_eq!(blobs(&layout), before);
    assert_eq!(fs::read_dir(&layout).expect("a layout").count(), 3, "a leftover stays");
}

#[test]
fn blobs_that_an_index_names_by_now_are_no_leftovers() {
    let bench = Bench::new();
    let contents = image().layer(&tar(&[("file", b"x")])).build();
    bench.put("image", &contents);
    let layout = bench.path().join("layout");
    // What a writer leaves that is killed right after the index is there.
    let note: String = blobs(&layout).iter().map(|hex| format!("sha256:{hex}\n")).collect();
    let note = format!("blobs on their way into this layout\n{note}");
    fs::write(layout.join(".remora-a1b2c3.tmp"), note).expect("written");
    bench.put("another", &image().build());
    let transports = Transports::new(Default::default()).expect("no files needed");
    let image = transports.open(&bench.reference("image"), &linux()).expect("still there");
    assert!(parse_manifest(image.manifest().expect("one").bytes(), None).is_ok());
    assert!(!layout.join(".remora-a1b2c3.tmp").exists());
}
