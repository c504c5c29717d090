//! The store keeps its promises: whole or absent, once, immutable, also when processes are killed
//! and disks fill up.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use remora::ErrorKind;
use remora::image::{DiffId, Digest, Excess, Image, UnpackLimits};
use remora::progress::{Progress, Silent, Stage};
use remora::store::{GcLimits, Layer, Store, StoreError};

use crate::images::{Bench, gzip, image, noise};

/// Layer number `seed`: bytes that no other number has.
fn content(seed: u8, len: usize) -> Vec<u8> {
    noise(seed.into(), len)
}

fn id(bytes: &[u8]) -> DiffId {
    DiffId(Digest::of(bytes))
}

fn reader(bytes: &[u8]) -> io::Result<Box<dyn Read + Send>> {
    Ok(Box::new(io::Cursor::new(bytes.to_vec())))
}

fn put(store: &Store, bytes: &[u8]) -> Layer {
    store.ensure(id(bytes), || reader(bytes)).expect("brought in")
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable folder");
    entries.map(|entry| entry.expect("entry").file_name().into_string().expect("text")).collect()
}

fn layer_file(folder: &Path, bytes: &[u8]) -> std::path::PathBuf {
    folder.join("layers").join(id(bytes).0.hex())
}

/// Nothing half-done is in the store and everything that has a name is whole.
fn assert_sound(folder: &Path) {
    let store = Store::open(folder).expect("opens");
    assert_eq!(store.verify().expect("verified").damaged, []);
    assert_eq!(files(&folder.join("incoming")), [""; 0]);
}

#[test]
fn a_layer_comes_in_once_and_is_read_only() {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path().join("new/store");
    let store = Store::open(&root).expect("opens");
    let bytes = content(1, 300_000);
    assert!(store.layer(id(&bytes)).expect("looked up").is_none());
    assert_eq!(&put(&store, &bytes)[..], &bytes[..]);

    let again = store.ensure(id(&bytes), || panic!("is there already")).expect("mapped");
    assert_eq!(&again[..], &bytes[..]);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&layer_file(&root, &bytes)), 0o400);
    assert_eq!(mode(&root), 0o700);
    assert_sound(&root);
}

#[test]
fn an_empty_layer_can_be_stored() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    assert_eq!(&put(&store, b"")[..], b"");
}

#[test]
fn what_is_not_the_layer_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let mut limits = UnpackLimits::default();
    limits.layer_bytes = 1000;
    let store = store.with_limits(limits);
    let wanted = id(b"wanted");

    let error = store.ensure(wanted, || reader(b"other")).expect_err("wrong bytes");
    assert!(matches!(error, StoreError::WrongDiffId { actual, .. } if actual == id(b"other")));
    let error = store.ensure(wanted, || Ok(Box::new(io::repeat(0)))).expect_err("endless");
    assert!(matches!(error, StoreError::TooLarge { excess: Excess::Layer(1000), .. }), "{error}");
    let torn = || -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(io::Cursor::new(b"wan").chain(Torn)))
    };
    let error = store.ensure(wanted, torn).expect_err("torn");
    assert!(matches!(error, StoreError::Source { .. }), "{error}");
    let error = store.ensure(wanted, || Err(io::Error::other("gone"))).expect_err("no source");
    assert!(error.to_string().starts_with(&format!("cannot read layer {wanted}: ")), "{error}");

    assert_eq!(files(&folder.path().join("layers")), [""; 0]);
    assert_eq!(files(&folder.path().join("incoming")), [""; 0]);
    put(&store, b"wanted");
}

/// A source that fails.
struct Torn;

impl Read for Torn {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("connection reset"))
    }
}

#[test]
fn threads_that_want_the_same_layer_fetch_it_once() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let bytes = content(2, 3 << 20);
    let fetches = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let layer = store.ensure(id(&bytes), || {
                    fetches.fetch_add(1, Ordering::Relaxed);
                    reader(&bytes)
                });
                assert_eq!(&layer.expect("there")[..], &bytes[..]);
            });
        }
    });
    assert_eq!(fetches.into_inner(), 1);
}

const CHILD_STORE: &str = "REMORA_TEST_CHILD_STORE";
const CHILD_LAYERS: u8 = 12;
const CHILD_LAYER_BYTES: usize = 1 << 20;

/// The other process of the tests below: brings layers in, one after another, and writes the
/// number of each that it had to fetch. Does nothing in an ordinary run.
#[test]
fn child_process() {
    let Some(folder) = std::env::var_os(CHILD_STORE) else { return };
    let store = Store::open(folder).expect("opens");
    for seed in 0..CHILD_LAYERS {
        let bytes = content(seed, CHILD_LAYER_BYTES);
        let fetch = || {
            println!("fetched {seed}");
            reader(&bytes)
        };
        if let Err(error) = store.ensure(id(&bytes), fetch) {
            println!("failed: {error}");
        }
    }
}

