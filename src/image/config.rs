//! The image config: the JSON document whose digest is the image ID. Pure: bytes in, types out.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::limits::{MAX_CONFIG_BYTES, MAX_LAYERS};
use super::{DiffId, Digest, ImageId, Platform};

/// An image's config (OCI image spec, "Image Configuration"): its bytes as they are stored, and the
/// parts that matter here.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageConfig {
    bytes: Vec<u8>,
    id: ImageId,
    fields: Fields,
    labels: BTreeMap<String, String>,
}

/// Why bytes are not an image config that can be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// More bytes than any config has.
    #[error("the image config is larger than {MAX_CONFIG_BYTES} bytes")]
    TooLarge,
    /// Not JSON, or a field is missing or of the wrong type.
    #[error("the image config cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// More layers than any engine takes.
    #[error("the image config names {0} layers, more than {MAX_LAYERS}")]
    TooManyLayers(usize),
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct Fields {
    created: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    os: String,
    #[serde(default, deserialize_with = "null_is_default")]
    architecture: String,
    #[serde(default, deserialize_with = "null_is_default")]
    variant: String,
    #[serde(default, deserialize_with = "null_is_default")]
    config: Map<String, Value>,
    rootfs: RootFs,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
struct RootFs {
    #[serde(default, deserialize_with = "null_is_default")]
    diff_ids: Vec<DiffId>,
}

/// Reads an image config.
///
/// # Errors
/// If `bytes` are too many, are not the JSON of a config, or name more layers than any engine takes.
pub fn parse_config(bytes: &[u8]) -> Result<ImageConfig, ConfigError> {
    if bytes.len() as u64 > MAX_CONFIG_BYTES {
        return Err(ConfigError::TooLarge);
    }
    let fields: Fields = serde_json::from_slice(bytes)?;
    if fields.rootfs.diff_ids.len() > MAX_LAYERS {
        return Err(ConfigError::TooManyLayers(fields.rootfs.diff_ids.len()));
    }
    let labels = match fields.config.get("Labels") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(labels) => BTreeMap::deserialize(labels)?,
    };
    Ok(ImageConfig { bytes: bytes.to_vec(), id: ImageId(Digest::of(bytes)), fields, labels })
}

/// The config of an artifact, which has none (OCI image spec, "Guidance for an Empty Descriptor").
pub(crate) const NO_CONFIG: &[u8] = b"{}";

impl ImageConfig {
    /// The config of an artifact: it says nothing.
    pub(super) fn of_artifact() -> Self {
        let id = ImageId(Digest::of(NO_CONFIG));
        let (fields, labels) = (Fields::default(), BTreeMap::new());
        ImageConfig { bytes: NO_CONFIG.to_vec(), id, fields, labels }
    }

    /// The config as it is stored; the image ID is the digest of exactly these bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The image ID: the digest of [`ImageConfig::bytes`].
    pub fn id(&self) -> ImageId {
        self.id
    }

    /// The diff IDs of the layers, bottom first.
    pub fn diff_ids(&self) -> &[DiffId] {
        &self.fields.rootfs.diff_ids
    }

    /// `created`, exactly as it is written there.
    pub fn created(&self) -> Option<&str> {
        self.fields.created.as_deref()
    }

    /// `config.Labels`.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.labels
    }

    /// The operating system; empty if the config names none.
    pub fn os(&self) -> &str {
        &self.fields.os
    }

    /// The processor architecture; empty if the config names none.
    pub fn architecture(&self) -> &str {
        &self.fields.architecture
    }

    /// The platform, if the config names one. A v3 delta's config does not.
    pub fn platform(&self) -> Option<Platform> {
        let Fields { os, architecture, variant, .. } = &self.fields;
        (!os.is_empty() && !architecture.is_empty()).then(|| Platform {
            os: os.clone(),
            architecture: architecture.clone(),
            variant: (!variant.is_empty()).then(|| variant.clone()),
        })
    }

    /// The `config` object: environment, command and so on, in the order they are written.
    pub fn runtime(&self) -> &Map<String, Value> {
        &self.fields.config
    }
}

fn null_is_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF_ID: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn the_parts_that_matter_are_read_and_the_bytes_kept() {
        let json = format!(
            r#"{{"created":"2018-12-26T08:20:42.831353376Z", "os":"linux","architecture":"arm","variant":"v7",
            "config":{{"Env":["A=b"],"Labels":{{"k":"v"}}}},"rootfs":{{"type":"layers","diff_ids":["{DIFF_ID}"]}}}}"#
        );
        let config = parse_config(json.as_bytes()).expect("parsed");
        assert_eq!(config.bytes(), json.as_bytes());
        assert_eq!(config.id().0, Digest::of(json.as_bytes()));
        assert_eq!(config.created(), Some("2018-12-26T08:20:42.831353376Z"));
        assert_eq!(config.labels()["k"], "v");
        assert_eq!(config.diff_ids()[0].to_string(), DIFF_ID);
        assert_eq!(config.platform().map(|p| p.to_string()).as_deref(), Some("linux/arm/v7"));
        assert_eq!(config.runtime().keys().collect::<Vec<_>>(), ["Env", "Labels"]);
    }

    #[test]
    fn what_may_be_absent_may_be_null_too() {
        for json in [
            r#"{"rootfs":{}}"#,
            r#"{"os":null,"config":null,"created":null,"rootfs":{"diff_ids":null}}"#,
            r#"{"config":{"Labels":null},"rootfs":{"diff_ids":[]}}"#,
        ] {
            let config = parse_config(json.as_bytes()).expect(json);
            assert_eq!(
                (config.diff_ids().len(), config.labels().len(), config.platform()),
                (0, 0, None)
            );
        }
    }

    #[test]
    fn what_is_no_config_is_refused() {
        let many = vec![format!("\"{DIFF_ID}\""); MAX_LAYERS + 1].join(",");
        for (json, reason) in [
            ("{}".to_owned(), "missing field `rootfs`"),
            (r#"{"rootfs":{"diff_ids":["x"]}}"#.to_owned(), "is not a digest"),
            (r#"{"config":{"Labels":{"a":1}},"rootfs":{}}"#.to_owned(), "cannot be read"),
            (" ".repeat(MAX_CONFIG_BYTES as usize + 1), "larger than"),
            (format!(r#"{{"rootfs":{{"diff_ids":[{many}]}}}}"#), "names 1025 layers"),
        ] {
            let error = parse_config(json.as_bytes()).expect_err("refused").to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
