//! Images on disk: written and read, also by skopeo; nothing half-written, nothing damaged accepted.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use remora::image::{
    Blob, BlobData, Digest, Image, ImageContents, ImageError, ImageReference, Platform,
    TransportSettings, Transports, media_type,
};
use remora::progress::Silent;
use remora::{ErrorKind, image};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::sample_image::{SampleImage, Style, gzip, layer_tar, tar};
use crate::tools::{run, skopeo};

pub(crate) fn transports() -> Transports {
    Transports::new(TransportSettings::default()).expect("no files to read")
}

fn amd64() -> Platform {
    "linux/amd64".parse().expect("a platform")
}

pub(crate) fn reference(text: &str) -> ImageReference {
    text.parse().expect(text)
}

fn open(text: &str) -> Result<Image, ImageError> {
    transports().open(&reference(text), &amd64())
}

pub(crate) fn write(text: &str, contents: &ImageContents) -> Result<Digest, ImageError> {
    transports().write(&reference(text), contents, &Silent)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

pub(crate) fn text(folder: &TempDir, transport: &str, rest: &str) -> String {
    format!("{transport}:{}/{rest}", folder.path().display())
}

/// Every file below `folder` with its content.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => files.push((path.clone(), fs::read(path).expect("readable"))),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_is_written_is_read_back() {
    for style in [Style::Docker, Style::Oci, Style::OciZstd, Style::Plain] {
        let folder = folder();
        let sample = SampleImage::new(style, "x");
        let places: &[(&str, &str)] = match style {
            Style::Plain => &[("docker-archive", "a.tar"), ("docker-archive", "b.tar:app:1")],
            _ => &[
                ("oci", "a"),
                ("oci", "b:tag"),
                ("oci-archive", "c.tar"),
                ("oci-archive", "d.tar:t"),
            ],
        };
        for (transport, rest) in places {
            let place = text(&folder, transport, rest);
            assert_eq!(write(&place, &sample.contents).expect(&place), sample.manifest_digest());
            let image = open(&place).expect(&place);
            sample.assert_is(&image);
            assert_eq!(image.platform(), Some(amd64()));
            let blob = (style != Style::Plain).then(|| sample.contents.layers[1].size);
            assert_eq!(image.pull_size(1), blob, "{place}");
        }
    }
}

#[test]
fn the_same_image_is_written_with_the_same_bytes() {
    let (one, two) = (folder(), folder());
    let [oci, plain] =
        [Style::Oci, Style::Plain].map(|style| SampleImage::new(style, "x").contents);
    for (transport, rest, contents) in [
        ("oci", "l:t", &oci),
        ("oci-archive", "o.tar:t", &oci),
        ("docker-archive", "d.tar:t", &plain),
    ] {
        write(&text(&one, transport, rest), contents).expect("written");
        write(&text(&two, transport, rest), contents).expect("written");
    }
    let bytes = |folder: &TempDir| {
        tree(folder.path()).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    assert_eq!(bytes(&one), bytes(&two));
}

#[test]
fn skopeo_reads_what_we_write() {
    let folder = folder();
    for (style, transport, rest) in [
        // It looks for OCI manifests only in a layout.
        (Style::Oci, "oci", "a:x"),
        (Style::Oci, "oci", "b"),
        (Style::Oci, "oci-archive", "c.tar:x"),
        (Style::Plain, "docker-archive", "d.tar:app:1"),
    ] {
        let sample = SampleImage::new(style, "x");
        let place = text(&folder, transport, rest);
        write(&place, &sample.contents).expect(&place);
        let config = skopeo(&["inspect", "--config", "--raw", &place]);
        assert_eq!(config.as_bytes(), sample.contents.config, "{place}");
        skopeo(&["copy", &place, &text(&folder, "dir", &format!("copy-{transport}-{style:?}"))]);
    }
}

#[test]
fn we_read_what_skopeo_writes() {
    let folder = folder();
    let sample = SampleImage::new(Style::Oci, "x");
    let source = text(&folder, "oci", "source:x");
    write(&source, &sample.contents).expect("written");
    let [oci, oci_archive, docker_archive] = [
        text(&folder, "oci", "copy:y"),
        text(&folder, "oci-archive", "copy.tar:y"),
        text(&folder, "docker-archive", "docker.tar:app:1"),
    ];
    for place in [&oci, &oci_archive, &docker_archive] {
        skopeo(&["copy", &source, place]);
        let image = open(place).expect(place);
        for (layer, tar) in sample.tars.iter().enumerate() {
            assert!(&layer_tar(&image, layer).expect("readable layer") == tar, "{place}");
        }
        assert_eq!(image.diff_ids().expect("as many as layers").len(), 2);
    }
}

#[test]
fn archives_may_be_compressed_and_come_through_a_pipe() {
    let folder = folder();
    for (style, transport) in [(Style::Plain, "docker-archive"), (Style::Oci, "oci-archive")] {
        let sample = SampleImage::new(style, "x");
        let plain = folder.path().join("plain.tar");
        write(&format!("{transport}:{}", plain.display()), &sample.contents).expect("written");
        let bytes = gzip(&fs::read(&plain).expect("readable"));
        fs::write(folder.path().join("a.tgz"), &bytes).expect("written");
        sample.assert_is(&open(&text(&folder, transport, "a.tgz")).expect("opened"));

        let pipe = folder.path().join(transport);
        run("mkfifo", &[&pipe]);
        let place = format!("{transport}:{}", pipe.display());
        let writer = std::thread::spawn(move || fs::write(pipe, bytes));
        sample.assert_is(&open(&place).expect("opened"));
        writer.join().expect("ended").expect("all was read");
    }
}

#[test]
fn compressed_layers_in_a_docker_archive_are_read() {
    let sample = SampleImage::new(Style::Docker, "x");
    let mut builder = tar::Builder::new(Vec::new());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        builder.append_data(&mut header, name, bytes).expect("in memory");
    };
    add("config.json", &sample.contents.config);
    add("0/layer.tar", sample.blob(0));
    add("1/layer.tar", sample.blob(1));
    let index = json!([{"Config": "config.json", "Layers": ["0/layer.tar", "1/layer.tar"]}]);
    add("manifest.json", index.to_string().as_bytes());
    let folder = folder();
    fs::write(folder.path().join("a.tar"), builder.into_inner().expect("in memory"))
        .expect("written");
    sample.assert_is(&open(&text(&folder, "docker-archive", "a.tar")).expect("opened"));
}

