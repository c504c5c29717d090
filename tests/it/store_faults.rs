//! A store in trouble: damaged layers, things in the way, limits of the system. Each failure names its
//! cause, nothing else stops for it, and nothing wrong comes out.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use remora::image::Digest;
use remora::image::{DiffId, Image};
use remora::progress::Silent;
use remora::store::{GcLimits, Layer, Store, StoreError};
use remora::{Error, ErrorKind, Remedy, v2, v3};

use crate::images::{Bench, image, noise, tar};

fn id(bytes: &[u8]) -> DiffId {
    DiffId(Digest::of(bytes))
}

fn put(store: &Store, bytes: &[u8]) -> Layer {
    let open = || -> std::io::Result<Box<dyn std::io::Read + Send>> {
        Ok(Box::new(std::io::Cursor::new(bytes.to_vec())))
    };
    store.ensure(id(bytes), open).expect("brought in")
}

fn file_of(store: &Store, bytes: &[u8]) -> PathBuf {
    store.path().join("layers").join(id(bytes).0.hex())
}

/// What may stand where a layer belongs, and whether something would be lost with it.
const OBSTACLES: [(&str, bool); 5] = [
    ("empty folder", false),
    ("folder with a file", true),
    ("named pipe", false),
    ("socket", false),
    ("symbolic link", false),
];

fn obstruct(path: &Path, what: &str) {
    match what {
        "empty folder" => fs::create_dir(path).expect("folder"),
        "folder with a file" => {
            fs::create_dir(path).expect("folder");
            fs::write(path.join("precious"), "mine").expect("written");
        }
        "named pipe" => {
            let made = Command::new("mkfifo").arg(path).status().expect("mkfifo runs");
            assert!(made.success());
        }
        // The path of a socket has 107 bytes at most: it is made elsewhere and moved.
        "socket" => {
            let folder = tempfile::tempdir_in("/tmp").expect("folder");
            drop(UnixListener::bind(folder.path().join("s")).expect("bound"));
            fs::rename(folder.path().join("s"), path).expect("same file system");
        }
        "symbolic link" => symlink("/dev/zero", path).expect("link"),
        other => unreachable!("{other}"),
    }
}

#[test]
fn what_stands_in_a_layers_place_stops_nothing_else_and_is_lost_only_if_it_holds_nothing() {
    for (what, precious) in OBSTACLES {
        for action in ["verify", "gc", "ensure"] {
            let folder = tempfile::tempdir_in("/tmp").expect("folder");
            let store = Store::open(folder.path()).expect("opens");
            let path = file_of(&store, b"wanted");
            obstruct(&path, what);
            put(&store, b"other");
            match action {
                "verify" => {
                    let report = store.verify().expect("goes on");
                    assert_eq!(report.troubles.len(), usize::from(precious), "{what}");
                    assert_eq!(report.layers, if precious { 1 } else { 2 }, "{what}");
                }
                "gc" => {
                    let mut all = GcLimits::default();
                    all.max_bytes = Some(0);
                    let report = store.gc(all).expect("goes on");
                    assert_eq!(report.troubles.len(), usize::from(precious), "{what}");
                    assert!(!file_of(&store, b"other").exists(), "{what}");
                }
                _ if precious => {
                    let error = store.layer(id(b"wanted")).expect_err(what);
                    assert!(matches!(error, StoreError::Obstacle { .. }), "{error}");
                    assert_eq!(error.remedy(), Some(Remedy::ClearStore));
                }
                _ => assert_eq!(&put(&store, b"wanted")[..], b"wanted", "{what}"),
            }
            assert_eq!(path.join("precious").exists(), precious, "{what} {action}");
        }
    }
}

#[test]
fn what_stands_in_the_way_of_a_layer_that_comes_in_gives_way() {
    for (what, _) in OBSTACLES {
        let folder = tempfile::tempdir_in("/tmp").expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        obstruct(&store.path().join("incoming").join(id(b"wanted").0.hex()), what);
        put(&store, b"wanted");
    }
}

