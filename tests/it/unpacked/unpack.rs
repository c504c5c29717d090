//! Images unpacked as root: what umoci makes of them, and what it does not.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use remora::progress::{Progress, Silent, Stage};
use remora::unpack::{Owners, UnpackError, UnpackOptions, UnpackReport, unpack};
use remora::{Cause, image};

use super::layer::{FILE, Has, Layer, layer};
use super::metadata::{details, xattr, xattrs};
use crate::images::{Bench, image};
use crate::v2::folder::differences;
use crate::v2::layers::Unpacked;

/// Unpacks layers into a folder of the bench.
fn unpack_with(
    bench: &Bench,
    layers: &[Layer],
    owners: Owners,
    progress: &dyn Progress,
) -> Result<(PathBuf, UnpackReport), UnpackError> {
    let image = layers.iter().fold(image(), |image, layer| image.layer(&layer.tar()));
    let image = bench.put("image", &image.build());
    let folder = bench.path().join("folder");
    let options = UnpackOptions::new(owners);
    let report = unpack(&image, &bench.store, &folder, &options, progress)?;
    Ok((folder, report))
}

fn unpacked(bench: &Bench, layers: &[Layer]) -> (PathBuf, UnpackReport) {
    unpack_with(bench, layers, Owners::Set, &Silent).expect("unpacked")
}

/// ACLs as Linux keeps them: version 2, then tag, permissions and number of each entry.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permissions.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

const NOBODY: u32 = u32::MAX;

/// Two layers with everything that a file can have.
fn rich() -> [Layer; 2] {
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let access =
        acl(&[(1, 6, NOBODY), (2, 4, 33), (4, 4, NOBODY), (0x10, 4, NOBODY), (0x20, 4, NOBODY)]);
    let lower = layer()
        .pax("mtime", "1600000000.123456789")
        .dir("./")
        .pax("mtime", "1500000000.5")
        .dir_of("etc", Has { mode: 0o1777, uid: 1, gid: 2 })
        .pax("mtime", "1500000001.000000001")
        .file_of("etc/passwd", b"root:x:0:0::/:/bin/sh\n", Has { mode: 0o640, uid: 0, gid: 42 })
        .file("etc/gone", "x")
        .file_of("bin/su", b"su", Has { mode: 0o4755, uid: 0, gid: 0 })
        .xattr("security.capability", capability)
        .xattr("user.note", "kept")
        .file_of("bin/ping", b"ping", Has { mode: 0o2755, uid: 5, gid: 6 })
        .xattr("system.posix_acl_access", &access)
        .file("etc/acl", "acl")
        .xattr("user.note", "of a folder")
        .dir_of("shut", Has { mode: 0, uid: 7, gid: 8 })
        .file_of("shut/in", b"in", Has { mode: 0, uid: 70_000, gid: 80_000 })
        .link("bin/again", "shut/in")
        .pax("mtime", "1400000000.25")
        .symlink("etc/link", "../../outside")
        .link("etc/link2", "etc/link")
        .node(b'6', "pipe", (0, 0))
        .node(b'3', "null", (1, 3))
        .node(b'4', "disk", (7, 200));
    let upper = layer()
        .file("etc/.wh.gone", "")
        .pax("GNU.sparse.major", "1")
        .pax("GNU.sparse.minor", "0")
        .pax("GNU.sparse.name", "sparse")
        .pax("GNU.sparse.realsize", "10485765")
        .file("GNUSparseFile/sparse", &sparse())
        .file("bin/new", "new");
    [lower, upper]
}

/// GNU's format 1.0: a map in a block of its own, then the data of both pieces.
fn sparse() -> String {
    let map = "2\n4096\n5\n10485760\n5\n";
    format!("{map}{}begin_end_", "\0".repeat(512 - map.len()))
}

#[test]
fn files_are_what_umoci_makes_of_them() {
    let bench = Bench::new();
    let layers = rich();
    let (ours, report) = unpacked(&bench, &layers);
    let tars = layers.each_ref().map(Layer::tar);
    let theirs = Unpacked::new(&tars.each_ref().map(|tar| &tar[..])).expect("umoci takes them");
    // umoci gives folders that a layer has no entry for, and those around them, times of its own.
    for folder in ["", "bin"] {
        set_time(&ours.join(folder));
        set_time(&theirs.root().join(folder));
    }
    let differ = differences(&ours, &theirs.root());
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let (ours, theirs) = (details(&ours), details(&theirs.root()));
    for (path, is) in &ours {
        assert_eq!(Some(is), theirs.get(path), "{}", path.display());
    }
    let counts = report.counts;
    assert_eq!((counts.files, counts.directories, counts.symlinks), (7, 4, 1));
    assert_eq!((counts.hard_links, counts.devices, counts.fifos), (2, 2, 1));
    assert_eq!((counts.recorded, counts.left_out), Default::default());
}

