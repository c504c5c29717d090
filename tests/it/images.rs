//! Small images for tests, built in a line each, and a folder to put them in.

use std::path::{Path, PathBuf};

use remora::image::{
    Blob, DiffId, Digest, Image, ImageContents, ImageReference, Platform, TransportSettings,
    Transports, media_type,
};
use remora::progress::Silent;
use remora::store::Store;
use serde_json::{Value, json};

use crate::sample_image;
pub(crate) use crate::sample_image::{gzip, noise};

/// A folder with a store and an OCI layout in it, gone when dropped.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    pub(crate) store: Store,
    pub(crate) transports: Transports,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open(folder.path().join("store")).expect("store");
        let transports = Transports::new(TransportSettings::default()).expect("transports");
        Bench { folder, store, transports }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The reference of the image `tag` in the bench's layout.
    pub(crate) fn reference(&self, tag: &str) -> ImageReference {
        parse(&format!("oci:{}:{tag}", self.path().join("layout").display()))
    }

    pub(crate) fn open(&self, reference: &ImageReference) -> Image {
        self.transports.open(reference, &linux()).expect("opens")
    }

    /// Writes an image into the layout and opens it there.
    pub(crate) fn put(&self, tag: &str, contents: &ImageContents) -> Image {
        self.put_at(&self.reference(tag), contents)
    }

    pub(crate) fn put_at(&self, reference: &ImageReference, contents: &ImageContents) -> Image {
        self.transports.write(reference, contents, &Silent).expect("written");
        self.open(reference)
    }

    /// Everything that is at work in the store; nothing should be when nobody works.
    pub(crate) fn work_in_progress(&self) -> Vec<PathBuf> {
        let folders = ["incoming", "scratch"].map(|name| self.store.path().join(name));
        let entries = folders.iter().flat_map(|folder| std::fs::read_dir(folder).expect("there"));
        entries.map(|entry| entry.expect("entry").path()).collect()
    }
}

pub(crate) fn parse(text: &str) -> ImageReference {
    text.parse().expect("a reference")
}

pub(crate) fn linux() -> Platform {
    "linux/amd64".parse().expect("a platform")
}

/// An image in the making.
#[derive(Clone)]
pub(crate) struct ImageBuilder {
    config: Value,
    diff_ids: Vec<DiffId>,
    blobs: Vec<Vec<u8>>,
}

/// An image without layers.
pub(crate) fn image() -> ImageBuilder {
    let config = json!({
        "created": "2026-01-02T03:04:05.678Z",
        "architecture": "amd64",
        "os": "linux",
        "config": { "Env": ["GREETING=h\u{e9}llo \"you\"\n"], "Labels": { "a": "b" } },
    });
    ImageBuilder { config, diff_ids: Vec::new(), blobs: Vec::new() }
}

impl ImageBuilder {
    /// One layer more, of this tar.
    pub(crate) fn layer(self, tar: &[u8]) -> Self {
        self.blob(gzip(tar), DiffId(Digest::of(tar)))
    }

    /// One layer more, of this blob as it is.
    pub(crate) fn blob(mut self, blob: Vec<u8>, diff_id: DiffId) -> Self {
        self.diff_ids.push(diff_id);
        self.blobs.push(blob);
        self
    }

    /// Sets a field of the config.
    pub(crate) fn with(mut self, field: &str, value: Value) -> Self {
        self.config[field] = value;
        self
    }

    /// Makes it look like a delta from `base` to the image of `target_config`.
    pub(crate) fn delta(mut self, base: &str, target_config: &str) -> Self {
        self.config["config"] = json!({ "Labels": {
            remora::v3::BASE_LABEL: base,
            remora::v3::TARGET_CONFIG_LABEL: target_config,
        }});
        self
    }

    /// The config, with white space that no serialiser writes.
    pub(crate) fn config(&self) -> String {
        let mut config = self.config.clone();
        config["rootfs"] = json!({ "type": "layers", "diff_ids": self.diff_ids });
        format!(" {config:#}\n\n")
    }

    pub(crate) fn build(&self) -> ImageContents {
        let descriptor = |blob: &Blob, media_type: &str| json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size });
        let layers: Vec<Blob> = self.blobs.iter().cloned().map(Blob::from_bytes).collect();
        let config = Blob::from_bytes(self.config().into_bytes());
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::DOCKER_MANIFEST,
            "config": descriptor(&config, media_type::DOCKER_CONFIG),
            "layers": layers.iter().map(|l| descriptor(l, media_type::DOCKER_LAYER_GZIP)).collect::<Vec<_>>(),
        });
        ImageContents {
            manifest: manifest.to_string().into_bytes(),
            manifest_media_type: media_type::DOCKER_MANIFEST.into(),
            config: self.config().into_bytes(),
            layers,
            mount_from: Vec::new(),
        }
    }
}

/// A tar of these files.
pub(crate) fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(1_700_000_000);
        builder.append_data(&mut header, path, *content).expect("vec");
    }
    builder.into_inner().expect("vec")
}

/// The plain tar of an image's layer.
pub(crate) fn layer_tar(image: &Image, layer: usize) -> Vec<u8> {
    sample_image::layer_tar(image, layer).expect("readable layer")
}

/// The librsync delta in a layer of a delta image.
pub(crate) fn delta_stream(delta: &Image, index: usize) -> Vec<u8> {
    let tar = layer_tar(delta, index);
    let mut archive = tar::Archive::new(&tar[..]);
    let mut entry = archive.entries().expect("entries").next().expect("one").expect("valid");
    let mut stream = Vec::new();
    std::io::copy(&mut entry, &mut stream).expect("whole");
    stream
}