#[test]
fn verify_goes_on_past_a_layer_that_cannot_be_read_and_drops_the_damaged_ones() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let contents: Vec<Vec<u8>> = (0..6).map(|seed| noise(seed, 10_000)).collect();
    contents.iter().for_each(|bytes| drop(put(&store, bytes)));
    for index in [1, 4] {
        let path = file_of(&store, &contents[index]);
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("ours");
        fs::write(&path, "other").expect("written");
    }
    obstruct(
        &{
            fs::remove_file(file_of(&store, &contents[2])).expect("ours");
            file_of(&store, &contents[2])
        },
        "folder with a file",
    );
    let report = store.verify().expect("goes on");
    assert_eq!((report.layers, report.damaged.len(), report.troubles.len()), (5, 2, 1));
    assert!(!file_of(&store, &contents[1]).exists() && !file_of(&store, &contents[4]).exists());
}

#[test]
fn collections_at_the_same_time_do_not_fail_each_other() {
    for round in 0..20 {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path()).expect("opens");
        (0..30).for_each(|seed| drop(put(&store, &noise(round * 100 + seed, 100))));
        let mut all = GcLimits::default();
        all.max_bytes = Some(0);
        let reports: Vec<_> = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| store.gc(all))).collect();
            runs.into_iter().map(|run| run.join().expect("no panic").expect("no failure")).collect()
        });
        // A process that another test starts has this one's open files until its program runs: such a layer is in use.
        let removed: u64 = reports.iter().map(|report| report.removed_layers).sum();
        assert_eq!(removed + store.info().expect("listed").layers, 30, "{reports:?}");
        assert!(reports.iter().all(|report| report.troubles.is_empty()), "{reports:?}");
    }
}

#[test]
fn a_folder_that_is_no_store_or_a_newer_one_is_refused_and_left_alone() {
    for (name, text, refused) in [
        ("format", "4\n", true),
        ("format", "one\n", true),
        ("format", "0\n", true),
        ("format", "1\n", false),
        ("format", "2\n", false),
        ("format", "3\n", false),
        ("holiday.jpg", "precious", true),
        (".remora-abc.tmp", "", false),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        fs::write(folder.path().join(name), text).expect("written");
        let work = folder.path().join("scratch/abcdef");
        fs::create_dir_all(&work).expect("folders");
        fs::write(work.join("file"), "1").expect("written");
        match Store::open(folder.path()) {
            Ok(_) => assert!(!refused && !work.exists(), "{name} {text}"),
            Err(error) => {
                assert!(refused && work.join("file").exists(), "{name} {text}: {error}");
                assert_eq!(error.kind(), ErrorKind::Environment);
                assert_eq!(error.remedy(), Some(Remedy::OtherStore));
            }
        }
    }
}

#[test]
fn a_store_from_before_there_was_a_format_is_read_and_marked() {
    let folder = tempfile::tempdir().expect("folder");
    drop(put(&Store::open(folder.path()).expect("opens"), b"layer"));
    fs::remove_file(folder.path().join("format")).expect("was written");
    let store = Store::open(folder.path()).expect("opens");
    assert!(store.layer(id(b"layer")).expect("looked up").is_some());
    assert_eq!(fs::read_to_string(folder.path().join("format")).expect("written"), "1\n");
}

/// Two images of two layers, all in the store, and the contents of those.
fn pair(bench: &Bench) -> ([Image; 2], Vec<Vec<u8>>) {
    let shared = noise(1, 300_000);
    let layers: Vec<Vec<u8>> = [&noise(2, 200_000), &noise(3, 200_000), &noise(4, 200_000)]
        .iter()
        .map(|more| tar(&[("shared", &shared), ("more", more)]))
        .collect();
    let images = [[0, 1], [0, 2]].map(|indexes| {
        let builder = indexes.iter().fold(image(), |image, &index| image.layer(&layers[index]));
        bench.put(&format!("image{}", indexes[1]), &builder.build())
    });
    bench.store.ensure_layers(&[&images[0], &images[1]], &Silent).expect("fetched");
    (images, layers)
}

