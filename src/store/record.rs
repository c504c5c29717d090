//! What the store writes down of an image that is known by name.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::KeptImage;
use crate::image::{Digest, ImageConfig, Manifest, ManifestDocument, parse_config, parse_manifest};
use crate::sealed::unseal;

/// Bytes of a record: the largest manifest and config that are read, each character escaped at worst.
pub(super) const MAX_RECORD_BYTES: u64 = 96 << 20;

/// An image's record. Manifest and config stand in it as they are, so that their digests hold.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Record {
    name: String,
    /// Seconds since 1970.
    pulled: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<ManifestRecord>,
    config: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestRecord {
    media_type: String,
    text: String,
}

impl Record {
    /// The record of an image under `name`.
    pub(super) fn of(name: String, manifest: Option<&Manifest>, config: &ImageConfig) -> Self {
        // JSON that was read is text: no byte is lost here.
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let manifest = manifest.map(|manifest| ManifestRecord {
            media_type: manifest.media_type().to_owned(),
            text: text(manifest.bytes()),
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Record { name, pulled: now.as_secs(), manifest, config: text(config.bytes()) }
    }

    /// Reads a record that is stored under `file`, the digest of its name; `Err` says what is wrong with it.
    pub(super) fn read(bytes: &[u8], file: &str) -> Result<KeptImage, String> {
        let record: Record = unseal(bytes)?;
        if Digest::of(record.name.as_bytes()).hex() != file {
            return Err("it is the record of another name".to_owned());
        }
        let manifest = record.manifest.as_ref().map(ManifestRecord::parse).transpose()?;
        let config = parse_config(record.config.as_bytes()).map_err(|error| error.to_string())?;
        if !fits(manifest.as_ref(), &config) {
            return Err("the manifest names another config".to_owned());
        }
        let reference = record.name.parse().map_err(|_| "its name is no reference".to_owned())?;
        let pulled = UNIX_EPOCH.checked_add(Duration::from_secs(record.pulled));
        Ok(KeptImage { reference, manifest, config, pulled: pulled.unwrap_or(UNIX_EPOCH) })
    }
}

impl ManifestRecord {
    fn parse(&self) -> Result<Manifest, String> {
        match parse_manifest(self.text.as_bytes(), Some(&self.media_type)) {
            Ok(ManifestDocument::Image(manifest)) => Ok(*manifest),
            Ok(ManifestDocument::Index(_)) => Err("the manifest is an index".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn fits(manifest: Option<&Manifest>, config: &ImageConfig) -> bool {
    manifest.is_none_or(|manifest| {
        manifest.config().digest == config.id().0
            && manifest.layers().len() == config.diff_ids().len()
    })
}