fn child(folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "store::child_process", "--nocapture"]).env(CHILD_STORE, folder);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output_of(child: Child) -> String {
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn processes_that_want_the_same_layers_fetch_each_once() {
    let folder = tempfile::tempdir().expect("folder");
    let children: Vec<Child> =
        (0..4).map(|_| child(folder.path()).spawn().expect("started")).collect();
    let outputs: String = children.into_iter().map(output_of).collect();
    assert_eq!(outputs.matches("fetched").count(), usize::from(CHILD_LAYERS), "{outputs}");
    assert_sound(folder.path());
}

#[test]
fn a_process_killed_at_any_moment_leaves_a_sound_store() {
    let folder = tempfile::tempdir().expect("folder");
    for round in 0..25 {
        let mut child = child(folder.path()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(4 * round));
        child.kill().expect("killed");
        child.wait().expect("ended");
        assert_sound(folder.path());
        if files(&folder.path().join("layers")).len() == usize::from(CHILD_LAYERS) {
            fs::remove_dir_all(folder.path()).expect("emptied");
        }
    }
    let outputs = output_of(child(folder.path()).spawn().expect("started"));
    assert!(!outputs.contains("failed: "), "{outputs}");
    assert_sound(folder.path());
}

#[test]
fn a_full_disk_is_an_error_and_leaves_a_sound_store() {
    let folder = tempfile::tempdir().expect("folder");
    let whole = child(folder.path());
    let mut limited = Command::new("sh");
    // A file may have half the size of a layer; the signal for it is ignored, the error stays.
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", CHILD_LAYER_BYTES / 2 / 512);
    limited.args(["-c", &script, "sh"]).arg(whole.get_program()).args(whole.get_args());
    limited.env(CHILD_STORE, folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = output_of(limited.spawn().expect("started"));
    assert_eq!(
        output.matches("failed: cannot write").count(),
        usize::from(CHILD_LAYERS),
        "{output}"
    );
    assert_eq!(files(&folder.path().join("layers")), [""; 0]);
    assert_sound(folder.path());
}

#[test]
fn damaged_layers_are_found_deleted_and_fetched_again() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let layers: Vec<Vec<u8>> = (0..4).map(|seed| content(seed, 10_000)).collect();
    for layer in &layers {
        put(&store, layer);
    }
    let damage = |index: usize, bytes: &[u8]| {
        let path = layer_file(folder.path(), &layers[index]);
        fs::remove_file(&path).expect("removed");
        fs::write(&path, bytes).expect("written");
    };
    damage(0, &layers[0][..9_999]);
    damage(1, b"");
    let mut flipped = layers[2].clone();
    flipped[5_000] ^= 1;
    damage(2, &flipped);

    let report = store.verify().expect("verified");
    let mut expected: Vec<DiffId> = layers[..3].iter().map(|layer| id(layer)).collect();
    expected.sort_unstable();
    assert_eq!((report.layers, report.damaged), (4, expected));
    for layer in &layers {
        assert_eq!(&put(&store, layer)[..], &layer[..]);
    }
    assert_eq!(store.verify().expect("verified").damaged, []);
}

fn set_last_used(folder: &Path, bytes: &[u8], hours_ago: u64) {
    let time = SystemTime::now() - Duration::from_secs(3600 * hours_ago);
    let file = fs::File::open(layer_file(folder, bytes)).expect("there");
    file.set_modified(time).expect("time set");
}

#[test]
fn collection_keeps_what_was_used_last_and_what_is_in_use() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let layers: Vec<Vec<u8>> = (0..5).map(|seed| content(seed, 1000)).collect();
    for (layer, hours_ago) in layers.iter().zip([50, 40, 30, 20, 10]) {
        put(&store, layer);
        set_last_used(folder.path(), layer, hours_ago);
    }
    let there = |index: usize| layer_file(folder.path(), &layers[index]).exists();

    let everything_stays = store.gc(GcLimits::default()).expect("collected");
    assert_eq!((everything_stays.kept_layers, everything_stays.kept_bytes), (5, 5000));

    let mut age = GcLimits::default();
    age.older_than = Some(Duration::from_secs(3600 * 45));
    assert_eq!(store.gc(age).expect("collected").removed_layers, 1);
    assert!(!there(0) && there(1));

    // Using a layer makes it young; holding it keeps it whatever the limits say.
    drop(store.layer(id(&layers[1])).expect("looked up").expect("there"));
    let held = store.layer(id(&layers[2])).expect("looked up").expect("there");
    set_last_used(folder.path(), &layers[2], 30);
    let mut size = GcLimits::default();
    size.max_bytes = Some(2000);
    let report = store.gc(size).expect("collected");
    assert_eq!((report.removed_layers, report.removed_bytes, report.in_use_layers), (2, 2000, 1));
    assert!(there(1) && there(2) && !there(3) && !there(4));
    assert_eq!(&held[..], &layers[2][..]);
    assert_eq!(store.info().expect("counted").bytes, 2000);
}