/// Flips a bit of a stored layer.
fn flip(store: &Store, layer: &[u8], at: usize) {
    let path = file_of(store, layer);
    let mut bytes = layer.to_vec();
    bytes[at] ^= 1;
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("ours");
    fs::write(&path, bytes).expect("written");
}

#[test]
fn a_damaged_stored_layer_is_named_whoever_reads_it_and_the_next_run_succeeds() {
    for format in ["v3", "v2", "apply"] {
        for damaged in [0, 1, 2] {
            let bench = Bench::new();
            let ([base, target], layers) = pair(&bench);
            let options = v3::CreateOptions::default();
            let delta = v3::create(&base, &target, &bench.store, &options, &Silent).expect("made");
            let delta = bench.put("delta", delta.contents());
            let run = || -> Result<(), Error> {
                match format {
                    "v3" => drop(v3::create(&base, &target, &bench.store, &options, &Silent)?),
                    "v2" => {
                        let out = tempfile::tempfile().expect("a file");
                        let options = v2::CreateOptions::default();
                        v2::create(&base, &target, &bench.store, &options, &out, &Silent)?;
                    }
                    _ => {
                        let options =
                            remora::apply::ApplyOptions::for_destination(&bench.reference("x"));
                        drop(remora::apply::apply(&base, &delta, &bench.store, options, &Silent)?);
                    }
                }
                Ok(())
            };
            // In the middle of what both share, so that copies come from there.
            flip(&bench.store, &layers[damaged], 100_000);
            let place = format!("{format}, layer {damaged}");
            match run() {
                // Applying reads no layer of the target but those of the base.
                Ok(()) => assert!(format == "apply" && damaged == 2, "{place}"),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Environment, "{place}: {error}");
                    let named = error.to_string().contains(&id(&layers[damaged]).to_string());
                    assert!(named, "{place}: {error}");
                    assert_eq!(error.remedy(), Some(Remedy::VerifyStore), "{place}: {error}");
                    run().expect("the damaged layer was dropped and has come in again");
                }
            }
            bench.store.verify().expect("verified");
            run().expect("sound again");
        }
    }
}

const LOST_PAGE: &str = "REMORA_TEST_LOST_PAGE";

/// The other process of the test below: it touches a page that the disk has lost. Does nothing in an
/// ordinary run.
#[test]
fn lost_page_child() {
    let Some(folder) = std::env::var_os(LOST_PAGE) else { return };
    let store = Store::open(folder).expect("opens");
    let (before, after) = ("lost: ", "\ndropped\n");
    remora::store::report_lost_pages(remora::store::LastWords { before, after, status: 3 });
    let bytes = noise(9, 1 << 20);
    let layer = store.layer(id(&bytes)).expect("looked up").expect("there");
    let path = file_of(&store, &bytes);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("ours");
    fs::OpenOptions::new().write(true).open(&path).and_then(|file| file.set_len(0)).expect("cut");
    println!("{}", layer[1 << 19]);
}

#[test]
fn a_page_that_cannot_be_read_ends_the_process_with_words_and_the_layer_goes() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let bytes = noise(9, 1 << 20);
    drop(put(&store, &bytes));
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "store_faults::lost_page_child", "--nocapture"])
        .env(LOST_PAGE, folder.path())
        .output()
        .expect("runs");
    let path = file_of(&store, &bytes);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("lost: {}\ndropped\n", path.display())), "{said}");
    assert!(!path.exists());
    assert_eq!(&put(&store, &bytes)[..], &bytes[..]);
}