fn set_time(path: &Path) {
    let time = std::time::UNIX_EPOCH + Duration::from_secs(1);
    fs::File::open(path).expect("opened").set_modified(time).expect("set");
}

#[test]
fn holes_stay_holes() {
    let bench = Bench::new();
    let (folder, report) = unpacked(&bench, &rich());
    let metadata = fs::metadata(folder.join("sparse")).expect("there");
    assert_eq!(metadata.len(), 10_485_765);
    assert!(metadata.blocks() * 512 <= 64 << 10, "{} blocks", metadata.blocks());
    let content = fs::read(folder.join("sparse")).expect("readable");
    assert_eq!((&content[4096..4101], &content[10_485_760..]), (&b"begin"[..], &b"_end_"[..]));
    assert!(content[..4096].iter().chain(&content[4101..10_485_760]).all(|&byte| byte == 0));
    assert!(report.counts.bytes < 100);
}

#[test]
fn owners_and_more_are_recorded_for_whoever_may_not_set_them() {
    let bench = Bench::new();
    let (folder, report) =
        unpack_with(&bench, &rich(), Owners::Recorded, &Silent).expect("unpacked");
    let record = |name: &str| xattr(&folder.join(name), remora::unpack::OWNER_RECORD);
    assert_eq!(record("").as_deref(), Some("0:0:0755:dir"));
    assert_eq!(record("etc").as_deref(), Some("1:2:01777:dir"));
    assert_eq!(record("bin/su").as_deref(), Some("0:0:04755:file"));
    assert_eq!(record("bin/ping").as_deref(), Some("5:6:02755:file"));
    assert_eq!(record("shut").as_deref(), Some("7:8:00:dir"));
    assert_eq!(record("bin/again").as_deref(), Some("70000:80000:00:file"));
    assert_eq!((record("pipe"), record("etc/link")), (None, None));
    let metadata = |name: &str| fs::symlink_metadata(folder.join(name)).expect("there");
    assert_eq!(metadata("bin/su").mode() & 0o7777, 0o755, "nobody becomes the caller");
    assert_eq!(metadata("shut").mode() & 0o7777, 0);
    assert_eq!(metadata("shut/in").ino(), metadata("bin/again").ino());
    assert_eq!(
        (metadata("etc").mtime(), metadata("etc").mtime_nsec()),
        (1_500_000_000, 500_000_000)
    );
    assert_eq!(report.counts.recorded.owners, 11);
    assert_eq!(report.counts.left_out.owners, 0, "links, pipes and devices are root's");
}

#[test]
fn what_an_image_may_not_say_of_a_host_is_counted() {
    let bench = Bench::new();
    let of_host = layer()
        .xattr("trusted.overlay.redirect", "/etc")
        .xattr("user.overlay.opaque", "y")
        .xattr("user.containers.override_stat", "0:0:04755:file")
        .xattr("security.selinux", "label")
        .xattr("nonsense", "x")
        .xattr("user.ok", "y")
        .file("f", "");
    let of_link = layer().xattr("user.no", "place").symlink("l", "f");
    let (folder, report) = unpacked(&bench, &[of_host, of_link]);
    let names: Vec<String> = xattrs(&folder.join("f")).into_keys().collect();
    assert_eq!(names, ["user.ok", "user.remora.xattr.nonsense"]);
    assert_eq!(report.counts.left_out.host_xattrs, 4);
    assert_eq!((report.counts.recorded.xattrs, report.counts.left_out.xattrs), (1, 1));
}

/// Says that the work is to stop once so many bytes are written.
struct StopsAfter(std::sync::atomic::AtomicU64);

impl Progress for StopsAfter {
    fn expect(&self, _stage: Stage, _units: u64) {}

    fn advance(&self, stage: Stage, units: u64) {
        if stage == Stage::Unpack {
            let left = self.0.load(std::sync::atomic::Ordering::Relaxed);
            self.0.store(left.saturating_sub(units), std::sync::atomic::Ordering::Relaxed);
        }
    }