#[test]
fn a_name_tells_images_apart_and_a_wrong_one_tells_the_right_ones() {
    let folder = folder();
    let [one, two] = ["one", "two"].map(|text| SampleImage::new(Style::Oci, text));
    write(&text(&folder, "oci", "l:one"), &one.contents).expect("written");
    write(&text(&folder, "oci", "l:two"), &two.contents).expect("written");
    one.assert_is(&open(&text(&folder, "oci", "l:one")).expect("opened"));
    two.assert_is(&open(&text(&folder, "oci", "l:two")).expect("opened"));
    write(&text(&folder, "oci", "l:one"), &two.contents).expect("written");
    two.assert_is(&open(&text(&folder, "oci", "l:one")).expect("replaced"));

    for (rest, kind, problem) in [
        ("l", ErrorKind::Usage, "does not say which: two, one"),
        ("l:three", ErrorKind::Environment, "was not found; there is two, one"),
        ("none", ErrorKind::Environment, "none was not found"),
    ] {
        let error = open(&text(&folder, "oci", rest)).expect_err(rest);
        assert!(error.to_string().ends_with(problem), "{error}");
        assert_eq!(error.kind(), kind);
    }
}

#[test]
fn one_name_twice_for_the_same_image_is_one_image() {
    let folder = folder();
    let sample = SampleImage::new(Style::Oci, "x");
    write(&text(&folder, "oci", "l:one"), &sample.contents).expect("written");
    let path = folder.path().join("l/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).expect("there")).expect("json");
    let entry = index["manifests"][0].clone();
    index["manifests"].as_array_mut().expect("a list").push(entry);
    fs::write(&path, index.to_string()).expect("written");
    for name in ["l:one", "l"] {
        sample.assert_is(&open(&text(&folder, "oci", name)).expect(name));
    }
}

#[test]
fn docker_archives_are_searched_by_completed_names() {
    let folder = folder();
    let sample = SampleImage::new(Style::Plain, "x");
    let file = text(&folder, "docker-archive", "a.tar");
    write(&format!("{file}:app"), &sample.contents).expect("written");
    for name in ["", ":app", ":app:latest", ":docker.io/library/app", ":@0"] {
        sample.assert_is(&open(&format!("{file}{name}")).expect(name));
    }
    for name in [":other", ":app:1", ":@1"] {
        let error = open(&format!("{file}{name}")).expect_err(name).to_string();
        assert!(error.ends_with("was not found; there is app:latest"), "{error}");
    }
    for name in [":@0", ":app@sha256:0", &format!(":app@{}", Digest::of(b""))] {
        let error = write(&format!("{file}{name}"), &sample.contents).expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
}

/// An OCI layout whose one image is an index of `images`, each with the platform as JSON.
pub(crate) fn layout_of(folder: &TempDir, images: &[(&SampleImage, Value)]) -> String {
    let place = text(folder, "oci", "multi");
    let dir = folder.path().join("multi");
    let mut entries = Vec::new();
    for (sample, platform) in images {
        write(&place, &sample.contents).expect("written");
        entries.push(json!({
            "mediaType": sample.contents.manifest_media_type,
            "digest": sample.manifest_digest(),
            "size": sample.contents.manifest.len(),
            "platform": platform,
        }));
    }
    let index = json!({ "schemaVersion": 2, "manifests": entries }).to_string().into_bytes();
    let digest = Digest::of(&index);
    fs::write(dir.join("blobs/sha256").join(digest.hex()), &index).expect("written");
    let entry =
        json!({ "mediaType": image::media_type::OCI_INDEX, "digest": digest, "size": index.len() });
    let top = json!({ "schemaVersion": 2, "manifests": [entry] });
    fs::write(dir.join("index.json"), top.to_string()).expect("written");
    place
}

#[test]
fn the_platform_chooses_from_an_index_and_a_missing_one_lists_the_others() {
    let folder = folder();
    let make = |architecture: &str| {
        SampleImage::of_tars(Style::Oci, architecture, vec![tar("arch", architecture.as_bytes())])
    };
    let (amd64, arm) = (make("amd64"), make("arm"));
    let place = layout_of(
        &folder,
        &[
            (&amd64, json!({"os": "linux", "architecture": "amd64"})),
            (&arm, json!({"os": "linux", "architecture": "arm", "variant": "v6"})),
            (&arm, json!({"os": "unknown", "architecture": "unknown"})),
        ],
    );
    let open =
        |platform: &str| transports().open(&reference(&place), &platform.parse().expect(platform));
    amd64.assert_is(&open("linux/amd64").expect("there"));
    arm.assert_is(&open("linux/arm/v7").expect("runs there"));
    let error = open("linux/s390x").expect_err("not there");
    let expected = "has no image for linux/s390x; it has linux/amd64, linux/arm/v6";
    assert!(error.to_string().ends_with(expected), "{error}");
    assert_eq!(error.remedy(), Some(remora::Remedy::ChoosePlatform));
}

#[test]
fn a_single_manifest_is_taken_whatever_the_platform() {
    let folder = folder();
    let sample = SampleImage::new(Style::Oci, "x");
    let place = text(&folder, "oci", "l");
    write(&place, &sample.contents).expect("written");
    let platform = "linux/s390x".parse().expect("a platform");
    sample.assert_is(&transports().open(&reference(&place), &platform).expect("opened"));
}

/// An image whose second layer is in a file that does not have the digest that was computed.
fn contents_with_a_changed_layer(folder: &TempDir, style: Style) -> ImageContents {
    let mut contents = SampleImage::new(style, "x").contents;
    let path = folder.path().join("changed");
    fs::write(&path, vec![0; contents.layers[1].size as usize]).expect("written");
    contents.layers[1].data = BlobData::File(path);
    contents
}

#[test]
fn a_write_that_fails_leaves_everything_as_it_was() {
    let inputs = folder();
    let fresh = folder();
    let existing = folder();
    let [oci, plain] = [Style::Oci, Style::Plain];
    let places =
        [(oci, "oci", "l:t"), (oci, "oci-archive", "o.tar"), (plain, "docker-archive", "d.tar")];
    for (style, transport, rest) in places {
        let other = SampleImage::new(style, "other").contents;
        write(&text(&existing, transport, rest), &other).expect("written");
    }
    let before = tree(existing.path());
    for (style, transport, rest) in places {
        let contents = contents_with_a_changed_layer(&inputs, style);
        for folder in [&fresh, &existing] {
            let error =
                write(&text(folder, transport, rest), &contents).expect_err("changed layer");
            assert!(error.to_string().contains("the image to be written: blob sha256:"), "{error}");
        }
    }
    assert_eq!(tree(existing.path()), before);
    assert_eq!(fs::read_dir(fresh.path()).expect("readable").count(), 0, "nothing is left behind");
}

#[test]
fn contradictory_contents_are_not_written() {
    let folder = folder();
    let sample = SampleImage::new(Style::Oci, "x").contents;
    let mut swapped = sample.clone();
    swapped.layers.swap(0, 1);
    let mut more = sample.clone();
    more.layers.push(Blob::from_bytes(vec![1]));
    let other = ImageContents { config: b"{}".to_vec(), ..sample.clone() };
    for contents in [swapped, more, other] {
        let error = write(&text(&folder, "oci", "l"), &contents).expect_err("contradiction");
        assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    }
    // Whoever made the image chose the wrong place for compressed layers.
    let error = write(&text(&folder, "docker-archive", "a.tar"), &sample).expect_err("compressed");
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
}

#[test]
fn several_writers_of_one_layout_do_not_lose_each_others_images() {
    let folder = folder();
    let samples: Vec<SampleImage> =
        (0..8).map(|n| SampleImage::new(Style::Oci, &n.to_string())).collect();
    std::thread::scope(|scope| {
        for (number, sample) in samples.iter().enumerate() {
            let place = text(&folder, "oci", &format!("l:{number}"));
            scope.spawn(move || write(&place, &sample.contents).expect("written"));
        }
    });
    for (number, sample) in samples.iter().enumerate() {
        sample.assert_is(&open(&text(&folder, "oci", &format!("l:{number}"))).expect("there"));
    }
}

/// Opens the image and reads all of its layers.
fn read_all(place: &str) -> Result<(), String> {
    let image = open(place).map_err(|error| error.to_string())?;
    for layer in 0..image.layer_count() {
        layer_tar(&image, layer).map_err(|error| ImageError::from_read(error).to_string())?;
    }
    image.diff_ids().map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn a_layout_with_any_file_damaged_is_refused() {
    let folder = folder();
    let place = text(&folder, "oci", "l");
    write(&place, &SampleImage::new(Style::Oci, "x").contents).expect("written");
    assert_eq!(read_all(&place), Ok(()));
    for (path, bytes) in tree(&folder.path().join("l")) {
        if path.ends_with("oci-layout") {
            continue;
        }
        let mut flipped = bytes.clone();
        // The one file without a digest shows only damage that matters.
        let at = if path.ends_with("index.json") { 0 } else { bytes.len() / 2 };
        flipped[at] ^= 0x20;
        let damages =
            [Some(flipped), Some(bytes[..bytes.len() - 1].to_vec()), Some(Vec::new()), None];
        for (number, damaged) in damages.into_iter().enumerate() {
            match damaged {
                Some(damaged) => fs::write(&path, damaged).expect("written"),
                None => fs::remove_file(&path).expect("removed"),
            }
            assert!(read_all(&place).is_err(), "damage {number} to {}", path.display());
        }
        fs::write(&path, &bytes).expect("restored");
    }
}

#[test]
fn a_damaged_archive_is_refused_in_words_that_tell() {
    let folder = folder();
    let sample = SampleImage::new(Style::Plain, "x");
    write(&text(&folder, "docker-archive", "a.tar"), &sample.contents).expect("written");
    let whole = fs::read(folder.path().join("a.tar")).expect("readable");
    let compressed = gzip(&whole);
    for (name, bytes, problem) in [
        ("cut", &whole[..whole.len() / 2], "is cut short"),
        ("no-index", &whole[..whole.len() - 2048], "has no \"manifest.json\""),
        ("gzip", &compressed[..compressed.len() / 2], "compressed data is damaged"),
        ("text", &b"this is no archive".repeat(100)[..], "is not a tar"),
        ("empty", &[], "the archive is empty"),
    ] {
        let mut file = fs::File::create(folder.path().join(name)).expect("created");
        file.write_all(bytes).expect("written");
        let error = open(&text(&folder, "docker-archive", name)).expect_err(name);
        assert!(error.to_string().contains(problem), "{name}: {error}");
        assert_eq!(error.kind(), ErrorKind::Content, "{name}");
    }
    let error = open(&text(&folder, "docker-archive", "")).expect_err("a folder");
    assert!(error.to_string().ends_with("it is a folder, not an archive"), "{error}");
}

#[test]
fn what_only_has_the_form_of_an_image_is_refused_by_its_type() {
    let folder = tempfile::tempdir().expect("folder");
    let blobs = folder.path().join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("created");
    let put = |bytes: &str| {
        let digest = Digest::of(bytes.as_bytes());
        fs::write(blobs.join(digest.hex()), bytes).expect("written");
        format!(r#""digest":"{digest}","size":{}"#, bytes.len())
    };
    for (config_type, config) in [
        ("application/vnd.cncf.helm.config.v1+json", r#"{"name":"a","apiVersion":"v2"}"#),
        ("application/vnd.oci.empty.v1+json", "{}"),
        ("application/vnd.wasm.config.v1+json", r#"{"created":null}"#),
    ] {
        let (config, layer) = (put(config), put("chart"));
        let manifest = put(&format!(
            r#"{{"schemaVersion":2,"mediaType":"{0}","config":{{"mediaType":"{config_type}",{config}}},
            "layers":[{{"mediaType":"application/octet-stream",{layer}}}]}}"#,
            media_type::OCI_MANIFEST
        ));
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{}",{manifest}}}]}}"#,
            media_type::OCI_MANIFEST
        );
        fs::write(folder.path().join("index.json"), index).expect("written");
        let reference = format!("oci:{}", folder.path().display());
        let error = open(&reference).expect_err(config_type).to_string();
        assert!(error.contains(config_type), "{error}");
    }
}