/// `remora` in a shell that has set limits.
fn limited(bench: &Bench, limits: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new("timeout");
    command.args(["60", "sh", "-c", &format!("{limits}; exec \"$@\""), "sh"]);
    command.arg(env!("CARGO_BIN_EXE_remora")).args(arguments);
    command.env("REMORA_STORE", bench.store.path()).stdin(Stdio::null());
    command.output().expect("runs")
}

#[test]
fn images_of_1024_layers_need_no_more_open_files_than_1024() {
    let bench = Bench::new();
    let layer = |seed: u64| tar(&[("file", &noise(seed, 600))]);
    let images = [0u64, 10_000].map(|start| {
        let builder = (0..1024).fold(image(), |image, index| image.layer(&layer(start + index)));
        let tag = format!("image{start}");
        bench.put(&tag, &builder.build());
        bench.reference(&tag).to_string()
    });
    let delta = bench.reference("delta").to_string();
    for limit in [1024, 128] {
        let limit = format!("ulimit -n {limit}");
        let create = ["create", &images[0], &images[1], "--output", &delta, "--quiet"];
        let made = limited(&bench, &limit, &create);
        assert!(made.status.success(), "{limit}: {}", String::from_utf8_lossy(&made.stderr));
        let out = bench.reference("out").to_string();
        let apply = ["apply", &images[0], &delta, "--output", &out, "--quiet"];
        let made = limited(&bench, &limit, &apply);
        assert!(made.status.success(), "{limit}: {}", String::from_utf8_lossy(&made.stderr));
    }
}

#[test]
fn limits_of_the_system_are_failures_or_made_do_with_and_never_a_panic() {
    let bench = Bench::new();
    let (_, _) = pair(&bench);
    let [base, target] = ["image1", "image2"].map(|tag| bench.reference(tag).to_string());
    let kib = [20_000, 60_000, 100_000, 200_000, 400_000, 1_000_000];
    let limits = kib.map(|kib| format!("ulimit -v {kib}")).into_iter();
    for limit in limits.chain([8, 16, 32].map(|files| format!("ulimit -n {files}"))) {
        for format in ["v3", "v2"] {
            let path = bench.path().join("delta").display().to_string();
            let output = if format == "v3" { format!("oci:{path}.v3") } else { path };
            let arguments =
                ["create", &base, &target, "--format", format, "--output", &output, "--quiet"];
            let ran = limited(&bench, &limit, &arguments);
            let said = String::from_utf8_lossy(&ran.stderr);
            assert!(!said.contains("panicked"), "{limit} {format}: {said}");
            assert!(ran.status.code() != Some(1), "{limit} {format}: {said}");
            assert!(ran.status.code() != Some(124), "{limit} {format}: it hangs");
        }
    }
}

#[test]
fn a_layer_in_use_is_kept_though_its_file_is_not_kept_open() {
    let folder = tempfile::tempdir().expect("folder");
    let store = Store::open(folder.path()).expect("opens");
    let layers: Vec<Layer> = (0..40).map(|seed| put(&store, &noise(seed, 100))).collect();
    let mut gc = Command::new("sh");
    gc.args(["-c", "exec \"$@\"", "sh", env!("CARGO_BIN_EXE_remora"), "store", "gc"]);
    gc.args(["--max-size", "0", "--json"]).env("REMORA_STORE", folder.path());
    let output = gc.output().expect("runs");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(answer["in_use_layers"], 40);
    drop(layers);
}

#[test]
fn a_failed_check_of_the_store_is_one_json_document() {
    let bench = Bench::new();
    let (_, layers) = pair(&bench);
    flip(&bench.store, &layers[1], 5000);
    let ran = limited(&bench, "true", &["store", "verify", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("one document");
    assert_eq!(ran.status.code(), Some(4));
    assert_eq!(answer["damaged"][0], id(&layers[1]).to_string());
    assert_eq!(answer["error"]["kind"], "content");
}
