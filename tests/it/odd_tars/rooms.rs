//! Five odd archives, as each room and each of the others' readers sees them.

use std::fs;
use std::path::Path;
use std::process::Command;

use remora::delta::tar_entries;
use remora::image::{Digest, ImageReference};
use remora::rootfs::{InodeId, SparseFiles, Tree};
use serde_json::{Value, json};

use super::build::{Header, Magic, PREFIX, SIZE, archive, entry, file, long, pax};
use super::readers::{Listing, Seen, gnu, go, ours, python};
use crate::images::{Bench, image, tar};
use crate::sample_image::noise;
use crate::v2::device::Device;

/// An archive of files, and who does not read it as Go does.
struct Odd {
    name: &'static str,
    tar: Vec<u8>,
    /// Path and content of each file.
    files: Vec<(&'static str, Vec<u8>)>,
    gnu_differs: bool,
    python_differs: bool,
}

fn odd_archives() -> Vec<Odd> {
    let big = noise(1, 600);
    let next = || file("next", b"after it");
    let after = || ("next", b"after it".to_vec());
    let signed = Header::new(Magic::Ustar, "caf\u{e9}", b'0', 7).sealed(true);
    let nul = Header::new(Magic::Ustar, "nul", b'0', 0).with(SIZE, b"\x00000001130\0");
    let prefixed = Header::new(Magic::Gnu, "name", b'0', 4).with(PREFIX, b"some/folder");
    let global = pax(b'g', &[("uid", "7"), ("comment", "for all")]);
    vec![
        Odd {
            name: "a checksum over signed bytes",
            tar: archive(&[signed, super::build::padded(b"content"), next()]),
            files: vec![("caf\u{e9}", b"content".to_vec()), after()],
            gnu_differs: false,
            python_differs: false,
        },
        Odd {
            name: "a size in an extended header",
            tar: archive(&[
                pax(b'x', &[("size", "600")]),
                Header::new(Magic::Ustar, "big", b'0', 0).sealed(false),
                super::build::padded(&big),
                next(),
            ]),
            files: vec![("big", big.clone()), after()],
            gnu_differs: false,
            python_differs: false,
        },
        Odd {
            name: "a NUL in front of a number",
            tar: archive(&[entry(nul, &big), next()]),
            files: vec![("nul", big), after()],
            gnu_differs: false,
            // Python stops at the first NUL.
            python_differs: true,
        },
        Odd {
            name: "a prefix in a header of GNU's",
            tar: archive(&[entry(prefixed, b"1234"), next()]),
            files: vec![("some/folder/name", b"1234".to_vec()), after()],
            // GNU tar never wrote one and looks for none.
            gnu_differs: true,
            python_differs: false,
        },
        Odd {
            name: "records for all entries",
            tar: archive(&[global, file("first", b"1"), long(b'L', b"second\0"), next()]),
            files: vec![("first", b"1".to_vec()), ("second", b"after it".to_vec())],
            gnu_differs: false,
            python_differs: false,
        },
    ]
}

/// Names and sizes alone.
fn brief(listing: Listing) -> Option<Vec<(Vec<u8>, u64)>> {
    let brief = |seen: Seen| (seen.name, seen.size);
    Some(listing?.into_iter().map(brief).collect())
}

#[test]
fn other_readers_see_the_entries_that_we_see() {
    let folder = tempfile::tempdir().expect("a folder");
    for odd in odd_archives() {
        let path = folder.path().join("odd.tar");
        fs::write(&path, &odd.tar).expect("written");
        let paths = [path];
        let sizes =
            |(name, content): &(&str, Vec<u8>)| (name.as_bytes().to_vec(), content.len() as u64);
        let expected: Vec<_> = odd.files.iter().map(sizes).collect();
        let seen = ours(&odd.tar);
        assert_eq!(go(&paths)[0], seen, "Go: {}", odd.name);
        assert_eq!(brief(seen), Some(expected.clone()), "{}", odd.name);
        let gnu = gnu(&paths[0]) == Some(expected.clone());
        assert_eq!(gnu, !odd.gnu_differs, "GNU tar: {}", odd.name);
        let python = brief(python(&paths)[0].clone()) == Some(expected);
        assert_eq!(python, !odd.python_differs, "Python: {}", odd.name);
    }
}

#[test]
fn all_rooms_see_the_same_entries() {
    for odd in odd_archives() {
        let files = odd.files.clone();
        assert_eq!(in_delta(&odd.tar), named(&files), "delta: {}", odd.name);
        assert_eq!(in_rootfs(&odd.tar), sorted(named(&files)), "rootfs: {}", odd.name);
        let bench = Bench::new();
        bench.put("old", &image().layer(&tar(&[("seed", &noise(5, 3000))])).build());
        let layer = tar(&[("seed", &noise(5, 3000))]);
        bench.put("new", &image().layer(&layer).layer(&odd.tar).build());
        let mut paths = sorted(in_diff(&bench));
        paths.retain(|path| path != "seed");
        let expected = sorted(files.iter().map(|(name, _)| (*name).to_owned()).collect());
        assert_eq!(paths, expected, "diff --files: {}", odd.name);
        assert_on_device(&bench, &files, odd.name);
        assert_in_docker_archive(&bench, &odd, odd.name);
    }
}

type Named = (String, Vec<u8>);

fn named(files: &[(&str, Vec<u8>)]) -> Vec<Named> {
    files.iter().map(|(name, content)| ((*name).to_owned(), content.clone())).collect()
}

fn sorted<T: Ord>(mut items: Vec<T>) -> Vec<T> {
    items.sort();
    items
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

fn in_delta(tar: &[u8]) -> Vec<Named> {
    let entries = tar_entries(tar);
    entries.map(|entry| (text(&entry.path), tar[entry.content.clone()].to_vec())).collect()
}

fn in_rootfs(tar: &[u8]) -> Vec<Named> {
    let sparse = SparseFiles::of_layers(&[tar]).expect("valid");
    let tree = Tree::from_layers(&[tar], &sparse).expect("valid");
    let mut found = Vec::new();
    let mut folders: Vec<(String, InodeId)> = vec![(String::new(), tree.root())];
    while let Some((above, folder)) = folders.pop() {
        for (name, child) in tree.children(folder) {
            let path = format!("{above}{}", text(name));
            match tree.inode(child).content() {
                Some(content) => found.push((path, content.to_vec())),
                None => folders.push((path + "/", child)),
            }
        }
    }
    sorted(found)
}

/// Runs `remora` on the images `old` and `new` of the bench.
fn remora(bench: &Bench, arguments: &[&str]) -> Vec<u8> {
    let images = ["old", "new"].map(|tag| bench.reference(tag).to_string());
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    command.arg(arguments[0]).args(&images).args(&arguments[1..]);
    let output = command.env("REMORA_STORE", bench.store.path()).output().expect("runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn in_diff(bench: &Bench) -> Vec<String> {
    let answer = remora(bench, &["diff", "--files", "20", "--json"]);
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let files = answer["files"].as_array().expect("files");
    files.iter().map(|file| file["path"].as_str().expect("text").to_owned()).collect()
}

fn assert_on_device(bench: &Bench, files: &[(&str, Vec<u8>)], name: &str) {
    let delta = bench.path().join("delta.v2");
    remora(bench, &["create", "--format", "v2", "-o", delta.to_str().expect("text"), "--replace"]);
    let base = tempfile::tempdir().expect("a folder");
    fs::write(base.path().join("seed"), noise(5, 3000)).expect("written");
    let device = Device::with(base.path());
    let (code, said) = device.apply(&fs::read(&delta).expect("made"), 60);
    assert_eq!(code, Some(0), "{name}: {said}");
    for (path, content) in files {
        let there = fs::read(device.files().join(path)).expect(path);
        assert!(there == *content, "{name}: {path}");
    }
}

/// A docker archive whose own entries are the odd ones: each serves as a layer.
fn assert_in_docker_archive(bench: &Bench, odd: &Odd, name: &str) {
    let diff_ids: Vec<String> =
        odd.files.iter().map(|(_, content)| Digest::of(content).to_string()).collect();
    let config = json!({
        "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids},
    });
    let layers: Vec<&str> = odd.files.iter().map(|(path, _)| *path).collect();
    let manifest = json!([{"Config": "config.json", "RepoTags": ["a:1"], "Layers": layers}]);
    let entries = &odd.tar[..odd.tar.len() - 1024];
    let whole = archive(&[
        entries.to_vec(),
        file("config.json", config.to_string().as_bytes()),
        file("manifest.json", manifest.to_string().as_bytes()),
    ]);
    let path: &Path = &bench.path().join("odd.tar");
    fs::write(path, whole).expect("written");
    let reference: ImageReference =
        format!("docker-archive:{}", path.display()).parse().expect("a reference");
    let image = bench.open(&reference);
    for (number, (path, content)) in odd.files.iter().enumerate() {
        let mut bytes = Vec::new();
        let mut layer = image.open_layer(number).expect(path);
        std::io::Read::read_to_end(&mut layer, &mut bytes).expect(path);
        assert!(bytes == *content, "{name}: {path} in a docker archive");
    }
}
