//! Manifests and indexes: the JSON documents that say what an image is made of. Pure: bytes in,
//! types out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::limits::{MAX_LAYERS, MAX_MANIFEST_BYTES};
use super::{Digest, Platform};
use crate::quote::quoted;

/// Media types, as the OCI image spec and Docker's image spec v2.2 name them.
pub mod media_type {
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image config.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// The config of an artifact that has none: the two bytes `{}`.
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
    /// OCI layer, a plain tar.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// A layer with zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// Docker image manifest, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image config.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker layer, gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer, a plain tar.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// Docker manifest, schema 1: not supported, but recognised.
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";
    /// Docker manifest, schema 1, signed: not supported, but recognised.
    pub const DOCKER_SCHEMA1_SIGNED: &str =
        "application/vnd.docker.distribution.manifest.v1+prettyjws";
}

/// The description of a blob in a manifest (OCI image spec, "Content Descriptors").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// The blob's media type.
    #[serde(default)]
    pub media_type: String,
    /// The blob's digest.
    pub digest: Digest,
    /// The blob's length in bytes.
    pub size: u64,
    /// Where else a foreign layer could be had. Never followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// Free-form notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    /// In a list of referrers: the type of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// In an index: the platform of the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "platform")]
    pub platform: Option<Platform>,
}

impl ManifestDocument {
    /// The digest of the document's bytes, where it has bytes of its own.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self {
            ManifestDocument::Image(manifest) => Some(manifest.digest),
            ManifestDocument::Index(index) => index.digest,
        }
    }
}

impl Descriptor {
    /// The annotation named `key`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// An image manifest: its bytes as they are stored, and what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    bytes: Vec<u8>,
    digest: Digest,
    media_type: String,
    artifact_type: Option<String>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Manifest {
    /// The manifest as it is stored; its digest is over exactly these bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The digest of [`Manifest::bytes`].
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The manifest's media type: OCI or Docker schema 2.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// The type of the artifact that it is the manifest of, if it says that it is one.
    pub fn artifact_type(&self) -> Option<&str> {
        self.artifact_type.as_deref()
    }

    /// Whether it is the manifest of an artifact, which has no config.
    pub fn is_of_artifact(&self) -> bool {
        self.config.media_type == media_type::OCI_EMPTY
    }

    /// The config blob.
    pub fn config(&self) -> &Descriptor {
        &self.config
    }

    /// The layer blobs, bottom first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.layers
    }

    /// The manifest's annotations; Docker manifests have none.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The descriptor of the manifest itself, as an index or a `subject` holds it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest,
            size: self.bytes.len() as u64,
            urls: Vec::new(),
            annotations: None,
            artifact_type: None,
            platform: None,
        }
    }
}

/// An image index or manifest list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The manifests in it.
    pub manifests: Vec<Descriptor>,
    /// The digest of its bytes; none of an index that was put together from others.
    pub digest: Option<Digest>,
}

/// Either of the documents that stand where a reference points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestDocument {
    /// One image.
    Image(Box<Manifest>),
    /// A choice of images, usually one for each platform.
    Index(Index),
}