#[test]
fn collection_removes_what_a_killed_process_left() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let leftover = folder.path().join("incoming").join(id(b"x").0.hex());
    fs::create_dir(&leftover).expect("created");
    fs::write(leftover.join(".remora-abc.tmp"), content(1, 1234)).expect("written");
    let info = store.info().expect("counted");
    assert_eq!((info.incoming_layers, info.incoming_bytes), (1, 1234));
    assert_eq!(store.gc(GcLimits::default()).expect("collected").leftover_bytes, 1234);
    assert!(!leftover.exists());
}

#[test]
fn strange_files_in_the_store_keep_nobody_from_using_it() {
    let folder = tempfile::tempdir().expect("folder");
    for place in ["layers", "incoming", "scratch"] {
        fs::create_dir(folder.path().join(place)).expect("created");
        fs::write(folder.path().join(place).join("notes.txt"), "hello").expect("written");
    }
    let store = Store::open(folder.path()).expect("opens");
    put(&store, b"layer");
    assert_eq!(store.verify().expect("verified").layers, 1);
    let mut everything = GcLimits::default();
    everything.max_bytes = Some(0);
    assert_eq!(store.gc(everything).expect("collected").removed_layers, 1);
    for place in ["layers", "incoming", "scratch"] {
        assert!(folder.path().join(place).join("notes.txt").exists());
    }
}

#[test]
fn a_store_that_cannot_be_made_says_so() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("file");
    fs::write(&path, "in the way").expect("written");
    let error = Store::open(&path).expect_err("a file is there");
    assert!(error.to_string().starts_with("cannot create"), "{error}");
}

#[test]
fn the_layers_of_several_images_come_in_once_and_in_order() {
    let bench = Bench::new();
    let layers: Vec<Vec<u8>> = (0..6).map(|seed| content(seed, 100_000)).collect();
    let image_of = |tag, indexes: &[usize]| {
        let builder = indexes.iter().fold(image(), |image, index| image.layer(&layers[*index]));
        bench.put(tag, &builder.build())
    };
    let old = image_of("old", &[0, 1, 2, 0]);
    let new = image_of("new", &[0, 5, 4, 3, 2]);
    let fetched = FetchedBytes::default();
    let held = bench.store.ensure_layers(&[&old, &new], &fetched).expect("all there");
    let ids = |layers: &[Layer]| layers.iter().map(Layer::diff_id).collect::<Vec<_>>();
    assert_eq!(ids(&held[0]), old.diff_ids().expect("valid"));
    assert_eq!(ids(&held[1]), new.diff_ids().expect("valid"));

    // Each of the six once, and nothing the second time.
    let size = |image: &Image, index| image.pull_size(index).expect("a blob");
    let expected = [0, 1, 2].map(|index| size(&old, index)).iter().sum::<u64>()
        + [1, 2, 3].map(|index| size(&new, index)).iter().sum::<u64>();
    assert_eq!(fetched.0.load(Ordering::Relaxed), expected);
    bench.store.ensure_layers(&[&new], &fetched).expect("still there");
    assert_eq!(fetched.0.load(Ordering::Relaxed), expected);
}

/// Counts the bytes that are fetched.
#[derive(Default)]
struct FetchedBytes(AtomicU64);

impl Progress for FetchedBytes {
    fn expect(&self, _: Stage, _: u64) {}

    fn advance(&self, stage: Stage, units: u64) {
        assert_eq!(stage, Stage::Fetch);
        self.0.fetch_add(units, Ordering::Relaxed);
    }
}

#[test]
fn a_layer_that_is_damaged_where_the_image_lives_is_refused() {
    let bench = Bench::new();
    let sound = image().layer(&content(1, 1000));
    let cut = {
        let blob = gzip(&content(1, 1000));
        image().blob(blob[..blob.len() - 20].to_vec(), id(&content(1, 1000)))
    };
    let other = image().blob(gzip(&content(2, 1000)), id(&content(1, 1000)));
    for (tag, builder) in [("cut", cut), ("other", other)] {
        let image = bench.put(tag, &builder.build());
        let error = bench.store.ensure_layers(&[&image], &Silent).expect_err(tag);
        assert_eq!(error.kind(), ErrorKind::Content, "{error}");
        assert!(bench.work_in_progress().is_empty());
    }
    let image = bench.put("sound", &sound.build());
    bench.store.ensure_layer(&image, 0, &Silent).expect("fetched");
}