    fn cancelled(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed) == 0
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("entry"));
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_folder_appears_whole_or_not_at_all_and_nothing_is_overwritten() {
    let bench = Bench::new();
    let before = names(bench.path());
    let stop = StopsAfter(20.into());
    let error = unpack_with(&bench, &rich(), Owners::Set, &stop).expect_err("stopped");
    assert_eq!(error.cause(), Cause::Cancelled);
    assert_eq!(names(bench.path()), [&["layout".to_owned()], &before[..]].concat());
    fs::create_dir(bench.path().join("folder")).expect("made");
    unpacked(&bench, &rich());
    let error = unpack_with(&bench, &rich(), Owners::Set, &Silent).expect_err("full");
    assert!(matches!(error, UnpackError::NotEmpty { .. }), "{error}");
    assert_eq!(error.cause(), Cause::Obstacle);
    fs::remove_dir_all(bench.path().join("folder")).expect("removed");
    fs::write(bench.path().join("folder"), "a file").expect("written");
    let error = unpack_with(&bench, &rich(), Owners::Set, &Silent).expect_err("a file");
    assert_eq!(error.cause(), Cause::Obstacle, "{error}");
    assert_eq!(fs::read_to_string(bench.path().join("folder")).expect("kept"), "a file");
}

/// A layer with many files, so that whoever unpacks it can be killed meanwhile.
fn wide() -> Layer {
    (0..3000).fold(layer(), |layer, number| {
        layer.file_of(&format!("d{}/f{number}", number % 50), b"content", FILE)
    })
}

#[test]
fn what_a_killed_process_left_goes_with_the_next() {
    let bench = Bench::new();
    let made = bench.put("image", &image().layer(&wide().tar()).build());
    bench.store.ensure_layers(&[&made], &Silent).expect("stored");
    let reference = bench.reference("image").to_string();
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        command.args(["unpack", &reference, "out/folder", "--quiet"]);
        command.current_dir(bench.path()).env("REMORA_STORE", bench.store.path());
        command
    };
    let out = bench.path().join("out");
    for millis in [20, 60, 100] {
        let mut child = command().stderr(std::process::Stdio::null()).spawn().expect("started");
        std::thread::sleep(Duration::from_millis(millis));
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("told");
        child.wait().expect("ended");
        let left = if out.exists() { names(&out) } else { Vec::new() };
        assert!(left.iter().all(|name| name == "folder"), "an interrupt leaves {left:?}");
        let _ = fs::remove_dir_all(out.join("folder"));
    }
    for millis in [10, 30, 50, 70, 90, 120, 150] {
        let mut child = command().spawn().expect("started");
        std::thread::sleep(Duration::from_millis(millis));
        child.kill().expect("killed");
        child.wait().expect("ended");
        if out.join("folder").exists() {
            let files: usize = names(&out.join("folder"))
                .iter()
                .map(|d| names(&out.join("folder").join(d)).len())
                .sum();
            assert_eq!(files, 3000, "whole or not at all");
            fs::remove_dir_all(out.join("folder")).expect("removed");
        }
    }
    let status = command().status().expect("ran");
    assert!(status.success());
    assert_eq!(names(&out), ["folder"]);
    assert_eq!(
        fs::metadata(out.join("folder")).expect("there").permissions().mode() & 0o7777,
        0o755
    );
}

#[test]
fn the_fixtures_images_are_what_umoci_makes_of_them() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/thermostat");
    for tag in ["1.0", "1.1"] {
        let bench = Bench::new();
        let reference: image::ImageReference =
            format!("oci:{}:{tag}", fixture.display()).parse().expect("a reference");
        let made = bench.open(&reference);
        let layers = bench.store.ensure_layers(&[&made], &Silent).expect("stored").remove(0);
        let theirs = Unpacked::new(&layers.iter().map(|layer| &layer[..]).collect::<Vec<_>>());
        let theirs = theirs.expect("umoci takes them");
        let ours = bench.path().join("folder");
        unpack(&made, &bench.store, &ours, &UnpackOptions::new(Owners::Set), &Silent)
            .expect("unpacked");
        let differ = differences(&ours, &theirs.root());
        assert!(differ.is_empty(), "{}", differ.join("\n"));
        assert_eq!(details(&ours), details(&theirs.root()));
    }
}