/// Why bytes are not a manifest that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// More bytes than any manifest has.
    #[error("the manifest is larger than {MAX_MANIFEST_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("the manifest cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// Docker's old format, which has neither diff IDs nor a config blob.
    #[error("the manifest is a Docker schema 1 manifest, which is not supported")]
    Schema1,
    /// Some other artifact.
    #[error("the manifest is of the type {}, which is no container image", quoted(.0))]
    MediaType(String),
    /// An artifact that has the form of an image, such as a Helm chart.
    #[error("it is an artifact whose config is of the type {0:?}, no container image")]
    Artifact(String),
    /// The document says neither what it is nor looks like either.
    #[error("the manifest has neither layers nor manifests")]
    Shape,
    /// More layers than any engine takes.
    #[error("the manifest has {0} layers, more than {MAX_LAYERS}")]
    TooManyLayers(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

/// Reads a manifest or an index. `stated` is the media type that came with it (a `Content-Type`, a
/// descriptor's `mediaType`), which decides if the document itself does not say.
///
/// # Errors
/// If `bytes` are too many, are not the JSON of a manifest or index, or are one of another kind: Docker's
/// schema 1, an artifact, more layers than any engine takes.
pub fn parse_manifest(
    bytes: &[u8],
    stated: Option<&str>,
) -> Result<ManifestDocument, ManifestError> {
    if bytes.len() as u64 > MAX_MANIFEST_BYTES {
        return Err(ManifestError::TooLarge);
    }
    let stated = stated.map(essence);
    if stated.as_deref().is_some_and(is_schema1) {
        return Err(ManifestError::Schema1);
    }
    let document: Document = serde_json::from_slice(bytes)?;
    if document.schema_version == 1 {
        return Err(ManifestError::Schema1);
    }
    let media_type = document_type(&document, stated)?;
    match media_type.as_str() {
        media_type::OCI_INDEX | media_type::DOCKER_LIST => {
            let manifests = document.manifests.ok_or(ManifestError::Shape)?;
            Ok(ManifestDocument::Index(Index { manifests, digest: Some(Digest::of(bytes)) }))
        }
        media_type::OCI_MANIFEST | media_type::DOCKER_MANIFEST => {
            let manifest = image_manifest(bytes, media_type, document)?;
            Ok(ManifestDocument::Image(Box::new(manifest)))
        }
        _ => Err(ManifestError::MediaType(media_type.chars().take(100).collect())),
    }
}

fn image_manifest(
    bytes: &[u8],
    media_type: String,
    document: Document,
) -> Result<Manifest, ManifestError> {
    let (config, layers) = document.config.zip(document.layers).ok_or(ManifestError::Shape)?;
    if layers.len() > MAX_LAYERS {
        return Err(ManifestError::TooManyLayers(layers.len()));
    }
    Ok(Manifest {
        bytes: bytes.to_vec(),
        digest: Digest::of(bytes),
        media_type,
        artifact_type: document.artifact_type,
        config,
        layers,
        annotations: document.annotations.unwrap_or_default(),
    })
}

/// The document's own word first, then the one that came with it, then its shape: OCI manifests need
/// not say what they are, and layouts written by older tools state nothing at all.
fn document_type(document: &Document, stated: Option<String>) -> Result<String, ManifestError> {
    if let Some(own) = &document.media_type {
        return if is_schema1(own) { Err(ManifestError::Schema1) } else { Ok(own.clone()) };
    }
    let known = [
        media_type::OCI_INDEX,
        media_type::OCI_MANIFEST,
        media_type::DOCKER_LIST,
        media_type::DOCKER_MANIFEST,
    ];
    if let Some(stated) = stated.filter(|stated| known.contains(&stated.as_str())) {
        return Ok(stated);
    }
    match (&document.manifests, &document.layers) {
        (Some(_), None) => Ok(media_type::OCI_INDEX.to_owned()),
        (None, Some(_)) => Ok(media_type::OCI_MANIFEST.to_owned()),
        _ => Err(ManifestError::Shape),
    }
}

fn is_schema1(media_type: &str) -> bool {
    [media_type::DOCKER_SCHEMA1, media_type::DOCKER_SCHEMA1_SIGNED].contains(&media_type)
}

/// A media type without its parameters, `; charset=utf-8` and the like.
fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// A platform as JSON; an empty variant means none, and one without a name is no platform.
fn platform<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Platform>, D::Error> {
    #[derive(Deserialize)]
    struct Fields {
        #[serde(default)]
        os: String,
        #[serde(default)]
        architecture: String,
        #[serde(default)]
        variant: String,
    }
    let fields = Option::<Fields>::deserialize(deserializer)?;
    Ok(fields.filter(|fields| !fields.os.is_empty() && !fields.architecture.is_empty()).map(
        |fields| Platform {
            os: fields.os,
            architecture: fields.architecture,
            variant: (!fields.variant.is_empty()).then_some(fields.variant),
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn descriptor() -> String {
        format!(r#"{{"mediaType":"x","digest":"{DIGEST}","size":7}}"#)
    }

    fn outcome(json: &str, stated: Option<&str>) -> String {
        match parse_manifest(json.as_bytes(), stated) {
            Ok(ManifestDocument::Image(manifest)) => {
                assert_eq!(manifest.bytes(), json.as_bytes());
                assert_eq!(manifest.digest(), Digest::of(json.as_bytes()));
                format!("image of {} layers", manifest.layers().len())
            }
            Ok(ManifestDocument::Index(index)) => format!("index of {}", index.manifests.len()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn manifests_and_indexes_are_told_apart() {
        let d = descriptor();
        let image = format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{d},{d}]}}"#);
        let index = format!(r#"{{"schemaVersion":2,"manifests":[{d}]}}"#);
        let typed = |media_type: &str, document: &str| {
            document.replacen('{', &format!(r#"{{"mediaType":"{media_type}","#), 1)
        };
        for (document, stated, expected) in [
            (image.clone(), None, "image of 2 layers"),
            (image.clone(), Some(media_type::DOCKER_MANIFEST), "image of 2 layers"),
            (image.clone(), Some("application/json; charset=utf-8"), "image of 2 layers"),
            (typed(media_type::OCI_MANIFEST, &image), None, "image of 2 layers"),
            (
                typed(media_type::OCI_MANIFEST, &image),
                Some(media_type::OCI_INDEX),
                "image of 2 layers",
            ),
            (index.clone(), None, "index of 1"),
            (typed(media_type::DOCKER_LIST, &index), None, "index of 1"),
        ] {
            assert_eq!(outcome(&document, stated), expected, "{document}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_reason() {
        let d = descriptor();
        let many = vec![d.as_str(); MAX_LAYERS + 1].join(",");
        let large = " ".repeat(MAX_MANIFEST_BYTES as usize + 1);
        let deep = format!(r#"{{"schemaVersion":2,"annotations":{}"#, "[".repeat(100_000));
        for (document, stated, reason) in [
            (String::new(), None, "cannot be read"),
            ("[]".to_owned(), None, "cannot be read"),
            (deep, None, "cannot be read"),
            (large, None, "larger than 4194304 bytes"),
            (r#"{"schemaVersion":1,"fsLayers":[]}"#.to_owned(), None, "schema 1"),
            (
                r#"{"schemaVersion":2}"#.to_owned(),
                Some(media_type::DOCKER_SCHEMA1_SIGNED),
                "schema 1",
            ),
            (r#"{"schemaVersion":2}"#.to_owned(), None, "neither layers nor manifests"),
            (r#"{"schemaVersion":2,"mediaType":"text/plain"}"#.to_owned(), None, "\"text/plain\""),
            (r#"{"schemaVersion":2,"layers":[]}"#.to_owned(), None, "neither layers"),
            (
                format!(r#"{{"schemaVersion":2,"config":{d},"layers":[{many}]}}"#),
                None,
                "1025 layers",
            ),
            (
                r#"{"schemaVersion":2,"manifests":[{"digest":"md5:0","size":1}]}"#.to_owned(),
                None,
                "is not a digest",
            ),
            (
                format!(r#"{{"schemaVersion":2,"manifests":[{{"digest":"{DIGEST}","size":-1}}]}}"#),
                None,
                "cannot be read",
            ),
        ] {
            let result = outcome(&document, stated);
            assert!(result.contains(reason), "{result} for {:.80}", document);
        }
    }

    #[test]
    fn a_platform_without_names_is_none() {
        let entry = |platform: &str| {
            let text =
                descriptor().replace("\"size\"", &format!(r#""platform":{platform},"size""#));
            serde_json::from_str::<Descriptor>(&text)
                .expect("parsed")
                .platform
                .map(|p| p.to_string())
        };
        assert_eq!(
            entry(r#"{"os":"linux","architecture":"arm","variant":"v7"}"#).as_deref(),
            Some("linux/arm/v7")
        );
        assert_eq!(
            entry(r#"{"os":"linux","architecture":"arm64","variant":""}"#).as_deref(),
            Some("linux/arm64")
        );
        assert_eq!(entry(r#"{"os":"","architecture":""}"#), None);
        assert_eq!(entry("null"), None);
    }
}
