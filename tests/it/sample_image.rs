//! Tiny images, made here: two layers, one file each.

use std::io::{Read, Write};

use remora::image::{
    Blob, BlobData, DiffId, Digest, Image, ImageContents, ImageId, decompress, media_type,
};
use serde_json::json;

/// What an image's manifest and layers look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Docker schema 2, gzip.
    Docker,
    /// OCI, gzip.
    Oci,
    /// OCI, zstd.
    OciZstd,
    /// Plain layers, as a docker archive has them.
    Plain,
}

/// An image and the plain tars it is made of.
#[derive(Debug, Clone)]
pub(crate) struct SampleImage {
    pub(crate) contents: ImageContents,
    pub(crate) tars: Vec<Vec<u8>>,
}

impl SampleImage {
    /// The image that `text` is in. Different texts give different images, apart from the bottom layer.
    pub(crate) fn new(style: Style, text: &str) -> Self {
        let size = 300_000;
        Self::of_tars(
            style,
            "amd64",
            vec![tar("bottom", &noise(7, size)), tar("top", text.as_bytes())],
        )
    }

    /// The image with these layers for a platform.
    pub(crate) fn of_tars(style: Style, architecture: &str, tars: Vec<Vec<u8>>) -> Self {
        let diff_ids: Vec<DiffId> = tars.iter().map(|tar| DiffId(Digest::of(tar))).collect();
        let config = json!({
            "created": "2024-01-02T03:04:05.000000006Z",
            "architecture": architecture,
            "os": "linux",
            "config": { "Cmd": ["sh"], "Labels": { "a": "b" } },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        });
        let config = config.to_string().into_bytes();
        let layers: Vec<(Blob, &str)> = tars.iter().map(|tar| blob(style, tar)).collect();
        let (manifest_type, config_type) = match style {
            Style::Oci | Style::OciZstd => (media_type::OCI_MANIFEST, media_type::OCI_CONFIG),
            _ => (media_type::DOCKER_MANIFEST, media_type::DOCKER_CONFIG),
        };
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": { "mediaType": config_type, "digest": Digest::of(&config), "size": config.len() },
            "layers": layers.iter().map(|(blob, media_type)| {
                json!({ "mediaType": media_type, "digest": blob.digest, "size": blob.size })
            }).collect::<Vec<_>>(),
        });
        let contents = ImageContents {
            manifest: manifest.to_string().into_bytes(),
            manifest_media_type: manifest_type.to_owned(),
            config,
            layers: layers.into_iter().map(|(blob, _)| blob).collect(),
            mount_from: Vec::new(),
        };
        SampleImage { contents, tars }
    }

    pub(crate) fn id(&self) -> ImageId {
        ImageId(Digest::of(&self.contents.config))
    }

    pub(crate) fn manifest_digest(&self) -> Digest {
        Digest::of(&self.contents.manifest)
    }

    /// The bytes of layer `number`'s blob.
    pub(crate) fn blob(&self, number: usize) -> &[u8] {
        match &self.contents.layers[number].data {
            BlobData::Bytes(bytes) => bytes,
            other => panic!("{other:?} is not in memory"),
        }
    }

    /// Checks that `image` is this one, to the last byte of its layers.
    pub(crate) fn assert_is(&self, image: &Image) {
        assert_eq!(image.id(), self.id());
        assert_eq!(image.config().bytes(), self.contents.config);
        assert_eq!(image.layer_count(), self.tars.len());
        for (number, tar) in self.tars.iter().enumerate() {
            assert!(&layer_tar(image, number).expect("readable layer") == tar, "layer {number}");
        }
    }
}

/// The plain tar of an image's layer.
pub(crate) fn layer_tar(image: &Image, layer: usize) -> std::io::Result<Vec<u8>> {
    let mut tar = Vec::new();
    decompress(image.open_layer(layer).map_err(std::io::Error::from)?)?.read_to_end(&mut tar)?;
    Ok(tar)
}

/// A tar of one file.
pub(crate) fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, name, content).expect("in memory");
    builder.into_inner().expect("in memory")
}

/// Bytes that do not compress, always the same for a `seed`.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let step = |_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 56) as u8
    };
    (0..len).map(step).collect()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

fn blob(style: Style, tar: &[u8]) -> (Blob, &'static str) {
    let (bytes, media_type) = match style {
        Style::Docker => (gzip(tar), media_type::DOCKER_LAYER_GZIP),
        Style::Oci => (gzip(tar), media_type::OCI_LAYER_GZIP),
        Style::OciZstd => {
            let blob = zstd::encode_all(tar, 3).expect("in memory");
            (blob, "application/vnd.oci.image.layer.v1.tar+zstd")
        }
        Style::Plain => (tar.to_vec(), media_type::DOCKER_LAYER),
    };
    (Blob::from_bytes(bytes), media_type)
}
