//! What this room will not exceed, whatever a registry or an archive says.

use std::time::Duration;

/// Bytes of a manifest or index. Registries must take 4 MiB (OCI distribution spec, "Pushing
/// Manifests") and most refuse more.
pub(super) const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Bytes of an image config. A v3 delta carries its target's config inside its own, escaped, so this
/// is larger than any config that people write.
pub(super) const MAX_CONFIG_BYTES: u64 = 8 << 20;

/// Layers of one image. Engines stop at 127; the rest is room for formats that don't.
pub(super) const MAX_LAYERS: usize = 1024;

/// Indexes inside indexes before a manifest must come.
pub(super) const MAX_INDEX_DEPTH: usize = 4;

/// Manifests that are read to find out what entries of an index are for that do not say.
pub(super) const MAX_PLATFORM_LOOKUPS: usize = 100;

/// Indexes that are read to find a manifest by its digest.
pub(super) const MAX_INDEXES_SEARCHED: usize = 100;

/// Bytes of a docker archive's `manifest.json`, which lists all of its images.
pub(super) const MAX_ARCHIVE_INDEX_BYTES: u64 = 4 << 20;

/// Entries of an archive. `docker save` writes up to four for each layer of each image.
pub(super) const MAX_ARCHIVE_ENTRIES: usize = 1 << 18;

/// Bytes of all names and link targets of an archive, which are kept in memory.
pub(super) const MAX_ARCHIVE_NAME_BYTES: usize = 32 << 20;

/// Links from one archive entry to the next before a file must come.
pub(super) const MAX_ARCHIVE_LINKS: usize = 8;

/// How long a connection may be silent before it is given up. Registries that fetch a blob from
/// elsewhere first, or check an uploaded one, take their time before they answer.
pub(super) const SILENCE_TIME: Duration = Duration::from_secs(120);

/// The longest `Retry-After` that is waited for; a longer one is reported.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Bytes of a file of certificates. All authorities that browsers trust take 300 KB.
#[cfg(feature = "registry")]
pub(super) const MAX_CA_FILE_BYTES: u64 = 16 << 20;
